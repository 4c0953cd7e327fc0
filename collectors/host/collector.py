"""The machine that aishell runs on, read like any other target."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from aishell_core.clock import Clock
from aishell_core.engines.host import CpuTimes, HostIdentity, HostLook, HostState, LocalHost, Mount, Space, is_this_host
from aishell_core.engines.worker import DatabaseThread
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import Ability, Cost, Facts, Failure, FailureCode, PlanNode, Reading, Sample, Tier
from collectors.contract import Collector, Demand
from collectors.host.rows import (
    host_facts,
    look_samples,
    read_only_samples,
    space_samples,
    uptime_samples,
    watched_mounts,
    writable_mounts,
)
from collectors.host.state_rows import state_samples

_LOOK_DEADLINE_SECONDS = 1.8
_SPACE_DEADLINE_SECONDS = 2.0
"""A little less than the poller's own deadlines, so that a hung file system costs one figure and not the reading."""


class HostSource(Protocol):
    """Where the figures come from; every method may block."""

    def look(self) -> HostLook:
        """The figures of this moment."""

    def mounts(self) -> tuple[Mount, ...]:
        """Everything that is mounted."""

    def space(self, path: str) -> Space:
        """The space of the file system at a path; raises OSError."""

    def state(self) -> HostState:
        """What changes seldom."""

    def identity(self) -> HostIdentity:
        """What the machine says of itself."""


class HostCollector:
    """CPU, memory and traffic in the hot tier, space in the warm one, what seldom changes in the cold one."""

    def __init__(
        self,
        target: Target,
        clock: Clock,
        source: HostSource,
        *,
        look_deadline_seconds: float = _LOOK_DEADLINE_SECONDS,
        space_deadline_seconds: float = _SPACE_DEADLINE_SECONDS,
    ) -> None:
        self._name = target.name
        self._clock = clock
        self._source = source
        self._look_deadline_seconds = look_deadline_seconds
        self._space_deadline_seconds = space_deadline_seconds
        self._thread = DatabaseThread("host figures")
        self._space_threads: dict[str, DatabaseThread] = {}
        self._cpu: CpuTimes | None = None
        self._writable: frozenset[str] = frozenset()
        self._facts: Facts | None = None

    @property
    def abilities(self) -> Ability:
        """A machine has figures and nothing else."""
        return Ability.NONE

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the machine does not answer."""
        begun = self._clock.steady()
        samples: tuple[Sample, ...] = ()
        failures: tuple[Failure, ...] = ()
        match tier:
            case Tier.HOT:
                samples = await self._hot()
            case Tier.WARM:
                samples, failures = await self._warm()
            case Tier.COLD:
                pass
        cost = Cost(seconds=self._clock.steady() - begun)
        return Reading(self._name, tier, self._clock.now(), samples, await self._who(), failures=failures, cost=cost)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """Always raises TargetError: a machine runs no statements."""
        raise TargetError(FailureCode.UNSUPPORTED, "a host runs no statements")

    async def close(self) -> None:
        """Let the threads end; one that hangs in a dead file system ends with the program."""
        for thread in (self._thread, *self._space_threads.values()):
            thread.close()

    async def _who(self) -> Facts:
        # Asked once: the moment of the start is worked out from the wall clock, and when that is set
        # anew it would look like a restart.
        if self._facts is None:
            self._facts = host_facts(await self._thread.run(self._source.identity, self._look_deadline_seconds))
        return self._facts

    async def _hot(self) -> tuple[Sample, ...]:
        look = await self._thread.run(self._source.look, self._look_deadline_seconds)
        before, self._cpu = self._cpu, look.cpu
        started_at = (await self._who()).started_at
        return (*look_samples(before, look), *uptime_samples(started_at, self._clock.now()))

    async def _warm(self) -> tuple[tuple[Sample, ...], tuple[Failure, ...]]:
        mounts = await self._thread.run(self._source.mounts, self._look_deadline_seconds)
        paths = watched_mounts(mounts)
        self._writable |= writable_mounts(mounts) & set(paths)
        self._serve(paths)
        state = await self._thread.run(self._source.state, self._look_deadline_seconds)
        answers = await asyncio.gather(*(self._space(path) for path in paths))
        told = tuple(sample for answer in answers if isinstance(answer, tuple) for sample in answer)
        samples = (*told, *read_only_samples(mounts, self._writable), *state_samples(state))
        return samples, tuple(answer for answer in answers if isinstance(answer, Failure))

    def _serve(self, paths: tuple[str, ...]) -> None:
        """Keep a thread for each file system: one that hangs holds up only itself."""
        for gone in self._space_threads.keys() - set(paths):
            self._space_threads.pop(gone).close()
        for new in set(paths) - self._space_threads.keys():
            self._space_threads[new] = DatabaseThread(f"disk {new}")

    async def _space(self, path: str) -> tuple[Sample, ...] | Failure:
        part = f"disk {path}"
        try:
            space = await self._space_threads[path].run(partial(self._source.space, path), self._space_deadline_seconds)
            return space_samples(path, space)
        except TargetError as error:
            return Failure(part, error.reason, error.message, error.hint, self._clock.now())
        except PermissionError as error:
            return Failure(part, FailureCode.PRIVILEGE, error.strerror or str(error), "", self._clock.now())
        except OSError as error:
            return Failure(part, FailureCode.MISSING, error.strerror or str(error), "", self._clock.now())


def open_host(target: Target, clock: Clock) -> Collector:
    """The collector of this machine; raises TargetError for the name of another one."""
    if not is_this_host(target.location.host):
        raise TargetError(
            FailureCode.UNSUPPORTED, f"{target.location.host} is another machine", "write host://localhost, or run aishell over there"
        )
    return HostCollector(target, clock, LocalHost())
