"""PostgreSQL with many sessions, beside pg_activity, and dolphie on its own engine: `python -m benchmarks.postgres`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.backends import BackendMeter
from benchmarks.installed import install, version_of
from benchmarks.mariadb import DOLPHIE, DolphieFigures, measure_dolphie
from benchmarks.measure import Measured, Steady, percentile
from benchmarks.postgres_load import READY, SCHEMA
from benchmarks.report import Figure, Section, bounded
from tests.servers.postgres import PostgresServer, postgres
from tests.terminal import AISHELL, surroundings

VERSION = "15"
ACTIVE, IDLE = 40, 160
LARGE, SMALL = (160, 45), (80, 24)
WARM_SECONDS, MEASURED_SECONDS = 15.0, 60.0
FLEET_SECONDS = 120.0
PEER = "pg_activity"
ROLE = "watcher"
SERVERS = 10
KEYS = 60
FILTERS = ("part_12345", "select", "(public|part).*[0-9]7", "SELECT", "idle")
MANY_ACTIVE, MANY_IDLE, DIGESTS, TABLES = 200, 1_800, 5_000, 20_000
MIB = 1 << 20
_BATCH = 500
_READY_SECONDS = 120.0

Shows = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a tool costs: itself, and the server's CPU milliseconds per second on its sessions."""

    steady: Steady
    server_ms_per_second: float
    connections: int


def shows_statements(screen: str) -> bool:
    """Whether running statements stand on the screen."""
    return "SELECT o.id" in screen or "SELECT status" in screen or "PgSleep" in screen


@contextmanager
def loaded_server(active: int, idle: int, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server with so many sessions, and a role that may look at everything."""
    size = {"max_connections": str(active + idle + 100), "shared_buffers": "128MB", **(settings or {})}
    with postgres(VERSION, settings=size) as server:
        server.execute(*SCHEMA.strip().split(";"), f"CREATE ROLE {ROLE} LOGIN IN ROLE pg_monitor, pg_read_all_data")
        command = [sys.executable, "-m", "benchmarks.postgres_load", str(server.folder), str(server.port), str(active), str(idle)]
        root = Path(__file__).parents[1]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as load:
            assert load.stdout is not None
            assert load.stdout.readline().strip() == READY
            try:
                yield server
            finally:
                load.kill()


@contextmanager
def opened(url: str, size: tuple[int, int], keys: str = "", shows: Shows | None = None) -> Iterator[Measured]:
    """The dashboard on a server, on the screen that the keys lead to."""
    command: list[str | Path] = [AISHELL, "--target", url]
    with tempfile.TemporaryDirectory() as home, Measured(command, surroundings(Path(home)), columns=size[0], rows=size[1]) as run:
        run.first_frame(lambda screen: re.search(r"pg \d\d", screen) is not None, _READY_SECONDS)
        run.terminal.send(keys)
        if shows is not None:
            run.terminal.wait_for(shows, _READY_SECONDS)
        yield run


def measure_aishell(server: PostgresServer, size: tuple[int, int]) -> Cost:
    """The Sessions screen at one reading per second."""
    with opened(server.url(user=ROLE), size, "4", shows_statements) as run:
        return _cost(run, server, "aishell")


def measure_pg_activity(server: PostgresServer, programs: Path) -> Cost:
    """pg_activity at the same interval, in the same way."""
    where: list[str] = ["-h", "127.0.0.1", "-p", str(server.port), "-U", ROLE, "-d", "postgres"]
    command: list[str | Path] = [programs / PEER, *where, "--refresh", "1"]
    with tempfile.TemporaryDirectory() as home, Measured(command, surroundings(Path(home)), columns=LARGE[0], rows=LARGE[1]) as run:
        run.first_frame(shows_statements)
        return _cost(run, server, PEER)


def _cost(run: Measured, server: PostgresServer, application: str) -> Cost:
    run.steady(0.0, WARM_SECONDS)
    with BackendMeter(server, application) as meter:
        steady = run.steady(0.0, MEASURED_SECONDS)
    return Cost(steady, meter.milliseconds_per_second, meter.connections)


def measure_statements(server: PostgresServer) -> float:
    """Statements per second of the dashboard's role while the Fleet screen is shown, counted by the server."""
    counted = f"SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE rolname = '{ROLE}'"
    with opened(server.url(user=ROLE), LARGE, "1") as run:
        run.steady(0.0, WARM_SECONDS)
        before, began = float(server.execute(counted)[0][0]), time.monotonic()
        run.steady(0.0, FLEET_SECONDS)
        return (float(server.execute(counted)[0][0]) - before) / (time.monotonic() - began)


def sessions_section() -> Section:
    """The Sessions screen beside the peers, and the load of the Fleet screen."""
    dolphie = measure_dolphie(ACTIVE, IDLE, WARM_SECONDS, MEASURED_SECONDS)
    with tempfile.TemporaryDirectory(prefix="aishell-peer-") as folder, loaded_server(ACTIVE, IDLE) as server:
        programs = install((PEER, "psycopg[binary]"), Path(folder))
        peer = measure_pg_activity(server, programs) if isinstance(programs, Path) else None
        large, small = measure_aishell(server, LARGE), measure_aishell(server, SMALL)
        statements = measure_statements(server)
        peer_note = f"{PEER} {version_of(programs, PEER)}" if isinstance(programs, Path) else str(programs)
    return Section(
        f"PostgreSQL {VERSION} with {ACTIVE} active and {IDLE} idle sessions",
        "python -m benchmarks.postgres",
        (*_figures(large, small, peer, dolphie), bounded("statements on the server, Fleet screen", statements, 2, "/s", digits=2)),
        (
            f"Sessions screen, one reading per second, {MEASURED_SECONDS:g} s after {WARM_SECONDS:g} s of warming up; role in pg_monitor.",
            f"{peer_note} with a refresh of one second on the same server; the active sessions' statements last 2 s on average.",
            _dolphie_note(dolphie),
            f"CPU of the server: that of a tool's own server processes ({large.connections} sessions of aishell).",
        ),
        f"{PEER} / {DOLPHIE}",
    )


def _figures(large: Cost, small: Cost, peer: Cost | None, dolphie: DolphieFigures | str) -> tuple[Figure, ...]:
    theirs = dolphie if isinstance(dolphie, DolphieFigures) else None

    def row(name: str, value: float, bar: float, unit: str, of_peer: float | None, of_dolphie: float | None) -> Figure:
        shown = " / ".join("–" if each is None else f"{each:.1f} {unit}" for each in (of_peer, of_dolphie))
        figure = bounded(name, value, bar, unit)
        return Figure(figure.name, figure.measured, figure.bar, figure.reached, shown)

    beside = peer.steady if peer else None
    server_bar = peer.server_ms_per_second if peer else None
    server_cost = (
        bounded("CPU of the server on the tool", large.server_ms_per_second, round(server_bar, 1), "ms/s", digits=1, peer=server_bar)
        if server_bar is not None
        else Figure("CPU of the server on the tool", f"{large.server_ms_per_second:.1f} ms/s")
    )
    return (
        row(
            "CPU of one core, 160x45",
            100 * large.steady.cpu_ratio,
            3,
            "%",
            100 * beside.cpu_ratio if beside else None,
            100 * theirs.large.cpu_ratio if theirs else None,
        ),
        row("CPU of one core, 80x24", 100 * small.steady.cpu_ratio, 3, "%", None, 100 * theirs.small.cpu_ratio if theirs else None),
        row(
            "to the terminal, 160x45",
            large.steady.bytes_per_second / 1000,
            5,
            "KB/s",
            beside.bytes_per_second / 1000 if beside else None,
            theirs.large.bytes_per_second / 1000 if theirs else None,
        ),
        row(
            "to the terminal, 80x24",
            small.steady.bytes_per_second / 1000,
            1.5,
            "KB/s",
            None,
            theirs.small.bytes_per_second / 1000 if theirs else None,
        ),
        row(
            "resident memory",
            large.steady.rss_bytes / MIB,
            80,
            "MiB",
            beside.rss_bytes / MIB if beside else None,
            theirs.large.rss_bytes / MIB if theirs else None,
        ),
        server_cost,
    )


def _dolphie_note(dolphie: DolphieFigures | str) -> str:
    if isinstance(dolphie, str):
        return f"No {DOLPHIE}: {dolphie}."
    return f"{DOLPHIE} {dolphie.version} with its default panels on a MariaDB with the same sessions, one refresh per second."


def make_tables(server: PostgresServer, count: int) -> None:
    """So many small tables, each with a primary key."""
    for first in range(0, count, _BATCH):
        server.execute(
            f"DO $$ BEGIN FOR n IN {first}..{min(count, first + _BATCH) - 1} LOOP"
            " EXECUTE format('CREATE TABLE part_%s (id integer PRIMARY KEY, body text)', n); END LOOP; END $$"
        )


def make_digests(server: PostgresServer, count: int) -> None:
    """So many different statements, as the server tells them apart: each reads another table."""
    session = server.connect()
    for number in range(count):
        session.run(f"SELECT count(*) FROM part_{number} WHERE id > 0")
    session.close()


def scale_section() -> Section:
    """Thousands of sessions, digests and tables."""
    settings = {
        "pg_stat_statements.max": "10000",
        "max_locks_per_transaction": "256",
        "autovacuum_naptime": "1h",
        "max_files_per_process": "200",
    }
    figures: list[Figure] = []
    with loaded_server(MANY_ACTIVE, MANY_IDLE, settings) as server:
        make_tables(server, TABLES)
        make_digests(server, DIGESTS)
        for name, keys, shows in (
            (f"{MANY_ACTIVE + MANY_IDLE} sessions, all of them shown", "4i", shows_statements),
            (f"{DIGESTS} statement digests", "3tt", lambda screen: "part_" in screen or "SELECT" in screen),
            (f"{TABLES} tables", "2b", lambda screen: "part_" in screen),
        ):
            with opened(server.url(user=ROLE), LARGE, keys, shows) as run:
                steady = run.steady(WARM_SECONDS, MEASURED_SECONDS)
                run.key_delays("j")
                delays = run.key_delays(["j", "j", "k", "k"] * (KEYS // 4))
                run.terminal.send("\x1b")
                typed = [delay for text in FILTERS for delay in run.filter_delays(text)]
            figures += [
                bounded(f"CPU of one core, {name}", 100 * steady.cpu_ratio, 8, "%"),
                bounded(f"key to paint, 95th percentile, {name}", percentile(delays, 0.95), 50, "ms"),
                bounded(
                    f"key of a filter to paint, 95th percentile, {name}", percentile([each.milliseconds for each in typed], 0.95), 50, "ms"
                ),
                Figure(f"CPU of a key of a filter, median, {name}", f"{percentile([each.cpu_milliseconds for each in typed], 0.5):.1f} ms"),
                Figure(f"to the terminal, {name}", f"{steady.bytes_per_second / 1000:.1f} KB/s"),
                Figure(f"resident memory, {name}", f"{steady.rss_bytes / MIB:.0f} MiB"),
            ]
    notes = (
        f"One server with {MANY_ACTIVE + MANY_IDLE} sessions ({MANY_ACTIVE} active), {DIGESTS} digests and {TABLES} tables, at 160x45.",
    )
    return Section(f"A large PostgreSQL {VERSION}", "python -m benchmarks.postgres", tuple(figures), notes)


def fleet_section() -> Section:
    """Keys on the Fleet screen while one server is frozen and one is dead."""
    with ExitStack() as stack:
        servers = [stack.enter_context(postgres(VERSION)) for _ in range(SERVERS)]
        targets = [word for server in servers for word in ("--target", server.url())]
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command: list[str | Path] = [AISHELL, *targets]
        run = stack.enter_context(Measured(command, surroundings(home), columns=LARGE[0], rows=LARGE[1]))
        run.first_frame(lambda screen: len(re.findall(r"pg \d\d\.\d", screen)) >= SERVERS, _READY_SECONDS)
        stack.enter_context(servers[3].frozen())
        servers[6].kill()
        steady = run.steady(WARM_SECONDS, MEASURED_SECONDS)
        run.key_delays("j")
        delays = run.key_delays(["j", "j", "k", "k"] * (KEYS // 4))
    figures = (
        bounded("key to paint, 95th percentile", percentile(delays, 0.95), 50, "ms"),
        Figure("CPU of one core", f"{100 * steady.cpu_ratio:.1f} %"),
        Figure("to the terminal", f"{steady.bytes_per_second / 1000:.1f} KB/s"),
        Figure("resident memory", f"{steady.rss_bytes / MIB:.0f} MiB"),
    )
    notes = ("Fleet screen, 160x45, one reading per second of each; keys at random moments until the bytes of their effect have arrived.",)
    return Section(f"{SERVERS} PostgreSQL servers, one frozen and one dead", "python -m benchmarks.postgres", figures, notes)


def measure_all() -> Sequence[Section]:
    """Everything, one after the other."""
    return (sessions_section(), scale_section(), fleet_section())


if __name__ == "__main__":
    from benchmarks.__main__ import write_results

    chosen = {"sessions": sessions_section, "scale": scale_section, "fleet": fleet_section}
    write_results([chosen[name]() for name in sys.argv[1:]] or measure_all(), None)
