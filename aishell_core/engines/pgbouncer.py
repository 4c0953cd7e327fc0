"""A session with PgBouncer's own console: the only module that knows a driver for the simple query protocol.

The console refuses the extended protocol, by which the driver of the PostgreSQL session reads rows.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from struct import error as StructError  # noqa: N812 - an exception, named so by the library

import scramp
from pg8000.core import CoreConnection
from pg8000.exceptions import DatabaseError, InterfaceError

from aishell_core.clock import Clock
from aishell_core.engines.listener import Listener, listener_of
from aishell_core.engines.pgbouncer_errors import Spot, broken, hangs, no_password, refused, told, unreachable, untrusted
from aishell_core.engines.pgbouncer_place import Place, place_of, secured
from aishell_core.engines.worker import DatabaseThread
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import Cost, FailureCode

Row = Mapping[str, str | None]
"""Texts by column name; a text is always proper Unicode."""

Version = tuple[int, ...]

_DRIVER_ERRORS = (InterfaceError, KeyError, IndexError, ValueError, AttributeError, StructError, scramp.ScramException)
"""What the driver raises when the other side breaks off or speaks another language."""

_THREAD_SPARE_SECONDS = 0.2
_LEAVE_SECONDS = 0.5
_DATABASE = "pgbouncer"
_UNKNOWN_COMMAND = "invalid command"


@dataclass(frozen=True, slots=True)
class ConsoleFacts:
    """What is known of the pooler behind a connection; `listener` is its process where that is on this machine."""

    version: str
    number: Version
    user: str
    local: bool
    listener: Listener | None


@dataclass(frozen=True, slots=True)
class ConsoleAnswer:
    """The rows of each command that the console knows, by command, who answered, and what it cost."""

    rows: Mapping[str, tuple[Row, ...]]
    facts: ConsoleFacts
    cost: Cost


class _Driver(CoreConnection):  # type: ignore[misc]
    """The driver's connection on a socket of ours: rows as text, whatever bytes are in them."""

    received = 0

    def handle_DATA_ROW(self, data: bytes, context: object) -> None:  # noqa: N802 - the driver's name
        values: list[str | None] = []
        place = 2
        for _ in context.columns:  # type: ignore[attr-defined]
            size = int.from_bytes(data[place : place + 4], "big", signed=True)
            place += 4
            values.append(None if size < 0 else data[place : place + size].decode("utf-8", "replace"))
            place += max(size, 0)
        self.received += len(data)
        context.rows.append(values)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Take leave; a connection that is broken already is no error, and hides none."""
        try:
            super().close()
        except (InterfaceError, OSError, ValueError):
            return


class _Line:
    """One connection, used in the thread alone but for `abandon`."""

    def __init__(self, transport: socket.socket, place: Place, until: float) -> None:
        self._socket = transport
        self._limit(until)
        self._driver = _Driver(
            user=place.user,
            database=_DATABASE,
            password=place.password.reveal() if place.password is not None else "",
            application_name="aishell",
            sock=transport,
            ssl_context=False,
        )

    @property
    def received(self) -> int:
        return self._driver.received

    def rows(self, command: str, until: float) -> tuple[Row, ...]:
        self._limit(until)
        context = self._driver.execute_simple(command)
        names = [column["name"] for column in context.columns or ()]
        return tuple(dict(zip(names, row, strict=True)) for row in context.rows or ())

    def _limit(self, until: float) -> None:
        self._socket.settimeout(max(0.001, until - time.monotonic()))

    def abandon(self) -> None:
        """Wake whoever waits for an answer; safe from another thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is closed already
            return

    def close(self) -> None:
        self._driver.close()
        self._socket.close()


class PgbouncerSession:
    """Asks the console by one connection in a thread of its own; every error that leaves it is a TargetError.

    A broken connection is made anew by the next question.
    """

    def __init__(self, target: Target, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._clock = clock
        self._target = target
        self._environ = environ
        location = target.location
        self._spot = Spot(f"{location.host}:{location.port}", location.user)
        self._thread = DatabaseThread(f"{target.name} console")
        self._line: _Line | None = None
        self._facts: ConsoleFacts | None = None

    async def ask(self, *commands: str, deadline_seconds: float) -> ConsoleAnswer:
        """The rows of some SHOW commands; one that this version does not know is left out. Raises TargetError."""
        until = time.monotonic() + deadline_seconds
        try:
            work = partial(self._answer, commands, until)
            return await self._thread.run(work, deadline_seconds + _THREAD_SPARE_SECONDS, self._abandon)
        except TargetError as error:
            if error.reason is FailureCode.TIMEOUT:
                raise hangs(self._spot, deadline_seconds) from error
            raise

    async def close(self) -> None:
        """Let go of the connection; never raises and may be called twice."""
        if self._line is not None:
            with contextlib.suppress(TargetError):
                await self._thread.run(self._drop, _LEAVE_SECONDS, self._abandon)
        self._thread.close()

    def _abandon(self) -> None:
        line = self._line
        if line is not None:
            line.abandon()

    def _answer(self, commands: tuple[str, ...], until: float) -> ConsoleAnswer:
        """Once more where a connection from before has ended meanwhile, as it does when the pooler is restarted."""
        if self._line is not None:
            try:
                return self._answer_once(commands, until)
            except TargetError as error:
                if error.reason is FailureCode.TIMEOUT:
                    raise
        return self._answer_once(commands, until)

    def _answer_once(self, commands: tuple[str, ...], until: float) -> ConsoleAnswer:
        began = self._clock.steady()
        try:
            line, facts = self._connected(until)
            received = line.received
            rows = {command: found for command in commands if (found := self._rows(line, command, until)) is not None}
        except BaseException:
            self._drop()
            raise
        return ConsoleAnswer(rows, facts, Cost(len(commands), self._clock.steady() - began, line.received - received))

    def _rows(self, line: _Line, command: str, until: float) -> tuple[Row, ...] | None:
        try:
            return line.rows(command, until)
        except DatabaseError as error:
            if _UNKNOWN_COMMAND in _words(error):
                return None
            raise told(self._spot, _words(error)) from error
        except TimeoutError as error:
            raise TargetError(FailureCode.TIMEOUT, "") from error
        except (OSError, *_DRIVER_ERRORS) as error:
            raise _timeout_in(error) or broken(self._spot) from error

    def _connected(self, until: float) -> tuple[_Line, ConsoleFacts]:
        if self._line is None or self._facts is None:
            # Anew each time: a password may have been written down since.
            place = place_of(self._target, self._environ)
            self._spot = Spot(place.address, place.user, place.password is not None, place.remark)
            transport = self._transport(place, until)
            try:
                self._line = self._logged_in(transport, place, until)
            except BaseException:
                transport.close()
                raise
            listener = listener_of(transport, place.port, "pgbouncer") if place.local else None
            version, number = self._version(self._line, until)
            self._facts = ConsoleFacts(version, number, place.user, place.local, listener)
        return self._line, self._facts

    def _version(self, line: _Line, until: float) -> tuple[str, Version]:
        rows = self._rows(line, "SHOW VERSION", until) or ()
        words = next((text for row in rows for text in row.values() if text), "").removeprefix("PgBouncer ")
        digits = (part for part in words.split(" ")[0].split("."))
        return words, tuple(int(part) for part in digits if part.isdecimal())

    def _transport(self, place: Place, until: float) -> socket.socket:
        try:
            plain = place.open(max(0.001, until - time.monotonic()))
        except TimeoutError as error:
            raise TargetError(FailureCode.TIMEOUT, "") from error
        except OSError as error:
            raise unreachable(self._spot, error) from error
        try:
            return secured(plain, place)
        except TimeoutError as error:
            raise TargetError(FailureCode.TIMEOUT, "") from error
        except OSError as error:
            raise untrusted(self._spot, error) from error

    def _logged_in(self, transport: socket.socket, place: Place, until: float) -> _Line:
        try:
            return _Line(transport, place, until)
        except DatabaseError as error:
            raise refused(self._spot, _words(error)) from error
        except TimeoutError as error:
            raise TargetError(FailureCode.TIMEOUT, "") from error
        except scramp.ScramException as error:
            raise no_password(self._spot) from error
        except (OSError, *_DRIVER_ERRORS) as error:
            raise _timeout_in(error) or broken(self._spot) from error

    def _drop(self) -> None:
        line, self._line, self._facts = self._line, None, None
        if line is not None:
            line.close()


def _timeout_in(error: BaseException) -> TargetError | None:
    """The driver wraps a socket that waited too long into errors of its own."""
    cause = error.__cause__ or error.__context__
    return TargetError(FailureCode.TIMEOUT, "") if isinstance(cause, TimeoutError) else None


def _words(error: DatabaseError) -> str:
    """The console's own words; it sends no codes that tell more."""
    fields = error.args[0] if error.args else ""
    return str(fields.get("M", "")) if isinstance(fields, dict) else str(fields)
