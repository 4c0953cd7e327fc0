"""What a PostgreSQL spends on one client: the processor time of that client's own server processes."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Self

from tests.servers.postgres import PostgresServer

_LOOK_SECONDS = 1.0


class BackendMeter:
    """Adds up the CPU time of all server processes of an application while the `with` block lasts; Linux alone."""

    def __init__(self, server: PostgresServer, application: str) -> None:
        self._session = server.connect(application="meter")
        self._application = application
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._began = 0.0
        self._span = 0.0

    def __enter__(self) -> Self:
        self._look(new=False)
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look(new=True)
        self._span = time.monotonic() - self._began
        self._session.close()

    @property
    def milliseconds_per_second(self) -> float:
        """CPU milliseconds per second of the block."""
        spent = sum(seconds - self._first[pid] for pid, seconds in self._last.items())
        return 1000 * spent / self._span

    @property
    def connections(self) -> int:
        """How many sessions of the application were seen."""
        return len(self._last)

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look(new=True)

    def _look(self, *, new: bool) -> None:
        """Read the times; a process that began within the block counts from its beginning."""
        rows = self._session.run("SELECT pid FROM pg_stat_activity WHERE application_name = :name", name=self._application)
        for (pid,) in rows:
            with contextlib.suppress(OSError, ValueError):
                seconds = on_processor_seconds(pid)
                self._first.setdefault(pid, 0.0 if new else seconds)
                self._last[pid] = seconds


def on_processor_seconds(pid: int) -> float:
    """How long a process has been on a processor, by the kernel's exact count; raises OSError when it is gone."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
