"""The audit log finds every edit, deletion, truncation and reordering: each is done to each line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Outcome, Result
from aishell_core.safety.audit_record import Link
from aishell_core.safety.audit_verify import LOG_GONE, NO_LOG, Verification, verify
from aishell_core.safety.audit_writer import AuditLimits
from tests.fake_clock import FakeClock
from tests.safety import DAY_SECONDS, attempt, segments, write_days

DAYS = 3
Lines = list[tuple[int, bytes]]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of three files with four records each, that no test changes."""
    state = tmp_path_factory.mktemp("written")
    write_days(state, DAYS)
    return state


@pytest.fixture
def state(log: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    shutil.copytree(log, tmp_path / "state")
    return tmp_path / "state"


def all_lines(state: Path) -> Lines:
    """Every line of the log with the place of its file."""
    return [(place, line) for place, path in enumerate(segments(state)) for line in path.read_bytes().splitlines(keepends=True)]


def put(state: Path, lines: Lines) -> None:
    for place, path in enumerate(segments(state)):
        path.write_bytes(b"".join(line for where, line in lines if where == place))


def on_each_line(log: Path, scratch: Path, damage: Callable[[Lines, int], Lines]) -> list[Verification]:
    """The verdict on a copy of the log for each of its lines, with the damage done to that line."""
    lines, found = all_lines(log), []
    copy = scratch / "copy"
    for number in range(len(lines)):
        shutil.copytree(log, copy)
        put(copy, damage(lines, number))
        found.append(verify(copy))
        shutil.rmtree(copy)
    return found


def test_an_untouched_log_is_whole(log: Path) -> None:
    found = verify(log)
    assert (found.records, found.segments, found.last.sequence) == (12, DAYS, 12)
    assert (found.damage, found.remarks, found.unfinished) == ((), (), ())


def test_a_line_that_is_taken_out_is_missed_wherever_it_stood(log: Path, tmp_path: Path) -> None:
    for found in on_each_line(log, tmp_path, lambda lines, at: lines[:at] + lines[at + 1 :]):
        assert found.damage


def test_all_lines_from_one_on_that_are_taken_away_are_missed(log: Path, tmp_path: Path) -> None:
    """However many are cut off at the end: the head knows how many there were."""
    for found in on_each_line(log, tmp_path, lambda lines, at: lines[:at]):
        assert found.damage


def test_all_lines_up_to_one_that_are_taken_away_are_missed(log: Path, tmp_path: Path) -> None:
    for found in on_each_line(log, tmp_path, lambda lines, at: lines[at + 1 :]):
        assert found.damage


def test_a_line_that_stands_twice_is_found(log: Path, tmp_path: Path) -> None:
    for found in on_each_line(log, tmp_path, lambda lines, at: [*lines[: at + 1], lines[at], *lines[at + 1 :]]):
        assert found.damage


def test_a_line_cut_anywhere_is_found(log: Path, tmp_path: Path) -> None:
    for part in (0.01, 0.3, 0.7, 0.99):

        def cut(lines: Lines, at: int, part: float = part) -> Lines:
            place, line = lines[at]
            return [*lines[:at], (place, line[: int(len(line) * part)]), *lines[at + 1 :]]

        for found in on_each_line(log, tmp_path, cut):
            assert found.damage


def test_a_last_line_without_its_line_end_is_found(state: Path) -> None:
    last = segments(state)[-1]
    last.write_bytes(last.read_bytes()[:-1])
    assert verify(state).damage


def test_any_two_lines_that_changed_places_are_found(log: Path, tmp_path: Path) -> None:
    count = len(all_lines(log))
    for distance in (1, 2, 5, count - 1):

        def swap(lines: Lines, at: int, distance: int = distance) -> Lines:
            other = (at + distance) % len(lines)
            changed = list(lines)
            changed[at], changed[other] = (lines[at][0], lines[other][1]), (lines[other][0], lines[at][1])
            return changed

        for found in on_each_line(log, tmp_path, swap):
            assert found.damage


def test_a_line_that_was_moved_is_found(log: Path, tmp_path: Path) -> None:
    def to_the_front(lines: Lines, at: int) -> Lines:
        return [(0, lines[at][1]), *lines[:at], *lines[at + 1 :]] if at else [*lines[1:], (DAYS - 1, lines[0][1])]

    for found in on_each_line(log, tmp_path, to_the_front):
        assert found.damage


def test_a_line_of_another_log_is_found(log: Path, tmp_path: Path) -> None:
    """Even one with the same number, made under another key."""
    other = tmp_path / "other"
    write_days(other, DAYS)
    foreign = all_lines(other)
    for found in on_each_line(log, tmp_path, lambda lines, at: [*lines[:at], (lines[at][0], foreign[at][1]), *lines[at + 1 :]]):
        assert found.damage


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_that_changed_is_found(log: Path, tmp_path: Path, data: st.DataObject) -> None:
    """In any file of the log, its head among them, any byte in any place."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(log, copy)
    path = data.draw(st.sampled_from([*segments(copy), copy / "audit.head"]))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    path.write_bytes(content)
    assert verify(copy).damage


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_put_in_or_taken_out_are_found(log: Path, tmp_path: Path, data: st.DataObject) -> None:
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(log, copy)
    path = data.draw(st.sampled_from(segments(copy)))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    taken = data.draw(st.integers(0, 40))
    path.write_bytes(content[:at] + data.draw(st.binary(max_size=20)) + content[at + taken :])
    assert bool(verify(copy).damage) == (path.read_bytes() != content)


def test_a_file_that_is_gone_is_missed(log: Path, tmp_path: Path) -> None:
    for place in range(DAYS):
        shutil.copytree(log, tmp_path / str(place))
        segments(tmp_path / str(place))[place].unlink()
        assert verify(tmp_path / str(place)).damage


def test_files_that_changed_places_are_found(log: Path, tmp_path: Path) -> None:
    for one, other in pairwise(range(DAYS)):
        copy = tmp_path / str(one)
        shutil.copytree(log, copy)
        first, second = segments(copy)[one], segments(copy)[other]
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
        assert verify(copy).damage


def test_the_only_file_with_another_number_is_found(tmp_path: Path) -> None:
    write_days(tmp_path, 1)
    (only,) = segments(tmp_path)
    only.rename(only.with_name(only.name.replace("000001", "000002")))
    assert verify(tmp_path).damage


def test_a_file_that_became_a_link_is_found(state: Path, tmp_path: Path) -> None:
    first = segments(state)[0]
    first.rename(tmp_path / "elsewhere")
    first.symlink_to(tmp_path / "elsewhere")
    assert any("a link" in each.what for each in verify(state).damage)


def test_a_log_of_which_nothing_but_the_lock_is_left_is_no_log_that_never_was(state: Path, tmp_path: Path) -> None:
    shutil.rmtree(state / "audit")
    for name in ("audit.head", "audit.key"):
        (state / name).unlink()
    assert [each.what for each in verify(state).damage] == [LOG_GONE]
    assert verify(tmp_path / "none") == Verification(remarks=(NO_LOG,))


def test_a_log_that_is_begun_where_another_was_taken_away_says_so_for_good(state: Path) -> None:
    shutil.rmtree(state / "audit")
    for name in ("audit.head", "audit.key"):
        (state / name).unlink()
    for _ in range(2):
        AuditLog(state, FakeClock()).record_attempt(attempt())
    assert [each.what for each in verify(state).damage] == [
        "when record 1 was written, all that was recorded before was gone, with its key"
    ]


def test_files_that_were_emptied_are_found(state: Path) -> None:
    """Each by itself, and all that can be emptied without the key; nothing of it looks like a log that was never written to."""
    files = [*segments(state), state / "audit.head"]
    for chosen in (*([each] for each in files), files):
        before = {path: path.read_bytes() for path in chosen}
        for path in chosen:
            path.write_bytes(b"")
        assert verify(state).damage
        for path, content in before.items():
            path.write_bytes(content)
    assert verify(state).damage == ()
    for path in files:
        path.write_bytes(b"")
    (state / "audit.key").unlink()
    assert verify(state).damage


def test_a_file_with_another_day_in_its_name_is_found(state: Path) -> None:
    first = segments(state)[0]
    first.rename(first.with_name("audit-000001-2001-01-01.jsonl"))
    assert verify(state).damage


def test_a_file_that_does_not_belong_there_is_found(state: Path) -> None:
    (state / "audit" / "audit-x.jsonl").write_text("")
    assert verify(state).damage


def test_a_log_whose_files_are_all_gone_is_missed(state: Path) -> None:
    shutil.rmtree(state / "audit")
    assert verify(state).damage


@pytest.mark.parametrize("name", ["audit.head", "audit.key"])
def test_a_head_or_key_that_is_gone_is_missed(state: Path, name: str) -> None:
    (state / name).unlink()
    assert verify(state).damage


def test_an_emptied_slot_of_the_head_is_found(state: Path) -> None:
    """Else the older slot would make a log that lacks its last line look whole."""
    head = state / "audit.head"
    content = head.read_bytes()
    for place in (0, len(content) // 2):
        slot = content[place : place + len(content) // 2]
        head.write_bytes(content.replace(slot, b"\0" * len(slot)))
        assert verify(state).damage


def test_damage_stays_found_after_further_records(log: Path, tmp_path: Path) -> None:
    """A new record after lines were cut off goes on from where the log really ended, and mends nothing."""
    lines = all_lines(log)
    for at in range(len(lines)):
        copy = tmp_path / str(at)
        shutil.copytree(log, copy)
        put(copy, lines[:at])
        AuditLog(copy, FakeClock(now=1_800_000_000.0 + DAYS * DAY_SECONDS)).record_attempt(attempt())
        found = verify(copy)
        assert found.damage
        assert found.last.sequence == len(lines) + 1


def test_a_lost_head_is_remembered_for_good(state: Path) -> None:
    """Cutting off lines and taking the head away with them cannot be mended by the next record."""
    lines = all_lines(state)
    put(state, lines[:-2])
    (state / "audit.head").unlink()
    AuditLog(state, FakeClock()).record_attempt(attempt())
    assert "the head was missing" in " ".join(str(each) for each in verify(state).damage)


def test_an_end_that_was_noted_earlier_must_still_be_in_the_log(log: Path, tmp_path: Path) -> None:
    """The one thing that a log alone cannot find: all of it, with its head, put back to what it was."""
    old = tmp_path / "old"
    shutil.copytree(log, old)
    copy = tmp_path / "copy"
    shutil.copytree(log, copy)
    AuditLog(copy, FakeClock()).record_attempt(attempt())
    noted = verify(copy).last
    assert not verify(copy, noted).damage
    assert not verify(old).damage
    assert verify(old, noted).damage
    assert verify(old, Link(3, "0" * 64)).damage


def test_damage_names_the_file_and_the_line(state: Path) -> None:
    path = segments(state)[1]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1].replace(b'"done"', b'"held"'), *lines[2:]]))
    assert [str(each) for each in verify(state).damage] == [f"{path}:2: the line was changed"]


def test_rotation_by_size_keeps_one_chain(tmp_path: Path) -> None:
    write_days(tmp_path, 1, a_day=12, limits=AuditLimits(segment_bytes=2000))
    found = verify(tmp_path)
    assert found.segments > 5
    assert (found.records, found.damage) == (24, ())
    assert all(path.stat().st_size <= 2000 for path in segments(tmp_path))


def test_old_files_go_and_the_rest_stays_whole(tmp_path: Path) -> None:
    """What is older than the days that are kept is taken away and no damage; what is taken away beyond that is."""
    write_days(tmp_path, 20, limits=AuditLimits(keep_days=5))
    found = verify(tmp_path)
    assert (found.damage, found.remarks) == ((), ())
    assert 5 <= found.segments <= 8
    assert found.first_sequence > 40
    assert found.expired == found.first_sequence - 1
    segments(tmp_path)[0].unlink()
    assert verify(tmp_path).damage


def test_nothing_is_taken_away_before_its_time(tmp_path: Path) -> None:
    write_days(tmp_path, 20)
    assert len(segments(tmp_path)) == 20


def test_an_old_name_does_not_make_a_file_old(tmp_path: Path) -> None:
    """Else whoever renames a file would have it deleted, and signed for."""
    clock = write_days(tmp_path, 3)
    middle = segments(tmp_path)[1]
    middle.rename(middle.with_name("audit-000002-1999-01-01.jsonl"))
    AuditLog(tmp_path, clock).record_attempt(attempt())
    assert (tmp_path / "audit" / "audit-000002-1999-01-01.jsonl").exists()
    assert verify(tmp_path).damage


def test_a_clock_that_goes_back_breaks_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    log = AuditLog(tmp_path, clock)
    for seconds in (0.0, -5 * DAY_SECONDS, DAY_SECONDS, -DAY_SECONDS):
        clock.jump(seconds)
        log.record_attempt(attempt())
    found = verify(tmp_path)
    assert found.damage == ()
    assert [remark.partition(" was written")[0] for remark in found.remarks] == ["record 2", "record 4"]


def test_a_clock_that_is_set_a_little_is_nothing_to_remark_on(tmp_path: Path) -> None:
    clock = FakeClock()
    log = AuditLog(tmp_path, clock)
    for seconds in (0.0, -5.0, 3600.0, -30.0):
        clock.jump(seconds)
        log.record_attempt(attempt())
    assert verify(tmp_path, now=clock.now()).remarks == ()


def test_a_run_with_a_clock_far_ahead_takes_nothing_away_and_shows(tmp_path: Path) -> None:
    """At once, because that time has not come, and later, because times go back."""
    clock = write_days(tmp_path, 3)
    now = clock.now()
    clock.jump(900 * DAY_SECONDS)
    AuditLog(tmp_path, clock).record_result(AuditLog(tmp_path, clock).record_attempt(attempt()), Outcome(Result.DONE, 0.1))
    found = verify(tmp_path, now=now)
    assert (found.records, found.expired, found.damage) == (14, 0, ())
    assert [remark.partition(" is of")[0] for remark in found.remarks] == ["record 13"]
    clock.jump(-899 * DAY_SECONDS)
    AuditLog(tmp_path, clock).record_result(AuditLog(tmp_path, clock).record_attempt(attempt()), Outcome(Result.DONE, 0.1))
    found = verify(tmp_path, now=now + DAY_SECONDS)
    assert (found.records, found.expired) == (16, 0)
    assert any("record 15 was written" in remark for remark in found.remarks)
