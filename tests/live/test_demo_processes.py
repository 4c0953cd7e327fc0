"""The demo's workload starts whole, works, and leaves nothing behind however its dashboard ends."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from aishell_core.errors import AishellError
from aishell_tui.demo import workload
from aishell_tui.demo.keeping import DATABASE_NAME
from aishell_tui.demo.launch import WORKLOAD_GONE, Demo, start_demo, sweep
from aishell_tui.demo.workload import CLIENTS
from tests.processes import ProcessMark, children, survivors
from tests.terminal import AISHELL, opened, surroundings

DASHBOARD = """
import sys, time
from pathlib import Path
from aishell_tui.demo.launch import start_demo
demo = start_demo(Path(sys.argv[1]))
print(demo.folder, demo.process.pid, flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool], what: str, deadline_seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it never comes."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A running demo in a folder of its own."""
    running = start_demo(tmp_path / "demo")
    yield running
    running.stop()


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, frozenset[ProcessMark]]]:
    """A process that stands for the dashboard and runs a demo; with the demo's folder and all its processes."""
    process = subprocess.Popen([sys.executable, "-c", DASHBOARD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder, _ = process.stdout.readline().split()
    yield process, Path(folder), children(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()


def count(folder: Path, sql: str) -> int:
    with closing(sqlite3.connect(f"file:{folder / DATABASE_NAME}?mode=ro", uri=True)) as connection:
        return int(connection.execute(sql).fetchone()[0])


def test_the_database_is_whole_when_the_start_returns(demo: Demo) -> None:
    assert demo.target.location.path == demo.folder / DATABASE_NAME
    assert count(demo.folder, "SELECT count(*) FROM users") >= 3_000
    assert count(demo.folder, "SELECT count(*) FROM orders") >= 12_000
    assert count(demo.folder, "SELECT count(*) FROM events") >= 20_000


def test_orders_arrive_by_themselves(demo: Demo) -> None:
    before = count(demo.folder, "SELECT max(id) FROM orders")
    until(lambda: count(demo.folder, "SELECT max(id) FROM orders") > before + 2, "new orders")


def test_every_client_runs_as_a_process_of_its_own(demo: Demo) -> None:
    assert len(children(demo.process.pid)) == len(CLIENTS)


def test_the_statements_stand_in_the_log_with_the_slow_report_among_them(demo: Demo) -> None:
    """What the dashboard shows as slow was slow: it is read from the log that the clients' own connections keep."""
    log = demo.folder / f"{DATABASE_NAME}-statements.db"

    def logged(sql: str) -> float:
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
            return float(connection.execute(sql).fetchone()[0] or 0)
        return 0.0

    assert logged("SELECT sum(calls) FROM statement") > 10, "the log is there when the start returns"
    until(lambda: logged("SELECT max(max_ms) FROM statement WHERE text LIKE '%spent_cents%'") > 100, "the slow report")


def test_the_folder_is_closed_to_others(demo: Demo) -> None:
    assert demo.folder.stat().st_mode & 0o777 == 0o700


def test_stop_ends_everything_and_removes_the_folder_and_may_be_repeated(demo: Demo) -> None:
    processes = children(demo.process.pid)
    assert processes
    demo.stop()
    demo.stop()
    assert survivors(processes) == frozenset()
    assert demo.process.returncode is not None
    assert not demo.folder.exists()


def test_stop_ends_a_frozen_workload_too(demo: Demo) -> None:
    """A stopped keeper cannot answer the closed pipe, so its whole group is killed."""
    processes = children(demo.process.pid)
    os.kill(demo.process.pid, signal.SIGSTOP)
    demo.stop()
    assert demo.process.returncode == -signal.SIGKILL
    assert survivors(processes) == frozenset()
    assert not demo.folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGABRT], ids=lambda number: number.name)
def test_whatever_ends_the_dashboard_ends_the_demo(
    dashboard: tuple[subprocess.Popen[str], Path, frozenset[ProcessMark]], number: signal.Signals
) -> None:
    process, folder, processes = dashboard
    assert len(processes) == 1 + len(CLIENTS)
    assert (folder / DATABASE_NAME).exists()
    process.send_signal(number)
    assert process.wait() == -number
    assert survivors(processes) == frozenset()
    until(lambda: not folder.exists(), "the folder is removed")


def test_the_clients_end_with_their_keeper_and_that_is_known_until_the_demo_ends(demo: Demo) -> None:
    clients = children(demo.process.pid)
    assert demo.trouble() == ""
    demo.process.kill()
    assert survivors(clients) == frozenset()
    until(lambda: demo.trouble() == WORKLOAD_GONE, "the demo says so")
    demo.stop()
    assert demo.trouble() == "", "its own end is none"


def test_a_dashboard_says_when_somebody_has_killed_its_demos_clients(tmp_path: Path) -> None:
    with opened([AISHELL, "demo"], surroundings(tmp_path), columns=120, rows=30, cwd=tmp_path) as terminal:
        terminal.wait_for("aishell connect URL --save NAME", 120.0)
        (keeper,) = (each for each in psutil.Process(terminal.process.pid).children() if workload.__name__ in each.cmdline())
        os.kill(keeper.pid, signal.SIGKILL)
        terminal.wait_for(WORKLOAD_GONE, 60.0)
        terminal.send("8")
        terminal.wait_for(re.compile(rf"Events.*aishell +{re.escape(WORKLOAD_GONE)}", re.DOTALL), 60.0)


def test_the_next_start_sweeps_what_a_double_kill_left(dashboard: tuple[subprocess.Popen[str], Path, frozenset[ProcessMark]]) -> None:
    """When the dashboard and the keeper are killed at once nobody is left to remove the folder: the next demo does."""
    process, folder, processes = dashboard
    keeper = min(processes, key=lambda mark: (mark.started_at, mark.pid))
    process.send_signal(signal.SIGSTOP)
    os.kill(keeper.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    assert survivors(processes) == frozenset()
    assert folder.exists()
    follower = start_demo(folder.parent)
    try:
        assert not folder.exists()
        assert follower.folder.exists()
    finally:
        follower.stop()


def test_a_sweep_leaves_living_demos_and_strangers_alone(demo: Demo) -> None:
    root = demo.folder.parent
    (root / "notes").mkdir()
    (root / "demo-just-being-made").mkdir()
    assert sweep(root) == ()
    assert demo.folder.exists()
    assert (root / "notes").exists()


def test_a_folder_that_cannot_be_written_is_replaced_by_the_temporary_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    running = start_demo(tmp_path / "file" / "demo")
    try:
        assert tmp_path not in running.folder.parents
        assert (running.folder / DATABASE_NAME).exists()
    finally:
        running.stop()
    assert not running.folder.exists()


def test_a_workload_that_dies_at_once_is_an_error_that_names_the_command(tmp_path: Path) -> None:
    running = start_demo(tmp_path, wait=False)
    running.process.kill()
    with pytest.raises(AishellError) as caught, suppress(TimeoutError):
        running.wait_until_ready()
    assert "aishell_tui.demo.workload" in caught.value.hint
    assert not running.folder.exists()


def test_the_workload_needs_the_standard_library_alone(tmp_path: Path) -> None:
    """Neither site-packages nor anything of the dashboard beyond the demo's own files is loaded."""
    script = "import aishell_tui.demo.workload, sys; print(*sorted(name for name in sys.modules if '.' not in name))"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": str(root)}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    foreign = set(done.stdout.split()) - sys.stdlib_module_names - {"aishell_tui", "aishell_core", "__main__"}
    assert foreign == set()
