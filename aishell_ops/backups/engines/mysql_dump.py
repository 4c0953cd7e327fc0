"""The dump programs of MySQL and MariaDB: their arguments, and their output from the moment on at which their transaction has begun."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from aishell_core.engines.mysql_held import ClientAccess
from aishell_ops.backups.engines.mysql_tools import Client
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.streams.contract import Reader, Stop
from aishell_ops.backups.streams.process import HANDED, Program, ProgramSource

SCRIPT, EVENTS = "database.sql", "events.sql"
ERROR_LINE = r"ERROR \d+ "
"""How the clients of both families begin to tell of a statement that failed."""
_ENDING = b"-- Dump completed"
_BEGUN = re.compile(
    rb"^-- (?:Table structure for|Sequence structure for|Temporary (?:table|view) structure for|Dumping |Final view structure for|"
    rb"Position to start|CHANGE MASTER TO|CHANGE REPLICATION SOURCE TO|Dump completed)",
    re.MULTILINE,
)
"""What these programs write after their transaction has begun."""
_PLACE = re.compile(rb"_LOG_FILE='(?P<file>[^'\n]*)', \w+_LOG_POS=(?P<position>\d+)")
_HEAD_BYTES = 1 << 20
_PACKET = "--max-allowed-packet=1G"
CHARSET = "--default-character-set=utf8mb4"
_COMMON = ("--comments", "--no-tablespaces", CHARSET, _PACKET)
_MOMENT = ("--single-transaction", "--quick", "--skip-lock-tables", "--hex-blob", "--triggers", *_COMMON)
_DEFINITIONS = ("--skip-lock-tables", "--no-data", *_COMMON)
_CODE = ("--no-create-info", "--triggers")


def dump_arguments(client: Client, *, whole: bool, logged: bool) -> tuple[str, ...]:
    """The options of a dump: of a `whole` database with its routines, of a server that is `logged` with the place in its log."""
    place = ("--master-data=2", "--gtid") if client.mariadb and logged else ()
    return (*_MOMENT, *(("--routines",) if whole else ()), *place, *_own(client))


def events_arguments(client: Client) -> tuple[str, ...]:
    """The options for a database's events alone."""
    return (*_DEFINITIONS, "--no-create-info", "--skip-triggers", "--events", *_own(client))


def code_arguments(client: Client, *, whole: bool) -> tuple[str, ...]:
    """The options for triggers, and of a `whole` database for its routines."""
    return (*_DEFINITIONS, *_CODE, *(("--routines",) if whole else ()), *_own(client))


def views_arguments(client: Client) -> tuple[str, ...]:
    """The options for definitions of views, and of tables without rows."""
    return (*_DEFINITIONS, "--skip-triggers", *_own(client))


def _own(client: Client) -> tuple[str, ...]:
    """What MySQL's program alone has: nothing that it would set on the server that takes the dump, and no histograms."""
    if client.mariadb:
        return ()
    return ("--set-gtid-purged=OFF", *(("--column-statistics=0",) if client.release >= (8, 0) else ()))


def dump_program(client: Client, access: ClientAccess, arguments: Sequence[str], database: str, names: Sequence[str] = ()) -> Program:
    """A dump program that is told by its option file alone where to go; names come after what ends its options."""
    option_file = access.option_file(mariadb=client.mariadb)
    return Program((str(client.path), f"--defaults-file={HANDED}", *arguments, "--", database, *names), handed=option_file, hides="MYSQL")


def load_program(client: Client, access: ClientAccess, database: str, *, go_on: bool = False) -> Program:
    """A client program that runs a script in a database and ends at the first error unless it is to go on."""
    force = ("--force",) if go_on else ()
    options = (f"--defaults-file={HANDED}", CHARSET, _PACKET, "--batch", "--binary-mode", *force, f"--database={database}")
    return Program((str(client.path), *options), handed=access.option_file(mariadb=client.mariadb), hides="MYSQL")


def ends_well(tail: bytes) -> bool:
    """Whether these are the last bytes of a whole dump."""
    return _ENDING in tail[-300:]


class _Either:
    """Stops when one of two is set; the second becomes known later."""

    def __init__(self) -> None:
        self.own = threading.Event()
        self.other: Stop = self.own

    def is_set(self) -> bool:
        """Whether to end now."""
        return self.own.is_set() or self.other.is_set()


class BegunDump:
    """A dump that runs already: its transaction has begun when `begin` returns. `place` is what it says of the server's log."""

    def __init__(self, name: str, program: Program, expected_bytes: int | None) -> None:
        self.name = name
        self.expected_bytes = expected_bytes
        self.place: tuple[str, str] | None = None
        self._stop = _Either()
        self._source = ProgramSource(name, program, trailer=ends_well, expected_bytes=expected_bytes)
        self._running: AbstractContextManager[Reader] | None = None
        self._reader: Reader | None = None
        self._head = b""

    def begin(self) -> None:
        """Run the program until it has said what it says in its transaction; raises BackupError when it fails before that."""
        running = self._source.opened(self._stop)
        self._reader = running.__enter__()
        self._running = running
        while len(self._head) < _HEAD_BYTES and _BEGUN.search(self._head) is None:
            piece = self._reader.read(1 << 16)
            if not piece:
                break
            self._head += piece
        if (found := _PLACE.search(self._head)) is not None:
            self.place = (found["file"].decode(errors="replace"), found["position"].decode())

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """The whole output, from its first byte on; raises BackupError at the end unless the program went well."""
        running, self._running = self._running, None
        if running is None or self._reader is None:
            raise BackupError(f"{self.name} can be read once, and was", "this is a fault of aishell: please report it")
        self._stop.other = stop
        with _entered(running):
            yield _Headed(self._head, self._reader)

    def discard(self) -> None:
        """End the program when nobody has read it."""
        running, self._running = self._running, None
        if running is not None:
            self._stop.own.set()
            error = BackupError("nobody wants the dump any more")
            try:
                running.__exit__(type(error), error, None)
            except BackupError:
                return


@contextmanager
def _entered(running: AbstractContextManager[Reader]) -> Iterator[None]:
    """A context that was entered elsewhere, left here."""
    try:
        yield
    except BaseException as error:
        if not running.__exit__(type(error), error, error.__traceback__):
            raise
    else:
        running.__exit__(None, None, None)


class _Headed:
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end alone."""
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._rest.read(size)
