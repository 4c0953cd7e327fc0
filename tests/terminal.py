"""Drive a whole program in a terminal and read its screen, as a person would."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyte

from tests.pty_process import PtyProcess

AISHELL = Path(sys.executable).with_name("aishell")
DEADLINE_SECONDS = 60.0
_SELECT_GRAPHIC_RENDITION = re.compile(rb"\x1b\[([0-9;:]*)m")
_WHERE_IS_THE_CURSOR = b"\x1b[6n"
# pyte prints the tail of sequences that it does not know; those of the terminal's own protocols draw nothing.
_NOT_DRAWN = re.compile(rb"\x1b\[[<=>?][0-9;]*(?:\$p|u|c|q|m)|\x1bP[^\x1b]*\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNFINISHED = re.compile(rb"\x1b(?:\[[<=>?]?[0-9;]*\$?|[P\]][^\x07\x1b]*\x1b?)?$")


def surroundings(home: Path, **changes: str | None) -> dict[str, str]:
    """The environment of a modern terminal with everything of aishell's below `home`; None takes a variable away."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "AISHELL_HOME": str(home),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LC_ALL": "C.UTF-8",
    }
    for name, value in changes.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return environment


class Terminal:
    """A program, its terminal, and what is on the screen."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
        cwd: Path | None = None,
    ) -> None:
        self.process = PtyProcess(command, columns=columns, rows=rows, environment=environment, cwd=cwd)
        self.raw = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._held_back = b""

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def backgrounds(self, column: int) -> tuple[str, ...]:
        """The background colour of one column, row by row: where a cursor bar stands."""
        return tuple(str(self._screen.buffer[row][column].bg) for row in range(self._screen.lines))

    def read(self, timeout_seconds: float = 0.05) -> bytes:
        """Take in what the program wrote, and answer as a terminal does."""
        data = self.process.read(timeout_seconds)
        self.take_in(data)
        return data

    def take_in(self, data: bytes) -> None:
        """Draw what the program wrote, and answer what it asks."""
        self.raw += data
        if _WHERE_IS_THE_CURSOR in data:
            self.process.write(f"\x1b[{self._screen.cursor.y + 1};{self._screen.cursor.x + 1}R".encode())
        data = self._held_back + data
        unfinished = _UNFINISHED.search(data)
        drawn = data[: unfinished.start()] if unfinished else data
        self._held_back = data[len(drawn) :]
        self._stream.feed(_NOT_DRAWN.sub(b"", drawn))

    def wait_for(self, what: str | re.Pattern[str] | Callable[[str], bool], deadline_seconds: float = DEADLINE_SECONDS) -> str:
        """The screen as soon as it holds the text, matches, or fulfils the condition; AssertionError with the screen if never."""
        end = time.monotonic() + deadline_seconds
        while not _holds(self.text, what):
            if time.monotonic() > end or (self.process.at_end and not self.read(0.0)):
                reason = "the program ended" if self.process.at_end else f"waited {deadline_seconds} s"
                raise AssertionError(f"{reason}, and the screen never showed {what!r}:\n{self.framed()}")
            self.read()
        return self.text

    def wait_for_end(self, deadline_seconds: float = DEADLINE_SECONDS) -> int:
        """The exit code; what the program writes until then is on the screen and in `raw`."""
        end = time.monotonic() + deadline_seconds
        while not self.process.at_end and time.monotonic() < end:
            self.read()
        return self.process.wait(max(0.1, end - time.monotonic()))

    def read_until_quiet(self, seconds: float, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        """Take in everything until the program has written nothing for so long; AssertionError if that never comes."""
        end = time.monotonic() + deadline_seconds
        while self.read(seconds):
            if time.monotonic() > end:
                raise AssertionError(f"the program never paused for {seconds} s:\n{self.framed()}")

    def send(self, keys: str) -> None:
        """Type the keys."""
        self.process.write(keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size."""
        self._screen.resize(rows, columns)
        self.process.resize(columns, rows)

    def colour_codes(self) -> tuple[str, ...]:
        """All parameters of colour that were sent since the start, such as `31`, `38;5;2` or `48;2;1;2;3`."""
        found: list[str] = []
        for match in _SELECT_GRAPHIC_RENDITION.finditer(bytes(self.raw)):
            found += _colours(match.group(1).decode().replace(":", ";").split(";"))
        return tuple(found)

    def framed(self) -> str:
        """The screen with a border, for a message."""
        width = self._screen.columns
        return "\n".join(("┌" + "─" * width, *(f"│{line.rstrip()}" for line in self._screen.display), "└" + "─" * width))


def _holds(text: str, what: str | re.Pattern[str] | Callable[[str], bool]) -> bool:
    if isinstance(what, str):
        return what in text
    return what.search(text) is not None if isinstance(what, re.Pattern) else what(text)


def _colours(parameters: list[str]) -> Iterator[str]:
    rest = list(parameters)
    while rest:
        code = int(rest.pop(0) or 0)
        if code in {38, 48, 58}:
            length = 4 if rest[:1] == ["2"] else 2
            yield ";".join((str(code), *rest[:length]))
            del rest[:length]
        elif 30 <= code <= 37 or 40 <= code <= 47 or 90 <= code <= 97 or 100 <= code <= 107:
            yield str(code)


@contextmanager
def opened(
    command: Sequence[str | Path], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24, cwd: Path | None = None
) -> Iterator[Terminal]:
    """A program in a terminal for the length of a `with` block."""
    terminal = Terminal(command, environment, columns=columns, rows=rows, cwd=cwd)
    try:
        yield terminal
    finally:
        terminal.process.end()
