"""Starting programs: all of them through here, so that whoever drives a command can count the starts, and let one of them fail."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from aishell_ops.backups.errors import ToolError


class Start(Protocol):
    """What starts a program, as `subprocess.Popen` does; raises OSError."""

    def __call__(self, arguments: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - the options of Popen are of many types
        """Start it; `how` are the options of `Popen`."""


_start: ContextVar[Start | None] = ContextVar("start", default=None)


def start(arguments: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - as above
    """Start a program; raises ToolError when it cannot be run. `how` are the options of `Popen`."""
    try:
        return (_start.get() or subprocess.Popen)(arguments, **how)
    except OSError as fault:
        name, why = Path(arguments[0]).name, (fault.strerror or str(fault)).lower()
        raise ToolError(f"{name} cannot be run: {why}", "install it, or name its folder") from fault


@contextmanager
def started_by(way: Start) -> Iterator[None]:
    """Programs that are started within the block, and in threads that take its context over, are started in this way."""
    token = _start.set(way)
    try:
        yield
    finally:
        _start.reset(token)
