"""A connection and a cursor of the standard library that measure what runs through them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from aishell_core.engines.statement_recorder import Recorder, Shape, Track

if TYPE_CHECKING:
    from sqlite3 import _Parameters

_Cursor = TypeVar("_Cursor", bound=sqlite3.Cursor)


class LoggedConnection(sqlite3.Connection):
    """A connection whose statements are counted."""

    _recorder: Recorder | None = None

    def count_into(self, recorder: Recorder) -> None:
        """Begin to count; called once, right after connecting."""
        self._track = recorder.track()
        self._recorder = recorder

    @overload
    def cursor(self, factory: None = None) -> LoggedCursor: ...

    @overload
    def cursor(self, factory: Callable[[sqlite3.Connection], _Cursor]) -> _Cursor: ...

    def cursor(self, factory: Callable[[sqlite3.Connection], sqlite3.Cursor] | None = None) -> sqlite3.Cursor:
        """A cursor whose statements are counted, unless another kind of cursor is asked for."""
        return super().cursor(factory or LoggedCursor)

    def execute(self, sql: str, parameters: _Parameters = (), /) -> LoggedCursor:
        """As the standard library's, counted."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[_Parameters], /) -> LoggedCursor:
        """As the standard library's, counted as one call."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> LoggedCursor:
        """As the standard library's, counted as one call."""
        return self.cursor().executescript(sql_script)

    def commit(self) -> None:
        """As the standard library's, counted as COMMIT where there is something to commit."""
        measured(self.begin("COMMIT") if self.in_transaction else None, super().commit)

    def rollback(self) -> None:
        """As the standard library's, counted as ROLLBACK where there is something to roll back."""
        measured(self.begin("ROLLBACK") if self.in_transaction else None, super().rollback)

    def __exit__(self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /) -> Literal[False]:
        # The standard library's own would commit without passing through commit() above.
        if type is None and value is None:
            try:
                self.commit()
            except BaseException:
                self.rollback()
                raise
        else:
            self.rollback()
        return False

    @property
    def track(self) -> Track:
        """Where the recorder sees what this connection does."""
        return self._track

    def begin(self, sql: str) -> Call | None:
        """The measured call of a statement that starts now; None before counting began."""
        recorder = self._recorder
        return Call(self, recorder, recorder.shape(sql)) if recorder is not None else None

    def note(self, shape: Shape, *, running: bool) -> None:
        """Show the recorder what this connection does."""
        track = self._track
        if running:
            track.begin(shape, 0.0)
        else:
            track.wrote = self.in_transaction and (track.wrote or shape.writes)
            track.running = False


class Call:
    """The measured call of one statement, from execute to the last row."""

    __slots__ = ("_connection", "_recorder", "_rows", "_seconds", "_shape", "_track")

    def __init__(self, connection: LoggedConnection, recorder: Recorder, shape: Shape) -> None:
        self._connection = connection
        self._track = connection.track
        self._recorder = recorder
        self._shape = shape
        self._seconds = 0.0
        self._rows = 0
        connection.note(shape, running=True)
        recorder.wake()

    def executed(self, seconds: float) -> None:
        """SQLite gave control back for the first time."""
        self._seconds += seconds
        self._connection.note(self._shape, running=False)

    def fetching(self) -> None:
        """SQLite goes on with the statement: most of the work of a long list of rows is done while it is fetched."""
        self._track.begin(self._shape, self._seconds)
        self._recorder.wake()

    def fetched(self, seconds: float, rows: int) -> None:
        """Count time inside SQLite, and the rows that came of it."""
        self._track.running = False
        self._seconds += seconds
        self._rows += rows

    def end_late(self) -> None:
        """The statement is over, as a finaliser says it."""
        self._recorder.record_late(self._shape, self._seconds, self._rows)

    def end(self, error: BaseException | None = None) -> None:
        """The statement is over."""
        self._recorder.record(self._shape, self._seconds, self._rows, error)


def measured(call: Call | None, work: Callable[[], None]) -> None:
    """Do the work of a call that returns no rows; raises what the work raises."""
    begun = time.perf_counter()
    try:
        work()
    except BaseException as error:
        _failed(call, begun, error)
        raise
    if call is not None:
        call.executed(time.perf_counter() - begun)
        call.end()


class LoggedCursor(sqlite3.Cursor):
    """A cursor that counts what runs through it."""

    _call: Call | None = None

    def execute(self, sql: str, parameters: _Parameters = (), /) -> Self:
        """As the standard library's, counted."""
        call = self._begin(sql)
        begun = time.perf_counter()
        try:
            super().execute(sql, parameters)
        except BaseException as error:
            _failed(call, begun, error)
            raise
        self._executed(call, begun)
        return self

    def executemany(self, sql: str, seq_of_parameters: Iterable[_Parameters], /) -> Self:
        """As the standard library's, counted as one call."""
        call = self._begin(sql)
        begun = time.perf_counter()
        try:
            super().executemany(sql, seq_of_parameters)
        except BaseException as error:
            _failed(call, begun, error)
            raise
        self._executed(call, begun)
        return self

    def executescript(self, sql_script: str, /) -> Self:
        """As the standard library's, counted as one call."""
        call = self._begin(sql_script)
        begun = time.perf_counter()
        try:
            super().executescript(sql_script)
        except BaseException as error:
            _failed(call, begun, error)
            raise
        self._executed(call, begun)
        return self

    # A row is whatever the application's row factory makes of it, so its type is the standard library's: anything.
    def fetchone(self) -> Any:  # noqa: ANN401
        """As the standard library's, counted."""
        begun = self._fetching()
        row = super().fetchone()
        self._fetched(begun, 0 if row is None else 1, last=row is None)
        return row

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """As the standard library's, counted."""
        wanted = self.arraysize if size is None else size
        begun = self._fetching()
        rows = super().fetchmany(wanted)
        self._fetched(begun, len(rows), last=len(rows) < wanted)
        return rows

    def fetchall(self) -> list[Any]:
        """As the standard library's, counted."""
        begun = self._fetching()
        rows = super().fetchall()
        self._fetched(begun, len(rows), last=True)
        return rows

    def __next__(self) -> Any:  # noqa: ANN401
        begun = self._fetching()
        try:
            row = super().__next__()
        except BaseException:
            self._fetched(begun, 0, last=True)
            raise
        call = self._call
        if call is not None:
            call.fetched(time.perf_counter() - begun, 1)
        return row

    def close(self) -> None:
        """As the standard library's; the statement is over."""
        self._finish()
        super().close()

    def __del__(self) -> None:
        # A cursor that was not read to its end, such as one that asked for the first row only.
        call, self._call = self._call, None
        if call is not None:
            call.end_late()

    def _begin(self, sql: str) -> Call | None:
        self._finish()
        connection = self.connection
        return connection.begin(sql) if isinstance(connection, LoggedConnection) else None

    def _executed(self, call: Call | None, begun: float) -> None:
        if call is None:
            return
        call.executed(time.perf_counter() - begun)
        if self.description is None:
            call.fetched(0.0, max(0, self.rowcount))
            call.end()
        else:
            self._call = call

    def _fetching(self) -> float:
        if self._call is not None:
            self._call.fetching()
        return time.perf_counter()

    def _fetched(self, begun: float, rows: int, *, last: bool) -> None:
        call = self._call
        if call is not None:
            call.fetched(time.perf_counter() - begun, rows)
            if last:
                self._finish()

    def _finish(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.end()


def _failed(call: Call | None, begun: float, error: BaseException) -> None:
    if call is not None:
        call.executed(time.perf_counter() - begun)
        call.end(error)
