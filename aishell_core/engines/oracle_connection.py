"""One connection to an Oracle server by python-oracledb's thin mode: the only module that knows the driver."""

from __future__ import annotations

import contextlib
import math
import ssl
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import oracledb

from aishell_core.engines.oracle_errors import NOT_ORACLE, is_lost
from aishell_core.engines.oracle_guard import STRANGERS
from aishell_core.engines.oracle_place import Place, Trust
from aishell_core.engines.oracle_wire import Binds, Bound, Brought, Row, ServerError
from aishell_core.values import Value

_MODULE = "aishell"
_CLOSE_MILLISECONDS = 500
_CONNECT_SECONDS = 4.0
_KEEPALIVE_MINUTES = 1
_AT_ONCE = 100
_CELL_BYTES = 8
_LARGEST_LOB = 2**20
"""So many characters or bytes of one large object are brought."""

_MODES = {
    "sysdba": oracledb.AUTH_MODE_SYSDBA,
    "sysoper": oracledb.AUTH_MODE_SYSOPER,
    "sysbackup": oracledb.AUTH_MODE_SYSBKP,
    "sysdg": oracledb.AUTH_MODE_SYSDGD,
    "syskm": oracledb.AUTH_MODE_SYSKMT,
    "sysrac": oracledb.AUTH_MODE_SYSRAC,
}
_LARGE_TYPES = {
    oracledb.DB_TYPE_CLOB: oracledb.DB_TYPE_LONG,
    oracledb.DB_TYPE_NCLOB: oracledb.DB_TYPE_LONG,
    oracledb.DB_TYPE_BLOB: oracledb.DB_TYPE_LONG_RAW,
}
_PIECE_BYTES = 2**20
_MOST_ROWS = 1000
"""So many rows are asked for at once where they are short."""
_MOST_HELD = 2**28
"""So many characters or bytes of one value are held in memory."""
_TEXTS = frozenset({oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_LONG})
_LONG = frozenset({oracledb.DB_TYPE_LONG, oracledb.DB_TYPE_LONG_RAW, oracledb.DB_TYPE_LONG_NVARCHAR})
_UNBOUNDED = frozenset({*_LONG, *_LARGE_TYPES})
_BOUND = {
    Bound.TEXT: oracledb.DB_TYPE_VARCHAR,
    Bound.NATIONAL: oracledb.DB_TYPE_NVARCHAR,
    Bound.NUMBER: oracledb.DB_TYPE_NUMBER,
    Bound.FLOAT: oracledb.DB_TYPE_BINARY_FLOAT,
    Bound.DOUBLE: oracledb.DB_TYPE_BINARY_DOUBLE,
    Bound.BOOLEAN: oracledb.DB_TYPE_BOOLEAN,
    Bound.BYTES: oracledb.DB_TYPE_RAW,
    Bound.LONG: oracledb.DB_TYPE_LONG,
    Bound.LONG_BYTES: oracledb.DB_TYPE_LONG_RAW,
    Bound.CLOB: oracledb.DB_TYPE_CLOB,
    Bound.NATIONAL_CLOB: oracledb.DB_TYPE_NCLOB,
    Bound.BLOB: oracledb.DB_TYPE_BLOB,
}


class OracleConnection:
    """A connection; see `Wire` and `BulkWire` for what its methods promise."""

    def __init__(self, driver: oracledb.AsyncConnection) -> None:
        self._driver = driver

    @classmethod
    async def open(cls, place: Place, action: str) -> OracleConnection:
        """Connect. The caller's deadline limits the time: until a connection stands it may be cancelled."""
        strangers: list[str] = []
        STRANGERS.set(strangers)
        try:
            with _as_fault():
                driver = await oracledb.connect_async(params=_params(place))
        except ServerError as error:
            if strangers:
                raise ServerError(0, NOT_ORACLE, f"it begins with {strangers[0]}", lost=True) from error
            raise
        driver.outputtypehandler = _plain_types
        driver.module, driver.action = _MODULE, action
        return cls(driver)

    @property
    def version(self) -> str:
        """The server's version in full."""
        return str(self._driver.version)

    @property
    def lost(self) -> bool:
        """Whether the driver has seen the connection end."""
        return not self._driver.is_healthy()

    def names(self, sql: str) -> tuple[str, ...]:
        """The names of a statement's placeholders."""
        with _as_fault(), self._driver.cursor() as cursor:
            cursor.prepare(sql)
            return tuple(str(name) for name in cursor.bindnames())

    async def fetch(self, sql: str, binds: Binds, milliseconds: int) -> tuple[Row, ...]:
        """The rows of one query; names in small letters."""
        self._driver.call_timeout = max(1, milliseconds)
        with _as_fault():
            cursor = self._driver.cursor()
            cursor.arraysize = cursor.prefetchrows = 501
            try:
                await cursor.execute(sql, dict(binds))
                names = [column.name.lower() for column in cursor.description or ()]
                return tuple({name: _read(cell) for name, cell in zip(names, row, strict=True)} for row in await cursor.fetchall())
            finally:
                cursor.close()

    async def execute(self, sql: str, binds: Binds, milliseconds: int) -> None:
        """Run one statement that brings no rows."""
        self._driver.call_timeout = max(1, milliseconds)
        with _as_fault(), self._driver.cursor() as cursor:
            await cursor.execute(sql, dict(binds))

    async def run(self, sql: str, values: Sequence[Value], most: tuple[int, int], milliseconds: int) -> Brought:
        """What one statement of a person brings, up to the limits."""
        self._driver.call_timeout = max(1, milliseconds)
        with _as_fault(), self._driver.cursor() as cursor:
            cursor.arraysize = _AT_ONCE
            cursor.prefetchrows = _AT_ONCE
            await cursor.execute(sql, list(values))
            if cursor.description is None:
                warning = cursor.warning
                return Brought((), (), int(cursor.rowcount), note="" if warning is None else str(warning))
            names = tuple(str(column.name) for column in cursor.description)
            rows, cut = await _up_to(cursor, *most)
            return Brought(names, rows, None, cut)

    async def open_rows(self, sql: str, binds: Binds, milliseconds: int) -> OpenedRows:
        """Begin a query of many rows."""
        self._driver.call_timeout = max(1, milliseconds)
        with _as_fault():
            cursor = self._driver.cursor()
            try:
                cursor.outputtypehandler = _exact_types
                # How long rows are is known once the query is under way: until then one is enough.
                cursor.arraysize = cursor.prefetchrows = 1
                await cursor.execute(sql, dict(binds))
                return OpenedRows(cursor)
            except BaseException:
                cursor.close()
                raise

    async def insert(self, sql: str, kinds: Sequence[Bound], rows: Sequence[Sequence[Any]], milliseconds: int) -> None:
        """Run a statement for each row."""
        self._driver.call_timeout = max(1, milliseconds)
        with _as_fault(), self._driver.cursor() as cursor:
            cursor.setinputsizes(**{f"c{number}": _BOUND[kind] for number, kind in enumerate(kinds)})
            await cursor.executemany(sql, [{f"c{number}": value for number, value in enumerate(row)} for row in rows])

    async def end(self, milliseconds: int, *, keep: bool) -> None:
        """Commit or roll back."""
        self._driver.call_timeout = max(1, milliseconds)
        with _as_fault():
            await (self._driver.commit() if keep else self._driver.rollback())

    async def close(self) -> None:
        """Log off, or drop the connection where the server does not answer that: the driver does so after twice its limit."""
        with contextlib.suppress(oracledb.Error, OSError):
            self._driver.call_timeout = _CLOSE_MILLISECONDS
            await self._driver.close()


class OpenedRows:
    """The rows of a query; see `OpenRows`."""

    def __init__(self, cursor: oracledb.AsyncCursor) -> None:
        self._cursor = cursor
        columns = cursor.description or ()
        self._one_by_one = any(column.type_code in _UNBOUNDED for column in columns)
        has_long = any(column.type_code in _LONG for column in columns)
        width = sum(max(_CELL_BYTES, column.internal_size or 0) for column in columns)
        # A locator is short whatever it leads to; a LONG comes with its row.
        cursor.arraysize = 1 if has_long else max(1, min(_MOST_ROWS, _PIECE_BYTES // max(1, width)))

    async def more(self) -> list[tuple[Any, ...]]:
        """The next rows."""
        with _as_fault():
            if not self._one_by_one:
                return list(await self._cursor.fetchmany(self._cursor.arraysize))
            rows: list[tuple[Any, ...]] = []
            left = _PIECE_BYTES
            while left > 0 and (row := await self._cursor.fetchone()) is not None:
                rows.append(tuple([await _whole(cell) for cell in row]))
                left -= sum(len(cell) if isinstance(cell, str | bytes) else _CELL_BYTES for cell in rows[-1])
            return rows

    async def close(self) -> None:
        """Leave the rest."""
        with contextlib.suppress(oracledb.Error):
            self._cursor.close()


async def _whole(cell: object) -> object:
    """A value with all that its locator leads to; raises ServerError for one that is too large to be held."""
    if not isinstance(cell, oracledb.AsyncLOB):
        return cell
    if (size := await cell.size()) > _MOST_HELD:
        raise ServerError(0, "", f"a large object has {size} characters or bytes, and {_MOST_HELD} are the most that rows are saved with")
    return await cell.read() if size else ("" if cell.type is not oracledb.DB_TYPE_BLOB else b"")


def _exact_types(cursor: oracledb.AsyncCursor, column: oracledb.FetchInfo) -> oracledb.Var | None:
    """Have numbers come with all their digits, and texts with bytes that are none; large objects come as locators."""
    if column.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(Decimal, arraysize=cursor.arraysize)
    if column.type_code in _TEXTS:
        return cursor.var(column.type_code, column.internal_size or 0, cursor.arraysize, encoding_errors="surrogateescape")
    return None


async def _up_to(cursor: oracledb.AsyncCursor, most_rows: int, most_bytes: int) -> tuple[tuple[tuple[Value, ...], ...], str]:
    """The rows up to the limits, and the name of the limit that was reached."""
    rows: list[tuple[Value, ...]] = []
    left = most_bytes
    while found := await cursor.fetchmany(min(_AT_ONCE, most_rows + 1 - len(rows))):
        for cells in found:
            if len(rows) == most_rows:
                return tuple(rows), "rows"
            row = tuple(_shown(cell) for cell in cells)
            left -= sum(_size(cell) for cell in row)
            if left < 0:
                return tuple(rows), "bytes"
            rows.append(row)
    return tuple(rows), ""


def _size(cell: Value) -> int:
    return len(cell) if isinstance(cell, str | bytes) else _CELL_BYTES


def _params(place: Place) -> oracledb.ConnectParams:
    """What the driver is told; raises oracledb.Error for a net service name that cannot be found."""
    params: oracledb.ConnectParams = oracledb.ConnectParams(
        user=place.user or None,
        password=place.password.reveal() if place.password is not None else None,
        config_dir=place.config_dir or None,
        expire_time=_KEEPALIVE_MINUTES,
        program=_MODULE,
        retry_count=0,
    )
    params.parse_connect_string(place.dsn)
    params.set(tcp_connect_timeout=_CONNECT_SECONDS, retry_count=0)
    if place.proxy_user:
        params.set(proxy_user=place.proxy_user)
    if place.mode:
        params.set(mode=_MODES[place.mode.lower()])
    if place.edition:
        params.set(edition=place.edition)
    if place.wallet_location:
        secret = place.wallet_password
        params.set(wallet_location=place.wallet_location, wallet_password=secret.reveal() if secret is not None else None)
    if place.trust is not None:
        params.set(ssl_server_dn_match=place.trust is Trust.NAME)
        if place.server_cert_dn:
            params.set(ssl_server_cert_dn=place.server_cert_dn)
    if place.trust is Trust.NONE:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        params.set(ssl_context=context)
    return params


def _plain_types(cursor: oracledb.AsyncCursor, column: oracledb.FetchInfo) -> oracledb.Var | None:
    """Have large objects come with their row; a locator would need a question of its own for each."""
    wanted = _LARGE_TYPES.get(column.type_code)
    return cursor.var(wanted, arraysize=cursor.arraysize) if wanted is not None else None


def _read(cell: object) -> object:
    return cell.encode("utf-8", "replace").decode("utf-8") if isinstance(cell, str) else cell


def _shown(cell: object) -> Value:
    """A cell for people and JSON: what JSON cannot hold is its text."""
    match cell:
        case None | bool() | int():
            return cell
        case float():
            return cell if math.isfinite(cell) else str(cell)
        case str():
            return str(_read(cell))[:_LARGEST_LOB]
        case bytes():
            return cell[:_LARGEST_LOB]
        case datetime() | date():
            return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
        case Decimal() | timedelta():
            return str(cell)
        case list() | tuple():
            return tuple(_shown(each) for each in cell)
        case dict():
            return {str(name): _shown(each) for name, each in cell.items()}
        case _:
            return str(cell)


@contextlib.contextmanager
def _as_fault() -> Iterator[None]:
    """Whatever the driver raises as a ServerError; OSErrors stay."""
    try:
        yield
    except oracledb.Error as error:
        told = error.args[0] if error.args else None
        number, code = int(getattr(told, "code", 0) or 0), str(getattr(told, "full_code", "") or "")
        lost = bool(getattr(told, "is_session_dead", False)) or code in {"DPY-4011", "DPY-1001", "DPY-6005"} or is_lost(number)
        raise ServerError(number, code, str(told if told is not None else error), lost=lost) from error
    except (TypeError, ValueError) as error:
        # The driver's own way to refuse a value, a text or an option that it cannot send, or an answer that is no answer.
        raise ServerError(0, "", f"{type(error).__name__}: {error}", lost=True) from error
