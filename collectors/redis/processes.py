"""The process of a server that runs on this machine."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from aishell_core.engines.process_files import process_times
from aishell_core.engines.redis_text import Fields

_PROGRAMS = ("redis-server", "valkey-server", "redis-sentinel", "valkey-sentinel", "keydb-server")
_SAME_START_SECONDS = 5.0
"""A server tells when it began to serve, a moment after its process started; by the same clock."""


class ServerProcess:
    """Tells which process a server is, once for each life of it."""

    def __init__(self) -> None:
        self._known: tuple[str, tuple[int, ...]] | None = None

    def of(self, info: Fields, connection: socket.socket | None, started_at: float | None) -> tuple[int, ...]:
        """The process id that INFO tells, where it is one of this machine; empty where that is not certain.

        A port of this machine may lead into another one: the process must have the program's name and have started
        when the server did.
        """
        run = info.get("run_id", "")
        if self._known is not None and self._known[0] == run:
            return self._known[1]
        if connection is None or started_at is None:
            return ()
        told = info.get("process_id", "")
        found = (int(told),) if told.isdecimal() and is_local(connection) and _is_server(int(told), started_at) else ()
        self._known = (run, found)
        return found


def _is_server(pid: int, started_at: float) -> bool:
    times = process_times(pid)
    return times is not None and times.name in _PROGRAMS and abs(times.started_at - started_at) <= _SAME_START_SECONDS


def is_local(connection: socket.socket) -> bool:
    """Whether a connection leads to this machine: by a socket of its file system, or from an address to itself."""
    try:
        if connection.family == socket.AF_UNIX:
            return True
        return ip_address(connection.getpeername()[0]).is_loopback
    except (OSError, ValueError):
        return False
