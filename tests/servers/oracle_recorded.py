"""Stands in for the driver's connection to an Oracle server: answers each statement with recorded rows, by its file's name.

The rows below `tests/data/oracle` were written from Oracle's own documentation, which each file names: there is no server
of it here. What is under test is all that lies above the driver: deadlines, degrading, rows to values, actions.
"""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from aishell_core.clock import Clock, SystemClock
from aishell_core.engines.oracle import OracleSession
from aishell_core.engines.oracle_facts import SQL as FACTS_SQL
from aishell_core.engines.oracle_place import Place
from aishell_core.engines.oracle_wire import Binds, Brought, Row, ServerError
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId, Value
from collectors.oracle.collector import OracleCollector, collector_over
from collectors.oracle.question_files import LICENSED, QUERIES

DATA = Path(__file__).parents[1] / "data" / "oracle"
URL = "oracle://aishell:secret@db1:1521/shop.example"


@cache
def recorded(name: str) -> tuple[Row, ...]:
    """The rows of a file."""
    return tuple(json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))["rows"])


@cache
def _names() -> Mapping[str, str]:
    """The name of each statement by its text."""
    plain = {file.text: file.name for file in QUERIES.all()}
    return {FACTS_SQL: "facts", **plain, **{file.text: f"licensed_{file.name}" for file in LICENSED.all()}}


_SAME = {"sessions_here": "sessions"}
_BY_BIND = {"sql_text": ("sql_id", "sql_id"), "lock_object": ("object_id", "object_id")}


class RecordedServer:
    """What a server would answer; tests change what it holds."""

    def __init__(self, version: str = "19.22.0.0.0") -> None:
        self.version = version
        self.changed: dict[str, tuple[Row, ...]] = {}
        self.refused: dict[str, ServerError] = {}
        """Errors by the names of statements."""
        self.barred: Callable[[str], bool] = lambda _: False
        """Whether a statement meets a view that is not granted, by its text."""
        self.asked: list[str] = []
        self.executed: list[str] = []
        self.binds: list[Binds] = []
        self.on_execute: Callable[[str], None] = lambda _: None
        self.brought = Brought(("N",), ((1,), (2,)), None)
        self.actions: list[str] = []
        self.open = 0
        self.most_open = 0
        self.ended: list[bool] = []
        self.gone = False
        self.generation = 0
        self._thawed = threading.Event()
        self._thawed.set()
        self._sids = 900

    def rows(self, name: str) -> tuple[Row, ...]:
        """What a statement brings now."""
        name = _SAME.get(name, name)
        return self.changed[name] if name in self.changed else recorded(name)

    def change(self, name: str, *rows: Mapping[str, Any]) -> None:
        """Have a statement bring other rows."""
        self.changed[name] = tuple(rows)

    def patch(self, statement: str, /, **values: object) -> None:
        """Change columns of all rows of a statement."""
        self.change(statement, *({**row, **values} for row in self.rows(statement)))

    async def connect(self, place: Place, action: str) -> RecordedWire:
        """A connection, as the driver's."""
        await self._thaw()
        if self.gone:
            raise OSError(errno.ECONNREFUSED, "Connect call failed")
        self.actions.append(action)
        self._sids += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        return RecordedWire(self, self._sids - 1)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing is answered."""
        self._thawed.clear()
        try:
            yield
        finally:
            self._thawed.set()

    async def _thaw(self) -> None:
        """Wait until answers are given; the test thaws from another thread, which no event of asyncio's can tell."""
        while not self._thawed.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def restart(self) -> None:
        """All connections are lost, and the counting begins anew."""
        self.generation += 1
        self.patch("instance", startup_local=self.rows("instance")[0]["startup_local"] + 500_000)
        self.change("counters", *({**row, "value": row["value"] / 1000} for row in self.rows("counters")))

    def vanish(self) -> None:
        """Nothing listens any more."""
        self.generation += 1
        self.gone = True

    async def answered(self, milliseconds: int, generation: int) -> None:
        """Wait as for a server: it says within the limit what is wanted, or is given up after twice that."""
        try:
            await asyncio.wait_for(self._thaw(), milliseconds / 500)
        except TimeoutError as error:
            raise ServerError(0, "DPY-4011", "DPY-4011: the database or network closed the connection", lost=True) from error
        if generation != self.generation:
            raise ServerError(3113, "DPY-4011", "ORA-03113: end-of-file on communication channel", lost=True)


class RecordedWire:
    """One connection; see `Wire`."""

    def __init__(self, server: RecordedServer, sid: int) -> None:
        self._server = server
        self._sid = sid
        self._generation = server.generation
        self._closed = False
        self.version = server.version
        self.lost = False

    def names(self, sql: str) -> tuple[str, ...]:
        return tuple(word.strip(",();")[1:].upper() for word in sql.split() if word.startswith(":"))

    async def fetch(self, sql: str, binds: Binds, milliseconds: int) -> tuple[Row, ...]:
        await self._server.answered(milliseconds, self._generation)
        name = _names().get(sql, "plan_table" if "plan_table" in sql else "session" if "session s" in sql else "procedures")
        self._server.asked.append(name)
        self._server.binds.append(binds)
        if name in self._server.refused:
            raise self._server.refused[name]
        if self._server.barred(sql):
            raise ServerError(942, "ORA-00942", "ORA-00942: table or view does not exist")
        rows = self._server.rows(name)
        if name == "facts":
            return ({**rows[0], "sid": self._sid},)
        if name in _BY_BIND:
            column, bind = _BY_BIND[name]
            return tuple(row for row in rows if row[column] == binds[bind])
        if name == "statements" and not binds["texts"]:
            return tuple({**row, "sql_text": None} for row in rows)
        if name in {"sessions", "sessions_here"} and not binds["everyone"]:
            return tuple(row for row in rows if row["status"] != "INACTIVE" or row["transaction_seconds"] is not None)
        return rows

    async def execute(self, sql: str, binds: Binds, milliseconds: int) -> None:
        await self._server.answered(milliseconds, self._generation)
        self._server.executed.append(sql)
        self._server.binds.append(binds)
        self._server.on_execute(sql)

    async def run(self, sql: str, values: Sequence[Value], most: tuple[int, int], milliseconds: int) -> Brought:
        await self._server.answered(milliseconds, self._generation)
        self._server.executed.append(sql)
        self._server.on_execute(sql)
        brought = self._server.brought
        rows = brought.rows[: most[0]]
        return Brought(brought.columns, rows, brought.affected, "rows" if len(rows) < len(brought.rows) else brought.cut)

    async def end(self, milliseconds: int, *, keep: bool) -> None:
        self._server.ended.append(keep)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._server.open -= 1


def target(url: str = URL) -> Target:
    return Target(TargetId("orders"), parse_location(url))


def session_over(server: RecordedServer, url: str = URL, clock: Clock | None = None) -> OracleSession:
    return OracleSession(target(url), clock or SystemClock(), {}, server.connect)


def collector_on(server: RecordedServer, url: str = URL, clock: Clock | None = None) -> OracleCollector:
    clock = clock or SystemClock()
    return collector_over(session_over(server, url, clock), target(url), clock)
