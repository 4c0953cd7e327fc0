"""A real Alertmanager on a free port, which hands what it is told to a webhook of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.ports import free_port
from tests.servers.required import require_server

_START_SECONDS = 60.0


@dataclass
class AlertmanagerServer:
    """A server that runs."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """As the configuration of a channel names it."""
        return f"alertmanager+http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        """The answer of its API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)

    def alerts(self, *, active: bool = True) -> list[dict[str, Any]]:
        """What fires by its own account."""
        found = self.get(f"/api/v2/alerts?active={'true' if active else 'false'}")
        assert isinstance(found, list)
        return found

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def alertmanager(webhook: str) -> Iterator[AlertmanagerServer]:
    """An Alertmanager that posts everything to a URL at once, for as long as the block lasts."""
    program = require_server("Alertmanager", "prometheus-alertmanager", "alertmanager")
    folder = Path(tempfile.mkdtemp(prefix="alertmanager-"))
    (folder / "config.yml").write_text(
        "route: {receiver: ours, group_by: [alertname, target], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
        f"receivers: [{{name: ours, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n"
    )
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program, f"--config.file={folder / 'config.yml'}", f"--storage.path={folder / 'data'}"),
                *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    server = AlertmanagerServer(port, folder, process)
    try:
        until = time.monotonic() + _START_SECONDS
        while not server.is_ready():
            assert process.poll() is None, server.log()
            assert time.monotonic() < until, server.log()
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
