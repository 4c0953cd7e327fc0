"""Which process of this machine is at the other end of a connection."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

import psutil

_NET = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that serves a socket, and when it started (epoch seconds)."""

    pid: int
    started_at: float


def listener_of(connection: socket.socket, port: int, program: str) -> Listener | None:
    """The process of this name at the other end of a local connection; None where that cannot be told for certain.

    A unix socket names it (SO_PEERCRED). For TCP it is the one that listens on the port; where its owner alone may
    know that, the only one of this name whose user also owns the other end of the connection (/proc/net/tcp).
    """
    if connection.family == socket.AF_UNIX:
        return _peer(connection, program)
    found = [process for process in psutil.process_iter(["name"]) if process.info["name"] == program]
    listening = {process.pid: _listens(process, port) for process in found}
    certain = [process for process in found if listening[process.pid]]
    if not certain:
        owner = _owner(connection)
        certain = [process for process in found if listening[process.pid] is None and owner is not None and _user(process) == owner]
    return _listener(certain[0]) if len(certain) == 1 else None


def _peer(connection: socket.socket, program: str) -> Listener | None:
    try:
        pid, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        process = psutil.Process(pid)
        # A socket may have been opened by somebody else who passed it on.
        return _listener(process) if process.name() == program else None
    except (OSError, AttributeError, ValueError, psutil.Error):
        return None


def _listens(process: psutil.Process, port: int) -> bool | None:
    """Whether it listens on this port; None when we may not know."""
    try:
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in process.net_connections(kind="tcp"))
    except (psutil.Error, OSError):
        return None


def _owner(connection: socket.socket) -> int | None:
    """The user whose process holds the other end of this TCP connection."""
    ours, theirs = connection.getsockname()[1], connection.getpeername()[1]
    for path in _NET:
        try:
            lines = path.read_text("ascii", "replace").splitlines()[1:]
        except OSError:
            continue
        # "0: 0100007F:1538 0100007F:A2C4 01 ... uid ...": addresses end in the port, in hexadecimal.
        for fields in map(str.split, lines):
            if len(fields) > 7 and _port(fields[1]) == theirs and _port(fields[2]) == ours:
                return int(fields[7])
    return None


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _user(process: psutil.Process) -> int | None:
    try:
        return int(process.uids().real)
    except psutil.Error:
        return None


def _listener(process: psutil.Process) -> Listener | None:
    try:
        return Listener(process.pid, process.create_time())
    except psutil.Error:
        return None
