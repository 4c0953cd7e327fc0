"""Several programs that evaluate alerts on one state: real processes and the machine's own clock."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.servers.sqlite_client import eventually

PATIENCE_SECONDS = 120.0


class Program:
    """One program with its name."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        self.process = subprocess.Popen([sys.executable, "-m", "tests.alert_program", str(folder), name])

    @property
    def state(self) -> tuple[bool, bool, str]:
        """Whether it evaluates, whether it knows of one that lives, and what it shows."""
        path = self._folder / self.name
        words = path.read_text().split() if path.exists() else []
        return (words[0] == "True", words[1] == "True", words[2]) if len(words) == 3 else (False, False, "")

    @property
    def evaluates(self) -> bool:
        return self.state[0]

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def shows(self, what: str) -> bool:
        return self.state[2] == what

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def programs(folder: Path, *names: str) -> Iterator[list[Program]]:
    started: list[Program] = []
    (folder / "value").write_text("0.5")
    try:
        for name in names:
            started.append(Program(folder, name))
            wait_for(lambda: started[0].evaluates or started[0].is_over)
        wait_for(lambda: all(each.state[1] or each.is_over for each in started))
        assert not any(each.is_over for each in started)
        yield started
    finally:
        for each in started:
            each.end()


def wait_for(condition: Callable[[], object]) -> None:
    eventually(condition, PATIENCE_SECONDS)


def told(folder: Path) -> list[tuple[str, str]]:
    """Who told what, in order; what was sent again under the same id counts once."""
    post = folder / "post"
    lines = [line.split() for line in post.read_text().splitlines()] if post.exists() else []
    return list({identity: (name, kind) for name, kind, identity in reversed(lines)}.values())[::-1]


def kinds(folder: Path) -> list[str]:
    return [kind for _, kind in told(folder)]


def stop(program: Program, state: Path) -> None:
    """Stop a program at a moment at which it does not hold the database: then nobody else could write either."""
    while True:
        program.signal(signal.SIGSTOP)
        with closing(sqlite3.connect(state / "state.db", timeout=1.0, isolation_level=None)) as raw:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                program.signal(signal.SIGCONT)
            else:
                raw.execute("ROLLBACK")
                return


def test_one_evaluates_and_when_it_is_killed_another_one_does(tmp_path: Path) -> None:
    with programs(tmp_path, "one", "two") as started:
        wait_for(lambda: sum(each.evaluates for each in started) == 1)
        (tmp_path / "value").write_text("0.95")
        wait_for(lambda: kinds(tmp_path) == ["firing"])
        wait_for(lambda: all(each.shows("firing") for each in started))
        first = next(each for each in started if each.evaluates)
        (other,) = (each for each in started if each is not first)
        first.signal(signal.SIGKILL)
        first.process.wait()
        wait_for(lambda: other.evaluates)
        assert other.shows("firing")
        (tmp_path / "value").write_text("0.2")
        wait_for(lambda: kinds(tmp_path) == ["firing", "resolved"])


def test_one_that_is_stopped_and_wakes_up_tells_nothing(tmp_path: Path) -> None:
    with programs(tmp_path, "one", "two") as (one, two):
        stop(one, tmp_path / "state")
        try:
            wait_for(lambda: two.evaluates)
            (tmp_path / "value").write_text("0.95")
            wait_for(lambda: told(tmp_path) == [("two", "firing")])
        finally:
            one.signal(signal.SIGCONT)
        wait_for(lambda: not one.evaluates and one.shows("firing"))
        (tmp_path / "value").write_text("0.2")
        wait_for(lambda: one.shows("resolved") and len(told(tmp_path)) == 2)
        assert told(tmp_path) == [("two", "firing"), ("two", "resolved")]
