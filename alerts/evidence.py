"""What was to be seen when an alert fired, made of what is known of its target at that moment. Pure.

Whoever has the readings fills a `Sight` and calls `evidence_of`. Statements lose their literals by `redact`, which knows the
engine's language; all other texts lose personal data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aishell_core.lock_holders import PREPARED, candidates_of, holder_text, missing_text
from aishell_core.units import format_counted, format_duration
from aishell_core.values import Event, EventKind, LockWait, Session, Statement
from alerts.models import Alert, Evidence
from alerts.notify.personal import masked

NO_BACKUP = "no backups are known"
EVENTS_SECONDS = 3600.0
SETTINGS_SECONDS = 86_400.0
NOTICED_SECONDS = 15.0
"""A change is seen when settings are read, which they are as an alert fires: one that is noticed so soon after it was there before."""
_NEWS_SECONDS = 900.0
_LISTED = 5
_STATES = 4
_NAMED_HOLDERS = 2
_TREE_LINES = 12
_DEEPEST = 6
_STATEMENT_CHARACTERS = 200
_LONG_SECONDS = 5.0
_LARGE_SHARE = 0.3
_LEAST_RATE = 20.0
"""Milliseconds per second: on a quiet server the largest share is that of what aishell itself asks, and no cause of anything."""
_MOST_CAUSES = 5
_CHANGES = frozenset({EventKind.SETTING, EventKind.SCHEMA})
_NEWS = _CHANGES | {EventKind.RESTART, EventKind.REPLICATION, EventKind.DEADLOCK, EventKind.ACTION}

Redact = Callable[[str], str]
"""A statement without its literals; "" where it cannot be shown."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a target at a moment (epoch seconds); a part that is not known is None.

    `counts_sessions` says that the alert is about connections or sessions; `statement_rates` are milliseconds per second by digest,
    as far as they are known; `events` are those of the last day, the newest first; `remarks` are what else is wrong, each a sentence
    with its number.
    """

    at: float
    window: tuple[tuple[float, float], ...] = ()
    counts_sessions: bool = False
    sessions: tuple[Session, ...] | None = None
    lock_waits: tuple[LockWait, ...] | None = None
    statements: tuple[Statement, ...] | None = None
    statement_rates: Mapping[str, float] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    remarks: tuple[str, ...] = ()
    last_backup: str = NO_BACKUP
    sessions_at: float | None = None
    """When sessions were read, and below locks and statements: some seconds before or after `at`."""
    locks_at: float | None = None
    statements_at: float | None = None


def evidence_of(alert: Alert, sight: Sight, redact: Redact) -> Evidence:
    """The evidence of an alert that has just fired."""
    sessions = _busy(sight.sessions or ())
    by_id = {session.id: session for session in sight.sessions or ()}
    return Evidence(
        alert.fingerprint,
        sight.at,
        value=alert.value,
        window=sight.window,
        statements=tuple(_statements(sight, redact)),
        sessions=tuple(_session_line(session, redact) for session in sessions[:_LISTED]),
        holders=tuple(_holders(sight.sessions or ()))[:_LISTED],
        lock_tree=tuple(_tree(sight.lock_waits or (), by_id, redact))[:_TREE_LINES],
        events=tuple(_events(sight, EVENTS_SECONDS, lambda event: event.kind not in _CHANGES)),
        setting_changes=tuple(_events(sight, SETTINGS_SECONDS, lambda event: event.kind in _CHANGES)),
        last_backup=sight.last_backup,
        causes=tuple(dict.fromkeys(_causes(sight, sessions, by_id, redact)))[:_MOST_CAUSES],
        sessions_at=sight.sessions_at,
        locks_at=sight.locks_at,
        statements_at=sight.statements_at,
    )


def _busy(sessions: Iterable[Session]) -> list[Session]:
    """The sessions of clients that do something or keep something open, the longest first."""
    found = [each for each in sessions if not each.kind and _age(each) is not None]
    return sorted(found, key=lambda each: -(_age(each) or 0.0))


def _holders(sessions: Iterable[Session]) -> Iterator[str]:
    """The sessions of clients by who they are and where they come from, with what they do: who has the connections."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for session in sessions:
        if not session.kind:
            owner = (session.application, session.user, _host(session.client))
            found.setdefault(owner, Counter())[session.state or "running"] += 1
    for (application, user, client), states in sorted(found.items(), key=lambda each: (-each[1].total(), each[0])):
        names = ", ".join(dict.fromkeys(name for name in (application, user) if name)) or "unnamed clients"
        place = f" from {client}" if client else ""
        doing = ", ".join(f"{count} {state}" for state, count in states.most_common(_STATES))
        yield masked(f"{format_counted(states.total(), 'session')} of {names}{place}: {doing}")


def _host(client: str) -> str:
    """An address without its port, which is another one for each connection."""
    host, separator, port = client.rpartition(":")
    return host if separator and port.isdecimal() and (":" not in host or host.endswith("]")) else client


def _age(session: Session) -> float | None:
    return session.transaction_seconds if session.transaction_seconds is not None else session.statement_seconds


def _who(session: Session) -> str:
    names = ", ".join(dict.fromkeys(name for name in (session.user, session.application) if name))
    return f"session {session.id}" + (f" ({names})" if names else "")


def _doing(session: Session) -> str:
    age = _age(session)
    return f"{session.state or 'running'}" + (f" for {format_duration(age)}" if age is not None else "")


def _session_line(session: Session, redact: Redact) -> str:
    waits = f", waits for {session.wait}" if session.wait else ""
    text = _statement(session.text, redact)
    return masked(f"{_who(session)}, {_doing(session)}{waits}") + (f": {text}" if text else "")


def _statement(text: str, redact: Redact) -> str:
    shown = " ".join(redact(text).split()) if text else ""
    return masked(shown if len(shown) <= _STATEMENT_CHARACTERS else f"{shown[: _STATEMENT_CHARACTERS - 1]}…")


def _ranked(sight: Sight) -> list[tuple[Statement, float, bool]]:
    """Statements with their share of the time and whether that is the share of just now, the largest first."""
    statements = sight.statements or ()
    now = _sum(sight.statement_rates.values())
    ever = _sum(each.total_milliseconds for each in statements)
    if now > 0:
        shares = [(each, sight.statement_rates.get(each.digest, 0.0) / now, True) for each in statements]
    else:
        shares = [(each, each.total_milliseconds / ever, False) for each in statements] if ever > 0 else []
    return sorted((share for share in shares if share[1] > 0), key=lambda share: -share[1])


def _sum(values: Iterable[float]) -> float:
    return sum(value for value in values if value > 0)


def _statements(sight: Sight, redact: Redact) -> Iterator[str]:
    for statement, share, is_now in _ranked(sight)[:_LISTED]:
        mean = f", mean {format_duration(statement.total_milliseconds / statement.calls / 1000)}" if statement.calls else ""
        text = _statement(statement.text, redact)
        yield f"{share:.0%} of the time{' just now' if is_now else ''}{mean}, digest {statement.digest[:8]}" + (f": {text}" if text else "")


def _heads(waits: Iterable[LockWait]) -> list[tuple[str, list[LockWait]]]:
    """Those who wait for nobody and hold up others, with what waits directly for them; the longest queue first."""
    edges = [wait for wait in waits if wait.waiter]
    waiting = {wait.waiter for wait in edges}
    heads = dict.fromkeys(wait.holder for wait in edges if wait.holder not in waiting)
    found = [(head, [wait for wait in edges if wait.holder == head]) for head in heads]
    return sorted(found, key=lambda each: -len(_behind(each[0], edges)))


def _behind(head: str, edges: Iterable[LockWait]) -> set[str]:
    """All who wait for one, directly or behind others."""
    found: set[str] = set()
    queue = [head]
    known = list(edges)
    while queue:
        holder = queue.pop()
        for wait in known:
            if wait.holder == holder and wait.waiter not in found and wait.waiter != head:
                found.add(wait.waiter)
                queue.append(wait.waiter)
    return found


def _tree(waits: tuple[LockWait, ...], by_id: Mapping[str, Session], redact: Redact) -> Iterator[str]:
    edges = [wait for wait in waits if wait.waiter]
    for head, behind in _heads(waits):
        session = by_id.get(head)
        # As in the tree on the screen: who is no session, or not named, is no session with an odd number.
        unseen = missing_text(head, candidates_of(behind, by_id)) if head in {"", PREPARED} else f"session {head}"
        yield _session_line(session, redact) if session is not None else unseen
        yield from _branch(head, edges, by_id, redact, 1, {head})


def _branch(holder: str, edges: list[LockWait], by_id: Mapping[str, Session], redact: Redact, depth: int, above: set[str]) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    for wait in edges:
        if wait.holder == holder and wait.waiter not in above:
            session = by_id.get(wait.waiter)
            waited = f" for {format_duration(wait.wait_seconds)}" if wait.wait_seconds is not None else ""
            text = _statement(session.text, redact) if session is not None else ""
            who = _who(session) if session is not None else f"session {wait.waiter}"
            line = masked(f"{who} waits{waited} for {wait.mode} on {wait.object}")
            yield "  " * depth + line + (f": {text}" if text else "")
            yield from _branch(wait.waiter, edges, by_id, redact, depth + 1, above | {wait.waiter})


def _events(sight: Sight, seconds: float, wanted: Callable[[Event], bool]) -> Iterator[str]:
    found = [each for each in sight.events if _is_within(each, sight.at, seconds) and each.kind is not EventKind.ALERT and wanted(each)]
    for event in found[: 2 * _LISTED]:
        yield masked(f"{datetime.fromtimestamp(event.at, UTC):%Y-%m-%d %H:%M:%S} UTC  {event.kind}: {event.text}")


def _is_within(event: Event, at: float, seconds: float) -> bool:
    """Whether something had happened by a moment, and no longer ago than so many seconds."""
    return -(NOTICED_SECONDS if event.kind in _CHANGES else 0.0) <= at - event.at <= seconds


def _causes(sight: Sight, busy: list[Session], by_id: Mapping[str, Session], redact: Redact) -> Iterator[str]:
    """What may be behind it: who blocks, who has the connections, what changed, what runs for long, what takes the time, what else."""
    edges = [wait for wait in sight.lock_waits or () if wait.waiter]
    heads = _heads(edges)[:2]
    tied = {*(head for head, _ in heads), *(wait.waiter for wait in edges)}
    for head, behind in heads:
        count = format_counted(len(_behind(head, edges)), "session waits", "sessions wait")
        session = by_id.get(head)
        unseen = holder_text(head, candidates_of(behind, by_id)) if head in {"", PREPARED} else f"session {head}"
        yield masked(f"{count} behind {_who(session)}, {_doing(session)}" if session is not None else f"{count} behind {unseen}")
    if sight.counts_sessions:
        yield from list(_holders(sight.sessions or ()))[:_NAMED_HOLDERS]
    for event in [each for each in sight.events if each.kind in _NEWS and _is_within(each, sight.at, _NEWS_SECONDS)][:2]:
        when = f"{format_duration(round(sight.at - event.at))} before" if event.at <= sight.at else "noticed as it fired"
        yield masked(f"{when}: {event.text}")
    for session in [each for each in busy if (_age(each) or 0.0) >= _LONG_SECONDS and each.id not in tied][:1]:
        yield masked(f"{_who(session)} is {_doing(session)}")
    for statement, share, is_now in _ranked(sight)[:1]:
        if is_now and share >= _LARGE_SHARE and sight.statement_rates.get(statement.digest, 0.0) >= _LEAST_RATE:
            text = _statement(statement.text, redact)
            yield f"one statement takes {share:.0%} of the time" + (f": {text}" if text else f", digest {statement.digest[:8]}")
    yield from (masked(remark) for remark in sight.remarks)
