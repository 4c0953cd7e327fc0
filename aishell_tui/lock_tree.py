"""Who waits behind whom, as a tree: sessions and the edges of the lock graph in the order of the screen. Pure.

A session stands under one holder only, the one that explains best why it waits: a session that has the lock before one
that is itself in the queue, and of several the one at the end of the longest chain. Its depth is therefore one more
than that of the deepest of them, and an edge to an ancestor says nothing new. What else it waits for is in `also`, those
who only wait before it in the queue of a lock that others have are in `ahead`.
Sessions that wait for each other stand under one of them and are marked; nothing here ever runs in circles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aishell_core.lock_holders import candidates_of
from aishell_core.values import LockWait, Session

LEVELS = 40
"""How many levels a row knows the branches of, so that a chain of thousands takes no more memory than a wide tree."""

_NEVER = -1.0


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One session in the tree.

    `depth` is 0 for a head. `lasts` tells for the levels down to its own, the innermost `LEVELS` of them, whether the
    row there is the last one of its siblings. `wait` is the edge to the row above, None for a head; `holds` are the
    edges of those that wait for it, `candidates` the sessions that could be the one whom no engine names. `behind`
    counts the rows below it, `elsewhere` those that wait for it too, directly or behind others, but stand under
    another holder.
    """

    id: str
    session: Session | None
    depth: int = 0
    lasts: tuple[bool, ...] = ()
    wait: LockWait | None = None
    wait_seconds: float | None = None
    behind: int = 0
    elsewhere: int = 0
    also: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    holds: tuple[LockWait, ...] = ()
    candidates: tuple[Session, ...] = ()
    in_cycle: bool = False


@dataclass(frozen=True, slots=True)
class LockTree:
    """All sessions that wait or are waited for, each once, heads first by how many wait behind them."""

    rows: tuple[TreeRow, ...] = ()
    heads: int = 0
    waiting: int = 0
    longest_wait_seconds: float | None = None
    cycles: int = 0

    @property
    def deepest(self) -> int:
        """The largest depth of a row."""
        return max((row.depth for row in self.rows), default=0)


@dataclass(frozen=True, slots=True)
class Freed:
    """What ends when a session ends: how many go on, and how many behind it still wait for somebody else."""

    sessions: int = 0
    still_waiting: int = 0


@dataclass(slots=True)
class _Graph:
    """The edges by waiter and by holder; an edge to itself counts as a circle of one."""

    waits: dict[str, list[LockWait]] = field(default_factory=dict)
    holds: dict[str, list[LockWait]] = field(default_factory=dict)
    holders: dict[str, dict[str, None]] = field(default_factory=dict)
    """By waiter: the holders that it may stand under."""
    nodes: dict[str, None] = field(default_factory=dict)


def lock_tree(sessions: Iterable[Session], lock_waits: Iterable[LockWait]) -> LockTree:
    """The tree of all that wait and those that they wait for; edges without a waiter do not count.

    Takes time in proportion to the edges, and to sort the rows.
    """
    graph = _graph(lock_waits)
    if not graph.waits:
        return LockTree()
    parents, circling = _parents(graph)
    children: dict[str, list[str]] = {}
    for node, parent in parents.items():
        children.setdefault(parent, []).append(node)
    heads = [node for node in graph.nodes if node not in parents]
    preorder = _preorder(heads, children)
    known = {session.id: session for session in sessions}
    waited = {node: _longest(graph.waits.get(node, ())) for node in graph.nodes}
    behind, worst = _below(preorder, parents, waited)
    for below in children.values():
        below.sort(key=lambda node: (-waited[node], -behind[node], _natural(node)))
    heads.sort(key=lambda node: (-behind[node], -worst[node], _natural(node)))
    rows = tuple(_rows(heads, children, parents, graph, known, behind, circling))
    longest = max(waited.values())
    cycles = len(set(circling.values()))
    return LockTree(rows, len(heads), len(graph.waits), None if longest < 0 else longest, cycles)


def freed_by(lock_waits: Iterable[LockWait], session: str) -> Freed:
    """How many of those behind a session go on, sooner or later, when it ends, and how many others wait for somebody else too.

    A session goes on when all whom it waits for have ended or go on.
    """
    graph = _graph(lock_waits)
    left = {waiter: len({wait.holder for wait in waits}) for waiter, waits in graph.waits.items()}
    reached, freed = {session}, {session}
    ended = [session]
    while ended:
        holder = ended.pop()
        for waiter in dict.fromkeys(wait.waiter for wait in graph.holds.get(holder, ())):
            reached.add(waiter)
            left[waiter] -= 1
            if not left[waiter] and waiter not in freed:
                freed.add(waiter)
                ended.append(waiter)
    unfreed = [node for node in reached if node not in freed]
    while unfreed:
        for wait in graph.holds.get(unfreed.pop(), ()):
            if wait.waiter not in reached:
                reached.add(wait.waiter)
                unfreed.append(wait.waiter)
    return Freed(len(freed) - 1, len(reached) - len(freed))


def waiting_for(lock_waits: Iterable[LockWait], session: str) -> tuple[LockWait, ...]:
    """The edges from a session to those whom it waits for."""
    return tuple(wait for wait in lock_waits if wait.waiter == session)


def waiting_behind(lock_waits: Iterable[LockWait], session: str) -> tuple[LockWait, ...]:
    """The edges from those who wait for a session itself, the longest first."""
    found = [wait for wait in lock_waits if wait.holder == session and wait.waiter]
    return tuple(sorted(found, key=lambda wait: -(wait.wait_seconds or 0.0)))


def _graph(lock_waits: Iterable[LockWait]) -> _Graph:
    graph = _Graph()
    for wait in lock_waits:
        if wait.waiter:
            graph.waits.setdefault(wait.waiter, []).append(wait)
            graph.nodes.setdefault(wait.waiter)
            graph.nodes.setdefault(wait.holder)
        if wait.waiter and wait.waiter != wait.holder:
            graph.holds.setdefault(wait.holder, []).append(wait)
    for waiter, waits in graph.waits.items():
        owning = [wait.holder for wait in waits if wait.held_mode]
        graph.holders[waiter] = dict.fromkeys(owning or [wait.holder for wait in waits])
    return graph


def _parents(graph: _Graph) -> tuple[dict[str, str], dict[str, int]]:
    """The holder that each waiter stands under, and the number of its circle for each that is in one."""
    depths: dict[str, int] = {}
    parents: dict[str, str] = {}
    circling: dict[str, int] = {}
    for group in _groups(graph):
        inside = set(group)
        if len(group) == 1 and group[0] not in graph.holders.get(group[0], ()):
            _stand(group[0], tuple(graph.holders.get(group[0], ())), graph, depths, parents)
            continue
        circling |= dict.fromkeys(group, len(circling))
        first = max(group, key=lambda node: (_depth_outside(node, inside, graph, depths), _longest(graph.waits.get(node, ()))))
        outside = tuple(holder for holder in graph.holders[first] if holder not in inside)
        _stand(first, outside, graph, depths, parents)
        _stand_around(first, inside, graph, depths, parents)
    return parents, circling


def _stand(node: str, holders: Sequence[str], graph: _Graph, depths: dict[str, int], parents: dict[str, str]) -> None:
    if not holders:
        depths[node] = 0
        return
    parents[node] = max(holders, key=lambda holder: (depths[holder], len(graph.holds.get(holder, ()))))
    depths[node] = depths[parents[node]] + 1


def _depth_outside(node: str, inside: set[str], graph: _Graph, depths: Mapping[str, int]) -> int:
    return max((depths[holder] for holder in graph.holders[node] if holder not in inside), default=-1)


def _stand_around(first: str, inside: set[str], graph: _Graph, depths: dict[str, int], parents: dict[str, str]) -> None:
    """Hang the others of a circle below its first one, each under whom it was reached from."""
    reached = [first]
    for holder in reached:
        for wait in graph.holds.get(holder, ()):
            waiter = wait.waiter
            if waiter in inside and waiter not in depths and holder in graph.holders[waiter]:
                parents[waiter], depths[waiter] = holder, depths[holder] + 1
                reached.append(waiter)


def _groups(graph: _Graph) -> Iterator[list[str]]:
    """The strongly connected groups of the graph, holders before those who wait for them (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: list[str] = []
    is_open: set[str] = set()
    for start in graph.nodes:
        if start in index:
            continue
        path = [(start, iter(graph.holders.get(start, ())))]
        index[start] = lowest[start] = len(index)
        open_nodes.append(start)
        is_open.add(start)
        while path:
            node, further = path[-1]
            holder = next(further, None)
            if holder is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == index[node]:
                    yield _closed(node, open_nodes, is_open)
            elif holder not in index:
                index[holder] = lowest[holder] = len(index)
                open_nodes.append(holder)
                is_open.add(holder)
                path.append((holder, iter(graph.holders.get(holder, ()))))
            elif holder in is_open:
                lowest[node] = min(lowest[node], index[holder])


def _closed(node: str, open_nodes: list[str], is_open: set[str]) -> list[str]:
    group: list[str] = []
    while not group or group[-1] != node:
        group.append(open_nodes.pop())
        is_open.discard(group[-1])
    return group


def _preorder(heads: Sequence[str], children: Mapping[str, Sequence[str]]) -> list[str]:
    order: list[str] = []
    left = list(heads)
    while left:
        node = left.pop()
        order.append(node)
        left += children.get(node, ())
    return order


def _below(preorder: Sequence[str], parents: Mapping[str, str], waited: Mapping[str, float]) -> tuple[dict[str, int], dict[str, float]]:
    """How many stand below each node, and the longest wait at or below it."""
    behind = dict.fromkeys(preorder, 0)
    worst = {node: waited[node] for node in preorder}
    for node in reversed(preorder):
        parent = parents.get(node)
        if parent is not None:
            behind[parent] += behind[node] + 1
            worst[parent] = max(worst[parent], worst[node])
    return behind, worst


def _rows(
    heads: Sequence[str],
    children: Mapping[str, Sequence[str]],
    parents: Mapping[str, str],
    graph: _Graph,
    known: Mapping[str, Session],
    behind: Mapping[str, int],
    circling: Mapping[str, int],
) -> Iterator[TreeRow]:
    order = list(_drawn_order(heads, children))
    places = {node: place for place, (node, _, _) in enumerate(order)}

    def stands_below(node: str, above: str) -> bool:
        return places[above] < places[node] <= places[above] + behind[above]

    elsewhere = _elsewhere([node for node, _, _ in order], parents, graph, behind, circling, stands_below)
    for node, depth, lasts in order:
        waits, parent = graph.waits.get(node, []), parents.get(node)
        longest = _longest(waits)
        others = [holder for holder in graph.holders.get(node, ()) if holder != parent]
        if node not in circling:
            # The tree shows already that it waits for its ancestors; in a circle that is what closes it.
            others = [holder for holder in others if not stands_below(node, holder)]
        queue = dict.fromkeys(wait.holder for wait in waits if wait.holder not in graph.holders[node])
        yield TreeRow(
            id=node,
            session=known.get(node),
            depth=depth,
            lasts=lasts,
            wait=_edge(waits, parent),
            wait_seconds=None if longest < 0 else longest,
            behind=behind[node],
            elsewhere=elsewhere.get(node, 0),
            also=tuple(others),
            ahead=tuple(holder for holder in queue if not stands_below(node, holder)),
            holds=tuple(graph.holds.get(node, ())),
            candidates=candidates_of(graph.holds.get(node, ()), known),
            in_cycle=node in circling,
        )


def _drawn_order(heads: Sequence[str], children: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int, tuple[bool, ...]]]:
    """Each node with its depth and its branches, from the top of the screen down."""
    left: list[tuple[str, int, tuple[bool, ...]]] = [(node, 0, ()) for node in reversed(heads)]
    while left:
        node, depth, lasts = left.pop()
        yield node, depth, lasts
        below = children.get(node, ())
        last = len(below) - 1
        left += [(child, depth + 1, (*lasts[1 - LEVELS :], at == last)) for at, child in reversed(list(enumerate(below)))]


def _elsewhere(
    order: Sequence[str],
    parents: Mapping[str, str],
    graph: _Graph,
    behind: Mapping[str, int],
    circling: Mapping[str, int],
    stands_below: Callable[[str, str], bool],
) -> dict[str, int]:
    """How many wait behind each node that stand under another one; nodes that have none are left out."""
    crossed = {node for node in order if any(not stands_below(waiter, node) for waiter in _direct(graph, node))}
    for node in reversed(order):
        if node in crossed and node in parents:
            crossed.add(parents[node])
    found: dict[str, int] = {}
    around: dict[int, int] = {}
    for node in crossed:
        circle = circling.get(node)
        # All of a circle are reached from each of it, so that one count does for thousands.
        reached = around.get(circle) if circle is not None else None
        if reached is None:
            reached = _reached(graph, node)
            if circle is not None:
                around[circle] = reached
        if reached > behind[node]:
            found[node] = reached - behind[node]
    return found


def _reached(graph: _Graph, node: str) -> int:
    """How many others wait for a node, directly or behind those who do."""
    found, ends = {node}, [node]
    while ends:
        new = [waiter for waiter in _direct(graph, ends.pop()) if waiter not in found]
        found.update(new)
        ends += new
    return len(found) - 1


def _direct(graph: _Graph, node: str) -> list[str]:
    """Who waits for a session that has what they want, and for nobody nearer."""
    return [waiter for waiter in dict.fromkeys(wait.waiter for wait in graph.holds.get(node, ())) if node in graph.holders[waiter]]


def _edge(waits: Sequence[LockWait], parent: str | None) -> LockWait | None:
    """The edge to the row above; of a head that is in a circle, the one that closes it."""
    found = [wait for wait in waits if wait.holder == parent] or waits
    return max(found, key=lambda wait: (bool(wait.held_mode), wait.wait_seconds or 0.0), default=None)


def _longest(waits: Iterable[LockWait]) -> float:
    return max((wait.wait_seconds for wait in waits if wait.wait_seconds is not None), default=_NEVER)


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() and len(name) < 19 else (1 << 62, name)
