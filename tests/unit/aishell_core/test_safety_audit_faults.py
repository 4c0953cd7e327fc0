"""Where a record cannot be written nothing is done; what a crash has left is told and blocks nothing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError, StateError, TargetError
from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Outcome, Result
from aishell_core.safety.audit_folder import AuditFolder
from aishell_core.safety.audit_reading import read_audit
from aishell_core.safety.audit_verify import NEVER_RECORDED, Verification, verify
from aishell_core.safety.audit_writer import AuditLimits
from aishell_core.safety.decision import Confirmation, Decision
from aishell_core.safety.perform import perform
from aishell_core.values import FailureCode
from tests.fake_clock import FakeClock
from tests.safety import DAY_SECONDS, attempt, numbered, segments, write_days


class Act:
    """An act that remembers whether it ran."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.ran = False
        self._fault = fault

    async def __call__(self) -> int:
        self.ran = True
        if self._fault is not None:
            raise self._fault
        return 7


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of half a mebibyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Fill a file system to its last byte with one file."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for piece in (65536, 4096, 1):
            try:
                while file.write(b"x" * piece):
                    pass
            except OSError:
                continue
    return filler


def record_until_refused(log: AuditLog) -> None:
    """What is left of the last block of the file may still take some records."""
    with suppress(StateError):
        while True:
            log.record_attempt(attempt())


def close(place: Path) -> None:
    """Let nobody write to a file system any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)


# Order: attempt, act, result


async def test_the_attempt_is_on_the_disk_before_the_act_and_the_result_after_it(tmp_path: Path) -> None:
    log, seen = AuditLog(tmp_path, FakeClock()), []

    async def act() -> int:
        seen.append(read_audit(tmp_path).entries)
        return 7

    assert await perform(log, attempt(), act, affected=lambda rows: rows) == 7
    [(before,)] = seen
    (after,) = read_audit(tmp_path).entries
    assert (before.decision, before.result) == ("allowed", "")
    assert (after.result, after.affected, after.code) == ("done", 7, "")
    assert verify(tmp_path).unfinished == ()


async def test_an_attempt_that_was_cut_off_shows(tmp_path: Path) -> None:
    """As after a crash between the act and its result."""
    ticket = AuditLog(tmp_path, FakeClock()).record_attempt(attempt())
    assert verify(tmp_path).unfinished == (ticket.sequence,)
    assert verify(tmp_path).damage == ()


@pytest.mark.parametrize(
    ("fault", "result", "code"),
    [
        (TargetError(FailureCode.GONE, "the session 4711 of quentin has ended"), "failed", "gone"),
        (ValueError("quentin@example.org"), "failed", "ValueError"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
    ],
)
async def test_what_the_act_raises_is_recorded_by_its_code_alone(tmp_path: Path, fault: BaseException, result: str, code: str) -> None:
    """A server's message may quote data, so it is not written down."""
    with pytest.raises(type(fault)):
        await perform(AuditLog(tmp_path, FakeClock()), attempt(), Act(fault))
    (entry,) = read_audit(tmp_path).entries
    assert (entry.result, entry.code) == (result, code)
    assert all(b"quentin" not in path.read_bytes() for path in segments(tmp_path))


async def test_a_refused_attempt_is_recorded_and_not_done(tmp_path: Path) -> None:
    act = Act()
    decision = Decision(False, role="analyst", message="ann is analyst on shop and may not write to it", hint="ask")
    with pytest.raises(RefusedError, match="may not write") as caught:
        await perform(AuditLog(tmp_path, FakeClock()), attempt(decision=decision), act)
    (entry,) = read_audit(tmp_path).entries
    assert (act.ran, caught.value.hint, caught.value.exit_code) == (False, "ask", 77)
    assert (entry.decision, entry.result, entry.why) == ("refused", "", decision.message)
    assert verify(tmp_path).unfinished == ()


async def test_what_nobody_confirmed_is_recorded_and_not_done(tmp_path: Path) -> None:
    act = Act()
    with pytest.raises(RefusedError, match="not confirmed"):
        await perform(AuditLog(tmp_path, FakeClock()), attempt(decision=Decision(True, Confirmation.TYPED_NAME, "admin")), act)
    assert (act.ran, [entry.decision for entry in read_audit(tmp_path).entries]) == (False, ["declined"])


# Where it cannot be written


async def test_on_a_full_disk_nothing_is_done(mounted: Path) -> None:
    log, act = AuditLog(mounted / "state"), Act()
    await perform(log, attempt(), Act())
    filler = fill(mounted)
    record_until_refused(log)
    with pytest.raises(StateError, match=r"the action is not carried out: .* the disk is full") as caught:
        await perform(log, attempt(), act)
    assert not act.ran
    assert "make room" in caught.value.hint
    assert verify(mounted / "state").damage == ()
    filler.unlink()
    assert await perform(log, attempt(), Act()) == 7
    found = verify(mounted / "state")
    assert (found.damage, found.remarks) == ((), ())


async def test_on_a_disk_that_was_full_from_the_start_nothing_is_done(mounted: Path) -> None:
    filler, act = fill(mounted), Act()
    log = AuditLog(mounted / "state")
    with pytest.raises(StateError):
        await perform(log, attempt(), act)
    assert not act.ran
    filler.unlink()
    assert await perform(log, attempt(), act) == 7
    assert verify(mounted / "state").damage == ()


@pytest.mark.parametrize("room_bytes", [0, 4096, 8192])
def test_a_log_whose_first_record_found_no_room_is_not_damaged(mounted: Path, room_bytes: int) -> None:
    """At whichever of its files the disk was full."""
    filler, state = fill(mounted), mounted / "state"
    os.truncate(filler, filler.stat().st_size - room_bytes)
    with pytest.raises(StateError, match="the disk is full"):
        AuditLog(state).record_attempt(attempt())
    assert verify(state) == Verification(segments=room_bytes // 8192, remarks=(NEVER_RECORDED,))
    assert AuditLog(state).damage() == ""
    filler.unlink()
    AuditLog(state).record_attempt(attempt())
    found = verify(state)
    assert (found.records, found.damage, found.remarks) == (1, (), ())


@pytest.mark.parametrize("left", [(), ("audit.key.new",)])
def test_a_start_that_was_killed_before_its_key_is_not_damaged(tmp_path: Path, left: tuple[str, ...]) -> None:
    with AuditFolder(tmp_path).locked():
        AuditFolder(tmp_path).begin()
    (tmp_path / "audit.key").unlink()
    for name in left:
        (tmp_path / name).touch()
    for content in ((tmp_path / "audit.head").read_bytes(), b""):
        (tmp_path / "audit.head").write_bytes(content)
        assert verify(tmp_path) == Verification(remarks=(NEVER_RECORDED,))
    AuditLog(tmp_path).record_attempt(attempt())
    assert verify(tmp_path).damage == ()


async def test_in_a_folder_that_cannot_be_written_nothing_is_done(mounted: Path) -> None:
    log, act = AuditLog(mounted / "state"), Act()
    await perform(log, attempt(), Act())
    close(mounted)
    with pytest.raises(StateError, match="Read-only file system"):
        await perform(log, attempt(), act)
    assert not act.ran
    assert verify(mounted / "state").records == 2
    assert len(read_audit(mounted / "state").entries) == 1


async def test_a_file_in_place_of_the_folder_refuses_everything(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    act = Act()
    with pytest.raises(StateError, match="is not carried out"):
        await perform(AuditLog(tmp_path / "state"), attempt(), act)
    assert not act.ran


async def test_a_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    clock = write_days(tmp_path / "state", 1)
    clock.jump(-DAY_SECONDS)
    (path,) = segments(tmp_path / "state")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError):
        await perform(AuditLog(tmp_path / "state", clock), attempt(), Act())


def test_a_log_without_its_key_takes_no_record(tmp_path: Path) -> None:
    """A new key would make everything before it unreadable for good."""
    write_days(tmp_path, 1)
    (tmp_path / "audit.key").unlink()
    with pytest.raises(StateError, match="the key of the audit log is gone") as caught:
        AuditLog(tmp_path, FakeClock()).record_attempt(attempt())
    subprocess.run(["sh", "-c", caught.value.hint.rpartition(": ")[2]], check=True)
    AuditLog(tmp_path, FakeClock()).record_attempt(attempt())
    assert verify(tmp_path).damage == ()
    assert (tmp_path / "damaged-audit" / "audit").is_dir()


async def test_a_result_that_cannot_be_written_says_that_the_act_ran(mounted: Path) -> None:
    log, act = AuditLog(mounted / "state"), Act()

    async def act_and_close() -> int:
        close(mounted)
        return await act()

    with pytest.raises(StateError, match="was carried out, but its result could not be recorded"):
        await perform(log, attempt(), act_and_close)
    assert act.ran
    assert verify(mounted / "state").unfinished == (1,)


# What a crash has left


def test_a_line_that_a_crash_cut_off_is_told_and_blocks_nothing(tmp_path: Path) -> None:
    """Wherever it was cut; the records behind it are as good as any, and the piece itself cannot be changed any more."""
    write_days(tmp_path / "log", 1)
    line = segments(tmp_path / "log")[0].read_bytes().splitlines()[0]
    for length in (1, 2, 50, len(line) - 1, len(line)):
        state = tmp_path / str(length)
        clock = write_days(state, 1)
        clock.jump(-DAY_SECONDS)
        path = segments(state)[0]
        with path.open("ab") as file:
            file.write(line[:length])
        told = verify(state)
        assert told.damage == ()
        assert "a crash cut off" in told.remarks[0]
        AuditLog(state, clock).record_attempt(attempt())
        AuditLog(state, clock).record_attempt(attempt())
        after = verify(state)
        assert (after.damage, len(after.remarks), after.records) == ((), 1, 6)
        path.write_bytes(path.read_bytes().replace(line[:length] + b"\n", b"x" * length + b"\n", 1))
        assert verify(state).damage


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize(
    ("kept", "of_a_result", "meaning"),
    [
        (0.9, False, "it is an attempt, and what it tells of was not done"),
        (0.9, True, "it is the result of attempt 1, so that was begun, and how it ended is not known"),
        (0.02, True, "it is an attempt that was not begun, or the result of one that was"),
    ],
)
def test_what_a_cut_off_record_means_depends_on_what_it_was(
    tmp_path: Path, kept: float, of_a_result: bool, meaning: str, goes_on: bool
) -> None:
    log = AuditLog(tmp_path, FakeClock())
    ticket = log.record_attempt(attempt())
    head = (tmp_path / "audit.head").read_bytes()
    if of_a_result:
        log.record_result(ticket, Outcome(Result.DONE, 0.1))
    else:
        log.record_attempt(attempt())
    (path,) = segments(tmp_path)
    first, last = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + last[: max(3, int(len(last) * kept))])
    (tmp_path / "audit.head").write_bytes(head)
    if goes_on:
        log.record_attempt(attempt())
    found = verify(tmp_path)
    assert found.damage == ()
    assert meaning in found.remarks[0]


def test_a_line_cut_off_at_the_end_of_a_day_is_told_too(tmp_path: Path) -> None:
    clock = write_days(tmp_path, 1)
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"seq":5,"ti')
    AuditLog(tmp_path, clock).record_attempt(attempt())
    found = verify(tmp_path)
    assert (found.damage, len(found.remarks), found.segments) == ((), 1, 2)


def test_a_crash_before_the_head_knows_of_a_record_loses_nothing(tmp_path: Path) -> None:
    """Within a file, and where the record began a new one."""
    for days in (0.0, DAY_SECONDS):
        state = tmp_path / str(days)
        clock = write_days(state, 1)
        clock.jump(-DAY_SECONDS + days)
        head = (state / "audit.head").read_bytes()
        AuditLog(state, clock).record_attempt(attempt())
        (state / "audit.head").write_bytes(head)
        assert verify(state).damage == ()
        assert "before the head knew" in verify(state).remarks[0]
        AuditLog(state, clock).record_attempt(attempt())
        found = verify(state)
        assert (found.damage, found.remarks, found.records) == ((), (), 6)


def test_a_crash_while_old_files_are_taken_away_leaves_no_damage(tmp_path: Path) -> None:
    clock = write_days(tmp_path, 8, limits=AuditLimits(keep_days=400))
    shutil.copytree(tmp_path / "audit", tmp_path / "before")
    log = AuditLog(tmp_path, clock, AuditLimits(keep_days=3))
    log.record_attempt(attempt())
    for path in sorted((tmp_path / "before").iterdir())[:2]:
        shutil.copy(path, tmp_path / "audit" / path.name)
    assert verify(tmp_path).damage == ()
    clock.jump(DAY_SECONDS)
    log.record_attempt(attempt())
    assert verify(tmp_path).damage == ()
    assert not (tmp_path / "audit" / path.name).exists()


# Several at once, and who may read


def test_threads_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)

    def write(number: int) -> None:
        for _ in range(5):
            log.record_result(log.record_attempt(numbered(number)), Outcome(Result.DONE, 0.0))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify(tmp_path)
    assert (found.damage, found.records, found.unfinished) == ((), 60, ())
    assert all(entry.result == "done" for entry in read_audit(tmp_path).entries)


def test_everything_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_days(tmp_path / "a" / "state", 2)
    finally:
        os.umask(before)
    state = tmp_path / "a" / "state"
    files = [path for path in state.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", state, state / "audit")} == {0o700}
    segments(state)[0].chmod(0o644)
    assert "chmod 600" in verify(state).remarks[0]


@pytest.mark.parametrize(("folder", "mode"), [("audit", 0o777), ("audit", 0o750), (".", 0o777)])
def test_a_folder_that_others_may_use_is_remarked_on(tmp_path: Path, folder: str, mode: int) -> None:
    state = tmp_path / "state"
    write_days(state, 1)
    assert verify(state).remarks == ()
    (state / folder).chmod(mode)
    assert f"chmod 700 {state / folder}" in verify(state).remarks[0]


def test_the_key_shows_itself_nowhere(tmp_path: Path) -> None:
    write_days(tmp_path, 1)
    secret = (tmp_path / "audit.key").read_text().strip()
    keys = AuditFolder(tmp_path).keys()
    assert secret not in repr(keys)
    assert all(secret.encode() not in path.read_bytes() for path in [*segments(tmp_path), tmp_path / "audit.head"])


def test_texts_with_odd_characters_stay_on_one_line(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, FakeClock())
    log.record_attempt(attempt("SELECT '\n\x1b[2J\udcff\0' -- \u202e"))
    log.record_attempt(attempt("SELECT \u202e\n1"))
    (path,) = segments(tmp_path)
    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().isascii()
    assert verify(tmp_path).damage == ()


def test_no_log_is_no_damage(tmp_path: Path) -> None:
    found = verify(tmp_path)
    assert (found.records, found.damage) == (0, ())
    assert read_audit(tmp_path).entries == ()
