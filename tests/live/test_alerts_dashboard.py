"""Alerts through the whole program in a real terminal: a rule of the user's file, a receiver of HTTP, and two dashboards on one state."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.servers.receivers import Receiver, http_receiver
from tests.servers.sqlite_client import eventually
from tests.terminal import AISHELL, Terminal, opened, surroundings

PATIENCE_SECONDS = 120.0
PROJECT = """\
alerts:
  builtin: []
  rules:
    - name: log-grows
      condition: sqlite.wal.size > 64KiB
      severity: critical
      channels: [hook]
      labels: {{team: shop}}
      annotations:
        summary: "{{{{ target }}}} has {{{{ value }}}}"
      runbook: https://runbooks.example/growth
"""
OWN = """\
targets:
  - name: shop
    url: sqlite://{path}
alerts:
  channels:
    hook: webhook+http://{address}/hook
"""


class World:
    """A home with a configuration, a database whose log can grow, and who receives messages."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.home, self.receiver = folder / "home", receiver
        self.database = folder / "shop.db"
        self.work = folder / "work"
        self.home.mkdir()
        (self.work / ".ai-shell").mkdir(parents=True)
        self._client = sqlite3.connect(self.database)
        self._client.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (body BLOB)")
        self.shrink()
        self.home.joinpath("config.yaml").write_text(OWN.format(path=self.database, address=receiver.address))
        self.rules(PROJECT.format())

    def rules(self, text: str) -> None:
        (self.work / ".ai-shell" / "dashboard.yml").write_text(text)

    def grow(self) -> None:
        """Have the write-ahead log grow."""
        self._client.executescript("INSERT INTO t VALUES (zeroblob(300000))")

    def shrink(self) -> None:
        """Empty it again; a reader that is just there is waited for."""
        eventually(lambda: self._client.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, PATIENCE_SECONDS)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def dashboard(self) -> Iterator[Terminal]:
        with opened((AISHELL,), surroundings(self.home, TZ="UTC"), cwd=self.work) as terminal:
            terminal.wait_for("Fleet", PATIENCE_SECONDS)
            terminal.send("7")
            yield terminal

    @property
    def heard(self) -> list[str]:
        """What arrived: the state of each message and the alerts in it."""
        return [f"{post.json['status']} {post.json['alerts'][0]['labels']['alertname']}" for post in self.receiver.requests]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with http_receiver() as receiver, closing(World(folder, receiver)) as made:
        yield made


def test_a_rule_of_the_project_fires_is_told_acknowledged_and_ends(tmp_path: Path) -> None:
    with world(tmp_path) as here, here.dashboard() as terminal:
        terminal.wait_for("nothing fires", PATIENCE_SECONDS)
        terminal.wait_for("evaluated here", PATIENCE_SECONDS)
        here.grow()
        terminal.wait_for(re.compile(r"crit +firing +log-grows +shop"), PATIENCE_SECONDS)
        keep(terminal, lambda: here.heard == ["firing log-grows"])
        assert here.receiver.requests[0].json["alerts"][0]["labels"]["team"] == "shop"
        terminal.send("ja")
        terminal.wait_for("A note for the others", PATIENCE_SECONDS)
        terminal.send("mine\r")
        terminal.wait_for(re.compile(r"took it on at .*: mine"), PATIENCE_SECONDS)
        terminal.send("\r")
        terminal.wait_for("https://runbooks.example/growth", PATIENCE_SECONDS)
        terminal.wait_for("what was seen at", PATIENCE_SECONDS)  # then all that is kept of it has been read
        terminal.send("G")
        terminal.wait_for(re.compile(r"hook +delivered"), PATIENCE_SECONDS)
        terminal.send("7")
        here.shrink()
        terminal.wait_for(re.compile(r"crit +over +log-grows"), PATIENCE_SECONDS)
        keep(terminal, lambda: here.heard == ["firing log-grows", "resolved log-grows"])


def test_rules_are_read_again_and_a_wrong_one_is_shown_with_its_place(tmp_path: Path) -> None:
    with world(tmp_path) as here, here.dashboard() as terminal:
        terminal.wait_for("nothing fires", PATIENCE_SECONDS)
        here.rules(PROJECT.format() + '    - {name: typo, condition: "disk.usd > 5"}\n')
        terminal.wait_for(re.compile(r"broken +typo +dashboard"), PATIENCE_SECONDS)
        here.grow()
        terminal.wait_for(re.compile(r"crit +firing +log-grows"), PATIENCE_SECONDS)


def test_another_dashboard_takes_over_when_the_one_that_evaluates_is_killed(tmp_path: Path) -> None:
    with world(tmp_path) as here, here.dashboard() as first:
        first.wait_for("evaluated here", PATIENCE_SECONDS)
        with here.dashboard() as second:
            second.wait_for(re.compile(r"evaluated by process \d+"), PATIENCE_SECONDS)
            here.grow()
            first.wait_for(re.compile(r"crit +firing +log-grows"), PATIENCE_SECONDS)
            second.wait_for(re.compile(r"crit +firing +log-grows"), PATIENCE_SECONDS)
            keep(first, lambda: here.heard == ["firing log-grows"])
            os.kill(first.process.pid, signal.SIGKILL)
            second.wait_for("evaluated here", PATIENCE_SECONDS)
            here.shrink()
            second.wait_for(re.compile(r"crit +over +log-grows"), PATIENCE_SECONDS)
            keep(second, lambda: here.heard == ["firing log-grows", "resolved log-grows"])


def test_the_demo_shows_its_own_trouble_and_tells_nobody(tmp_path: Path) -> None:
    with http_receiver() as receiver:
        home = tmp_path / "home"
        home.mkdir()
        channels = f"alerts:\n  default_channels: [hook]\n  channels:\n    hook: webhook+http://{receiver.address}/hook\n"
        home.joinpath("config.yaml").write_text(channels)
        with opened((AISHELL, "demo"), surroundings(home), cwd=tmp_path) as terminal:
            terminal.wait_for(re.compile(r"\bwal\s+\d"), PATIENCE_SECONDS)
            terminal.send("7")
            terminal.wait_for(re.compile(r"\d+ rules"), PATIENCE_SECONDS)
            terminal.wait_for("evaluated here", PATIENCE_SECONDS)
            assert "hook" not in terminal.text
        assert receiver.requests == []


def keep(terminal: Terminal, condition: Callable[[], bool]) -> None:
    """Wait for a condition while the program's output is taken in, or it would stand still."""

    def holds() -> bool:
        terminal.read(0.05)
        return condition()

    eventually(holds, PATIENCE_SECONDS)
