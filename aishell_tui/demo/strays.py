"""Ending servers of a demo whose keeper was killed: nobody else would."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

from aishell_tui.demo.keeping import SERVER_FOLDER

_END_SECONDS = 3.0


def end_strays(folder: Path) -> None:
    """End the servers that run on data below a demo's folder; waits until they are gone, seconds at most.

    A process is taken for such a server when the data's own note names it and it works in that very folder, so that a
    number that has come again is never mistaken.
    """
    for note in folder.glob(f"{SERVER_FOLDER}/*/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            _end(int(note.read_text().split()[0]), note.parent)


def _end(pid: int, data: Path) -> None:
    import psutil  # only where a server was left behind

    with suppress(psutil.Error):
        server = psutil.Process(pid)
        if Path(server.cwd()) != data.resolve():
            return
        # The server's own way of leaving at once, which takes its processes and its shared memory with it.
        for number in (signal.SIGQUIT, signal.SIGKILL):
            server.send_signal(number)
            with suppress(psutil.TimeoutExpired):
                server.wait(_END_SECONDS)
                return
