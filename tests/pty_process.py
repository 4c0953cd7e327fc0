"""A program in a real pseudo-terminal, byte by byte; `terminal.py` adds the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.processes import ProcessMark, children, end_all, survivors

_READ_BYTES = 1 << 16


class PtyProcess:
    """A running program with a terminal of its own as standard input, output and error."""

    def __init__(
        self, command: Sequence[str | Path], *, columns: int, rows: int, environment: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        self._open = True
        self.at_end = False
        set_size(slave, columns, rows)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
        finally:
            os.close(slave)

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def processes(self) -> frozenset[ProcessMark]:
        """Everything that runs below the program."""
        return children(self.pid)

    def read(self, timeout_seconds: float) -> bytes:
        """What the program wrote, as soon as there is something; empty after the timeout and at the end."""
        if self.at_end or not self._open:
            return b""
        readable, _, _ = select.select([self._master], [], [], max(0.0, timeout_seconds))
        if not readable:
            return b""
        try:
            data = os.read(self._master, _READ_BYTES)
        except OSError:  # Linux answers EIO when the last holder of the terminal is gone
            data = b""
        self.at_end = not data
        return data

    def write(self, data: bytes) -> None:
        """Type."""
        os.write(self._master, data)

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, as a person does who drags the window."""
        set_size(self._master, columns, rows)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self._process.send_signal(number)

    def close_terminal(self) -> None:
        """Close the terminal's window: the kernel sends SIGHUP."""
        if self._open:
            self._open = False
            os.close(self._master)

    def wait(self, deadline_seconds: float = 60.0) -> int:
        """The exit code (negative: the signal that ended it); what it still writes is read and dropped."""
        end = time.monotonic() + deadline_seconds
        while self._process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"the program still runs after {deadline_seconds} s")
            if self.at_end or not self._open:
                time.sleep(0.01)
            else:
                self.read(0.05)
        return self._process.returncode

    def end(self) -> None:
        """Get rid of the program and of all below it, whatever state they are in."""
        below = self.processes()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(AssertionError):
                self.wait(5.0)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        survivors(below, 3.0)
        end_all(below)
        self.close_terminal()


def set_size(terminal: int, columns: int, rows: int) -> None:
    """Set the size of a terminal given by file descriptor."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
