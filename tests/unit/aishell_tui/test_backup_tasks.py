"""Jobs that outlive a screen: their steps, their ends, and that none is left when the program ends."""

from __future__ import annotations

import asyncio

import pytest

from aishell_core.values import TargetId
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.progress import Stage, Step, Tell
from aishell_tui.backup_tasks import BackupTasks, Ending, Job, Phase, Work
from aishell_tui.backup_text import done_ratio, step_text, step_words
from tests.fake_clock import FakeClock

SHOP = TargetId("shop")
MIB = 1 << 20


async def ended(work: Work) -> Job:
    """One job, carried out to its end."""
    heard: asyncio.Queue[Job] = asyncio.Queue()
    tasks = BackupTasks(FakeClock(), heard.put_nowait)
    tasks.start("verify", SHOP, "20261121", work)
    job = await heard.get()
    assert (tasks.running, tasks.over) == ((), (job,))
    return job


async def test_a_job_ends_with_what_it_says() -> None:
    async def whole(_tell: Tell) -> Ending:
        return Ending("it is whole")

    async def damaged(_tell: Tell) -> Ending:
        return Ending("it is DAMAGED", bad=True)

    assert [(job.phase, job.text) for job in (await ended(whole), await ended(damaged))] == [
        (Phase.DONE, "it is whole"),
        (Phase.DOUBTFUL, "it is DAMAGED"),
    ]


@pytest.mark.parametrize(
    ("fault", "text", "hint"),
    [
        (BackupError("the disk is full", "make room"), "the disk is full", "make room"),
        (RuntimeError("nobody thought of this"), "it has ended by a fault: RuntimeError: nobody thought of this", ""),
    ],
)
async def test_a_job_that_fails_says_why_and_harms_no_other(fault: Exception, text: str, hint: str) -> None:
    async def failing(_tell: Tell) -> Ending:
        raise fault

    job = await ended(failing)
    assert (job.phase, job.text, job.hint) == (Phase.FAILED, text, hint)


async def test_steps_come_from_threads_and_a_stage_has_its_own_time() -> None:
    clock, go_on = FakeClock(), asyncio.Event()
    tasks = BackupTasks(clock, lambda job: None)

    async def saving(tell: Tell) -> Ending:
        await asyncio.to_thread(tell, Step(Stage.PLANNING))
        await clock.advance(5)
        await asyncio.to_thread(tell, Step(Stage.SAVING, "data", 10 * MIB, MIB, 100 * MIB))
        await clock.advance(2)
        await asyncio.to_thread(tell, Step(Stage.SAVING, "data", 20 * MIB, 2 * MIB, 100 * MIB))
        go_on.set()
        await asyncio.Event().wait()
        return Ending("")

    tasks.start("back up", SHOP, "shop", saving)
    await go_on.wait()
    (job,) = tasks.running
    assert (job.step, job.stage_seconds, job.seconds) == (Step(Stage.SAVING, "data", 20 * MIB, 2 * MIB, 100 * MIB), 2.0, 7.0)
    await tasks.close()
    assert tasks.running == ()
    assert tasks.over[0].phase is Phase.CANCELLED


async def test_closing_waits_until_every_job_has_cleaned_up() -> None:
    cleaned: list[str] = []
    tasks = BackupTasks(FakeClock(), lambda job: None)

    def working(name: str) -> Work:
        async def work(_tell: Tell) -> Ending:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                cleaned.append(name)
            return Ending("")

        return work

    for name in ("a", "b"):
        tasks.start("back up", SHOP, name, working(name))
    await asyncio.sleep(0)
    await tasks.close()
    assert sorted(cleaned) == ["a", "b"]
    assert {job.phase for job in tasks.over} == {Phase.CANCELLED}


async def test_what_has_ended_is_told_for_some_minutes() -> None:
    clock, heard = FakeClock(), asyncio.Queue[Job]()
    tasks = BackupTasks(clock, heard.put_nowait)

    async def quick(_tell: Tell) -> Ending:
        return Ending("done")

    for number in range(6):
        tasks.start("verify", SHOP, str(number), quick)
    for _ in range(6):
        await heard.get()
    assert [job.subject for job in tasks.over] == ["5", "4", "3", "2"]
    await clock.advance(3600)
    assert tasks.over == ()


def test_a_rate_and_what_is_left_are_told_once_they_say_something() -> None:
    step = Step(Stage.SAVING, "data", 25 * MIB, 5 * MIB, 100 * MIB)
    early, later = step_words(step, 1.0), step_words(step, 5.0)
    assert (early.moved, early.rate, early.left) == ("25 MiB of about 100 MiB", "", "")
    assert (later.rate, later.left) == ("5 MiB/s", "about 15s left")
    assert step_text(step, 5.0) == "saving     data  25 MiB of about 100 MiB  5 MiB stored  5 MiB/s  about 15s left  5s"
    assert step_words(Step(Stage.CHECKING, "data", 90 * MIB, 30 * MIB, 100 * MIB), 10.0).rate == "3 MiB/s"


def test_a_share_is_told_of_what_has_an_end_and_is_never_whole_before_it() -> None:
    assert done_ratio(Step(Stage.LOADING, "", 25, 5, 100)) == 0.25
    assert done_ratio(Step(Stage.SAVING, "", 150, 5, 100)) == 0.99
    assert done_ratio(Step(Stage.SAVING, "", 150, 5)) is None
    assert done_ratio(Step(Stage.CHECKING, "", 25, 5, 100)) is None
