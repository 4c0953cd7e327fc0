"""The hot tier: what happens now."""

from __future__ import annotations

from dataclasses import replace

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.mysql import Lane, MysqlSession, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Facts, Reading, Sample, Tier
from collectors.contract import Demand
from collectors.watched_beside import WatchedBeside

DEADLINE_SECONDS = 1.7
"""Less than the poller gives, so that a server that hangs is named as the reason."""


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: MysqlSession, target: Target, clock: Clock, watched: WatchedBeside) -> None:
        """`watched` reads what a visible pane demands of replication, progress and the horizon."""
        self._session = session
        self._target = target
        self._clock = clock
        self._watched = watched

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be read."""
        at = self._clock.now()
        self._watched.begin(demand)
        server = await self._session.facts(Lane.QUICK, DEADLINE_SECONDS)
        samples: tuple[Sample, ...] = ()
        if server.started_at is not None:
            samples = (Sample(catalogue.UPTIME, max(0.0, at - server.started_at)),)
        watched = await self._watched.take(DEADLINE_SECONDS)
        reading = Reading(self._target.name, Tier.HOT, at, samples, facts_of(server), failures=watched.failures, cost=watched.cost)
        return replace(reading, **watched.parts) if watched.parts else reading

    def close(self) -> None:
        """Give up what is under way."""
        self._watched.close()


def facts_of(server: ServerFacts) -> Facts:
    """What is shown of a server."""
    details = (("address", server.address), ("product", server.comment), ("user", server.account))
    role = "replica" if server.read_only else "primary"
    return Facts("mysql", server.version, role, server.started_at, tuple(each for each in details if each[1]))
