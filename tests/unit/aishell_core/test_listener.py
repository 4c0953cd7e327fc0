"""Which process is at the other end of a connection of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from aishell_core.engines.listener import listener_of

OWN = psutil.Process()


@contextmanager
def connected(address: str | tuple[str, int], family: socket.AddressFamily) -> Iterator[tuple[socket.socket, int]]:
    """A connection to this very process, and the port that it listens on."""
    with closing(socket.socket(family)) as listening:
        listening.bind(address)
        listening.listen()
        with closing(socket.socket(family)) as ours:
            ours.connect(listening.getsockname())
            with closing(listening.accept()[0]):
                yield ours, listening.getsockname()[1] if family == socket.AF_INET else 0


def test_the_process_behind_a_socket_file_is_the_one_that_listens(tmp_path: Path) -> None:
    with connected(str(tmp_path / "s"), socket.AF_UNIX) as (ours, port):
        found = listener_of(ours, port, OWN.name())
        assert found is not None
        assert (found.pid, found.started_at) == (os.getpid(), OWN.create_time())
        assert listener_of(ours, port, "somebody else") is None


def test_the_process_behind_a_port_is_the_one_that_listens() -> None:
    with connected(("127.0.0.1", 0), socket.AF_INET) as (ours, port):
        found = listener_of(ours, port, OWN.name())
        assert found is not None
        assert found.pid == os.getpid()
        assert listener_of(ours, port, "somebody else") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look at a process of another user and then not be allowed to")
def test_a_name_alone_is_no_proof() -> None:
    """Nothing listens on that port, so a process of the right name is not the one."""
    with connected(("127.0.0.1", 0), socket.AF_INET) as (ours, port):
        assert listener_of(ours, port + 1, OWN.name()) is None
