"""Sessions, locks and waits that a test makes up, for collectors without an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from aishell_core.clock import Clock
from aishell_core.targets import Location, Target
from aishell_core.values import Ability, Facts, LockWait, Reading, Session, TargetId, Tier, WaitCount
from collectors.contract import Demand
from tests.scripted import Script, ScriptedCollector

NOW = 1_700_000_000.0
UPDATE = "UPDATE orders SET status = 'billed', changed_at = now() WHERE id = 4711 AND status <> 'billed' RETURNING id"


def session(number: int, **parts: object) -> Session:
    """An active session with a statement, its start told by its number."""
    plain = Session(
        str(number),
        user="shop",
        client="10.0.3.7",
        application="shop-web",
        database="orders",
        state="active",
        started_at=NOW - 4000 - number,
        statement_seconds=0.2,
        state_seconds=0.2,
        transaction_seconds=0.3,
        text="SELECT o.id, o.total FROM orders o WHERE o.customer_id = 4 ORDER BY o.created_at DESC LIMIT 20",
        digest="d1",
    )
    return replace(plain, **parts)  # type: ignore[arg-type]


def locked(number: int, waited: float, **parts: object) -> Session:
    """A session that waits for a lock."""
    waiting = {"wait_class": "Lock", "wait": "transactionid", "text": UPDATE, "digest": "d2"}
    ages = {"statement_seconds": waited, "state_seconds": waited, "transaction_seconds": waited}
    return session(number, **{**waiting, **ages, **parts})


def edge(waiter: int, holder: int, seconds: float, mode: str = "ShareLock", held: str = "ExclusiveLock", on: str = "orders") -> LockWait:
    """One session that waits for another."""
    return LockWait(str(waiter), str(holder), on, mode, seconds, held)


HEAD = session(
    4121,
    user="billing",
    application="billing-worker",
    state="idle in transaction",
    wait_class="Client",
    wait="ClientRead",
    statement_seconds=None,
    state_seconds=720.0,
    transaction_seconds=724.0,
    text="UPDATE orders SET status = 'billed' WHERE id = 4711",
)
CHAIN_SESSIONS: tuple[Session, ...] = (
    session(4300, statement_seconds=2.4, cpu_ratio=0.82, memory_bytes=33_554_432.0),
    session(
        4301, state="idle", statement_seconds=None, transaction_seconds=None, state_seconds=30.0, wait_class="Client", wait="ClientRead"
    ),
    session(90, kind="checkpointer", state="", user="", client="", database="", application="", text="", transaction_seconds=None),
    locked(4230, 242.0, wait="tuple"),
    locked(4201, 550.0, wait="tuple"),
    locked(4188, 712.0),
    locked(4190, 601.0, user="migrate", application="alembic", wait="relation", text="ALTER TABLE orders ADD COLUMN note text"),
    locked(4195, 20.0, wait="relation", text="SELECT * FROM orders"),
    HEAD,
)
CHAIN_WAITS = (
    edge(4188, 4121, 712.0),
    edge(4201, 4188, 550.0, "ExclusiveLock", "ExclusiveLock"),
    edge(4230, 4188, 242.0, "ExclusiveLock", "ExclusiveLock"),
    edge(4230, 4201, 242.0, "ExclusiveLock", ""),
    edge(4190, 4121, 601.0, "AccessExclusiveLock", "RowExclusiveLock"),
    edge(4195, 4190, 20.0, "AccessShareLock", ""),
)
WAITS = (
    WaitCount("CPU", "", 2, "shop", "shop-web", "orders", "d1", "SELECT o.id FROM orders o"),
    WaitCount("Lock", "transactionid", 3, "shop", "shop-web", "orders", "d2", UPDATE),
    WaitCount("IO", "DataFileRead", 1, "report", "psql", "orders", "d3", "SELECT count(*) FROM events"),
)


@dataclass
class SessionScript(Script):
    """A script with locks and waits too."""

    sessions: tuple[Session, ...] = CHAIN_SESSIONS
    lock_waits: tuple[LockWait, ...] | None = CHAIN_WAITS
    waits: tuple[WaitCount, ...] | None = WAITS
    tells_locks: bool = True


class SessionCollector(ScriptedCollector):
    """Plays a script of sessions, as a server would answer."""

    def __init__(self, target: Target, clock: Clock, script: SessionScript) -> None:
        super().__init__(target, clock, script)
        self._sessions = script

    @property
    def abilities(self) -> Ability:
        return super().abilities | (Ability.LOCKS if self._sessions.tells_locks else Ability.NONE) | Ability.WAITS

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        script = self._sessions
        reading = replace(await super().collect(tier, demand), facts=Facts("postgres", "16.4", "primary", script.started_at))
        if tier is not Tier.HOT:
            return reading
        return replace(reading, lock_waits=script.lock_waits, waits=script.waits)


def scripted_sessions(scripts: dict[str, SessionScript]) -> Callable[[Target, Clock], ScriptedCollector]:
    """A collector factory that gives each target its script, and a plain one to any other (the host)."""

    def open_collector(target: Target, clock: Clock) -> ScriptedCollector:
        script = scripts.get(target.name)
        return SessionCollector(target, clock, script) if script is not None else ScriptedCollector(target, clock, Script())

    return open_collector


def server(name: str) -> Target:
    """A target by its name."""
    return Target(TargetId(name), Location("postgres", host=f"{name}.example", database="orders"))
