"""The collector of PgBouncer: what its console shows, each second; nothing is asked of the servers behind it."""

from __future__ import annotations

from collections.abc import Mapping

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.pgbouncer import ConsoleAnswer, ConsoleFacts, PgbouncerSession, Version
from aishell_core.errors import TargetError
from aishell_core.processes import process_samples
from aishell_core.targets import Target
from aishell_core.values import Ability, Facts, FailureCode, Part, PlanNode, Reading, Sample, Tier
from collectors.contract import Collector, Demand, Tiers, usual_tiers
from collectors.pgbouncer.clients import sessions_of
from collectors.pgbouncer.queue import waiters_of, without_own
from collectors.pgbouncer.rows import (
    Limits,
    Row,
    Totals,
    client_samples,
    halted,
    limits_of,
    pool_samples,
    pools_of,
    settings_of,
    totals_of,
    totals_samples,
    troubles,
    value_of,
)

DEADLINE_SECONDS: Mapping[Tier, float] = {Tier.HOT: 1.6, Tier.WARM: 4.5, Tier.COLD: 15.0}
"""Less than the poller's own deadlines, so that a hung pooler is named as the reason."""

_CLIENTS, _SERVERS, _CONFIG = "SHOW CLIENTS", "SHOW SERVERS", "SHOW CONFIG"
_POOLS, _STATS, _LISTS, _DATABASES, _STATE = "SHOW POOLS", "SHOW STATS", "SHOW LISTS", "SHOW DATABASES", "SHOW STATE"
_KNOWS_STATE = (1, 19)


class PgbouncerCollector:
    """Pools and counters in the hot tier, databases and limits in the warm one, settings in the cold one."""

    def __init__(
        self, target: Target, clock: Clock, session: PgbouncerSession, deadline_seconds: Mapping[Tier, float] = DEADLINE_SECONDS
    ) -> None:
        self._name = target.name
        self._clock = clock
        self._session = session
        self._deadline_seconds = deadline_seconds
        self._totals: Totals | None = None
        self._limits: Limits | None = None
        self._databases: tuple[Row, ...] | None = None
        self._mode = ""
        self._waiting = False
        self._halted: str | None = None
        self._number: Version = ()

    @property
    def abilities(self) -> Ability:
        """Clients, pools and settings: a pooler keeps no statements and knows no locks."""
        return Ability.SESSIONS | Ability.POOLS | Ability.SETTINGS

    def tiers_of(self, part: Part) -> Tiers:
        """As usual, but that settings, which cost next to nothing here, are read in the cold tier alone."""
        return frozenset({Tier.COLD}) if part is Part.SETTINGS else usual_tiers(part)

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the console does not answer."""
        match tier:
            case Tier.HOT:
                return await self._hot(demand)
            case Tier.WARM:
                return await self._warm()
            case Tier.COLD:
                return await self._cold()

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """Always raises TargetError: the console runs no statements."""
        raise TargetError(
            FailureCode.UNSUPPORTED, "the console of pgbouncer explains no statements", "watch the server itself: postgresql://…"
        )

    async def close(self) -> None:
        """Let go of the connection."""
        await self._session.close()

    async def _hot(self, demand: Demand) -> Reading:
        sessions, pools_wanted = Part.SESSIONS in demand, Part.POOLS in demand
        answer = await self._ask(Tier.HOT, self._hot_commands(demand))
        self._learn(answer)
        now, rows, cost = self._clock.now(), answer.rows, answer.cost
        queued = pools_of(rows.get(_POOLS, ()), self._databases or ())
        self._waiting = any(pool.clients_waiting for pool in queued)
        clients = rows.get(_CLIENTS)
        if self._waiting and clients is None:
            closer = await self._ask(Tier.HOT, (_CLIENTS,))
            clients, cost = closer.rows.get(_CLIENTS, ()), cost + closer.cost
        pools = without_own(queued, waiters_of(clients or (), self._databases or ())) if self._waiting else queued
        return Reading(
            self._name,
            Tier.HOT,
            now,
            (
                *client_samples(rows.get(_LISTS, ()), self._limits or Limits()),
                *self._counted(totals_of(rows[_STATS]) if _STATS in rows else Totals()),
                *pool_samples(pools),
                *process_figures(answer.facts, now),
            ),
            facts_of(answer.facts, self._halted, self._mode),
            sessions=sessions_of(rows[_CLIENTS], rows.get(_SERVERS, ()), now) if sessions and _CLIENTS in rows else None,
            pools=pools if pools_wanted and _POOLS in rows else None,
            failures=troubles(queued, self._databases or (), self._halted or "", now),
            cost=cost,
        )

    def _hot_commands(self, demand: Demand) -> tuple[str, ...]:
        """What is asked each second: as little as tells whether somebody waits, and more while somebody looks or waits."""
        commands = [_POOLS, _STATS, _LISTS]
        closer = self._waiting or Part.POOLS in demand
        commands += [_STATE] if self._number >= _KNOWS_STATE and closer else []
        commands += [_CLIENTS] if self._waiting or Part.SESSIONS in demand else []
        commands += [_SERVERS] if Part.SESSIONS in demand else []
        commands += [_DATABASES] if closer or self._databases is None else []
        commands += [_CONFIG] if self._limits is None else []
        return tuple(commands)

    async def _warm(self) -> Reading:
        answer = await self._ask(Tier.WARM, (_DATABASES, _CONFIG))
        self._learn(answer)
        return Reading(self._name, Tier.WARM, self._clock.now(), cost=answer.cost)

    async def _cold(self) -> Reading:
        answer = await self._ask(Tier.COLD, (_CONFIG,))
        self._learn(answer)
        return Reading(self._name, Tier.COLD, self._clock.now(), settings=settings_of(answer.rows.get(_CONFIG, ())), cost=answer.cost)

    async def _ask(self, tier: Tier, commands: tuple[str, ...]) -> ConsoleAnswer:
        return await self._session.ask(*commands, deadline_seconds=self._deadline_seconds[tier])

    def _learn(self, answer: ConsoleAnswer) -> None:
        """Keep what the next hot readings need."""
        self._number = answer.facts.number
        self._halted = halted(answer.rows[_STATE]) if _STATE in answer.rows else self._halted
        if _DATABASES in answer.rows:
            self._databases = answer.rows[_DATABASES]
        if _CONFIG in answer.rows:
            settings = settings_of(answer.rows[_CONFIG])
            self._limits, self._mode = limits_of(settings), value_of(settings, "pool_mode")

    def _counted(self, now: Totals) -> tuple[Sample, ...]:
        before, self._totals = self._totals, now
        return totals_samples(before, now)


def process_figures(facts: ConsoleFacts, now: float) -> tuple[Sample, ...]:
    """What the pooler's process uses, where it runs on this machine: it has one thread, so one core is its limit."""
    if facts.listener is None:
        return ()
    return (*process_samples((facts.listener.pid,)), Sample(catalogue.UPTIME, max(0.0, now - facts.listener.started_at)))


def facts_of(facts: ConsoleFacts, stopped: str | None, mode: str) -> Facts:
    """What is said of the pooler itself; when it started is known where its process is on this machine."""
    details = (("state", "" if stopped is None else stopped or "active"), ("pool mode", mode))
    return Facts(
        "pgbouncer",
        facts.version,
        "pooler",
        facts.listener.started_at if facts.listener is not None else None,
        tuple((name, value) for name, value in details if value),
    )


def open_pgbouncer(target: Target, clock: Clock) -> Collector:
    """The collector of a pooler's console."""
    return PgbouncerCollector(target, clock, PgbouncerSession(target, clock))
