"""A folder that a program fills, as a tar that flows while the program is still at work."""

from __future__ import annotations

import os
import queue
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.streams.contract import Reader, Stop
from aishell_ops.backups.streams.process import Program, ProgramSink, run_program
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 1 << 20
_LOOK_SECONDS = 0.2
_END = bytes(2 * tarfile.BLOCKSIZE)

Finished = Callable[[str], str | None]
"""The name of the file that is finished, by a line that the program says; None for any other line."""


class FilledFolder:
    """What a program writes into a folder. Each file is given as soon as it is finished, and emptied then.

    `remarks` is what the program said though it went well.
    """

    def __init__(
        self,
        name: str,
        program: Program,
        folder: Path,
        *,
        finished: Finished | None = None,
        watch: Callable[[int | None], None] | None = None,
        expected_bytes: int | None = None,
    ) -> None:
        self.name = name
        self.expected_bytes = expected_bytes
        self.remarks = ""
        self._program = program
        self._folder = folder
        self._finished = finished
        self._watch = watch

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Run the program; raises BackupError when it fails or writes nothing, while it is read."""
        work = _Work(self._program, self._finished, self._watch, stop)
        try:
            yield _Tar(self._folder, work, stop)
            self.remarks = work.remarks
        finally:
            work.end()


class _Work:
    """The program, running in a thread of its own, with the names of the files that it has finished."""

    def __init__(self, program: Program, finished: Finished | None, watch: Callable[[int | None], None] | None, stop: Stop) -> None:
        self.names: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.remarks = ""
        self._program, self._finished, self._watch, self._stop = program, finished, watch, stop
        self._left = threading.Event()
        self._fault: BaseException | None = None
        self._rest = b""
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name=f"run-{program.name}", daemon=True)
        self._thread.start()

    def is_set(self) -> bool:
        """Whether the program should end: nobody wants it any more, or nobody reads."""
        return self._left.is_set() or self._stop.is_set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended; raises BackupError where it did not go well."""
        if self._thread.is_alive():
            return False
        if self._fault is not None:
            raise self._fault
        return True

    def end(self) -> None:
        """End it, and wait for that."""
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self.remarks = run_program(self._program, self, begun=self._watch, heard=self._hear)
        except BaseException as fault:  # noqa: BLE001 - whatever ends the program is raised again where the folder is read
            self._fault = fault
        finally:
            if self._watch is not None:
                self._watch(None)

    def _hear(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if self._finished is not None and (name := self._finished(line.decode(errors="replace"))) is not None:
                self.names.put(name)


class _Tar:
    """Reads the folder as a tar."""

    def __init__(self, folder: Path, work: _Work, stop: Stop) -> None:
        self._folder, self._work, self._stop = folder, work, stop
        self._given: set[str] = set()
        self._pieces = self._made()

    def read(self, size: int) -> bytes:
        """The next piece; empty at the end alone."""
        del size  # pieces are no larger than what is asked for
        expect_wanted(self._stop)
        return next((piece for piece in self._pieces if piece), b"")

    def _made(self) -> Iterator[bytes]:
        while not self._work.is_over:
            expect_wanted(self._stop)
            try:
                yield from self._file(self._work.names.get(timeout=_LOOK_SECONDS))
            except queue.Empty:
                continue
        yield from self._rest()
        yield _END

    def _rest(self) -> Iterator[bytes]:
        """What was not said to be finished before the program ended."""
        found = sorted(path for path in self._folder.rglob("*") if path.is_file())
        if not found:
            raise BackupError("nothing was written though success was reported", "look whether the database is the one that was meant")
        for path in found:
            name = str(path.relative_to(self._folder))
            if name not in self._given:
                yield from self._file(name)
            if path.stat().st_size:
                raise BackupError(f"{name} was written on after it was finished", "its backup would lack something: take it by one job")

    def _file(self, name: str) -> Iterator[bytes]:
        """A file with its head; it is emptied and not removed, so that what is written into it later is seen."""
        path = self._folder / name
        if name in self._given or not path.is_file():
            return
        self._given.add(name)
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            head = tarfile.TarInfo(name)
            head.size, head.mtime, head.mode = status.st_size, int(status.st_mtime), 0o600
            yield head.tobuf(tarfile.GNU_FORMAT)
            left = status.st_size
            while left:
                piece = file.read(min(_PIECE_BYTES, left))
                if not piece:
                    raise BackupError(f"{name} has become shorter while it was read", "nobody else may write into the folder")
                left -= len(piece)
                yield piece
        yield bytes(-status.st_size % tarfile.BLOCKSIZE)
        os.truncate(path, 0)


def unpacking(folder: Path) -> ProgramSink:
    """What unpacks a tar into a folder that is there; files belong to whoever unpacks them, and have the modes that the tar says."""
    return ProgramSink(Program(("tar", "-x", "-p", "--no-same-owner", "-C", str(folder), "-f", "-")))
