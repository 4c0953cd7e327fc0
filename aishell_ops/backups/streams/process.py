"""Programs as sources and sinks of streams: none of them is believed on its exit code alone."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aishell_core.targets import Secret
from aishell_ops.backups.errors import BackupError, ProgramError
from aishell_ops.backups.streams.contract import Reader, Stop, Writer
from aishell_ops.backups.streams.starting import start
from aishell_ops.backups.streams.stopping import expect_wanted
from aishell_ops.backups.streams.wide_output import widely_printing

_PIPE_BYTES = 1 << 20
_WORTH_BYTES = 512 << 10
_GATHER_SECONDS = 0.002
_GATHERINGS = 10
"""How long, and how often, more is waited for while a piece is small; the program goes on meanwhile, because its pipe is wide."""
_LOOK_SECONDS = 0.2
"""How often a silent program is looked at while somebody may want it to end."""
_PATIENCE_SECONDS = 5.0
"""How long a program has to end after it was asked to, before it is killed."""
_TAIL_BYTES = 4096
_REMARKS_BYTES = 64 << 10
_COUNT = struct.Struct("i")
HANDED = "{handed}"
"""Where a program's arguments name the file of what is handed to it."""

Trailer = Callable[[bytes], bool]
"""Whether the last bytes of a stream (up to 4096) are those of a whole one."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run, as a list of arguments; `secrets` go into its environment and are shown nowhere.

    What is `handed` to it stands in memory alone: the program finds it as a file, whose path takes the place of HANDED in the
    first argument that holds it. Variables of ours that begin with `hides` are kept from it: it shall be told by
    `environment` and by what is handed to it alone what they are about. One that ends with another exit code than 0 has done
    what it could, and is told of by its own words, where its last line holds `forgives`.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path | None = None
    hides: str = ""
    handed: Secret | None = None
    forgives: str = ""

    @property
    def surroundings(self) -> dict[str, str]:
        """The whole environment that it runs in."""
        ours = {name: value for name, value in os.environ.items() if not self.hides or not name.startswith(self.hides)}
        return {**ours, **self.environment, **self.secrets}

    @property
    def name(self) -> str:
        """What people call it."""
        return Path(self.arguments[0]).name


class ProgramSource:
    """What a program prints, as a stream. `remarks` is what it said on standard error though it went well."""

    def __init__(self, name: str, program: Program, *, trailer: Trailer | None = None, expected_bytes: int | None = None) -> None:
        self.name = name
        self.expected_bytes = expected_bytes
        self.remarks = ""
        self._program = program
        self._trailer = trailer

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Run the program; the block's end raises BackupError unless it went well and the stream is whole."""
        with _running(self._program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as run:
            reader = _Output(run.process.stdout, stop)
            yield reader
            run.expect_success(stop)
        self.remarks = run.said()
        self._check(reader)

    def _check(self, reader: _Output) -> None:
        name = self._program.name
        if not reader.count:
            raise BackupError(f"{name} gave nothing though it reported success", "look whether the database is the one that was meant")
        if self._trailer is not None and not self._trailer(reader.tail):
            raise BackupError(
                f"what {name} gave ends too early: its last bytes are not those of a whole {self.name}", "look at the server's log"
            )


class ProgramSink:
    """A program that takes a stream on its standard input. `remarks` is what it said though it went well.

    `heard` is told what it says on standard error while it says it, in a thread of its own.
    """

    def __init__(self, program: Program, *, heard: Callable[[bytes], None] | None = None) -> None:
        self.remarks = ""
        self._program = program
        self._heard = heard

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Run the program; the block's end closes its input and raises BackupError unless it went well, and took what it was given."""
        with _running(self._program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, heard=self._heard) as run:
            writer = _Input(run, run.process.stdin, stop)
            yield writer
            taken = writer.end()
            run.expect_success(stop)
            if not taken:
                message = f"{self._program.name} reported success, and took nothing of what it was given"
                raise BackupError(message, "look at this program; what it was given is no fault of it")
        self.remarks = run.said()


def run_program(
    program: Program, stop: Stop, *, begun: Callable[[int], None] | None = None, heard: Callable[[bytes], None] | None = None
) -> str:
    """Run a program that takes and gives no stream, to its end; what it said on standard error.

    `begun` is told its process id, `heard` what it says while it says it, in a thread of its own. Raises BackupError unless it
    went well, ToolError when it cannot be run.
    """
    with _running(program, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, heard=heard) as run:
        if begun is not None:
            begun(run.process.pid)
        run.expect_success(stop)
    return run.said()


class _Run:
    """A running program and what it says."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes], heard: Callable[[bytes], None] | None) -> None:
        self.program = program
        self.process = process
        self._heard = heard
        self._said = bytearray()
        self._listener = threading.Thread(target=self._listen, name=f"stderr-{program.name}", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        descriptor = _descriptor(self.process.stderr)
        while piece := os.read(descriptor, 1 << 16):
            if self._heard is not None:
                self._heard(piece)
            self._said += piece
            del self._said[:-_REMARKS_BYTES]

    def said(self) -> str:
        """What it has written to standard error, the last of it, without any secret."""
        text = bytes(self._said).decode(errors="replace").strip()
        for secret in self.program.secrets.values():
            text = text.replace(secret, "***") if secret else text
        return text

    def expect_success(self, stop: Stop) -> None:
        """Wait for the end; raises BackupError with what it said unless the exit code is 0."""
        while True:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_LOOK_SECONDS)
                break
            if stop.is_set():
                raise BackupError(f"{self.program.name} was stopped", "nothing of it is kept")
        self._listener.join(_PATIENCE_SECONDS)
        if (code := self.process.returncode) and not self._is_forgiven(code):
            raise self.failure(code)

    def _is_forgiven(self, code: int) -> bool:
        lines = self.said().splitlines()
        return code > 0 and bool(self.program.forgives and lines) and self.program.forgives in lines[-1]

    def failure(self, code: int) -> ProgramError:
        """What to say of a program that failed."""
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        last = self.said().splitlines()[-8:]
        said = f": {' / '.join(last)}" if last else ""
        return ProgramError(code, f"{self.program.name} {how}{said}", "its own words above say what it could not do")

    def end(self) -> None:
        """End it with all that it has started."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_PATIENCE_SECONDS)
                break
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextmanager
def _running(program: Program, *, stdin: int, stdout: int, heard: Callable[[bytes], None] | None = None) -> Iterator[_Run]:
    """Run a program in a session of its own, which ends with the block."""
    handed = _handed(program.handed)
    try:
        process = start(
            _naming(program.arguments, handed),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=widely_printing(program.surroundings) if stdout == subprocess.PIPE else program.surroundings,
            cwd=program.folder,
            start_new_session=True,
            pass_fds=() if handed is None else (handed,),
        )
    finally:
        if handed is not None:
            os.close(handed)
    for end in (process.stdin, process.stdout):
        if end is not None:
            _widen(end)
    run = _Run(program, process, heard)
    try:
        yield run
    finally:
        if process.poll() is None:
            run.end()
        run._listener.join(_PATIENCE_SECONDS)
        for end in (process.stdin, process.stdout, process.stderr):
            if end is not None:
                with suppress(OSError):
                    end.close()


def _handed(content: Secret | None) -> int | None:
    """What a program is handed, in memory alone: where there are no such files, in a pipe, which can be read once."""
    if content is None:
        return None
    text = content.reveal().encode()
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("handed", os.MFD_CLOEXEC)
        os.fchmod(memory, 0o600)  # the programs of MariaDB ignore a file that others could write
        os.write(memory, text)
        return memory
    reading, writing = os.pipe()
    try:
        os.write(writing, text)
    finally:
        os.close(writing)
    return reading


def _naming(arguments: tuple[str, ...], handed: int | None) -> list[str]:
    """The arguments with the path of what is handed; a later one that looks like its place is somebody's odd name."""
    named = list(arguments)
    if handed is not None:
        place = next(number for number, one in enumerate(named) if HANDED in one)
        named[place] = named[place].replace(HANDED, f"/dev/fd/{handed}")
    return named


def _widen(end: IO[bytes]) -> None:
    """A wide pipe wakes both sides up less often; how wide it may be is the system's own to say."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(end.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class _Output:
    """Reads what a program prints, and looks up while it is silent."""

    def __init__(self, stream: IO[bytes] | None, stop: Stop) -> None:
        self.count = 0
        self.tail = b""
        self._descriptor = _descriptor(stream)
        self._stop = stop

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end alone. Raises BackupError when somebody wants it to end."""
        _wait(self._descriptor, select.POLLIN, self._stop)
        self._gather(min(size, _WORTH_BYTES))
        piece = os.read(self._descriptor, size)
        self.count += len(piece)
        self.tail = piece[-_TAIL_BYTES:] if len(piece) >= _TAIL_BYTES else (self.tail + piece)[-_TAIL_BYTES:]
        return piece

    def _gather(self, worth_bytes: int) -> None:
        """Wait while more comes: programs write a few kilobytes at a time, and each piece costs every stage behind us a step."""
        before, waiting = 0, _waiting_bytes(self._descriptor)
        for _ in range(_GATHERINGS):
            if not before < waiting < worth_bytes:
                break
            time.sleep(_GATHER_SECONDS)
            before, waiting = waiting, _waiting_bytes(self._descriptor)


class _Input:
    """Writes to a program, and looks up while it does not take anything."""

    def __init__(self, run: _Run, stream: IO[bytes] | None, stop: Stop) -> None:
        self._run = run
        self._stream = stream
        self._stop = stop
        self._count = 0
        self._descriptor = _descriptor(stream)
        os.set_blocking(self._descriptor, False)

    def write(self, data: bytes | memoryview) -> None:
        """Write all of it; raises BackupError with the program's words when it has ended."""
        rest = memoryview(data)
        while rest:
            try:
                written = os.write(self._descriptor, rest)
                self._count += written
                rest = rest[written:]
            except BlockingIOError:
                _wait(self._descriptor, select.POLLOUT, self._stop)
            except BrokenPipeError:
                self._run.expect_success(self._stop)
                raise BackupError(f"{self._run.program.name} ended before it had taken all", self._run.said()) from None

    def end(self) -> bool:
        """Say that nothing more comes; whether the program has taken anything of what there was, as far as the system tells."""
        while (idle := self._is_untouched()) and self._run.process.poll() is None:
            expect_wanted(self._stop)
            time.sleep(_GATHER_SECONDS)
        if self._stream is not None:
            with suppress(BrokenPipeError):
                self._stream.close()
        return not idle

    def _is_untouched(self) -> bool:
        """Whether all that was ever written stands in the pipe still."""
        return self._count > 0 and _waiting_bytes(self._descriptor) == self._count


def _descriptor(stream: IO[bytes] | None) -> int:
    if stream is None:
        raise BackupError("a program was started without the pipe that was asked for", "this is a fault of aishell: please report it")
    return stream.fileno()


def _waiting_bytes(descriptor: int) -> int:
    """How much stands in a pipe and was not read yet; on Linux its writing end tells that too."""
    (count,) = _COUNT.unpack(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(_COUNT.size)))
    return int(count)


def _wait(descriptor: int, for_what: int, stop: Stop) -> None:
    poll = select.poll()
    poll.register(descriptor, for_what)
    while not poll.poll(_LOOK_SECONDS * 1000):
        expect_wanted(stop)
