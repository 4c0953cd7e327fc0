"""A database server that a test makes up: figures, statements, plans, relations, replicas and upkeep, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.errors import TargetError
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Environment, Location, Target
from aishell_core.values import (
    Ability,
    Cost,
    Facts,
    Failure,
    FailureCode,
    HorizonHolder,
    Part,
    PlanNode,
    Progress,
    Reading,
    Relation,
    ReplicationPeer,
    Sample,
    Session,
    Setting,
    Statement,
    TargetId,
    Tier,
)
from aishell_tui.assess import assess, judged_metrics
from aishell_tui.frame import Frame, OwnCost, TargetView, absorb
from aishell_tui.runtime import Runtime
from collectors.contract import Demand

NOW = 1_700_000_000.0
NAME = TargetId("orders-eu")
ABILITIES = (
    Ability.SESSIONS
    | Ability.LOCKS
    | Ability.STATEMENTS
    | Ability.RELATIONS
    | Ability.SETTINGS
    | Ability.REPLICATION
    | Ability.PROGRESS
    | Ability.HORIZON
    | Ability.EXPLAIN
    | Ability.ANALYZE
)
SELECT = (
    "SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = $1 ORDER BY o.at DESC LIMIT 20"
)
VACUUM_COUNT = "SELECT count(*) FROM orders WHERE status = 'new'"
STATEMENTS = (
    Statement(
        "8f21c4", SELECT, 120_400, 975_240, rows=120_400, database="shop", user="web", blocks_hit=7.1e6, blocks_read=2.9e6, temp_bytes=4e9
    ),
    Statement("c0ffee", VACUUM_COUNT, 40, 52_000, rows=40, database="shop", user="report", blocks_hit=9e5, blocks_read=1e4, temp_bytes=0),
    Statement(
        "d00d1e", "UPDATE stock SET n = n - $1 WHERE id = $2", 90_000, 80_000, rows=90_000, database="depot", user="web", wal_bytes=9e7
    ),
)
EXTENSION_HINT = "CREATE EXTENSION pg_stat_statements"
NO_EXTENSION = Failure(Part.STATEMENTS, FailureCode.MISSING, "pg_stat_statements is not there: figures are estimates", EXTENSION_HINT, NOW)
PLAN = (
    PlanNode(
        "Limit",
        cost=812_000,
        rows=20,
        children=(
            PlanNode(
                "Sort  o.at DESC",
                cost=812_000,
                rows=2.1e6,
                children=(
                    PlanNode(
                        "Hash Join  c.id = o.customer_id",
                        cost=600_000,
                        rows=2.1e6,
                        children=(
                            PlanNode("Seq Scan on orders", note="filter: status = $1", cost=500_000, rows=2.1e6),
                            PlanNode("Hash", cost=12_000, rows=40_000),
                        ),
                    ),
                ),
            ),
        ),
    ),
)
MEASURED = (
    PlanNode(
        "Aggregate",
        cost=400,
        rows=1,
        actual_rows=1,
        actual_milliseconds=812.0,
        loops=1,
        children=(PlanNode("Seq Scan on orders", cost=390, rows=12, actual_rows=41_000, actual_milliseconds=801.0, loops=1),),
    ),
)
RELATIONS = (
    Relation(
        "orders",
        "table",
        size_bytes=3.1 * 2**30,
        rows=2.1e6,
        schema="public",
        index_bytes=1.2 * 2**30,
        dead_rows=640_000,
        scans=1_204,
        index_scans=9.1e6,
        bloat_bytes=1.9 * 2**30,
        last_vacuum_at=NOW - 93_000,
        last_analyze_at=NOW - 600,
    ),
    Relation(
        "customers",
        "table",
        size_bytes=40 * 2**20,
        rows=40_000,
        schema="crm",
        index_bytes=8 * 2**20,
        dead_rows=12,
        scans=7,
        index_scans=5e5,
        bloat_bytes=0,
        last_vacuum_at=NOW - 700,
        last_analyze_at=NOW - 700,
    ),
    Relation("orders_at_idx", "index", "orders", 600 * 2**20, 2.1e6, schema="public", scans=0, remarks=("unused since 2023-11-01",)),
    Relation("orders_pkey", "index", "orders", 300 * 2**20, 2.1e6, schema="public", scans=9e6),
)
PEERS = (
    ReplicationPeer("orders_sub", "slot", "inactive", retained_bytes=9 * 2**30, safe_bytes=2**30, wal_status="extended", active=False),
    ReplicationPeer(
        "replica_1",
        "standby",
        "streaming",
        41.0,
        64 * 2**20,
        "10.0.3.8",
        "async",
        sent_lag_bytes=2**20,
        write_lag_seconds=0.2,
        flush_lag_seconds=0.4,
        active=True,
        details=(("process", "812"), ("slot", "replica_1_slot"), ("last reply", "1s ago")),
    ),
    ReplicationPeer("replica_1_slot", "slot", "active", lag_bytes=0, retained_bytes=70 * 2**20, wal_status="reserved", active=True),
)
HOLDERS = (
    HorizonHolder("session", "4121", 1_204_000, 724.0, "UPDATE orders SET status = 'billed' WHERE id = 4711", "shop"),
    HorizonHolder("slot", "orders_sub", 88_000, None, "orders_sub, inactive", "shop"),
)
SETTINGS = (Setting("shared_buffers", "16384", "8kB", "configuration file", True), Setting("archive_mode", "on"))
RUNNERS = (
    Session(
        "4188",
        "web",
        "10.0.3.7",
        "shop-web",
        "shop",
        "active",
        "relation",
        NOW - 900,
        12.0,
        text=SELECT.replace("$1", "'new'"),
        digest="8f21c4",
    ),
    Session(
        "4190", "web", "10.0.3.7", "shop-web", "shop", "active", started_at=NOW - 90, statement_seconds=0.1, text="SELECT 1", digest="other"
    ),
)


def vacuum(second: float, speed: float = 12_000.0) -> Progress:
    """A vacuum of a large table after so many seconds."""
    details = (("dead rows found", "640,000"),)
    return Progress("612", "vacuum", "scanning heap", 100_000 + speed * second, 3_100_000, "public.orders", "shop", "blocks", details)


def samples(second: float) -> tuple[Sample, ...]:
    """The figures of a busy primary after so many seconds."""
    peer, slot = (("peer", "replica_1"),), (("slot", "orders_sub"),)
    return (
        Sample(catalogue.CONNECTIONS_USED, 198),
        Sample(catalogue.CONNECTIONS_MAX, 400),
        Sample(catalogue.POOL_USAGE, 198 / 400),
        Sample(catalogue.SESSIONS_ACTIVE, 41),
        *(
            Sample(catalogue.SESSIONS_BY_STATE, count, (("state", state),))
            for state, count in (("active", 41), ("idle", 148), ("idle in transaction", 9))
        ),
        Sample(catalogue.SESSIONS_IDLE_IN_TRANSACTION, 9),
        Sample(catalogue.LOCKS_WAITING, 0),
        Sample(catalogue.TRANSACTIONS_RATE, 1_204 * second),
        Sample(catalogue.ROLLBACKS_RATE, 3 * second),
        Sample(catalogue.TRANSACTION_LATENCY, 8.1),
        Sample(catalogue.TRANSACTION_DURATION, 724 + second),
        Sample(catalogue.TRANSACTION_IDLE, 360 + second),
        Sample(catalogue.QUERY_DURATION, 12_000),
        Sample(catalogue.CACHE_HIT_RATIO, 0.981),
        Sample(catalogue.TEMP_BYTES, 2.5e6 * second),
        Sample(catalogue.WAL_BYTES, 3.1e6 * second),
        Sample(catalogue.REPLICATION_LAG, 41.0, peer),
        Sample(catalogue.REPLICATION_LAG_BYTES, 64 * 2**20 + (60 - second) * 2**20, peer),
        Sample(catalogue.REPLICATION_SLOT_RETAINED, 9 * 2**30, slot),
        Sample(catalogue.PG_WRAPAROUND, 0.11),
        Sample(catalogue.PG_MULTIXACT_WRAPAROUND, 0.01),
        Sample(catalogue.PG_XID_AGE, 0.11 * 2.1e9),
        Sample(catalogue.PG_HORIZON_AGE, 1_204_000),
        Sample(catalogue.PG_DEAD_ROWS, 640_012),
        Sample(catalogue.PG_VACUUM_WORKERS, 1),
        Sample(catalogue.PG_CHECKPOINTS_TIMED, 1_204),
        Sample(catalogue.PG_CHECKPOINTS_REQUESTED, 31),
        Sample(catalogue.PG_CHECKPOINT_AGE, 140 + second),
        Sample(catalogue.PG_CHECKPOINT_WRITE_TIME, 4.0),
        Sample(catalogue.PG_ARCHIVE_AGE, 12 + second),
        Sample(catalogue.PG_ARCHIVE_BACKLOG, 14),
        Sample(catalogue.PG_ARCHIVE_FAILING, 0),
        Sample(catalogue.PG_ARCHIVE_FAILED, 0),
        Sample(catalogue.PG_SETTINGS_PENDING, 1),
        Sample(catalogue.POLL_QUERIES, 1.6 * second),
        Sample(catalogue.POLL_TIME, 2.3 * second),
        Sample(catalogue.POLL_BYTES, 2048 * second),
    )


_COUNTED = ("calls", "total_milliseconds", "rows", "temp_bytes", "blocks_hit", "blocks_read", "wal_bytes")


def grown(statements: tuple[Statement, ...], second: float) -> tuple[Statement, ...]:
    """The statements after so many seconds in which each ran, a hundredth more of everything in each."""

    def after(statement: Statement) -> Statement:
        known = {name: value for name in _COUNTED if (value := getattr(statement, name)) is not None}
        return replace(statement, **{name: value * (1 + second / 100) for name, value in known.items()})

    return tuple(after(each) for each in statements)


@dataclass
class ServerScript:
    """What the next readings say, and what was asked of the server; a test changes it while the program runs."""

    statements: tuple[Statement, ...] | None = STATEMENTS
    sessions: tuple[Session, ...] | None = RUNNERS
    relations: tuple[Relation, ...] | None = RELATIONS
    replication: tuple[ReplicationPeer, ...] | None = PEERS
    horizon: tuple[HorizonHolder, ...] | None = HOLDERS
    settings: tuple[Setting, ...] | None = SETTINGS
    progress: Callable[[float], tuple[Progress, ...]] | None = lambda second: (vacuum(second),)
    samples: Callable[[float], tuple[Sample, ...]] = samples
    failures: tuple[Failure, ...] = ()
    abilities: Ability = ABILITIES
    role: str = "primary"
    plan: tuple[PlanNode, ...] | TargetError = PLAN
    measured: tuple[PlanNode, ...] | TargetError = MEASURED
    answers: asyncio.Event | None = None
    explained: list[tuple[str, str]] = field(default_factory=list)
    consented: list[tuple[str, str]] = field(default_factory=list)
    unmeasurable: TargetError | None = None
    checked: list[tuple[str, str]] = field(default_factory=list)
    analyzed: list[tuple[str, str, float]] = field(default_factory=list)


def server_target(name: str = NAME, environment: Environment = Environment.DEVELOPMENT) -> Target:
    """The configured target."""
    return Target(TargetId(name), Location("postgres", host="db", port=5432), environment=environment)


def reading_of(script: ServerScript, target: TargetId, tier: Tier, at: float, second: float, demand: Demand) -> Reading:
    """One reading as the script has it; parts that nobody demands are not read."""

    def wanted(part: Part, value: object) -> object:
        return value if part in demand else None

    reading = Reading(
        target,
        tier,
        at,
        samples=script.samples(second) if tier is Tier.HOT else (),
        facts=Facts("postgres", "16.4", script.role, NOW - 90_000),
        failures=script.failures if tier is Tier.WARM else (),
        cost=Cost(2, 0.002, 2048),
    )
    if tier is Tier.COLD:
        return reading
    parts = {
        "statements": wanted(Part.STATEMENTS, None if script.statements is None else grown(script.statements, second)),
        "sessions": wanted(Part.SESSIONS, script.sessions),
        "relations": wanted(Part.RELATIONS, script.relations),
        "replication": wanted(Part.REPLICATION, script.replication),
        "horizon": wanted(Part.HORIZON, script.horizon),
        "settings": wanted(Part.SETTINGS, script.settings),
        "progress": wanted(Part.PROGRESS, None if script.progress is None else script.progress(second)),
    }
    return replace(reading, **parts)  # type: ignore[arg-type]


class ServerCollector:
    """Plays a script; time passes for it as the clock says."""

    def __init__(self, target: Target, clock: Clock, script: ServerScript) -> None:
        self._target, self._clock, self._script = target, clock, script
        self._began = clock.now()

    @property
    def abilities(self) -> Ability:
        return self._script.abilities

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        at = self._clock.now()
        return reading_of(self._script, self._target.name, tier, at, at - self._began, demand)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        self._script.explained.append((sql, database))
        if isinstance(self._script.plan, TargetError):
            raise self._script.plan
        return self._script.plan

    async def explain_with_consent(self, sql: str, database: str) -> tuple[PlanNode, ...]:
        self._script.consented.append((sql, database))
        return PLAN

    async def check_measuring(self, sql: str, database: str) -> None:
        self._script.checked.append((sql, database))
        if self._script.unmeasurable is not None:
            raise self._script.unmeasurable

    async def explain_analyze(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        self._script.analyzed.append((sql, database, deadline_seconds))
        if self._script.answers is not None:
            await self._script.answers.wait()
        if isinstance(self._script.measured, TargetError):
            raise self._script.measured
        return self._script.measured

    async def close(self) -> None:
        pass


def scripted_servers(scripts: Mapping[str, ServerScript]) -> Callable[[Target, Clock], ServerCollector]:
    """A collector factory that gives each target its script, and an empty one to any other (the host)."""

    def open_collector(target: Target, clock: Clock) -> ServerCollector:
        nothing = ServerScript(samples=lambda second: (), abilities=Ability.NONE)
        return ServerCollector(target, clock, scripts.get(target.name, nothing))

    return open_collector


_SECONDS = 60


def server_view(script: ServerScript, target: Target | None = None, last: int = _SECONDS) -> TargetView:
    """What is known of a server after so many seconds of the minute that ends at NOW."""
    target = target or server_target()
    store = SeriesStore()
    view = replace(TargetView(target, store.snapshot(target.name)), abilities=script.abilities)
    for second in range(last + 1):
        at = NOW - _SECONDS + second
        for tier in (Tier.HOT, Tier.WARM) if second in {0, last} else (Tier.HOT,):
            reading = reading_of(script, target.name, tier, at, second, frozenset(Part))
            if tier is Tier.HOT:
                store.add(reading, 1.0)
            view = absorb(view, reading, store.snapshot(target.name), 1.0)
    return replace(view, assessment=assess(view, NOW - _SECONDS + last, judged_metrics(target.engine, {})))


class StillRuntime(Runtime):
    """Plays frames that were made before and stays at the last one: the same picture at each run."""

    _frames: tuple[Frame, ...] = ()

    def play(self, *views: TargetView) -> None:
        """The frames to show, one per view, each as of its newest reading."""
        own = OwnCost(0.009, 58 * 2**20)
        self._frames = tuple(Frame(at=view.last_ok_at or NOW, targets=(view,), own=own) for view in views)

    def frame(self) -> Frame:
        """The next frame."""
        first, *others = self._frames
        self._frames = tuple(others) or (first,)
        return first
