"""Ports for servers of tests, each given to one test process of this machine alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
from functools import cache

_PORTS = range(20_000, 32_000)
"""Below those that a system gives to outgoing connections, so that none of these takes a server's port while it restarts."""
# The same file whatever the temporary folder of a test process is.
_LOCKS = f"/tmp/aishell-test-ports-{os.getuid()}"
_given: set[int] = set()


def free_port() -> int:
    """A TCP port that nobody uses at this moment; never the same one twice, here or in another test process that runs.

    A port's byte in a file that all share is locked, and the kernel lets go of it when this process ends: so nobody else
    takes the port between this look and the server's start, or while the server restarts.
    """
    for port in random.SystemRandom().sample(_PORTS, 1000):
        if port not in _given and _reserved(port):
            _given.add(port)
            with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("no port is free")


def _reserved(port: int) -> bool:
    try:
        fcntl.lockf(_lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _lock_file() -> int:
    """Open as long as this process lives: closing any descriptor of the file would let go of all its locks."""
    return os.open(_LOCKS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
