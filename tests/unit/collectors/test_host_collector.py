"""The machine as a target: the real one, and one that does not answer."""

from __future__ import annotations

import asyncio
import os
import platform
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.host import CpuTimes, HostIdentity, HostLook, HostState, LocalHost, Mount, Space
from aishell_core.engines.host_kernel import ClockState
from aishell_core.errors import TargetError
from aishell_core.targets import Location, Target, parse_location
from aishell_core.values import Ability, FailureCode, Reading, TargetId, Tier
from collectors.contract import NOTHING
from collectors.host.collector import HostCollector, HostSource, open_host
from collectors.registry import open_collector
from tests.fake_clock import FakeClock

EPOCH = 1_800_000_000.0
HERE = Target(TargetId("here"), parse_location("host://localhost"))


class SteadyHost:
    """A machine that always says the same; a path in `trouble` does something else first."""

    def __init__(self) -> None:
        self.at = HostLook(cpu=CpuTimes(1.0, 10.0))
        self.found: tuple[Mount, ...] = (Mount("/", "/dev/sda", "ext4"), Mount("/mnt/nas", "nas:/x", "nfs4"))
        self.trouble: dict[str, Callable[[], None]] = {}
        self.asked: list[str] = []
        self.started_at = EPOCH - 60
        self.seldom = HostState()

    def look(self) -> HostLook:
        self._meet("look")
        return self.at

    def mounts(self) -> tuple[Mount, ...]:
        return self.found

    def space(self, path: str) -> Space:
        self._meet(path)
        return Space(100, 40, 60)

    def state(self) -> HostState:
        return self.seldom

    def identity(self) -> HostIdentity:
        return HostIdentity("db1", "Debian 12", "Linux 6.1", "x86_64", 2, 2**30, self.started_at)

    def _meet(self, name: str) -> None:
        self.asked.append(name)
        if name in self.trouble:
            self.trouble[name]()


@asynccontextmanager
async def opened(source: HostSource) -> AsyncIterator[HostCollector]:
    threads = set(threading.enumerate())
    collector = HostCollector(HERE, FakeClock(EPOCH), source, look_deadline_seconds=2.0, space_deadline_seconds=2.0)
    try:
        yield collector
    finally:
        await collector.close()
        await collector.close()
        for thread in set(threading.enumerate()) - threads:
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
        await asyncio.get_running_loop().shutdown_default_executor()


def values(reading: Reading) -> dict[str, float]:
    return {" ".join((sample.metric.name, *(value for _, value in sample.labels))): sample.value for sample in reading.samples}


async def test_the_real_machine_answers_in_all_tiers_with_metrics_that_hosts_have() -> None:
    collector = open_collector(HERE, SystemClock())
    try:
        await collector.collect(Tier.HOT, NOTHING)
        hot, warm, cold = [await collector.collect(tier, NOTHING) for tier in (Tier.HOT, Tier.WARM, Tier.COLD)]
    finally:
        await collector.close()
    assert {"host.memory.usage", "host.memory.used", "host.cpu.cores", "host.load.1m", "uptime"} <= values(hot).keys()
    assert {"host.disk.usage /", "host.disk.free /"} <= values(warm).keys()
    assert cold.facts is not None
    assert cold.facts.started_at is not None
    assert all("host" in sample.metric.engines for reading in (hot, warm) for sample in reading.samples)
    assert not any(reading.failures for reading in (hot, warm, cold))
    assert collector.abilities is Ability.NONE


async def test_the_real_machine_shows_its_own_load() -> None:
    """Both looks are real; in between this process works until the kernel has counted it."""
    host = LocalHost()
    before = host.look().cpu
    if before is None or before.total_seconds == 0:
        pytest.skip("this sandbox does not tell CPU times")
    began = os.times().user
    while os.times().user - began < 0.2:
        sum(range(1000))
    after = host.look().cpu
    assert after is not None
    assert after.busy_seconds > before.busy_seconds


async def test_a_hung_file_system_costs_its_own_figure_and_nothing_else() -> None:
    source, release = SteadyHost(), threading.Event()
    source.trouble["/mnt/nas"] = lambda: (release.wait(30), None)[1]
    async with opened(source) as collector:
        first = await collector.collect(Tier.WARM, NOTHING)
        second = await collector.collect(Tier.WARM, NOTHING)
        hot = await collector.collect(Tier.HOT, NOTHING)
        told = {"host.disk.usage /": 0.4, "host.disk.free /": 60, "host.disk.read_only /": 0, "host.disk.read_only /mnt/nas": 0}
        assert values(first) == values(second) == told
        assert [(failure.part, failure.code) for failure in first.failures] == [("disk /mnt/nas", FailureCode.TIMEOUT)]
        assert [(failure.part, failure.code) for failure in second.failures] == [("disk /mnt/nas", FailureCode.TIMEOUT)]
        assert values(hot) == {"uptime": 60}
        assert source.asked.count("/mnt/nas") == 1, "a second thread must not hang where one hangs already"
        release.set()
        third = second
        while third.failures:
            third = await collector.collect(Tier.WARM, NOTHING)
        assert "host.disk.usage /mnt/nas" in values(third)


async def test_a_machine_that_does_not_answer_is_a_timeout_and_is_not_asked_twice() -> None:
    source, release = SteadyHost(), threading.Event()
    source.trouble["look"] = lambda: (release.wait(30), None)[1]
    async with opened(source) as collector:
        for _ in range(3):
            with pytest.raises(TargetError) as caught:
                await collector.collect(Tier.HOT, NOTHING)
            assert caught.value.reason is FailureCode.TIMEOUT
        assert source.asked == ["look"]
        release.set()
        assert await recovered(collector) == {"uptime": 60}


async def recovered(collector: HostCollector) -> dict[str, float]:
    """The first good answer after trouble."""
    async with asyncio.timeout(60):
        while True:
            try:
                return values(await collector.collect(Tier.HOT, NOTHING))
            except TargetError:
                await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("error", "code"),
    [(PermissionError(13, "Permission denied"), FailureCode.PRIVILEGE), (OSError(116, "Stale file handle"), FailureCode.MISSING)],
)
async def test_a_file_system_that_refuses_is_a_failure_with_its_reason(error: OSError, code: FailureCode) -> None:
    source = SteadyHost()

    def refuse() -> None:
        raise error

    source.trouble["/"] = refuse
    async with opened(source) as collector:
        reading = await collector.collect(Tier.WARM, NOTHING)
    assert [(failure.part, failure.code, failure.message) for failure in reading.failures] == [("disk /", code, error.strerror)]
    assert "host.disk.usage /mnt/nas" in values(reading)


async def test_the_cpu_share_begins_with_the_second_look() -> None:
    source = SteadyHost()
    async with opened(source) as collector:
        first = await collector.collect(Tier.HOT, NOTHING)
        source.at = replace(source.at, cpu=CpuTimes(2.0, 14.0))
        second = await collector.collect(Tier.HOT, NOTHING)
    assert "host.cpu.usage" not in values(first)
    assert values(second)["host.cpu.usage"] == 0.25


async def test_a_corrected_wall_clock_does_not_look_like_a_restart() -> None:
    source = SteadyHost()
    async with opened(source) as collector:
        before = await collector.collect(Tier.HOT, NOTHING)
        source.started_at += 3600
        after = await collector.collect(Tier.COLD, NOTHING)
    assert before.facts == after.facts


async def test_a_mount_that_is_gone_is_no_longer_asked_for() -> None:
    source = SteadyHost()
    async with opened(source) as collector:
        await collector.collect(Tier.WARM, NOTHING)
        source.found = source.found[:1]
        reading = await collector.collect(Tier.WARM, NOTHING)
    assert set(values(reading)) == {"host.disk.usage /", "host.disk.free /", "host.disk.read_only /"}


async def test_a_file_system_that_turns_read_only_is_told_for_as_long_as_it_is() -> None:
    source = SteadyHost()
    source.found = (*source.found, Mount("/media/dvd", "/dev/sr0", "vfat", read_only=True))
    async with opened(source) as collector:
        before = values(await collector.collect(Tier.WARM, NOTHING))
        source.found = (source.found[0], replace(source.found[1], read_only=True), source.found[2])
        during = [values(await collector.collect(Tier.WARM, NOTHING)) for _ in range(2)]
        source.found = (source.found[0], replace(source.found[1], read_only=False))
        after = values(await collector.collect(Tier.WARM, NOTHING))
    assert [reading["host.disk.read_only /mnt/nas"] for reading in (before, *during, after)] == [0, 1, 1, 0]
    assert not any("dvd" in name for name in before)


async def test_what_changes_seldom_comes_with_the_space() -> None:
    source = SteadyHost()
    source.seldom = HostState("md0 : active raid1 sdb1[1]\n      9 blocks [2/1] [_U]\n", ClockState(-0.062, synchronised=True))
    async with opened(source) as collector:
        found = values(await collector.collect(Tier.WARM, NOTHING))
    assert found["host.raid.missing md0"] == 1
    assert found["host.clock.offset"] == pytest.approx(62)
    assert found["host.clock.unsynchronised"] == 0


def test_the_real_kernel_tells_of_memory_disks_and_its_clock_what_it_knows() -> None:
    host = LocalHost()
    look, state, space = host.look(), host.state(), host.space("/")
    counters = Path("/proc/vmstat")
    if counters.exists() and "pgmajfault" in counters.read_text():
        assert look.events.major_faults is not None
    assert state.clock is None or abs(state.clock.offset_seconds) < 3600
    assert space.most_files >= space.free_files >= 0
    assert all(disk.busy_milliseconds is None or disk.busy_milliseconds >= 0 for disk in look.disks)


async def test_a_host_explains_nothing() -> None:
    async with opened(SteadyHost()) as collector:
        with pytest.raises(TargetError) as caught:
            await collector.explain("select 1")
    assert caught.value.reason is FailureCode.UNSUPPORTED


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "::1", platform.node()])
async def test_this_machine_may_be_named_in_several_ways(host: str) -> None:
    collector = open_host(Target(TargetId("here"), Location("host", host=host)), SystemClock())
    await collector.close()


def test_another_machine_cannot_be_read_from_here() -> None:
    with pytest.raises(TargetError, match="another machine") as caught:
        open_host(Target(TargetId("far"), Location("host", host="db7.example.com")), SystemClock())
    assert caught.value.reason is FailureCode.UNSUPPORTED
