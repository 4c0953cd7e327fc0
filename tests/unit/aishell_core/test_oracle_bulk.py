"""Many rows by the module that knows python-oracledb, over cursors that stand in for it: pieces, large objects, types."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

oracledb = pytest.importorskip("oracledb")

from aishell_core.engines import oracle_connection  # noqa: E402 - it needs the driver
from aishell_core.engines.oracle_connection import OpenedRows, OracleConnection  # noqa: E402
from aishell_core.engines.oracle_held import held_connection  # noqa: E402
from aishell_core.engines.oracle_wire import Bound, ServerError  # noqa: E402
from aishell_core.errors import TargetError  # noqa: E402
from aishell_core.targets import Target, parse_location  # noqa: E402
from aishell_core.values import FailureCode, TargetId  # noqa: E402


class Large(oracledb.AsyncLOB):  # type: ignore[misc,name-defined]
    """A locator of the driver whose value is here."""

    def __init__(self, kind: Any, value: str | bytes, size: int | None = None) -> None:
        self._kind, self._value, self._size = kind, value, len(value) if size is None else size
        self.reads = 0

    def __del__(self) -> None:
        """Nothing is held at a server."""

    @property
    def type(self) -> Any:
        return self._kind

    async def size(self) -> int:
        return self._size

    async def read(self, offset: int = 1, amount: int | None = None) -> str | bytes:
        self.reads += 1
        return self._value


class Cursor:
    """Rows of a cursor."""

    def __init__(self, columns: Sequence[tuple[Any, int]], rows: Sequence[tuple[Any, ...]]) -> None:
        self.description = [SimpleNamespace(type_code=kind, internal_size=size) for kind, size in columns]
        self.arraysize = self.prefetchrows = 0
        self.outputtypehandler: Any = None
        self.variables: list[tuple[Any, ...]] = []
        self.sizes: dict[str, Any] = {}
        self.many: list[tuple[str, Any]] = []
        self.executed: list[tuple[str, Any]] = []
        self.fault: Exception | None = None
        self.closed = False
        self._rows = list(rows)

    async def execute(self, sql: str, binds: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.executed.append((sql, binds))

    async def executemany(self, sql: str, rows: Any) -> None:
        self.many.append((sql, rows))

    def setinputsizes(self, **sizes: Any) -> None:
        self.sizes = sizes

    async def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    async def fetchmany(self, count: int) -> Any:
        found, self._rows = self._rows[:count], self._rows[count:]
        return found

    def var(self, *given: Any, **named: Any) -> Any:
        self.variables.append((*given, *sorted(named.items())))
        return "a variable"

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Driver:
    """A connection of one cursor."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.call_timeout = 0

    def cursor(self) -> Cursor:
        return self._cursor


def opened(cursor: Cursor) -> OpenedRows:
    return OpenedRows(cast("Any", cursor))


def connection(cursor: Cursor) -> OracleConnection:
    return OracleConnection(cast("Any", Driver(cursor)))


async def test_pieces_are_about_a_megabyte_whatever_rows_may_hold() -> None:
    cursor = Cursor([(oracledb.DB_TYPE_VARCHAR, 4000)] * 10, [("x",) * 10] * 60)
    rows = opened(cursor)
    sizes = []
    while piece := await rows.more():
        sizes.append(len(piece))
    assert sum(sizes) == 60
    assert max(sizes) * 40_000 <= 2**20
    short = Cursor([(oracledb.DB_TYPE_NUMBER, 22)], [])
    opened(short)
    assert short.arraysize == 1000


async def test_a_large_object_comes_whole_and_an_empty_one_is_no_null() -> None:
    text, data = Large(oracledb.DB_TYPE_CLOB, "whole"), Large(oracledb.DB_TYPE_BLOB, b"\0" * 3_000_000)
    empty, none = Large(oracledb.DB_TYPE_NCLOB, ""), Large(oracledb.DB_TYPE_BLOB, b"")
    cursor = Cursor([(oracledb.DB_TYPE_CLOB, 4000), (oracledb.DB_TYPE_BLOB, 4000)], [(text, data), (empty, none), (None, None)])
    rows = opened(cursor)
    assert await rows.more() == [("whole", b"\0" * 3_000_000)]
    assert await rows.more() == [("", b""), (None, None)]
    assert await rows.more() == []
    assert empty.reads == none.reads == 0


async def test_a_large_object_that_memory_should_not_hold_is_refused_before_it_is_read() -> None:
    large = Large(oracledb.DB_TYPE_BLOB, b"", 2**28 + 1)
    rows = opened(Cursor([(oracledb.DB_TYPE_BLOB, 4000)], [(large,)]))
    with pytest.raises(ServerError, match="a large object has 268435457 characters or bytes"):
        await rows.more()
    assert large.reads == 0


async def test_a_long_comes_one_row_at_a_time() -> None:
    cursor = Cursor([(oracledb.DB_TYPE_LONG, 0)], [("a",), ("b",)])
    rows = opened(cursor)
    assert cursor.arraysize == 1
    assert await rows.more() == [("a",), ("b",)]


async def test_a_query_asks_for_exact_types_and_a_fault_leaves_no_cursor() -> None:
    cursor = Cursor([(oracledb.DB_TYPE_NUMBER, 22)], [])
    found = await connection(cursor).open_rows("SELECT 1", {"scn": 5}, 1000)
    assert cursor.executed == [("SELECT 1", {"scn": 5})]
    handler = cursor.outputtypehandler
    assert handler(cursor, SimpleNamespace(type_code=oracledb.DB_TYPE_NUMBER, internal_size=22)) == "a variable"
    assert handler(cursor, SimpleNamespace(type_code=oracledb.DB_TYPE_VARCHAR, internal_size=40)) == "a variable"
    assert handler(cursor, SimpleNamespace(type_code=oracledb.DB_TYPE_CLOB, internal_size=40)) is None
    assert cursor.variables[0][0].__name__ == "Decimal"
    assert ("encoding_errors", "surrogateescape") in cursor.variables[1]
    await found.close()
    assert cursor.closed
    broken = Cursor([], [])
    broken.fault = oracledb.DatabaseError("ORA-01555: snapshot too old")
    with pytest.raises(ServerError):
        await connection(broken).open_rows("SELECT 1", {}, 1000)
    assert broken.closed


async def test_rows_go_in_with_the_type_of_each_placeholder() -> None:
    cursor = Cursor([], [])
    await connection(cursor).insert("INSERT", [Bound.NUMBER, Bound.CLOB], [[1, ""], [None, "x"]], 1000)
    assert cursor.sizes == {"c0": oracledb.DB_TYPE_NUMBER, "c1": oracledb.DB_TYPE_CLOB}
    assert cursor.many == [("INSERT", [{"c0": 1, "c1": ""}, {"c0": None, "c1": "x"}])]


def test_the_driver_has_what_is_asked_of_it() -> None:
    assert set(oracle_connection._BOUND) == set(Bound)
    for name in ("read", "size"):
        assert inspect.iscoroutinefunction(getattr(oracledb.AsyncLOB, name))
    for name in ("execute", "executemany", "fetchone", "fetchmany"):
        assert inspect.iscoroutinefunction(getattr(oracledb.AsyncCursor, name))
    for name in ("var", "setinputsizes", "close"):
        assert not inspect.iscoroutinefunction(getattr(oracledb.AsyncCursor, name))
    assert {"size", "arraysize", "encoding_errors"} <= set(inspect.signature(oracledb.AsyncCursor.var).parameters)
    assert {"type_code", "internal_size"} <= set(dir(oracledb.FetchInfo))


async def test_a_server_that_is_not_there_is_told_in_words() -> None:
    target = Target(TargetId("o"), parse_location("oracle://u:hush@127.0.0.1:1/s"))
    with pytest.raises(TargetError, match=r"nothing listens at 127\.0\.0\.1:1") as caught:
        async with held_connection(target, {}):
            pass
    assert caught.value.reason is FailureCode.REFUSED
    assert "hush" not in repr(caught.value) + caught.value.message + caught.value.hint
