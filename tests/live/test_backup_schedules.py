"""Backups that are made by themselves: kept by commands, due by the clock, run once, told to those who want to know."""

from __future__ import annotations

import getpass
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.state.store import Store
from aishell_ops.backups import book
from aishell_ops.backups.book import RunOutcome
from tests.command_line import PROGRAM, Ran, run_here
from tests.servers.receivers import Receiver, http_receiver
from tests.servers.smtp import mail_server
from tests.servers.sqlite_client import eventually

Capture = pytest.CaptureFixture[str]
ME = getpass.getuser()
HOUR = 3600.0


class House:
    """A configured database whose schedules are made due by setting back since when they are known."""

    def __init__(self, folder: Path, home: Path, capsys: Capture) -> None:
        self.path, self.home, self.state = folder / "shop.db", home, home / "state"
        self._capsys = capsys
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        self.configure()

    def configure(self, *, role: str = "admin", more: str = "") -> None:
        target = f"targets: [{{name: shop, url: '{self.path}'}}]\n"
        (self.home / "config.yaml").write_text(f"{target}roles: [{{role: {role}, users: [{ME}]}}]\n{more}")

    def run(self, *arguments: str | Path) -> Ran:
        return run_here(self._capsys, "backup", *map(str, arguments))

    def make_due(self, name: str, expression: str) -> None:
        """As if the schedule had been known for an hour."""
        with closing(Store.open(self.state)) as store:
            store.transact(lambda connection: book.remove_mark(connection, name))
            store.transact(lambda connection: book.note_schedule(connection, name, expression, time.time() - HOUR))

    def runs(self) -> list[tuple[str, str, RunOutcome]]:
        with closing(Store.open_to_read(self.state)) as store:
            nothing: tuple[book.Run, ...] = ()
            found = store.read(lambda connection: book.last_runs(connection, 50), nothing)
        return [(run.schedule, run.target, run.outcome) for run in found]

    def ids(self) -> list[str]:
        return [row["id"] for row in json.loads(self.run("list", "--json").out)["backups"]]


@pytest.fixture
def house(tmp_path: Path, aishell_home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    return House(tmp_path, aishell_home, capsys)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as found:
        yield found


def test_a_schedule_is_kept_listed_run_and_removed(house: House) -> None:
    assert house.run("schedule", "*/5 * * * *", "-n", "often", "-d", "shop", "--retention", "3").code == 0
    report = json.loads(house.run("schedules", "--json").out)
    (row,) = report["schedules"]
    assert (row["name"], row["schedule"], row["databases"], row["enabled"], row["last_outcome"]) == (
        "often",
        "*/5 * * * *",
        ["shop"],
        True,
        "",
    )
    assert report["hosted"] is False

    house.make_due("often", "*/5 * * * *")
    assert house.run("run-scheduler", "--once").code == 0
    assert house.run("run-scheduler", "--once").code == 0
    assert house.runs() == [("often", "shop", RunOutcome.DONE)]
    (row,) = json.loads(house.run("schedules", "--json").out)["schedules"]
    assert (row["last_outcome"], [row["last_backup"]]) == ("done", house.ids())

    assert house.run("unschedule", "often").code == 0
    assert json.loads(house.run("schedules", "--json").out)["schedules"] == []
    assert len(house.ids()) == 1


def test_a_schedule_that_names_no_database_says_that_it_is_of_all(house: House) -> None:
    ran = house.run("schedule", "*/5 * * * *", "-n", "often")
    assert (ran.code, "often: all, here shop" in ran.out, "whoever runs it saves all" in ran.err) == (0, True, True), ran.err
    house.run("schedule", "*/5 * * * *", "-n", "named", "-d", "shop")
    rows = {row["name"]: row for row in json.loads(house.run("schedules", "--json").out)["schedules"]}
    assert [rows[name]["all_databases"] for name in ("often", "named")] == [True, False]


def test_a_schedule_of_another_configuration_is_left_to_who_has_its_targets(house: House, tmp_path: Path) -> None:
    assert house.run("schedule", "*/5 * * * *", "-n", "often", "-d", "shop").code == 0
    house.make_due("often", "*/5 * * * *")
    other = tmp_path / "other.yaml"
    other.write_text(f"targets: [{{name: big, url: '{house.path}'}}]\n")
    ran = house.run("run-scheduler", "--once", "--config", other)
    assert (ran.code, "often is left alone" in ran.err, "no target shop" in " ".join(ran.err.split())) == (0, True, True)
    assert house.runs() == []
    (row,) = json.loads(house.run("schedules", "--json", "--config", other).out)["schedules"]
    assert (row["next_at"], "'shop' is not configured" in row["note"]) == (None, True)
    assert house.run("run-scheduler", "--once").code == 0
    assert house.runs() == [("often", "shop", RunOutcome.DONE)]


def test_a_job_of_the_configuration_runs_by_itself_and_one_of_a_checkout_does_not(house: House, tmp_path: Path) -> None:
    house.configure(more="backups: [{name: nightly, schedule: '0 * * * *', databases: [shop]}]\n")
    (tmp_path / ".ai-shell").mkdir()
    (tmp_path / ".ai-shell" / "backup.yml").write_text(
        f"backups: [{{name: theirs, schedule: '0 * * * *', storage: {tmp_path / 'theirs'}}}]\n"
    )
    rows = {row["name"]: row for row in json.loads(house.run("schedules", "--json").out)["schedules"]}
    assert (rows["nightly"]["enabled"], rows["theirs"]["enabled"]) == (True, False)
    assert "a file of the working folder" in rows["theirs"]["note"]
    house.make_due("nightly", "0 * * * *")
    house.make_due("theirs", "0 * * * *")
    assert house.run("run-scheduler", "--once").code == 0
    assert house.runs() == [("nightly", "shop", RunOutcome.DONE)]
    assert not (tmp_path / "theirs").exists()


def test_a_job_that_names_what_is_not_there_is_told_before_it_is_due(house: House, capsys: Capture) -> None:
    house.configure(
        more="backups:\n- {name: nightly, schedule: '0 2 * * *', databases: [shopp], channels: [hok], email: [ops@example.org]}\n"
    )
    ran = run_here(capsys, "config", "validate")
    assert (ran.code, ran.out.count("warning: ")) == (0, 3)
    for words in (
        "config.yaml:4: the job nightly: the database 'shopp'",
        "did you mean shop?",
        "the channel 'hok'",
        "no channel sends mail",
    ):
        assert words in ran.out
    (row,) = json.loads(house.run("schedules", "--json").out)["schedules"]
    assert row["note"] == "the database 'shopp' is not configured; the channel 'hok' is not configured; no channel sends mail"
    house.configure(more="backups: [{name: nightly, schedule: '0 2 * * *', databases: [shop]}]\n")
    assert "warning" not in run_here(capsys, "config", "validate").out
    assert json.loads(house.run("schedules", "--json").out)["schedules"][0]["note"] == ""


def test_whoever_may_not_administer_schedules_nothing(house: House) -> None:
    house.configure(role="operator")
    ran = house.run("schedule", "0 2 * * *", "-n", "nightly", "-d", "shop")
    assert (ran.code, "roles:" in ran.err) == (77, True)
    assert json.loads(house.run("schedules", "--json").out)["schedules"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "when?"),
        (("0 2 * *",), "is no schedule"),
        (("0 2 * * *", "--cron", "0 3 * * *"), "two different times"),
        (("0 2 * * *", "-d", "shopp"), "did you mean shop?"),
        (("0 2 * * *", "--timezone", "Europe/Berlinn"), "no time zone"),
        (("0 2 * * *", "--compression", "zsdt"), "did you mean zstd?"),
        (("0 2 * * *", "--email", "ops@example.org"), "no channel sends mail"),
        (("0 2 * * *", "--email", "ops"), "is no e-mail address"),
        (("0 2 * * *", "--channel", "slack"), "there is no alert channel"),
        (("0 2 * * *", "--jitter", "5 parsecs"), "is not a duration"),
        (("0 2 * * *", "--name", "not a name"), "cannot be a name"),
        (("0 2 * * *", "--incremental"), "incremental"),
        (("0 2 * * *", "--method", "phisical"), "did you mean physical?"),
        (("0 2 * * *", "--method", "physical", "--proof", "full"), "do not go together"),
        (("0 2 * * *", "--jobs", "0"), "greater than or equal to 1"),
        (("0 2 * * *", "--level", "99"), "99 is not a whole number from 1 to 22"),
        (("0 2 * * *", "--proof", "fulll"), "did you mean full?"),
    ],
)
def test_what_cannot_be_scheduled_is_said_at_once(house: House, arguments: tuple[str, ...], words: str) -> None:
    ran = house.run("schedule", *arguments)
    assert (ran.code, words in ran.err) == (64, True), ran.err
    assert not (house.state / "state.db").exists() or json.loads(house.run("schedules", "--json").out)["schedules"] == []


def test_success_and_failure_are_told_to_a_channel_as_one_incident(house: House, receiver: Receiver) -> None:
    """The failure opens it, the next good backup closes it."""
    house.configure(more=f"alerts: {{channels: {{hook: 'webhook+http://{receiver.address}/hook'}}}}\n")
    assert house.run("schedule", "*/5 * * * *", "-n", "often", "-d", "shop", "--channel", "hook").code == 0
    kept = house.path.read_bytes()
    house.path.write_bytes(b"no database" * 100)
    house.make_due("often", "*/5 * * * *")
    assert house.run("run-scheduler", "--once").code == 1
    assert house.runs() == [("often", "shop", RunOutcome.FAILED)]
    listed = house.run("schedules")
    assert (listed.code, "failed" in listed.out) == (1, True)
    house.path.write_bytes(kept)
    house.make_due("often", "*/5 * * * *")
    _forget_runs(house)
    assert house.run("run-scheduler", "--once").code == 0
    failed, done = (json.loads(request.body) for request in receiver.requests)
    assert (failed["status"], done["status"]) == ("firing", "resolved")
    assert failed["groupKey"] == done["groupKey"]
    assert failed["alerts"][0]["labels"]["schedule"] == "often"
    assert str(house.path) not in json.dumps(done)


def _forget_runs(house: House) -> None:
    with closing(sqlite3.connect(house.state / "state.db")) as connection:
        connection.execute("DELETE FROM backup_run")
        connection.commit()


@pytest.mark.parametrize("written", ["{url}", "{{url: '${{MAIL_URL}}'}}", "{{url_file: '{file}'}}"], ids=["written", "environment", "file"])
def test_a_mail_goes_to_the_address_of_the_schedule(house: House, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mail:
        url = f"mailto://127.0.0.1:{mail.port}?from=aishell@example.org&to=all@example.org"
        monkeypatch.setenv("MAIL_URL", url)
        (tmp_path / "url").write_text(url)
        (tmp_path / "url").chmod(0o600)
        channel = written.format(url=f"'{url}'", file=tmp_path / "url")
        house.configure(more=f"alerts: {{channels: {{mail: {channel}}}}}\n")
        assert house.run("schedule", "*/5 * * * *", "-n", "often", "-d", "shop", "--email", "ops@example.org").code == 0
        house.make_due("often", "*/5 * * * *")
        assert house.run("run-scheduler", "--once").code == 0
        assert mail.recipients == ["ops@example.org"]
        assert "by the schedule often is done" in " ".join(mail.text(0).split())


def test_a_channel_kept_elsewhere_that_sends_no_mail_is_none_for_mails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.configure(more="alerts: {channels: {chat: {url: '${CHAT_URL}'}}}\n")
    monkeypatch.setenv("CHAT_URL", "json://127.0.0.1:9/")
    ran = house.run("schedule", "0 2 * * *", "-n", "often", "-d", "shop", "--email", "ops@example.org")
    assert (ran.code, "no channel sends mail" in ran.err) == (64, True), ran.err


def test_one_program_runs_schedules_and_another_takes_over_when_it_is_killed(house: House) -> None:
    assert house.run("schedule", "*/5 * * * *", "-n", "often", "-d", "shop").code == 0
    first = subprocess.Popen([PROGRAM, "backup", "run-scheduler"], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: json.loads(house.run("schedules", "--json").out)["hosted"])
        busy = house.run("run-scheduler", "--once")
        assert (busy.code, "another program" in busy.err) == (75, True)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    house.make_due("often", "*/5 * * * *")
    assert house.run("run-scheduler", "--once").code == 0
    assert house.runs()[0] == ("often", "shop", RunOutcome.DONE)


def test_a_schedule_of_another_configuration_does_not_wait_for_a_program_that_lacks_its_target(house: House, tmp_path: Path) -> None:
    assert house.run("schedule", "*/5 * * * *", "-n", "often", "-d", "shop").code == 0
    other = tmp_path / "other.yaml"
    other.write_text(f"targets: [{{name: big, url: '{house.path}'}}]\nbackups: [{{name: mine, schedule: '0 3 * * *', databases: [big]}}]\n")
    first = subprocess.Popen([PROGRAM, "backup", "run-scheduler", "--config", str(other)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: json.loads(house.run("schedules", "--json", "--config", other).out)["hosted"])
        assert json.loads(house.run("schedules", "--json").out)["hosted"] is False
        house.make_due("often", "*/5 * * * *")
        ran = house.run("run-scheduler", "--once")
        assert (ran.code, house.runs()) == (0, [("often", "shop", RunOutcome.DONE)]), ran.err
    finally:
        first.kill()
        first.wait()
