"""What is tried with backups is written down while it goes on, however it ends, and where it cannot be written it goes on too."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path

import pytest

from aishell_core.errors import UsageError
from aishell_core.targets import Location, Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.models import BackupId
from aishell_ops.backups.progress import Stage, Step
from aishell_tui.backup_chronicle import STEP_SECONDS, Chronicle, database_of, kept_attempts
from tests.fake_clock import FakeClock

STEP = Step(Stage.SAVING, "data", 4000, 800)


def attempt(job: str = "") -> Attempt:
    return Attempt(What.SAVE, "shop", "sqlite", "shop.db", job, "/srv", BackupId("20261121-000000-aaaa"), 100.0)


async def tried(folder: Path, fault: BaseException | None, job: str = "") -> tuple[tuple[AttemptOutcome, str], ...]:
    """How an attempt is kept that ends in some way."""
    with nullcontext() if fault is None else pytest.raises(type(fault)):
        async with Chronicle(folder, FakeClock()).trying(attempt(job), lambda _step: None):
            if fault is not None:
                raise fault
    return tuple((one.outcome, one.message) for one in kept_attempts(folder, 0.0))


@pytest.mark.parametrize(
    ("fault", "job", "kept"),
    [
        (None, "", ((AttemptOutcome.DONE, ""),)),
        (BackupError("no room"), "", ((AttemptOutcome.FAILED, "no room"),)),
        (RuntimeError("odd"), "", ((AttemptOutcome.FAILED, "RuntimeError: odd"),)),
        (asyncio.CancelledError(), "", ((AttemptOutcome.CANCELLED, "it was cancelled"),)),
        (BusyError("somebody else"), "nightly", ()),
        (UsageError("no such table", ""), "", ()),
        (UsageError("no such table", ""), "nightly", ((AttemptOutcome.FAILED, "no such table"),)),
    ],
)
async def test_every_end_is_kept_and_what_was_no_attempt_is_forgotten(
    tmp_path: Path, fault: BaseException | None, job: str, kept: tuple[tuple[AttemptOutcome, str], ...]
) -> None:
    assert await tried(tmp_path, fault, job) == kept


async def test_steps_are_passed_on_and_written_down_now_and_then(tmp_path: Path) -> None:
    clock, heard = FakeClock(), list[Step]()
    async with Chronicle(tmp_path, clock).trying(attempt(), heard.append) as tell:
        tell(STEP)
        while (found := kept_attempts(tmp_path, 0.0))[0].step is None:
            await clock.advance(STEP_SECONDS)
            await asyncio.sleep(0.01)
        assert (found[0].outcome, found[0].step) == (AttemptOutcome.RUNNING, STEP)
        assert heard == [STEP]


async def test_a_state_that_cannot_be_written_keeps_nothing_from_being_done(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    done, heard = [], list[Step]()
    async with Chronicle(tmp_path / "state", FakeClock()).trying(attempt(), heard.append) as tell:
        tell(STEP)
        done.append(True)
    assert (done, heard) == ([True], [STEP])
    assert kept_attempts(tmp_path / "state", 0.0) == ()


def test_a_database_is_called_as_backups_call_it() -> None:
    assert database_of(Target(TargetId("a"), Location("sqlite", path=Path("/srv/shop.db")))) == "shop.db"
    assert database_of(Target(TargetId("b"), parse_location("postgresql://db/orders"))) == "orders"
