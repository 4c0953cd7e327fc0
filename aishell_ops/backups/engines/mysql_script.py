"""A dump on its way into a client program: the line that older clients do not understand, and some of its tables alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from aishell_core.engines.mysql_errors import quoted
from aishell_ops.backups.engines.mysql_views import ViewsByInvoker
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.streams.contract import PlainSink, Stop, Writer

_SANDBOX = b"/*M!999999\\- enable the sandbox mode"
_LONGEST_LINE_BYTES = 1 << 16
"""Of those that are looked at: names and constraints."""
_LINE = re.compile(
    rb"^(?:-- (?P<table>Table structure for table|Dumping data for table) (?P<name>.*)"
    rb"|-- (?P<other>Sequence structure for|Temporary (?:table|view) structure for|Dumping (?:routines|events) for database"
    rb"|Final view structure for|The deferred gtid setting|GTID state at) .*"
    rb"|(?P<before>  CONSTRAINT `(?:[^`]|``)+` FOREIGN KEY \(.*?\) REFERENCES )(?P<parent>`(?:[^`]|``)+`)(?P<after> \(.*))$",
    re.MULTILINE,
)


class TablesOnly:
    """Lets the beginning of a dump pass, and the sections of some tables.

    A foreign key of theirs to a table that is not among them is made to mean the one in `database`, where they will be in the end.
    """

    def __init__(self, writer: Writer, tables: Sequence[str], database: str) -> None:
        self._writer = writer
        # A line break in a name goes on in a comment line of its own.
        self._wanted = {quoted(table).encode().split(b"\n")[0] for table in tables}
        self._mine = {quoted(table).encode() for table in tables}
        self._database = quoted(database).encode()
        self._passing = True
        self._rest = b""
        self._within = False

    def write(self, data: bytes | memoryview) -> None:
        """Take a piece of the dump."""
        block = self._rest + bytes(data)
        cut = block.rfind(b"\n") + 1
        self._rest = block[cut:]
        if cut:
            self._lines(block[:cut])
        if len(self._rest) > _LONGEST_LINE_BYTES:
            self._pass(self._rest)
            self._rest, self._within = b"", True

    def end(self) -> None:
        """What has no line's end comes last."""
        self._pass(self._rest)
        self._rest = b""

    def _lines(self, block: bytes) -> None:
        """Whole lines, of which the first may have begun before."""
        done = start = block.index(b"\n") + 1 if self._within else 0
        self._pass(block[:start])
        self._within = False
        for found in _LINE.finditer(block, start):
            self._pass(block[done : found.start()])
            done = found.end()
            if found["parent"] is not None:
                place = found["parent"] if found["parent"] in self._mine else self._database + b"." + found["parent"]
                self._pass(found["before"] + place + found["after"])
                continue
            self._passing = found["table"] is not None and found["name"] in self._wanted
            self._pass(found[0])
        self._pass(block[done:])

    def _pass(self, piece: bytes) -> None:
        if self._passing and piece:
            self._writer.write(piece)


class _WithoutSandbox:
    """Drops the first line of a dump when it tells MariaDB's newer clients to run nothing on this machine."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._head: bytes | None = b""

    def write(self, data: bytes | memoryview) -> None:
        """Take a piece of the dump."""
        if self._head is None:
            self._writer.write(data)
            return
        self._head += bytes(data)
        if b"\n" in self._head or not _SANDBOX.startswith(self._head[: len(_SANDBOX)]):
            self.end()

    def end(self) -> None:
        """Hand on what was held back."""
        if self._head is not None:
            line, _, rest = self._head.partition(b"\n")
            head, self._head = (rest if line.startswith(_SANDBOX) else self._head), None
            if head:
                self._writer.write(head)


@dataclass(frozen=True, slots=True)
class Staged:
    """That views go from the database that was `saved` into a staging one; `definers` gathers those that are changed for that."""

    saved: str
    staging: str
    definers: set[bytes]


class ScriptSink:
    """A client program that takes a dump: all of it or some tables of it, with its first line unless the client does not know that."""

    def __init__(
        self, sink: PlainSink, *, sandbox: bool, tables: Sequence[str] = (), database: str = "", staged: Staged | None = None
    ) -> None:
        self._sink = sink
        self._staged = staged
        self._sandbox = sandbox
        self._tables = tables
        self._database = database

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Begin to take the dump; the block's end raises BackupError when the program failed."""
        with self._sink.opened(stop) as writer:
            inner: Writer = writer
            ends: list[TablesOnly | ViewsByInvoker | _WithoutSandbox] = []
            if self._staged is not None:
                ends.append(views := ViewsByInvoker(inner, self._staged.saved, self._staged.staging, self._staged.definers))
                inner = views
            if self._tables:
                ends.append(only := TablesOnly(inner, self._tables, self._database))
                inner = only
            if not self._sandbox:
                ends.append(without := _WithoutSandbox(inner))
                inner = without
            yield inner
            for one in reversed(ends):
                one.end()


class Kept:
    """A small stream that is kept in memory until it is wanted."""

    def __init__(self, most_bytes: int) -> None:
        self.content = b""
        self._most_bytes = most_bytes

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Take it."""
        yield self

    def write(self, data: bytes | memoryview) -> None:
        """Keep a piece; raises BackupError when it is too much for memory."""
        self.content += bytes(data)
        if len(self.content) > self._most_bytes:
            raise BackupError(f"a part is larger than {self._most_bytes} bytes", "restore it as the recovery sheet says")
