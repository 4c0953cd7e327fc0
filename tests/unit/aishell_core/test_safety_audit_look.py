"""Damage to what was written long ago is known when somebody acts, and the lines are read again only where a file has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_folder import AuditFolder
from aishell_core.safety.audit_look import Look, read_look, stats_of, write_look
from tests.safety import attempt, segments, write_days


def edit(path: Path) -> None:
    """Another role in the first line, of the same length."""
    path.write_bytes(path.read_bytes().replace(b'"role":"developer"', b'"role":"deaeloper"', 1))


@pytest.mark.parametrize("looked_before", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_was_changed_is_known_whenever_it_was(tmp_path: Path, place: int, looked_before: bool) -> None:
    log = AuditLog(tmp_path, write_days(tmp_path, 3))
    if looked_before:
        assert log.damage() == ""
    edit(segments(tmp_path)[place])
    assert "the line was changed" in log.damage()
    log.record_attempt(attempt())
    assert "the line was changed" in log.damage()


def test_a_file_that_was_taken_away_is_known(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, write_days(tmp_path, 3))
    assert log.damage() == ""
    segments(tmp_path)[1].unlink()
    assert "missing" in log.damage()


def test_what_we_write_ourselves_is_not_looked_at_again(tmp_path: Path) -> None:
    """Also into the file of another day."""
    clock = write_days(tmp_path, 1)
    log, folder = AuditLog(tmp_path, clock), AuditFolder(tmp_path)
    assert log.damage() == ""
    keys = folder.keys()
    assert keys is not None
    for _ in range(2):
        log.record_attempt(attempt())
        clock.jump(86_400.0)
        assert read_look(folder, keys) == Look(stats_of(folder))
    edit(segments(tmp_path)[0])
    log.record_attempt(attempt())
    seen = read_look(folder, keys)
    assert seen is not None
    assert seen.stats != stats_of(folder), "a file that others have changed is looked at"


def test_a_look_of_somebody_else_is_none(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, write_days(tmp_path, 1))
    folder = AuditFolder(tmp_path)
    keys = folder.keys()
    assert keys is not None
    edit(segments(tmp_path)[0])
    write_look(folder, keys, Look(stats_of(folder)))
    assert log.damage() == "", "a look of ours counts"
    path = tmp_path / "audit.look"
    path.write_bytes(b"0" * 64 + path.read_bytes()[64:])
    assert "the line was changed" in log.damage()


def test_without_a_log_there_is_no_damage(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "nowhere").damage() == ""
    assert not (tmp_path / "nowhere").exists()
