"""Reading replication: standbys and slots always, the peers with their details only while somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aishell_core.clock import Clock
from aishell_core.engines.postgres import Row, ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, Part, ReplicationPeer
from collectors.postgres.pieces import Piece
from collectors.postgres.replication_lag import LagMemory
from collectors.postgres.replication_rows import (
    SENDER_ROLES,
    publication_peers,
    recovery_conflict_details,
    recovery_conflict_samples,
    slot_peers,
    slot_samples,
    standby_peers,
    standby_samples,
    subscription_peers,
    subscription_samples,
    upstream_peer,
    upstream_samples,
)
from collectors.postgres.slow_questions import Budget, Found, SlowQuestions, monitor_grant
from collectors.postgres.warm_rows import ServerState

_HIDDEN_FROM_ROLE = "the state of replication is shown only to a role that may see all statistics"
_DETAILS_SECONDS = 9.0
"""What changes seldom (subscriptions, publications, what was decoded) is read again after this time, also while it is watched."""


@dataclass(frozen=True, slots=True)
class _Links:
    """Who follows this server and whom it follows, at one moment."""

    standbys: Found
    slots: Found
    upstream: Found | None
    peers: tuple[ReplicationPeer, ...]
    failures: tuple[Failure, ...]

    @property
    def found(self) -> list[Found]:
        return [self.standbys, self.slots, *([self.upstream] if self.upstream is not None else [])]


async def _read_links(
    questions: SlowQuestions, server: ServerFacts, state: ServerState, memory: LagMemory, at: float, budget: Budget
) -> _Links:
    standbys = await questions.ask(server, "standbys", Part.REPLICATION, budget)
    slots = await questions.ask(server, "slots", Part.REPLICATION, budget)
    upstream = await questions.ask(server, "upstream", Part.REPLICATION, budget) if state.in_recovery else None
    peers = standby_peers(standbys.rows or (), memory.log, at)
    if upstream is not None and upstream.row is not None:
        peers = (upstream_peer(upstream.row, memory.own, at), *peers)
    return _Links(standbys, slots, upstream, peers, _hidden(standbys, upstream, state, server, at))


class LagReader:
    """Reads how late standbys are, what slots keep and what goes wrong with either side, as samples."""

    def __init__(self, questions: SlowQuestions, clock: Clock, memory: LagMemory) -> None:
        """`memory` is shared with whoever else reads how late anybody is."""
        self._questions = questions
        self._clock = clock
        self._memory = memory

    async def read(self, server: ServerFacts, state: ServerState, budget: Budget) -> Piece:
        """Lag, slots, conflicts and subscriptions as samples; raises TargetError."""
        links = await _read_links(self._questions, server, state, self._memory, self._clock.now(), budget)
        samples = [*standby_samples(each for each in links.peers if each.role in SENDER_ROLES)]
        samples += slot_samples(links.slots.rows) if links.slots.rows is not None else ()
        samples += (sample for each in links.peers if each.role == "upstream" for sample in upstream_samples(each))
        asked = links.found
        if state.in_recovery:
            asked.append(await self._questions.ask(server, "conflicts", Part.REPLICATION, budget))
            samples += recovery_conflict_samples(asked[-1].row)
        if state.subscribes and not state.in_recovery:
            # A standby has the catalogue of its primary, whose workers alone apply what a subscription brings.
            asked.append(await self._questions.ask(server, "subscriptions", Part.REPLICATION, budget))
            samples += subscription_samples(asked[-1].rows or ())
        return _piece(asked, Piece(tuple(samples), (), links.failures))


class PeersReader:
    """Reads all that is at the other end of replication, as peers; remembers for a while what changes seldom."""

    def __init__(self, questions: SlowQuestions, clock: Clock, memory: LagMemory) -> None:
        """`memory` is shared with whoever else reads how late anybody is."""
        self._questions = questions
        self._clock = clock
        self._memory = memory
        self._details: list[Found] = []
        self._details_until = 0.0

    async def read(self, server: ServerFacts, state: ServerState, budget: Budget) -> Piece:
        """The peers; raises TargetError."""
        at, now = self._clock.now(), self._clock.steady()
        links = await _read_links(self._questions, server, state, self._memory, at, budget)
        asked = list(links.found)
        failures = list(links.failures)
        if now >= self._details_until or not self._details:
            self._details = await self._read_details(server, state, links.slots.rows or (), budget)
            self._details_until = now + _DETAILS_SECONDS
            asked += self._details
        else:
            failures += (failure for each in self._details for failure in each.failures)
        decoding, subscriptions, publications, conflicts = self._details
        cancelled = recovery_conflict_details(conflicts.row)
        peers = (
            *(replace(each, details=(*each.details, *cancelled)) if each.role == "upstream" else each for each in links.peers),
            *slot_peers(links.slots.rows or (), {str(row["name"]): row for row in decoding.rows or ()}),
            *subscription_peers(subscriptions.rows or (), at),
            *publication_peers(publications.rows or ()),
        )
        return _piece(asked, Piece((), (("replication", peers),), tuple(failures)))

    async def _read_details(self, server: ServerFacts, state: ServerState, slots: tuple[Row, ...], budget: Budget) -> list[Found]:
        logical = any(row["kind"] == "logical" for row in slots)
        return [
            await self._ask(server, "slot_decoding", budget) if logical else Found(()),
            Found(()) if state.in_recovery else await self._ask(server, "subscriptions", budget),
            await self._ask(server, "publications", budget),
            await self._ask(server, "conflicts", budget) if state.in_recovery else Found(()),
        ]

    async def _ask(self, server: ServerFacts, name: str, budget: Budget) -> Found:
        return await self._questions.ask(server, name, Part.REPLICATION, budget)


def _piece(found: list[Found], made: Piece) -> Piece:
    cost = sum((each.cost for each in found), Cost())
    failed = (*(failure for each in found for failure in each.failures), *made.failures)
    return Piece(made.samples, made.parts, failed, cost)


def _hidden(standbys: Found, upstream: Found | None, state: ServerState, server: ServerFacts, at: float) -> tuple[Failure, ...]:
    """Why the state of a peer is not known: the server shows only to some that there is one at all."""
    anybody = any(row["pid"] is not None for row in standbys.rows or ()) or upstream is not None
    if state.sees_all or not anybody:
        return ()
    return (Failure(Part.REPLICATION, FailureCode.PRIVILEGE, _HIDDEN_FROM_ROLE, monitor_grant(server.user), at, essential=True),)
