"""The hot tier: what happens now."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.mysql import Lane, MysqlSession, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Facts, Reading, Sample, Tier
from collectors.contract import Demand

DEADLINE_SECONDS = 1.7
"""Less than the poller gives, so that a server that hangs is named as the reason."""


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: MysqlSession, target: Target, clock: Clock) -> None:
        self._session = session
        self._target = target
        self._clock = clock

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be read."""
        at = self._clock.now()
        server = await self._session.facts(Lane.QUICK, DEADLINE_SECONDS)
        samples = ()
        if server.started_at is not None:
            samples = (Sample(catalogue.UPTIME, max(0.0, at - server.started_at)),)
        return Reading(self._target.name, Tier.HOT, at, samples, facts_of(server))

    def close(self) -> None:
        """Give up what is under way."""


def facts_of(server: ServerFacts) -> Facts:
    """What is shown of a server."""
    details = (("address", server.address), ("product", server.comment), ("user", server.account))
    role = "replica" if server.read_only else "primary"
    return Facts("mysql", server.version, role, server.started_at, tuple(each for each in details if each[1]))
