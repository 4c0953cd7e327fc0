"""What commands say of paths that lead to no database that can be read, and of databases that hold nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_tui.cli.encode import Json
from tests.command_line import Ran, run_here
from tests.servers import sqlite as build

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _rows(ran: Ran, name: str) -> list[dict[str, Json]]:
    rows = ran.json()[name]
    assert isinstance(rows, list)
    return [row for row in rows if isinstance(row, dict)]


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("loop.db", 2, "lead round in circles"),
        ("sqlite:///a%00b.db", 3, "holds a NUL character"),
        ("x" * 300 + ".db", 2, "the name is too long"),
        ("file/app.db", 2, "there is no file"),
        ("sqlite:////", 2, "is a directory"),
        ("~nobody-of-this-name/app.db", 2, "there is no file"),
        ("stub.db", 2, "is truncated"),
    ],
)
def test_connect_says_why_a_path_leads_to_no_database(url: str, code: int, message: str, work: Path, capsys: Capture) -> None:
    """Each is a state with its exit code and a hint, none a fault of aishell."""
    build.make_loop(work / "loop.db")
    build.make_stub(work / "stub.db")
    (work / "file").touch()
    ran = run_here(capsys, "connect", url, "--json")
    assert (ran.code, ran.err) == (code, "")
    (row,) = _rows(ran, "abilities")
    assert message in str(row["detail"])
    assert row["hint"]


def test_targets_that_cannot_be_read_do_not_take_the_others_down(work: Path, capsys: Capture) -> None:
    """The well one has its figures beside three that lead nowhere."""
    build.make_loop(work / "loop.db")
    build.make_database(work / "well.db")
    words = ("loop.db", "sqlite:///a%00b.db", "x" * 300 + ".db", "well.db")
    ran = run_here(capsys, "status", "--window", "0", "--json", *(word for name in words for word in ("-t", name)))
    states = {str(row["name"])[:7]: row["state"] for row in _rows(ran, "targets")}
    assert (ran.code, states) == (2, {"loop.db": "critical", "a\0b.db": "unknown", "xxxxxxx": "critical", "well.db": "ok"}), ran.out


def test_what_a_log_without_its_index_keeps_closed_is_not_called_working(work: Path, capsys: Capture) -> None:
    """Plans and checks need the content, which cannot be read now; nothing is written to find that out."""
    path = build.make_orphaned_log(work / "app.db")
    before = build.files_beside(path)
    rows = {str(row["ability"]): row for row in _rows(run_here(capsys, "connect", "app.db", "--json"), "abilities")}
    for name in ("relations", "settings", "explain", "integrity"):
        assert rows[name]["works"] is False
        assert "its index (-shm) is gone" in str(rows[name]["detail"])
        assert "nor a copy of it" in str(rows[name]["hint"])
    assert build.files_beside(path) == before


def test_a_database_that_holds_nothing_yet_is_well(work: Path, capsys: Capture) -> None:
    """An empty file is what a database begins with: ok, and the sentence says that there are no tables."""
    build.make_empty(work / "app.db")
    ran = run_here(capsys, "status", "-t", "app.db", "--window", "0")
    assert ran.code == 0
    assert "holds no tables yet" in ran.out
