"""Reading replication: standbys and slots always, the rest only while somebody looks."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.postgres import Row, ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, Part, ReplicationPeer, Sample
from collectors.postgres.pieces import Piece
from collectors.postgres.replication_lag import LogTimes
from collectors.postgres.replication_rows import (
    publication_peers,
    slot_peers,
    slot_samples,
    standby_peers,
    standby_samples,
    subscription_peers,
    upstream_peer,
    upstream_samples,
)
from collectors.postgres.slow_questions import Budget, Found, SlowQuestions, monitor_grant
from collectors.postgres.warm_rows import ServerState

_HIDDEN_FROM_ROLE = "the state of replication is shown only to a role that may see all statistics"


class ReplicationReader:
    """Reads what concerns replication; remembers where the log ended, to know how late a standby is."""

    def __init__(self, questions: SlowQuestions, clock: Clock) -> None:
        self._questions = questions
        self._clock = clock
        self._times = LogTimes()

    async def read(self, server: ServerFacts, state: ServerState, budget: Budget, *, demanded: bool) -> Piece:
        """Lag and slots as samples, and with `demanded` everything as peers; raises TargetError."""
        at = self._clock.now()
        standbys = await self._ask(server, "standbys", budget)
        slots = await self._ask(server, "slots", budget)
        upstream = await self._ask(server, "upstream", budget) if state.in_recovery else None
        peers = standby_peers(standbys.rows or (), self._times, at)
        samples = [*standby_samples(peers), *(slot_samples(slots.rows) if slots.rows is not None else ())]
        if upstream is not None and upstream.row is not None:
            source = upstream_peer(upstream.row, at)
            samples += upstream_samples(source)
            peers = (source, *peers)
        found = [standbys, slots, *([upstream] if upstream is not None else [])]
        failures = _hidden(standbys, upstream, state, server, at)
        if not demanded:
            return _piece(found, tuple(samples), failures)
        more, details = await self._details(server, slots.rows or (), at, budget)
        return _piece([*found, *more], tuple(samples), failures, (*peers, *details))

    async def _details(
        self, server: ServerFacts, slots: tuple[Row, ...], at: float, budget: Budget
    ) -> tuple[list[Found], tuple[ReplicationPeer, ...]]:
        logical = any(row["kind"] == "logical" for row in slots)
        decoding = await self._ask(server, "slot_decoding", budget) if logical else Found(())
        subscriptions = await self._ask(server, "subscriptions", budget)
        publications = await self._ask(server, "publications", budget)
        peers = (
            *slot_peers(slots, {str(row["name"]): row for row in decoding.rows or ()}),
            *subscription_peers(subscriptions.rows or (), at),
            *publication_peers(publications.rows or ()),
        )
        return [decoding, subscriptions, publications], peers

    async def _ask(self, server: ServerFacts, name: str, budget: Budget) -> Found:
        return await self._questions.ask(server, name, Part.REPLICATION, budget)


def _piece(
    found: list[Found], samples: tuple[Sample, ...], failures: tuple[Failure, ...], peers: tuple[ReplicationPeer, ...] | None = None
) -> Piece:
    cost = sum((each.cost for each in found), Cost())
    failed = (*(failure for each in found for failure in each.failures), *failures)
    return Piece(samples, () if peers is None else (("replication", peers),), failed, cost)


def _hidden(standbys: Found, upstream: Found | None, state: ServerState, server: ServerFacts, at: float) -> tuple[Failure, ...]:
    """Why the state of a peer is not known: the server shows only to some that there is one at all."""
    anybody = any(row["pid"] is not None for row in standbys.rows or ()) or upstream is not None
    if state.sees_all or not anybody:
        return ()
    return (Failure(Part.REPLICATION, FailureCode.PRIVILEGE, _HIDDEN_FROM_ROLE, monitor_grant(server.user), at),)
