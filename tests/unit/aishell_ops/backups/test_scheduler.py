"""Schedules come due once, are run by one program, and what was missed is made up for once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.state.store import Store
from aishell_ops.backups import book
from aishell_ops.backups.book import Run, RunOutcome
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.hosting import is_hosted, lock_path
from aishell_ops.backups.scheduler import Done, Planned, Scheduler, next_starts
from aishell_ops.backups.timetable import Timing, due_now, next_start
from tests.fake_clock import FakeClock

HOUR = 3600.0
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
HOURLY = Planned("hourly", "0 * * * *", UTC, ("shop",))


class Rig:
    """A scheduler whose backups are told apart by their number; a failing one raises what stands in `faults`."""

    def __init__(self, folder: Path, *plans: Planned) -> None:
        self.folder, self.plans = folder, list(plans)
        self.clock = FakeClock(NOON + 60)
        self.made: list[tuple[str, str]] = []
        self.told: list[Run] = []
        self.faults: dict[str, Exception] = {}
        self.changes: list[str] = []
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.scheduler = self.another()

    def another(self) -> Scheduler:
        return Scheduler(self.folder, self._plans, self._make, self._report, self.clock, self.changes.append)

    def _plans(self) -> Sequence[Planned]:
        return tuple(self.plans)

    async def _make(self, schedule: str, target: str) -> Done:
        self.made.append((schedule, target))
        self.begun.set()
        await self.gate.wait()
        if target in self.faults:
            raise self.faults[target]
        return Done(f"backup-{len(self.made)}", 1000, 100)

    async def _report(self, run: Run) -> None:
        self.told.append(run)

    async def look(self, at: float) -> None:
        """Look at a moment, and wait for what it begins."""
        self.clock.jump(at - self.clock.now())
        await self.scheduler.look()
        await self.scheduler.settle()

    def runs(self) -> tuple[Run, ...]:
        store = Store.open_to_read(self.folder)
        try:
            nothing: tuple[Run, ...] = ()
            return store.read(lambda connection: book.last_runs(connection, 100), nothing)
        finally:
            store.close()


@asynccontextmanager
async def _rig(folder: Path, *plans: Planned) -> AsyncIterator[Rig]:
    rig = Rig(folder, *plans)
    running = asyncio.create_task(rig.scheduler.run())
    try:
        await asyncio.sleep(0)
        yield rig
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "state", HOURLY)


async def test_it_comes_due_once_an_hour_and_not_when_it_is_first_seen(rig: Rig) -> None:
    await rig.look(NOON + 60)
    await rig.look(NOON + 1800)
    assert rig.made == []
    await rig.look(NOON + HOUR + 1)
    await rig.look(NOON + HOUR + 11)
    assert rig.made == [("hourly", "shop")]
    (run,) = rig.runs()
    assert (run.schedule, run.target, run.due_at, run.outcome, run.backup) == (
        "hourly", "shop", NOON + HOUR, RunOutcome.DONE, "backup-1",
    )  # fmt: skip
    assert rig.told == [run]


async def test_what_was_missed_is_made_up_for_once(rig: Rig) -> None:
    await rig.look(NOON + 60)
    await rig.look(NOON + 60 * HOUR + 5)
    await rig.look(NOON + 60 * HOUR + 15)
    assert len(rig.made) == 1
    assert rig.runs()[0].due_at == NOON + 60 * HOUR


async def test_a_restart_forgets_nothing(rig: Rig) -> None:
    await rig.look(NOON + 60)
    await rig.look(NOON + HOUR + 1)
    rig.scheduler.close()
    rig.scheduler = rig.another()
    await rig.look(NOON + HOUR + 20)
    assert len(rig.made) == 1
    await rig.look(NOON + 2 * HOUR + 1)
    assert len(rig.made) == 2


async def test_a_clock_that_goes_back_makes_nothing_twice(rig: Rig) -> None:
    await rig.look(NOON + 60)
    await rig.look(NOON + 2 * HOUR + 1)
    for at in (NOON + HOUR + 1, NOON + 60, NOON + 2 * HOUR + 30):
        await rig.look(at)
    assert len(rig.made) == 1
    await rig.look(NOON + 3 * HOUR + 1)
    assert len(rig.made) == 2


async def test_another_expression_begins_anew(rig: Rig) -> None:
    await rig.look(NOON + 60)
    rig.plans = [Planned("hourly", "*/5 * * * *", UTC, ("shop",))]
    await rig.look(NOON + HOUR + 1)
    assert rig.made == []
    await rig.look(NOON + HOUR + 301)
    assert len(rig.made) == 1


async def test_one_that_runs_long_is_not_begun_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "state", HOURLY)
    await rig.look(NOON + 60)
    rig.gate.clear()
    rig.clock.jump(HOUR)
    await rig.scheduler.look()
    await rig.begun.wait()
    rig.clock.jump(HOUR)
    await rig.scheduler.look()
    assert len(rig.made) == 1
    rig.gate.set()
    await rig.scheduler.settle()
    await rig.look(NOON + 2 * HOUR + 70)
    assert [run.due_at for run in rig.runs()] == [NOON + 2 * HOUR, NOON + HOUR]


async def test_a_target_that_fails_keeps_no_other_from_being_saved(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "state", Planned("nightly", "0 * * * *", UTC, ("bad", "good")))
    rig.faults["bad"] = BackupError("no room", "make some")
    await rig.look(NOON + 60)
    await rig.look(NOON + HOUR + 1)
    assert [(run.target, run.outcome, run.message) for run in rig.told] == [
        ("bad", RunOutcome.FAILED, "no room"),
        ("good", RunOutcome.DONE, ""),
    ]
    await rig.look(NOON + HOUR + 20)
    assert len(rig.made) == 2


async def test_a_run_that_ends_by_a_fault_of_the_program_is_told_as_a_failure(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "state", Planned("nightly", "0 * * * *", UTC, ("bad", "good")))
    rig.faults["bad"] = ZeroDivisionError("division by zero")
    await rig.look(NOON + 60)
    await rig.look(NOON + HOUR + 1)
    assert [(run.target, run.outcome) for run in rig.told] == [("bad", RunOutcome.FAILED), ("good", RunOutcome.DONE)]
    assert rig.told[0].message == "it has ended by a fault: ZeroDivisionError: division by zero"
    assert {run.outcome for run in rig.runs()} == {RunOutcome.FAILED, RunOutcome.DONE}


async def test_whoever_hosts_it_is_told_when_nothing_can_be_run_and_when_it_can(rig: Rig) -> None:
    other = rig.another()
    await rig.look(NOON + 60)
    await other.look()
    await other.look()
    assert rig.changes == ["", "another program runs the schedules"]
    rig.scheduler.close()
    await other.look()
    other.close()
    assert rig.changes == ["", "another program runs the schedules", ""]


async def test_only_one_program_runs_them_and_the_next_takes_over(rig: Rig) -> None:
    await rig.look(NOON + 60)
    other = rig.another()
    await other.look()
    assert (other.held, other.fault) == (frozenset(), "another program runs the schedules")
    rig.scheduler.close()
    await other.look()
    assert (set(other.held), other.fault) == ({"hourly"}, "")


async def test_a_run_that_a_crash_cut_off_is_tried_once_more(rig: Rig) -> None:
    """Its row has no end; whoever takes the lease next knows that its program is gone."""
    await rig.look(NOON + 60)
    for _ in range(2):
        _cut_off(rig.folder, NOON + HOUR)
        rig.scheduler.close()
        rig.scheduler = rig.another()
        rig.made.clear()
        await rig.look(NOON + HOUR + 30)
        outcomes = [run.outcome for run in rig.runs()]
        if len(outcomes) == 2:
            assert (rig.made, outcomes) == ([("hourly", "shop")], [RunOutcome.DONE, RunOutcome.INTERRUPTED])
        else:
            assert rig.made == []


def _cut_off(folder: Path, due_at: float) -> None:
    store = Store.open(folder)
    store.transact(lambda connection: book.begin_run(connection, "hourly", "shop", due_at, due_at + 1))
    store.close()


async def test_ending_the_program_ends_what_runs(tmp_path: Path) -> None:
    async with _rig(tmp_path / "state", HOURLY) as rig:
        await rig.look(NOON + 60)
        rig.gate.clear()
        rig.clock.jump(HOUR)
        await rig.scheduler.look()
        await rig.begun.wait()
    (run,) = rig.runs()
    assert (run.outcome, run.message) == (RunOutcome.INTERRUPTED, "the program was ended")
    assert not rig.scheduler.held


async def test_a_state_folder_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.write_text("no folder")
    rig = Rig(place, HOURLY)
    await rig.scheduler.look()
    assert "state" in rig.scheduler.fault
    place.unlink()
    await rig.scheduler.look()
    assert rig.scheduler.fault == ""
    assert lock_path(place, "hourly").exists()


_EXPRESSIONS = st.sampled_from(["*/5 * * * *", "0 * * * *", "30 2 * * *", "0 0 1 * *", "15 3 * * 1"])
_STEPS = st.lists(st.floats(min_value=1, max_value=40 * 86_400), max_size=40)


@given(expression=_EXPRESSIONS, steps=_STEPS, jitter=st.sampled_from([0.0, 60.0, 600.0]))
def test_whatever_time_does_nothing_is_due_twice_or_early(expression: str, steps: list[float], jitter: float) -> None:
    """Each due time is dealt with at most once, in order, never before it has come, and never before the schedule was known."""
    timing = Timing("x", expression, UTC, NOON, jitter)
    now, dealt = NOON, []
    for step in steps:
        now += step
        due = due_now(timing, now)
        assert next_start(timing, now) >= now
        if due is not None:
            assert NOON < due.due_at <= now
            dealt.append(due.due_at)
            timing = Timing("x", expression, UTC, NOON, jitter, due.due_at)
    assert dealt == sorted(set(dealt))


@given(jitter=st.floats(min_value=0, max_value=3000))
def test_jitter_is_the_same_whoever_asks_and_within_its_bound(jitter: float) -> None:
    timing = Timing("x", "0 * * * *", UTC, NOON, jitter)
    starts = next_starts([Planned("x", "0 * * * *", UTC, (), jitter)], {"x": book.Mark("0 * * * *", NOON, None)}, NOON + 1)
    assert starts["x"] == next_start(timing, NOON + 1)
    assert NOON + HOUR <= starts["x"] <= NOON + HOUR + jitter


async def test_a_jitter_that_is_longer_than_the_time_between_two_runs_leaves_none_out(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "state", Planned("often", "*/5 * * * *", UTC, ("shop",), jitter_seconds=12 * HOUR))
    for step in range(121):
        await rig.look(NOON + 30 * step)
    assert [run.due_at for run in reversed(rig.runs())][:11] == [NOON + 300 * (number + 1) for number in range(11)]


async def test_whoever_has_nothing_to_run_leaves_the_schedules_to_another(rig: Rig) -> None:
    plans, rig.plans = rig.plans, []
    await rig.look(NOON + 60)
    assert (rig.scheduler.held, rig.scheduler.fault) == (frozenset(), "")
    rig.plans = plans
    await rig.look(NOON + 70)
    assert rig.scheduler.held == {"hourly"}
    rig.plans = []
    await rig.look(NOON + 80)
    assert not rig.scheduler.held


async def test_a_schedule_that_the_first_program_does_not_know_is_run_by_another_one_meanwhile(tmp_path: Path) -> None:
    """The first one holds what is its own; a run of its own that is under way is not taken for one that was cut off."""
    first, second = Rig(tmp_path / "state", HOURLY), Rig(tmp_path / "state", HOURLY, Planned("other/näme", "0 * * * *", UTC, ("far",)))
    await first.look(NOON + 60)
    await second.look(NOON + 60)
    assert (set(first.scheduler.held), set(second.scheduler.held), second.scheduler.fault) == ({"hourly"}, {"other/näme"}, "")
    first.gate.clear()
    first.clock.jump(HOUR)
    await first.scheduler.look()
    await first.begun.wait()
    await second.look(NOON + HOUR + 1)
    assert (first.made, second.made) == ([("hourly", "shop")], [("other/näme", "far")])
    third = Rig(tmp_path / "state", HOURLY)
    await third.scheduler.look()
    assert (third.scheduler.fault, third.made) == ("another program runs the schedules", [])
    first.gate.set()
    await first.scheduler.settle()
    assert {(run.schedule, run.outcome) for run in first.runs()} == {("hourly", RunOutcome.DONE), ("other/näme", RunOutcome.DONE)}
    first.scheduler.close()
    assert [is_hosted(tmp_path / "state", [name]) for name in ("hourly", "other/näme")] == [False, True]
    second.scheduler.close()


async def test_two_looks_at_once_go_one_after_the_other(tmp_path: Path) -> None:
    """Else the second one may find a lease taken, by the first one, and call its own program another."""
    rig, met = Rig(tmp_path / "state", HOURLY), threading.Barrier(2)
    together = []

    def plans() -> Sequence[Planned]:
        with suppress(threading.BrokenBarrierError):
            met.wait(0.2)
            together.append("both")
        return rig.plans

    scheduler = Scheduler(rig.folder, plans, rig._make, rig._report, rig.clock, rig.changes.append)
    await asyncio.gather(scheduler.look(), scheduler.look())
    assert (together, rig.changes, set(scheduler.held)) == ([], [""], {"hourly"})
    scheduler.close()
