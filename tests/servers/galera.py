"""Clusters of real MariaDB servers with Galera, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.mysql import MARIADB, MysqlServer
from tests.servers.mysql_binaries import MysqlBinaries, require_mysql
from tests.servers.ports import free_port
from tests.servers.postgres_binaries import server_user
from tests.servers.required import REQUIRE_SERVERS, require_server

_LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")
_SETTINGS = {
    "wsrep-on": "ON",
    "wsrep-provider": str(_LIBRARY),
    "wsrep-cluster-name": "tests",
    "wsrep-sst-method": "rsync",
    "binlog-format": "ROW",
    "innodb-autoinc-lock-mode": "2",
    "innodb-buffer-pool-size": "16M",
    "innodb-log-file-size": "4M",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "skip-name-resolve": "ON",
}


@dataclass
class Node(MysqlServer):
    """A node; not of root, because the program that copies the data to a new node gives up root's rights."""

    cluster_port: int = 0

    def start(self, *, wait: bool = True) -> None:
        arguments = [f"--{name}={value}" for name, value in self.settings.items()]
        places = [f"--datadir={self.data}", f"--socket={self.socket}", f"--port={self.port}", f"--pid-file={self.folder / 'pid'}"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries.server, "--no-defaults", *places, f"--tmpdir={self.folder}", "--bind-address=127.0.0.1", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
                user=server_user(),
            )
        if wait:
            self.wait_until_ready()


def _require() -> MysqlBinaries:
    binaries = require_mysql(MARIADB)
    require_server("rsync", "rsync")
    if not _LIBRARY.exists():
        reason = f"Galera is not installed (looked for {_LIBRARY})"
        if os.environ.get(REQUIRE_SERVERS) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return binaries


@contextmanager
def galera(names: tuple[str, ...] = ("one", "two")) -> Iterator[tuple[Node, ...]]:
    """A cluster of so many nodes, all of them synced, for as long as the block lasts."""
    binaries = _require()
    with ExitStack() as stack:
        nodes: list[Node] = []
        for name in names:
            nodes.append(stack.enter_context(_node(binaries, name, tuple(nodes))))
        yield tuple(nodes)


@contextmanager
def _node(binaries: MysqlBinaries, name: str, others: tuple[Node, ...]) -> Iterator[Node]:
    folder = Path(tempfile.mkdtemp(prefix="ga-"))
    user = server_user()
    if user is not None:
        shutil.chown(folder, user)
        folder.chmod(0o711)
    port, cluster_port = free_port(), free_port()
    own = {
        "wsrep-node-name": name,
        "wsrep-node-address": f"127.0.0.1:{cluster_port}",
        "wsrep-node-incoming-address": f"127.0.0.1:{port}",
        "wsrep-sst-receive-address": f"127.0.0.1:{free_port()}",
        "wsrep-cluster-address": "gcomm://" + ",".join(f"127.0.0.1:{each.cluster_port}" for each in others),
        "wsrep-provider-options": f"base_port={cluster_port};ist.recv_addr=127.0.0.1:{free_port()};gcache.size=1M;pc.recovery=false",
    }
    node = Node(binaries, folder, port, {**_SETTINGS, **own}, cluster_port=cluster_port)
    try:
        made = [*binaries.make(node.data), f"--tmpdir={folder}"]
        done = subprocess.run(made, capture_output=True, cwd=folder, stdin=subprocess.DEVNULL, user=user)
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
        node.start()
        yield node
    finally:
        with contextlib.suppress(AssertionError):
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)
