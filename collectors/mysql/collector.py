"""The collector of MySQL and MariaDB: two connections at most, one for what is read each second and one for all that may take long."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession
from aishell_core.targets import Target
from aishell_core.values import Ability
from collectors.contract import Collector
from collectors.mysql.cold import ColdTier
from collectors.mysql.hot import HotTier
from collectors.mysql.relations import RelationsReader
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.warm import WarmTier
from collectors.mysql.warm_state import StateReader
from collectors.mysql.watched import WatchedReader
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


class MysqlCollector(ServedCollector):
    """Three tiers over one session."""

    def __init__(self, session: MysqlSession, hot: HotTier, warm: WarmTier, cold: ColdTier) -> None:
        super().__init__(_ABILITIES, session, hot, warm, cold)


def open_mysql(target: Target, clock: Clock) -> Collector:
    """The collector of a server; nothing is connected before the first reading."""
    session = MysqlSession(target, clock)
    session.load()
    states, times, relations = StateReader(clock), ChannelTimes(), RelationsReader(clock)
    watched = WatchedBeside(clock, WatchedReader(session, clock, states, times).read)
    return MysqlCollector(
        session,
        HotTier(session, target, clock, watched, times),
        WarmTier(session, target, clock, relations, states, times),
        ColdTier(session, target, clock, relations, states),
    )
