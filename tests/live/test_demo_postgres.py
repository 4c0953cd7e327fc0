"""The PostgreSQL demo: real servers whose workload shows what there is to see, and nothing left however its dashboard ends."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pg8000.native
import pytest

from aishell_core.errors import AishellError
from aishell_core.targets import Target
from aishell_tui.demo.keeping import SERVER_FOLDER
from aishell_tui.demo.launch import Demo, sweep
from aishell_tui.demo.postgres_launch import start_postgres_demo
from aishell_tui.demo.postgres_programs import PostgresPrograms, Search, find_programs, server_user
from aishell_tui.demo.postgres_servers import PRIMARY
from tests.processes import ProcessMark, children, end_all, marked, survivors
from tests.servers.postgres_binaries import require_postgres
from tests.terminal import AISHELL, Terminal, opened, surroundings

VERSIONS = ("15", "18")
WORKLOAD_SECONDS = 240.0
SESSION = "SELECT * FROM pg_stat_activity WHERE state <> 'idle' AND application_name ="
OF_DATABASE = "FROM pg_stat_database WHERE datname = current_database()"
DASHBOARD = """
import sys, time
from pathlib import Path
from aishell_tui.demo.postgres_launch import start_postgres_demo
from aishell_tui.demo.postgres_programs import PostgresPrograms
demo = start_postgres_demo(Path(sys.argv[1]), PostgresPrograms("15", Path(sys.argv[2])))
print(demo.folder, demo.process.pid, flush=True)
time.sleep(600)
"""
# How many sessions stand behind each other at most: the head of a queue counts as one.
DEPTH = """
WITH RECURSIVE waits AS (
    SELECT pid, unnest(pg_blocking_pids(pid)) AS blocker FROM pg_stat_activity WHERE wait_event_type = 'Lock'
), chains AS (
    SELECT pid, blocker, 2 AS depth FROM waits
    UNION ALL
    SELECT waits.pid, waits.blocker, chains.depth + 1 FROM waits JOIN chains ON waits.blocker = chains.pid WHERE chains.depth < 10
) SELECT coalesce(max(depth), 0) FROM chains"""


def until(condition: Callable[[], object], what: str, deadline_seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it never comes."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.05)


def ask(target: Target, sql: str, user: str = "") -> Any:
    """The first value that a target answers to the role that the dashboard has, or to another."""
    place = target.location
    socket = f"{place.host}/.s.PGSQL.{place.port}"
    connection = pg8000.native.Connection(user or place.user, unix_sock=socket, database=place.database, application_name="test")
    with contextlib.closing(connection):
        return connection.run(sql)[0][0]


def installed(version: str) -> PostgresPrograms:
    """The programs of a version that a demo is started with, or a skip."""
    return PostgresPrograms(version, require_postgres(version).folder)


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Demo]]:
    """Running demos with Debian's server, which has contrib modules, and with the wheel's, which has none."""
    with contextlib.ExitStack() as stack:
        running = {}
        for version in VERSIONS:
            running[version] = start_postgres_demo(tmp_path_factory.mktemp("demo"), installed(version))
            stack.callback(running[version].stop)
        yield running


@pytest.fixture(params=VERSIONS)
def shop(request: pytest.FixtureRequest, shops: dict[str, Demo]) -> Demo:
    """Each of them."""
    return shops[request.param]


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, frozenset[ProcessMark]]]:
    """A process that stands for the dashboard and runs a demo; with the demo's folder and all its processes."""
    command: list[str | Path] = [sys.executable, "-c", DASHBOARD, tmp_path, require_postgres("15").folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder, _ = process.stdout.readline().split()
    below = children(process.pid)
    yield process, Path(folder), below
    process.kill()
    process.wait()
    process.stdout.close()
    end_all(below)
    shutil.rmtree(folder, ignore_errors=True)


def own_folders(home: Path) -> set[Path]:
    """The demos' folders that are there now, of this test or of others that run beside it."""
    return {*Path(tempfile.gettempdir()).glob("aishell-demo-*"), *(home / "state" / "demo").glob("demo-*")}


def test_a_primary_and_its_replica_are_targets_that_answer(shop: Demo) -> None:
    primary, replica = shop.targets
    assert (primary.name, replica.name) == ("shop", "shop-replica")
    assert ask(primary, "SELECT pg_is_in_recovery()") is False
    assert ask(replica, "SELECT pg_is_in_recovery()") is True
    assert ask(replica, "SELECT count(*) FROM orders") >= 30_000


def test_nobody_from_outside_can_reach_the_servers(shop: Demo) -> None:
    user = server_user()
    for target in shop.targets:
        assert ask(target, "SELECT current_setting('listen_addresses')") == ""
        assert ask(target, "SELECT inet_server_port()") is None
    servers = (shop.folder / SERVER_FOLDER).stat()
    assert servers.st_mode & 0o777 == 0o700
    assert servers.st_uid == (user.uid if user else os.getuid())
    assert shop.folder.stat().st_mode & 0o066 == 0


def test_the_dashboards_role_may_look_at_everything_and_is_no_superuser(shop: Demo) -> None:
    for target in shop.targets:
        assert ask(target, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert ask(target, "SELECT pg_has_role('pg_monitor', 'member')") is True


def test_the_workload_shows_all_that_there_is_to_see(shops: dict[str, Demo]) -> None:
    """Each of these comes true at some moment, while others come and go."""
    wanted = {f"{what} in {version}": asked for version, shop in shops.items() for what, asked in sights(*shop.targets).items()}
    end = time.monotonic() + WORKLOAD_SECONDS
    while wanted:
        assert time.monotonic() < end, f"never came: {', '.join(wanted)}"
        wanted = {what: (target, sql) for what, (target, sql) in wanted.items() if not ask(target, sql)}
        time.sleep(0.2)


def sights(primary: Target, replica: Target) -> dict[str, tuple[Target, str]]:
    """What there is to see at some moment, and who answers which question with true then."""
    return {
        "a chain of four sessions": (primary, f"SELECT ({DEPTH}) >= 4"),
        "a holder of locks that does nothing": (primary, f"SELECT EXISTS ({SESSION} 'billing-run' AND state = 'idle in transaction')"),
        "many dead rows": (primary, "SELECT max(n_dead_tup) > 1000 FROM pg_stat_user_tables"),
        "a vacuum at work": (primary, "SELECT count(*) > 0 FROM pg_stat_progress_vacuum"),
        "temporary files": (primary, f"SELECT temp_bytes > 1 << 20 {OF_DATABASE}"),
        "a report without an index": (primary, f"SELECT EXISTS ({SESSION} 'reporting' AND now() - query_start > interval '300 ms')"),
        "statements that are refused": (primary, f"SELECT xact_rollback > 0 {OF_DATABASE}"),
        "a replica that streams": (primary, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"),
        "a replica that is behind": (primary, "SELECT max(pg_wal_lsn_diff(sent_lsn, replay_lsn)) > 100000 FROM pg_stat_replication"),
        "a replica that pauses": (replica, "SELECT pg_is_wal_replay_paused()"),
        "readers on the replica": (replica, "SELECT count(*) >= 2 FROM pg_stat_activity WHERE application_name = 'shop-web-ro'"),
        "a slot without a reader": (primary, "SELECT count(*) = 1 FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL"),
        "a queue for a whole table": (primary, f"SELECT EXISTS ({SESSION} 'migrate' AND wait_event_type = 'Lock')"),
    }


def test_indexes_without_a_use_are_there_to_be_found(shop: Demo) -> None:
    primary = shop.target
    assert ask(primary, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'orders_total_cents'") == 0
    same = """
        SELECT count(*) FROM pg_index a JOIN pg_index b USING (indrelid)
        WHERE a.indexrelid < b.indexrelid AND a.indkey = b.indkey AND a.indrelid = 'orders'::regclass"""
    assert ask(primary, same) == 1


def test_statements_are_counted_where_the_module_exists(shop: Demo) -> None:
    preloaded = ask(shop.target, "SELECT current_setting('shared_preload_libraries')")
    if int(ask(shop.target, "SELECT current_setting('server_version_num')")) >= 180000:
        assert preloaded == ""
        return
    assert preloaded == "pg_stat_statements"
    until(lambda: ask(shop.target, "SELECT count(*) FROM pg_stat_statements WHERE calls > 5"), "statements that were counted")
    made = "SELECT string_agg(query, '; ') FROM pg_stat_statements WHERE query ILIKE 'create table%' OR query ILIKE '%generate_series%'"
    assert ask(shop.target, made) is None, "what filled the shop is not among its statements"


def test_a_client_that_was_thrown_out_comes_back(shop: Demo) -> None:
    of_client = "SELECT min(pid) FROM pg_stat_activity WHERE application_name = 'warehouse-sync'"
    until(lambda: ask(shop.target, of_client), "a session of the client")
    pid = ask(shop.target, of_client)
    assert ask(shop.target, f"SELECT pg_terminate_backend({pid})") is True
    until(lambda: ask(shop.target, of_client) not in {None, pid}, "a new session of the same client")


def test_the_dashboard_shows_both_servers_and_q_ends_everything(tmp_path: Path) -> None:
    require_postgres("15")
    with whole_program(tmp_path) as terminal:
        below = terminal.process.processes()
        folders = {folder for folder in own_folders(tmp_path) if any(str(folder) in mark.command for mark in below)}
        assert len(folders) == 1
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert survivors(below) == frozenset()
    assert not folders & own_folders(tmp_path)


def test_a_terminated_dashboard_takes_its_servers_with_it(tmp_path: Path) -> None:
    require_postgres("15")
    with whole_program(tmp_path) as terminal:
        below = terminal.process.processes()
        folders = {folder for folder in own_folders(tmp_path) if any(str(folder) in mark.command for mark in below)}
        assert len(folders) == 1
        terminal.process.signal(signal.SIGTERM)
        terminal.wait_for_end()
        assert survivors(below) == frozenset()
    assert not folders & own_folders(tmp_path)


@contextlib.contextmanager
def whole_program(home: Path) -> Iterator[Terminal]:
    """`aishell demo --postgres` on a terminal, with both servers on its screen; it says what it does until then."""
    with opened([AISHELL, "demo", "--postgres"], surroundings(home), columns=120, rows=30, cwd=home) as terminal:
        terminal.wait_for(re.compile(r"starting PostgreSQL \d+\.\d+ for the demo"))
        terminal.wait_for(re.compile(r"shop +pg \d+.*shop-replica +pg \d+", re.DOTALL), 180.0)
        yield terminal


def test_without_a_terminal_it_says_what_the_other_demo_says(tmp_path: Path) -> None:
    said = [
        subprocess.run([AISHELL, "demo", *more], env=surroundings(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        for more in ((), ("--postgres",))
    ]
    assert said[0].returncode == said[1].returncode == 64
    assert said[0].stderr == said[1].stderr
    assert "needs a terminal" in said[0].stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGABRT], ids=lambda number: number.name)
def test_whatever_ends_the_dashboard_ends_the_servers(
    dashboard: tuple[subprocess.Popen[str], Path, frozenset[ProcessMark]], number: signal.Signals
) -> None:
    process, folder, below = dashboard
    assert len([mark for mark in below if str(folder / SERVER_FOLDER) in mark.command]) >= 2
    process.send_signal(number)
    assert process.wait() == -number
    assert survivors(below) == frozenset()
    until(lambda: not folder.exists(), "the folder is removed")


def test_a_start_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    """The dashboard is killed while the servers are still being made."""
    running = start_postgres_demo(tmp_path, installed("15"), wait=False)
    below = children(running.process.pid) | {mark for mark in (marked(running.process.pid),) if mark}
    assert running.process.stdin is not None
    running.process.stdin.close()
    running.process.wait(60)
    assert survivors(below) == frozenset()
    assert not running.folder.exists()
    running.stop()


def test_the_next_start_sweeps_what_a_double_kill_left(dashboard: tuple[subprocess.Popen[str], Path, frozenset[ProcessMark]]) -> None:
    """When the dashboard and the keeper are killed at once the servers live on; the next demo ends them and removes the folder."""
    process, folder, below = dashboard
    keeper = next(mark for mark in below if "postgres_keeper" in mark.command)
    process.send_signal(signal.SIGSTOP)
    os.kill(keeper.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    # By their own notes: a session that has just begun looks like its server for a moment.
    noted = {int(note.read_text().split()[0]) for note in (folder / SERVER_FOLDER).glob("*/postmaster.pid")}
    servers = frozenset(mark for mark in below if mark.pid in noted)
    assert len(servers) == 2
    assert survivors(servers, 0.5) == servers, "nobody was left to end the servers"
    assert folder in sweep(folder.parent)
    assert survivors(below) == frozenset()
    assert not folder.exists()


def test_stop_ends_the_servers_of_a_frozen_keeper_too(tmp_path: Path) -> None:
    running = start_postgres_demo(tmp_path, installed("15"))
    below = children(running.process.pid)
    os.kill(running.process.pid, signal.SIGSTOP)
    running.stop()
    assert running.process.returncode == -signal.SIGKILL
    assert survivors(below) == frozenset()
    assert not running.folder.exists()


def test_what_a_killed_keeper_leaves_is_said_and_ended_by_its_dashboard(tmp_path: Path) -> None:
    running = start_postgres_demo(tmp_path, installed("15"))
    below = children(running.process.pid)
    assert running.trouble() == ""
    running.process.kill()
    until(running.trouble, "the demo says so")
    running.stop()
    assert survivors(below) == frozenset()
    assert not running.folder.exists()


def test_a_sweep_ends_nobody_who_is_no_server_of_that_folder(tmp_path: Path) -> None:
    """A number in an old note may be somebody else's by now: that process is left alone, the folder goes."""
    left = tmp_path / "demo-left"
    data = left / SERVER_FOLDER / PRIMARY
    data.mkdir(parents=True)
    (left / "owner.lock").touch()
    stranger = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
        assert sweep(tmp_path) == (left,)
        assert stranger.poll() is None
        assert not left.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_programs_that_cannot_be_run_as_they_are_are_run_as_a_copy(tmp_path: Path) -> None:
    """As of a wheel that came without the bit that makes a program, in a home that is closed to the servers' user."""
    found = find_programs(Search("", (), wheel()))
    assert found.embedded
    package = tmp_path / "closed" / wheel().name
    shutil.copytree(found.folder.parent, package / found.folder.parent.name, symlinks=True)
    libraries = wheel().with_name(f"{wheel().name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, package.with_name(libraries.name))
    for program in (package / found.folder.parent.name / "bin").iterdir():
        program.chmod(0o644)
    running = start_postgres_demo(tmp_path, find_programs(Search("", (), package)))
    try:
        assert ask(running.target, "SELECT current_setting('server_version')").startswith(found.version)
    finally:
        running.stop()


def wheel() -> Path:
    """The folder of the embedded server's package."""
    return require_postgres("18").folder.parents[1]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the servers' user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_server_that_does_not_start_says_why(open_folder: Path, tmp_path: Path) -> None:
    """The reason is the program's own words: here the encodings that it was built with are missing."""
    package = open_folder / "broken" / "bin"
    package.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = package / name
        program.write_text(
            "#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\ncase $1 in --version) exit 0;; esac\necho 'no room left' >&2\nexit 1\n"
        )
        program.chmod(0o755)
    with pytest.raises(AishellError, match="initdb failed: no room left"):
        start_postgres_demo(tmp_path / "demo", PostgresPrograms("15.1", package))


NOTHING_FOUND = """
import sys
from aishell_tui.cli.boundary import run
from aishell_tui.demo.postgres_programs import Search
from aishell_tui.launch import run_postgres_demo
from aishell_tui.options import DashboardOptions

def demo(*, args, prog_name, standalone_mode):
    return run_postgres_demo(DashboardOptions(), print, Search("", (), None))

sys.exit(run(demo, []))
"""


def test_without_any_postgresql_one_is_told_how_to_get_one(tmp_path: Path) -> None:
    with opened([sys.executable, "-c", NOTHING_FOUND], surroundings(tmp_path), columns=120) as terminal:
        assert terminal.wait_for_end() == 70
        assert "there is no PostgreSQL" in terminal.text
        assert "pip install 'aishell-tui[demo-postgres]'" in terminal.text
        assert "apt install postgresql" in terminal.text


def test_a_closed_terminal_ends_the_servers(tmp_path: Path) -> None:
    """The terminal is no controlling one, so closing it sends no signal to anybody."""
    require_postgres("15")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [AISHELL, "demo", "--postgres"], stdin=slave, stdout=slave, stderr=slave, env=surroundings(tmp_path), start_new_session=True
    )
    os.close(slave)
    shown = b""
    while b"shop-replica" not in shown:
        shown += os.read(master, 65536)
    below = children(process.pid)
    assert any(SERVER_FOLDER in mark.command for mark in below)
    os.close(master)
    process.wait(60)
    assert survivors(below) == frozenset()
