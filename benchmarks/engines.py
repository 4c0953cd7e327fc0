"""What each engine's reading costs, and a Fleet screen of ten mixed servers: `python -m benchmarks.engines [readings] [fleet]`."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import Part, Tier
from benchmarks.mariadb import server as mariadb_server
from benchmarks.mariadb import sessions as mariadb_sessions
from benchmarks.measure import Measured, percentile
from benchmarks.postgres import loaded_server
from benchmarks.report import Figure, Section, bounded
from collectors.contract import NOTHING, Demand
from collectors.registry import open_collector
from tests.servers.mongodb_ferretdb import ferretdb
from tests.servers.mongodb_wire import wire_server
from tests.servers.mongodb_wire_world import DATA
from tests.servers.mysql import mysql
from tests.servers.postgres import postgres
from tests.servers.redis import redis_server
from tests.terminal import AISHELL, surroundings

ACTIVE, IDLE = 40, 160
HOT_BAR_MILLISECONDS = 15.0
FLEET_BAR_PERCENT = 6.0
ROUNDS = 15
WARM_SECONDS, MEASURED_SECONDS = 15.0, 45.0
SIZE = (160, 45)
LOOKED_AT: Demand = frozenset({Part.SESSIONS, Part.LOCKS})
_READY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ReadingCost:
    """One reading: the client's CPU milliseconds, questions, and milliseconds until the last answer (medians)."""

    cpu_milliseconds: float
    queries: float
    milliseconds: float


@contextmanager
def _postgres() -> Iterator[str]:
    with loaded_server(ACTIVE, IDLE) as server:
        yield server.url()


@contextmanager
def _mariadb() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="aishell-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with mariadb_server(home) as port, mariadb_sessions(Path(sys.executable).parent, port, ACTIVE, IDLE):
            yield f"mysql://root@127.0.0.1:{port}/shop"


@contextmanager
def _redis() -> Iterator[str]:
    with redis_server() as server:
        for number in range(ACTIVE + IDLE):
            client = server.connect(client_name=f"client-{number}", socket_timeout=None)
            if number < ACTIVE:
                client.connection.send_command("BLPOP", "nothing", 0)
        yield server.url()


@contextmanager
def _mongodb() -> Iterator[str]:
    from bson import json_util

    documents = json_util.loads((DATA / "7" / "operations.json").read_text())["documents"]
    busy, idle = (next(each for each in documents if bool(each["active"]) is active) for active in (True, False))
    many = [{**busy, "opid": 900_000 + number} for number in range(ACTIVE)]
    many += [{**idle, "connectionId": 9_000 + number, "desc": f"conn{9_000 + number}"} for number in range(IDLE)]
    with wire_server("7") as server:
        server.change(set={"operations > documents": many})
        yield server.url("shop")


SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "PostgreSQL 15": _postgres,
    "MariaDB 10.11": _mariadb,
    "Redis 7": _redis,
    "MongoDB 7 (documents)": _mongodb,
}


async def read_costs(url: str) -> dict[str, ReadingCost]:
    """What each kind of reading costs, once the first of each has been taken."""
    collector = open_collector(Target(name="bench", location=parse_location(url)), SystemClock())  # type: ignore[arg-type]
    try:
        found = {}
        for name, tier, demand, rounds in (
            ("each second", Tier.HOT, NOTHING, ROUNDS),
            ("each second, sessions are looked at", Tier.HOT, LOOKED_AT, ROUNDS),
            ("each 15 seconds", Tier.WARM, NOTHING, 3),
            ("each 10 minutes", Tier.COLD, NOTHING, 3),
        ):
            await collector.collect(tier, demand)
            found[name] = await _median_cost(lambda tier=tier, demand=demand: collector.collect(tier, demand), rounds)  # type: ignore[misc]
        return found
    finally:
        await collector.close()


async def _median_cost(read: Callable[[], object], rounds: int) -> ReadingCost:
    rows = []
    for _ in range(rounds):
        await asyncio.sleep(0.3)
        cpu = time.process_time()
        reading = await read()  # type: ignore[misc]
        rows.append((1000 * (time.process_time() - cpu), reading.cost.queries, 1000 * reading.cost.seconds))
    return ReadingCost(*(percentile([row[place] for row in rows], 0.5) for place in range(3)))


def readings_section() -> Section:
    """The readings of every engine with so many sessions."""
    figures = []
    for engine, start in SERVERS.items():
        with start() as url:
            costs = asyncio.run(read_costs(url))
        for name, cost in costs.items():
            label = f"{engine}, {name}: CPU of aishell"
            hot = name.startswith("each second")
            figure = (
                bounded(label, cost.cpu_milliseconds, HOT_BAR_MILLISECONDS, "ms")
                if hot
                else Figure(label, f"{cost.cpu_milliseconds:.1f} ms")
            )
            server = f"{cost.queries:.0f} in {cost.milliseconds:.0f} ms"
            figures.append(Figure(figure.name, figure.measured, figure.bar, figure.reached, server))
    notes = (
        f"{ACTIVE} active and {IDLE} idle sessions; medians. Times until the answer are those of a machine that others used too.",
        "MongoDB is played by documents of a MongoDB 7 over the wire protocol. SQLite has no sessions; its readings stand below.",
    )
    return Section(
        "One reading of each engine with 200 sessions", "python -m benchmarks.engines readings", tuple(figures), notes, "questions"
    )


def fleet_section() -> Section:
    """Ten servers of five engines, first all well, then one of them frozen and one dead."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres_servers = [stack.enter_context(postgres("15")) for _ in range(3)]
        mariadb_servers = [stack.enter_context(mysql()) for _ in range(2)]
        redis_servers = [stack.enter_context(redis_server()) for _ in range(2)]
        ferret = stack.enter_context(ferretdb())
        urls = [each.url() for each in postgres_servers]
        urls += [each.url() for each in mariadb_servers]
        urls += [each.url() for each in redis_servers] + [ferret.url()]
        for number in range(2):
            with closing(sqlite3.connect(home / f"{number}.db")) as file, file:
                file.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
            urls.append(f"sqlite://{home / str(number)}.db")
        command: list[str | Path] = [AISHELL, *(word for url in urls for word in ("--target", url))]
        run = stack.enter_context(Measured(command, surroundings(home), columns=SIZE[0], rows=SIZE[1]))
        run.first_frame(lambda screen: _states(screen).get("●", 0) == len(urls), _READY_SECONDS)
        well = run.steady(WARM_SECONDS, MEASURED_SECONDS)
        stack.enter_context(mariadb_servers[1].frozen())
        redis_servers[1].kill()
        run.terminal.wait_for(lambda screen: _states(screen).get("●", 0) == len(urls) - 2, _READY_SECONDS)
        troubled = run.steady(WARM_SECONDS, MEASURED_SECONDS)
        # What was written meanwhile was counted and not drawn; the next frames are.
        run.terminal.send("R")
        run.terminal.wait_for(lambda screen: _states(screen).get("●", 0) == len(urls) - 2, _READY_SECONDS)
        states = _states(run.terminal.text)
    return Section(
        f"{len(urls)} servers of five engines on the Fleet screen",
        "python -m benchmarks.engines fleet",
        (
            bounded("CPU of one core, all well", 100 * well.cpu_ratio, FLEET_BAR_PERCENT, "%"),
            bounded("CPU of one core, one frozen and one dead", 100 * troubled.cpu_ratio, FLEET_BAR_PERCENT, "%"),
            Figure("servers that are well beside those two", str(states["●"]), str(len(urls) - 2), states["●"] == len(urls) - 2),
            Figure("to the terminal, all well", f"{well.bytes_per_second / 1000:.1f} KB/s"),
            Figure("to the terminal, one frozen and one dead", f"{troubled.bytes_per_second / 1000:.1f} KB/s"),
            Figure("resident memory", f"{troubled.rss_bytes / (1 << 20):.0f} MiB"),
        ),
        (
            "Three PostgreSQL, two MariaDB, two Redis, one FerretDB, two SQLite files; 160x45, one reading per second of each.",
            f"{MEASURED_SECONDS:g} s after {WARM_SECONDS:g} s of warming up, twice; a MariaDB is frozen, a Redis is dead.",
        ),
    )


def _states(screen: str) -> dict[str, int]:
    """How many targets the title counts in each state."""
    title = screen.splitlines()[0] if screen else ""
    return {glyph: int(count) for glyph, count in re.findall(r"([●▲✖?]) (\d+)", title)}


def measure_all() -> Sequence[Section]:
    """Both tables."""
    return (fleet_section(), readings_section())


if __name__ == "__main__":
    from benchmarks.__main__ import write_results

    chosen = {"readings": readings_section, "fleet": fleet_section}
    write_results([chosen[name]() for name in sys.argv[1:]] or measure_all(), None)
