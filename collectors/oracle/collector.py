"""The collector of Oracle: two connections at most, one for what is read each second and one for all that may take long."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.oracle import OracleSession
from aishell_core.targets import Target
from aishell_core.values import Ability
from collectors.contract import Collector
from collectors.oracle.cold import ColdTier
from collectors.oracle.hot import HotTier, Known
from collectors.oracle.relations import RelationsReader
from collectors.oracle.warm import WarmTier
from collectors.oracle.watched import WatchedReader
from collectors.served import ServedCollector
from collectors.watched_beside import WatchedBeside

_ABILITIES = (
    Ability.SESSIONS
    | Ability.LOCKS
    | Ability.WAITS
    | Ability.STATEMENTS
    | Ability.RELATIONS
    | Ability.SETTINGS
    | Ability.REPLICATION
    | Ability.PROGRESS
    | Ability.HORIZON
    | Ability.EXPLAIN
    | Ability.CANCEL
    | Ability.TERMINATE
    | Ability.RUN
)


class OracleCollector(ServedCollector):
    """Three tiers over one session."""

    _hot: HotTier

    def __init__(self, session: OracleSession, hot: HotTier, warm: WarmTier, cold: ColdTier) -> None:
        super().__init__(_ABILITIES, session, hot, warm, cold)


def open_oracle(target: Target, clock: Clock) -> Collector:
    """The collector of a server; nothing is connected before the first reading."""
    session = OracleSession(target, clock)
    session.load()
    return collector_over(session, target, clock)


def collector_over(session: OracleSession, target: Target, clock: Clock) -> OracleCollector:
    """The collector over a session of one's own."""
    known, relations = Known(), RelationsReader(clock)
    watched = WatchedBeside(clock, WatchedReader(session, clock, lambda: known.containers).read)
    return OracleCollector(
        session,
        HotTier(session, target, clock, watched, known),
        WarmTier(session, target, clock, relations, known),
        ColdTier(session, target, clock, relations),
    )
