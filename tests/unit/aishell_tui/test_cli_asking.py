"""Who breaks off at a question is heard, however soon."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from typing import NoReturn

import pytest

from aishell_tui.cli.acting import asked


class _Impatient(io.StringIO):
    """A terminal at which Ctrl-C is pressed as soon as anything stands there."""

    def write(self, text: str, /) -> int:
        signal.raise_signal(signal.SIGINT)
        return len(text)


class _Keyboard(io.StringIO):
    """A keyboard at which nobody types any more."""

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> NoReturn:
        raise AssertionError("it waits for an answer that does not come")


def test_an_interrupt_in_the_moment_of_the_question_is_not_only_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop takes the first interrupt for itself, and stands still while a line is read."""
    monkeypatch.setattr(sys, "stderr", _Impatient())
    monkeypatch.setattr(sys, "stdin", _Keyboard())

    async def ask() -> str:
        return asked("go on? ")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(ask())
