"""No two test processes of a machine are given the same port."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.servers import ports

ROOT = Path(__file__).parents[3]


def asked_elsewhere(port: int) -> str:
    """What another process is told that wants to have this port."""
    script = f"from tests.servers import ports; print(ports._reserved({port}))"
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, text=True).stdout.strip()


def test_a_port_is_given_once() -> None:
    given = [ports.free_port() for _ in range(50)]
    assert len(set(given)) == 50


def test_a_port_that_was_given_is_not_given_to_another_process() -> None:
    port = ports.free_port()
    assert asked_elsewhere(port) == "False"
    # A descriptor that is opened and closed on the way would let go of the lock.
    ports.free_port()
    assert asked_elsewhere(port) == "False"


def test_the_end_of_a_process_gives_its_ports_back() -> None:
    script = "from tests.servers import ports; print(ports.free_port())"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, text=True)
    assert asked_elsewhere(int(done.stdout)) == "True"


def test_a_given_port_can_be_bound() -> None:
    with closing(socket.create_server(("127.0.0.1", ports.free_port()))) as server:
        assert server.getsockname()[1] in range(20_000, 32_000)
