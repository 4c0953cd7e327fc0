"""What is told of backups by themselves: figures, alerts that fire with their evidence, what runs and what was left."""

from __future__ import annotations

import getpass
import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from aishell_core.clock import SystemClock
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage
from tests.command_line import PROGRAM, Ran, run_here
from tests.live.test_alerts_dashboard import scroll_until
from tests.servers.sqlite_client import eventually
from tests.terminal import AISHELL, opened, surroundings

Capture = pytest.CaptureFixture[str]
PATIENCE_SECONDS = 120.0


class Shop:
    """A configured database whose backups go where they usually do, or where a job says that they cannot."""

    def __init__(self, folder: Path, home: Path, capsys: Capture) -> None:
        self.path, self.home, self._capsys = folder / "shop.db", home, capsys
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("CREATE TABLE orders (note TEXT)")
            connection.execute("INSERT INTO orders VALUES (hex(randomblob(200000)))")
        # A folder that would have to lie in a file cannot be made, by root neither.
        job = f"backups: [{{name: nowhere, databases: [shop], storage: {self.path / 'backups'}}}]\n"
        roles = f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
        (home / "config.yaml").write_text(f"targets: [{{name: shop, url: '{self.path}'}}]\n{roles}{job}")

    def run(self, *arguments: str) -> Ran:
        return run_here(self._capsys, *arguments)

    def told(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*arguments, "--json").out)

    def figures(self) -> dict[str, float]:
        """The figures of backups, by the name of the metric."""
        (target,) = self.told("metrics", "-d", "shop", "--window", "0")["targets"]
        return {name.partition("{")[0]: value["value"] for name, value in target["metrics"].items() if name.startswith("backup.")}

    def listed(self, *words: str) -> list[tuple[str, str]]:
        """The state and the reason of each row, the newest first."""
        rows = self.told("backup", "list", *words)["backups"]
        return [(row["state"], row["reason"]) for row in rows]

    def create(self, *arguments: str, code: int = 0) -> Ran:
        ran = self.run("backup", "create", "shop", *arguments)
        assert ran.code == code, ran.err
        return ran

    def empty(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("DELETE FROM orders")
            connection.commit()
            connection.execute("VACUUM")

    def unfinished(self) -> int:
        """How many begun backups lie in the storage."""
        with closing(FolderStorage(self.home / "backups")) as storage:
            return len(Repository(storage, SystemClock().now).scan().unfinished)

    @contextmanager
    def written_to(self) -> Iterator[None]:
        """Somebody writes, so that a backup has to wait."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")


@pytest.fixture
def shop(tmp_path: Path, aishell_home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return Shop(tmp_path, aishell_home, capsys)


def test_figures_follow_what_is_done_without_a_look_into_the_storage(shop: Shop) -> None:
    assert "backup.age" not in shop.figures()
    shop.create()
    figures = shop.figures()
    assert figures["backup.overdue"] == figures["backup.failures"] == 0
    assert 0 <= figures["backup.age"] <= figures["backup.untested"] < 600
    assert figures["backup.size"] > 400_000
    assert figures["backup.storage.free"] > figures["backup.stored"] > 0
    assert "backup.size.drop" not in figures

    shop.empty()
    made = shop.create()
    assert "nothing old is removed" in made.out
    assert "nothing is removed before somebody has looked" in made.out
    assert shop.figures()["backup.size.drop"] > 0.5
    assert "0 backups would go" in shop.run("backup", "prune", "--dry-run").err

    shop.create()
    assert shop.figures()["backup.size.drop"] > 0.5
    assert shop.run("backup", "accept", "latest").code == 0
    assert shop.figures()["backup.size.drop"] == 0

    for _ in range(2):
        assert shop.run("backup", "delete", "latest", "--force").code == 0
    assert "backup.size.drop" not in shop.figures()


def test_a_storage_that_is_gone_leaves_no_good_backup_and_says_why(shop: Shop) -> None:
    shop.create()
    folder = shop.home / "backups"
    away = folder.rename(folder.with_name("away"))
    folder.mkdir()
    figures = shop.figures()
    assert ("backup.age" in figures, "backup.stored" in figures) == (False, False)
    assert figures["backup.overdue"] > 0
    (target,) = shop.told("metrics", "-d", "shop", "--window", "0")["targets"]
    assert [f"{folder} is gone or empty" in one["message"] for one in target["failures"] if one["part"] == "backups"] == [True]
    folder.rmdir()
    away.rename(folder)
    figures = shop.figures()
    assert ("backup.age" in figures, figures["backup.overdue"]) == (True, 0)


def test_one_that_failed_is_listed_with_its_reason_counted_and_told_in_the_state(shop: Shop) -> None:
    shop.create("--name", "nowhere", code=74)
    ((state, reason),) = shop.listed()
    assert (state, "shop.db" in reason) == ("failed", True)
    assert shop.listed("verified") == []
    (row,) = shop.told("backup", "list")["backups"]
    assert (row["finished_at"], row["size_bytes"], row["sha256"], row["job"]) == (None, None, "", "nowhere")
    told = shop.run("backup", "info", str(row["id"]))
    assert (told.code, "failed" in told.out, reason in " ".join(told.out.split())) == (0, True, True)
    assert shop.run("backup", "verify", str(row["id"])).code == 64
    assert shop.figures()["backup.failures"] == 1
    shop.create()
    assert shop.figures()["backup.failures"] == 0
    assert [state for state, _ in shop.listed()] == ["verified", "failed"]


def test_what_failed_of_targets_of_another_configuration_is_counted_and_listed_when_asked_for(shop: Shop, tmp_path: Path) -> None:
    assert shop.run("backup", "create", "shop", "--name", "nowhere").code >= 64
    assert [state for state, _ in shop.listed()] == ["failed"]
    other = tmp_path / "other.yaml"
    other.write_text(f"targets: [{{name: big, url: '{shop.path}'}}]\n")
    ran = shop.run("backup", "list", "--json", "--config", str(other))
    assert (json.loads(ran.out)["backups"], "--others lists them" in ran.err) == ([], True)
    assert [state for state, _ in shop.listed("--others", "--config", str(other))] == ["failed"]


def test_what_a_person_mistypes_is_no_backup_that_failed(shop: Shop) -> None:
    assert shop.run("backup", "create", "shop", "--tables", "nosuch").code >= 64
    assert shop.listed() == []


def test_one_that_runs_and_one_that_was_killed_are_told_apart_and_leave_nothing(shop: Shop) -> None:
    with shop.written_to():
        saving = subprocess.Popen([PROGRAM, "backup", "create", "shop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: [state for state, _ in shop.listed()] == ["running"] and shop.unfinished() == 1, PATIENCE_SECONDS)
        assert shop.listed()[0][1].startswith(f"made by {getpass.getuser()}@")
        assert shop.figures()["backup.failures"] == 0
        saving.send_signal(signal.SIGKILL)
        saving.wait(60)
    ((state, reason),) = shop.listed()
    assert (state, "the program ended before it was done" in reason) == ("abandoned", True)
    assert shop.figures()["backup.failures"] == 1
    shop.create()
    assert shop.unfinished() == 0
    assert [state for state, _ in shop.listed()] == ["verified", "abandoned"]
    assert shop.run("backup", "info", "latest").code == 0


def test_rules_that_ship_fire_with_the_last_good_backup_in_their_evidence(shop: Shop, tmp_path: Path) -> None:
    shop.create()
    shop.empty()
    shop.create()
    shop.create("--name", "nowhere", code=74)
    with opened([AISHELL], surroundings(shop.home, TZ="UTC"), columns=160, rows=45, cwd=tmp_path) as terminal:
        terminal.wait_for("1 Fleet", PATIENCE_SECONDS)
        terminal.send("1")
        terminal.wait_for(re.compile(r"BACKUP"), PATIENCE_SECONDS)
        terminal.send("7")
        terminal.wait_for(re.compile(r"warn +firing +backup-failed +shop"), PATIENCE_SECONDS)
        terminal.wait_for(re.compile(r"(crit|warn) +firing +backup-shrunk +shop"), PATIENCE_SECONDS)
        terminal.send("j\r")
        terminal.wait_for("aishell backup", PATIENCE_SECONDS)
        scroll_until(terminal, re.compile(r"last good backup \d"))
        terminal.send("2")
        terminal.wait_for(re.compile(r"backup +last good backup \d"), PATIENCE_SECONDS)


def test_a_folder_that_goes_while_a_dashboard_looks_fires_backup_late_until_it_is_back(shop: Shop, tmp_path: Path) -> None:
    shop.create()
    folder, config = shop.home / "backups", shop.home / "config.yaml"
    config.write_text(f"{config.read_text()}alerts: {{override: {{backup-late: {{for: 1s}}}}}}\n")

    def firing() -> list[str]:
        return [alert["rule"] for alert in shop.told("alerts", "list")["alerts"] if alert["phase"] == "firing"]

    with opened([AISHELL], surroundings(shop.home, TZ="UTC"), columns=160, rows=45, cwd=tmp_path) as terminal:
        terminal.wait_for("1 Fleet", PATIENCE_SECONDS)
        terminal.send("1")
        terminal.wait_for(re.compile(r"BACKUP"), PATIENCE_SECONDS)
        assert "backup-late" not in firing()
        away = folder.rename(folder.with_name("away"))
        eventually(lambda: "backup-late" in firing(), PATIENCE_SECONDS)
        terminal.send("7")
        terminal.wait_for(re.compile(r"(crit|warn) +firing +backup-late +shop"), PATIENCE_SECONDS)
        terminal.send("5")
        terminal.wait_for("is gone or empty, and 1 backup", PATIENCE_SECONDS)
        assert not folder.exists()
        away.rename(folder)
        eventually(lambda: "backup-late" not in firing(), PATIENCE_SECONDS)


def test_the_configuration_of_backups_is_set_and_told(shop: Shop) -> None:
    assert shop.run("backup", "config", "--set", "retention=3d", "--set", "compression=gzip").code == 0
    assert shop.run("backup", "config", "--get", "compression").out.strip() == "gzip"
    assert "gzip" in shop.create("--dry-run").out
    values = {row["key"]: row for row in shop.told("backup", "config")["values"]}
    assert (values["backup.retention"]["value"], "backup.yml" in values["backup.retention"]["origin"]) == ("within 3d00h", True)
    assert shop.run("backup", "config", "reset", "compression", "--yes").code == 0
    assert shop.run("backup", "config", "--get", "compression").out.strip() == "zstd"
    refused = shop.run("backup", "config", "--reset")
    assert (refused.code, "--yes" in refused.err) == (64, True)


def test_a_rule_of_retention_says_what_of_the_default_it_replaces(shop: Shop) -> None:
    said = shop.run("backup", "config", "--set", "retention.daily=14")
    assert (said.code, "within 30d00h, at_most 50 does not hold any more" in said.err) == (0, True), said.err
    shown = " ".join(shop.run("backup", "config").out.split())
    assert "in place of the default within 30d00h, at_most 50" in shown
    both = shop.run("backup", "config", "--set", "retention.within=30d", "--set", "retention.at_most=50")
    assert (both.code, "mind" in both.err, "in place of" in shop.run("backup", "config").out) == (0, False, False)
    assert "mind" not in shop.run("backup", "config", "--set", "compression=gzip").err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("shw",), "did you mean show?"),
        (("--show", "--edit"), "give one of them"),
        (("--get", "retenton"), "did you mean retention?"),
        (("set",), "aishell backup config set retention=30d"),
        (("set", "encryption.passphrase=hunter2"), "encryption.passphrase.env=NAME"),
        (("edit",), "export EDITOR"),
    ],
)
def test_words_of_config_that_mean_nothing_are_refused(
    shop: Shop, words: tuple[str, ...], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    ran = shop.run("backup", "config", *words)
    assert (ran.code, hint in ran.err, "hunter2" in ran.err) == (64, True, False)
    assert not (shop.home / "backup.yml").exists()


def test_an_edited_file_takes_its_place_when_it_is_right(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s\\n" "$TEXT" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setenv("TEXT", "backup: {level: 5}")
    assert shop.run("backup", "config", "--edit").code == 0
    assert (shop.home / "backup.yml").read_text() == "backup: {level: 5}\n"
    monkeypatch.setenv("TEXT", "backup: {level: 55}")
    ran = shop.run("backup", "config", "edit")
    assert (ran.code, "backup.yml:1" in ran.err) == (78, True)
    assert (shop.home / "backup.yml").read_text() == "backup: {level: 5}\n"
