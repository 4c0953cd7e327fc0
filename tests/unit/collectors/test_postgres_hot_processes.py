"""What the processes of sessions use, and that only processes of the server are believed."""

from __future__ import annotations

import os
from typing import Any

import pytest

from aishell_core.engines.process_files import (
    ProcessTimes,
    ProcessTraffic,
    private_bytes,
    process_times,
    process_traffic,
    times_of,
    traffic_of,
)
from collectors.postgres.processes import UNKNOWN, ProcessReader, SessionProcesses, Usage
from tests.fake_clock import FakeClock
from tests.unit.collectors.test_postgres_hot_rows import backend


class Machine:
    """One process whose figures a test sets; counts how often it is looked at."""

    def __init__(self) -> None:
        self.name, self.started_at, self.cpu_seconds = "postgres", 1000.2, 0.0
        self.read_bytes, self.write_bytes = 0, 0
        self.closed, self.looks = False, 0

    def reader(self) -> ProcessReader:
        return ProcessReader(self._times, lambda pid: 4096, self._traffic)

    def _times(self, pid: int) -> ProcessTimes | None:
        self.looks += 1
        return ProcessTimes(self.name, self.started_at, self.cpu_seconds) if pid == 17 else None

    def _traffic(self, pid: int) -> ProcessTraffic | None:
        if self.closed:
            raise PermissionError
        return ProcessTraffic(self.read_bytes, self.write_bytes)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def usage(processes: SessionProcesses, **parts: Any) -> Usage:
    return processes.usage([backend(**parts)])[17]


async def test_figures_are_of_the_time_between_two_looks(machine: Machine, clock: FakeClock) -> None:
    processes = SessionProcesses(clock, machine.reader())
    assert usage(processes) == Usage(None, 4096, None, None)
    machine.cpu_seconds, machine.read_bytes, machine.write_bytes = 1.0, 1000, 500
    await clock.advance(2.0)
    assert usage(processes) == Usage(0.5, 4096, 500, 250)


@pytest.mark.parametrize("parts", [{"name": "nginx"}, {"started_at": 2000.0}])
def test_a_process_of_something_else_with_the_same_number_is_not_believed(
    machine: Machine, clock: FakeClock, parts: dict[str, Any]
) -> None:
    for name, value in parts.items():
        setattr(machine, name, value)
    assert usage(SessionProcesses(clock, machine.reader())) == UNKNOWN


def test_a_process_that_is_gone_is_unknown(clock: FakeClock, machine: Machine) -> None:
    assert SessionProcesses(clock, machine.reader()).usage([backend(pid=18)])[18] == UNKNOWN


async def test_where_traffic_is_the_owner_s_secret_the_rest_is_known(machine: Machine, clock: FakeClock) -> None:
    machine.closed = True
    processes = SessionProcesses(clock, machine.reader())
    usage(processes)
    machine.cpu_seconds = 1.0
    await clock.advance(1.0)
    assert usage(processes) == Usage(1.0, 4096, None, None)


async def test_a_session_that_rests_is_not_looked_at(machine: Machine, clock: FakeClock) -> None:
    processes = SessionProcesses(clock, machine.reader())
    usage(processes, state="idle", state_seconds=100.0)
    for _ in range(3):
        await clock.advance(1.0)
        assert usage(processes, state="idle", state_seconds=100.0) == Usage(0.0, 4096, 0.0, 0.0)
    assert machine.looks == 1
    machine.cpu_seconds = 0.5
    await clock.advance(1.0)
    assert usage(processes, state="idle", state_seconds=0.2).cpu_ratio == 0.5, "it worked between the two looks"


async def test_the_first_second_of_work_after_a_long_rest_is_not_spread_over_the_rest(machine: Machine, clock: FakeClock) -> None:
    processes = SessionProcesses(clock, machine.reader())
    for second in range(60):
        usage(processes, state="idle", state_seconds=100.0 + second)
        await clock.advance(1.0)
    machine.cpu_seconds = 1.0
    assert usage(processes).cpu_ratio == 1.0


async def test_looks_that_follow_upon_each_other_tell_the_same_and_lose_nothing(machine: Machine, clock: FakeClock) -> None:
    processes = SessionProcesses(clock, machine.reader())
    usage(processes)
    machine.cpu_seconds = 0.5
    for _ in range(9):
        await clock.advance(0.02)
        assert usage(processes) == Usage(None, 4096, None, None)
    await clock.advance(0.82)
    assert usage(processes).cpu_ratio == pytest.approx(0.5)
    await clock.advance(0.02)
    assert usage(processes).cpu_ratio == pytest.approx(0.5)


async def test_another_session_with_the_same_process_id_begins_anew(machine: Machine, clock: FakeClock) -> None:
    processes = SessionProcesses(clock, machine.reader())
    usage(processes)
    await clock.advance(1.0)
    machine.cpu_seconds, machine.started_at = 50.0, 1001.1
    assert usage(processes, started_at=1001.0).cpu_ratio is None


def test_a_stat_file_is_read_whatever_the_name_of_the_program() -> None:
    stat = b"17 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 4200 20 21 22"
    assert times_of(stat, 1000.0, 100) == ProcessTimes("a) b (c", 1042.0, 3.0)
    for odd in (b"", b"17 postgres S 1", b"17 (postgres) S 1 2"):
        assert times_of(odd, 1000.0, 100) is None


def test_an_io_file_that_lacks_what_is_wanted_is_unknown() -> None:
    assert traffic_of(b"rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n") == ProcessTraffic(4096, 8192)
    assert traffic_of(b"rchar: 1\n") is None


def test_this_very_process_can_be_looked_at() -> None:
    times, traffic = process_times(os.getpid()), process_traffic(os.getpid())
    assert times is not None
    assert times.cpu_seconds > 0
    assert traffic is not None
    assert (private_bytes(os.getpid()) or 0) > 1_000_000
    assert process_times(2**30) is None
    assert private_bytes(2**30) is None
    assert process_traffic(2**30) is None


async def test_processes_may_be_looked_at_in_pieces_and_those_that_are_gone_are_forgotten(machine: Machine, clock: FakeClock) -> None:
    processes = SessionProcesses(clock, machine.reader())
    usage(processes)
    machine.cpu_seconds = 1.0
    await clock.advance(2.0)
    processes.usage([backend(pid=18)])
    assert usage(processes).cpu_ratio == 0.5, "another piece does not make it new"
    processes.forget_others([backend(pid=18)])
    await clock.advance(2.0)
    assert usage(processes).cpu_ratio is None, "gone in between"
