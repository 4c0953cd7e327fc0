"""`aishell sessions cancel|terminate` and `aishell query` on real servers: roles, questions, results and their records."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from tests.command_line import Ran, run_process
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import Client, clients
from tests.servers.sqlite_client import eventually
from tests.terminal import AISHELL, opened, surroundings

LONG = "SELECT pg_sleep(600)"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1::int8 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@dataclass(frozen=True, slots=True)
class Desk:
    """A configuration of one PostgreSQL and one SQLite, with a role for whoever runs the tests."""

    home: Path
    server: PostgresServer
    sqlite: Path

    def configure(self, role: str, environment: str = "development", *, read_only: bool = False) -> None:
        roles = f"roles:\n  - role: {role}\n    users: [{getpass.getuser()}]\n" if role else ""
        dashboard = "dashboard: {read_only: true}\n" if read_only else ""
        (self.home / "config.yaml").write_text(
            f"targets:\n"
            f"  - {{name: orders, url: '{self.server.url()}', environment: {environment}}}\n"
            f"  - {{name: shelf, url: 'sqlite:///{self.sqlite}', environment: {environment}}}\n{roles}{dashboard}"
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"AISHELL_HOME": str(self.home)}

    def run(self, *arguments: str) -> Ran:
        return run_process(*arguments, environment=self.environment)

    def records(self) -> list[dict[str, object]]:
        files = sorted((self.home / "state" / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as running:
        running.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text)", "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 20) n"
        )
        yield running


@pytest.fixture
def desk(server: PostgresServer, tmp_path: Path) -> Desk:
    import sqlite3

    file = tmp_path / "shelf.db"
    with sqlite3.connect(file) as client:
        client.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, note TEXT)")
        client.execute("INSERT INTO kept VALUES (1, 'one')")
    return Desk(tmp_path, server, file)


def ends(client: Client) -> bool:
    try:
        client.run("SELECT 1")
    except (DatabaseError, InterfaceError):
        return True
    return False


def test_the_head_blocker_is_ended_and_those_behind_it_go_on(desk: Desk) -> None:
    desk.configure("operator")
    with clients(desk.server, 3) as (head, middle, last):
        head.run("BEGIN", "UPDATE orders SET note = 'head' WHERE id = 1")
        middle.run("BEGIN", "UPDATE orders SET note = 'middle' WHERE id = 2")
        behind = middle.wait_for("UPDATE orders SET note = 'middle' WHERE id = 1")
        last_one = last.wait_for("UPDATE orders SET note = 'last' WHERE id = 2")
        ran = desk.run("sessions", "terminate", "--head-blocker", "-d", "orders", "--yes")
        assert ran.code == 0, ran.err
        assert ran.out == f"{head.id}  ended\n"
        assert "2 wait behind it" in ran.err
        assert ends(head)
        behind.result(30)
        middle.run("ROLLBACK")
        last_one.result(30)
    attempt, result = desk.records()[-2:]
    assert (attempt["event"], attempt["role"], attempt["actions"], attempt["decision"]) == ("attempt", "operator", ["terminate"], "allowed")
    assert attempt["subject"] == f"terminate session {head.id} of postgres"
    assert str(attempt["statement"]).startswith("UPDATE orders SET note = #")
    assert (result["event"], result["attempt"], result["result"]) == ("result", attempt["seq"], "done")
    assert desk.run("audit", "verify").code == 0


def test_a_cancelled_statement_ends_and_its_session_goes_on(desk: Desk) -> None:
    desk.configure("developer")
    with clients(desk.server, 1) as (one,):
        running = one.send(LONG)
        while f'"id": "{one.id}"' not in (listed := desk.run("sessions", "-d", "orders", "--json").out) or LONG not in listed:
            pass
        ran = desk.run("sessions", "cancel", one.id, "-d", "orders", "--yes", "--json")
        assert ran.code == 0, ran.err
        row = ran.json()["sessions"][0]  # type: ignore[index]
        assert isinstance(row, dict)
        assert (row["id"], row["done"], row["text"]) == (one.id, True, LONG)
        with pytest.raises(DatabaseError, match="57014"):
            running.result(30)
        assert not ends(one)


def test_without_an_answer_nothing_is_done_and_that_is_recorded(desk: Desk) -> None:
    desk.configure("operator")
    with clients(desk.server, 1) as (one,):
        ran = desk.run("sessions", "terminate", one.id, "-d", "orders")
        assert ran.code == 77
        assert "nothing was done" in ran.err
        assert "--yes" in ran.err
        assert not ends(one)
    assert desk.records()[-1]["decision"] == "declined"


def test_production_and_several_sessions_want_the_name(desk: Desk) -> None:
    desk.configure("operator", "production")
    with clients(desk.server, 2) as (one, two):
        assert desk.run("sessions", "terminate", one.id, "-d", "orders", "--yes").code == 77
        wrong = desk.run("sessions", "terminate", one.id, "-d", "orders", "--confirm", "shelf")
        assert (wrong.code, "it is orders" in wrong.err) == (64, True)
        assert not ends(one)
        assert desk.run("sessions", "terminate", one.id, two.id, "-d", "orders", "--confirm", "orders").code == 0
        assert ends(one)
        assert ends(two)
    assert [record["count"] for record in desk.records() if record["event"] == "attempt"][-2:] == [2, 2]


def test_a_dry_run_lists_and_does_nothing(desk: Desk) -> None:
    desk.configure("operator")
    with clients(desk.server, 1) as (one,):
        one.run("BEGIN", "SELECT 1")
        ran = desk.run("sessions", "terminate", one.id, "-d", "orders", "--dry-run")
        assert (ran.code, ran.out) == (0, "")
        assert f"terminate session {one.id} on orders (development) as operator" in ran.err
        assert "its open transaction is rolled back" in ran.err
        assert not ends(one)
    assert desk.records() == []


@pytest.mark.parametrize(("role", "read_only"), [("", False), ("analyst", False), ("operator", True)])
def test_who_may_not_is_refused_with_the_lines_that_would_allow_it(desk: Desk, role: str, read_only: bool) -> None:
    desk.configure(role, read_only=read_only)
    with clients(desk.server, 1) as (one,):
        ran = desk.run("sessions", "terminate", one.id, "-d", "orders", "--yes")
        assert ran.code == 77
        assert ("role: operator" in ran.err) is not read_only
        assert not ends(one)
    assert desk.records()[-1]["decision"] == "refused"


def test_unknown_sessions_and_a_queue_that_is_none_are_told(desk: Desk) -> None:
    desk.configure("operator")
    unknown = desk.run("sessions", "terminate", "999999999", "-d", "orders", "--yes")
    assert (unknown.code, "there is no session '999999999'" in unknown.err) == (64, True)
    nobody = desk.run("sessions", "terminate", "--head-blocker", "-d", "orders", "--yes")
    assert (nobody.code, "no head blocker" in nobody.err) == (64, True)
    neither = desk.run("sessions", "terminate", "-d", "orders")
    assert (neither.code, "--head-blocker" in neither.err) == (64, True)
    files = desk.run("sessions", "terminate", "1", "-d", "shelf")
    assert (files.code, "no sessions that could be told to terminate" in files.err) == (3, True)


@pytest.mark.parametrize("target", ["orders", "shelf"])
def test_an_operator_may_not_drop_a_table(desk: Desk, target: str) -> None:
    desk.configure("operator")
    table = {"orders": "orders", "shelf": "kept"}[target]
    ran = desk.run("query", "-d", target, f"DROP TABLE {table}")
    assert ran.code == 77
    assert "risk critical (schema): drops data for good" in ran.err
    assert f"is operator on {target} (development) and may not change the schema of it" in ran.err
    assert desk.run("query", "-d", target, f"SELECT count(*) AS n FROM {table}").code == 0
    refused, allowed, _ = desk.records()
    assert (refused["decision"], refused["statement"], allowed["decision"]) == ("refused", f"DROP TABLE {table}", "allowed")


def test_values_are_bound_and_rows_come_in_three_forms(desk: Desk) -> None:
    desk.configure("")
    sql = "SELECT id, note, NULL AS nothing FROM orders WHERE id BETWEEN 11 AND $1 ORDER BY id"
    table = desk.run("query", "-d", "orders", sql, "-p", "12")
    assert (table.code, table.out) == (0, "id  note  nothing\n11  x     NULL\n12  x     NULL\n")
    assert desk.run("query", "-d", "orders", sql, "-p", "12", "--csv").out == "id,note,nothing\n11,x,\n12,x,\n"
    found = desk.run("query", "-d", "orders", sql, "-p", "12", "--json")
    assert found.err == ""
    assert found.json()["rows"] == [[11, "x", None], [12, "x", None]]
    cut = desk.run("query", "-d", "orders", "SELECT id FROM orders", "--rows", "3", "--json").json()
    assert (len(cut["rows"]), cut["cut"]) == (3, "rows")  # type: ignore[arg-type]
    late = desk.run("query", "-d", "orders", ENDLESS, "--timeout", "1s")
    assert (late.code, "took longer than 1s" in late.err) == (3, True)


def test_a_write_is_asked_for_done_and_counted(desk: Desk) -> None:
    desk.configure("developer")
    sql = "UPDATE kept SET note = ? WHERE id = ?"
    assert desk.run("query", "-d", "shelf", sql, "-p", "new", "-p", "json:1").code == 77
    ran = desk.run("query", "-d", "shelf", sql, "-p", "new", "-p", "json:1", "--yes")
    assert (ran.code, "1 row changed" in ran.err) == (0, True)
    assert desk.run("query", "-d", "shelf", "SELECT note FROM kept", "--csv").out == "note\nnew\n"
    assert next(record["affected"] for record in desk.records() if record["event"] == "result") == 1


def test_a_write_of_everything_wants_the_name_even_of_a_harmless_target(desk: Desk) -> None:
    desk.configure("developer")
    assert desk.run("query", "-d", "shelf", "DELETE FROM kept", "--yes").code == 77
    assert desk.run("query", "-d", "shelf", "DELETE FROM kept", "--confirm", "shelf").code == 0


def test_a_record_that_cannot_be_written_stops_the_act(desk: Desk) -> None:
    desk.configure("operator")
    (desk.home / "state").mkdir(mode=0o700)
    (desk.home / "state" / "audit").write_text("a file where the folder should be")
    with clients(desk.server, 1) as (one,):
        ran = desk.run("sessions", "terminate", one.id, "-d", "orders", "--yes")
        assert (ran.code, "audit record cannot be written" in ran.err) == (74, True)
        assert not ends(one)


@pytest.mark.parametrize("answer", ["yes", "orders"])
def test_the_question_at_a_terminal_is_answered_by_typing(desk: Desk, answer: str) -> None:
    desk.configure("operator", "production")
    with clients(desk.server, 1) as (one,):
        command: list[str | Path] = [AISHELL, "sessions", "terminate", one.id, "-d", "orders"]
        with opened(command, surroundings(desk.home), columns=120, rows=24) as terminal:
            terminal.wait_for("type orders to go on:")
            terminal.send(f"{answer}\r")
            code = terminal.wait_for_end()
        assert (code, ends(one)) == ((0, True) if answer == "orders" else (77, False))


@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_read_only_command_does_nothing_whoever_asks(desk: Desk, place: str) -> None:
    desk.configure("admin")
    commands = (
        ("query", "-d", "shelf", "DELETE FROM kept", "--confirm", "shelf"),
        ("sessions", "terminate", "--head-blocker", "-d", "orders"),
    )
    with clients(desk.server, 2) as (head, behind):
        head.run("BEGIN", "UPDATE orders SET note = 'head' WHERE id = 1")
        waiting = behind.wait_for("UPDATE orders SET note = 'behind' WHERE id = 1")
        for command in commands:
            ran = desk.run("--read-only", *command) if place == "before" else desk.run(*command, "--read-only")
            assert (ran.code, "is read-only here" in ran.err, "or --read-only" in ran.err) == (77, True, True), ran.err
        assert not ends(head)
        head.run("ROLLBACK")
        waiting.result(30)
    assert desk.run("query", "-d", "shelf", "SELECT id FROM kept", "--csv", "--read-only").out == "id\n1\n"
    assert [decision for decision, _ in attempts(desk)] == ["refused", "refused", "allowed"]


def attempts(desk: Desk) -> list[tuple[object, object]]:
    return [(record["decision"], record["subject"]) for record in desk.records() if record["event"] == "attempt"]


@pytest.mark.parametrize("answer", [("--confirm", "nope"), ()])
def test_each_of_several_sessions_that_were_left_alone_has_a_line(desk: Desk, answer: tuple[str, ...]) -> None:
    desk.configure("operator")
    with clients(desk.server, 2) as (one, two):
        ran = desk.run("sessions", "cancel", one.id, two.id, "-d", "orders", *answer)
        assert ran.code == (64 if answer else 77), ran.err
        assert attempts(desk) == [("declined", f"cancel session {each.id} of postgres") for each in (one, two)]
        desk.configure("analyst")
        assert desk.run("sessions", "cancel", one.id, two.id, "-d", "orders", "--confirm", "orders").code == 77
        assert [decision for decision, _ in attempts(desk)] == ["declined"] * 2 + ["refused"] * 2


def test_a_wrong_name_for_a_command_is_recorded_too(desk: Desk) -> None:
    desk.configure("developer")
    assert desk.run("query", "-d", "shelf", "DELETE FROM kept", "--confirm", "orders").code == 64
    assert attempts(desk) == [("declined", "run a command")]


def test_who_breaks_off_at_the_question_leaves_a_line(desk: Desk) -> None:
    desk.configure("operator")
    with clients(desk.server, 1) as (one,):
        command: list[str | Path] = [AISHELL, "sessions", "terminate", one.id, "-d", "orders"]
        with opened(command, surroundings(desk.home), columns=120, rows=24) as terminal:
            terminal.wait_for("[y/N]")
            terminal.send("\x03")
            assert terminal.wait_for_end() == 130
        assert not ends(one)
        assert attempts(desk) == [("declined", f"terminate session {one.id} of postgres")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_program_leaves_the_result_of_its_act(desk: Desk, number: signal.Signals) -> None:
    desk.configure("admin")
    command = [str(AISHELL), "query", "-d", "orders", LONG, "--yes", "--timeout", "10m"]
    with subprocess.Popen(command, env={**os.environ, **desk.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            asked = (
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
            )
            eventually(lambda: desk.server.execute(asked)[0][0] == 1)
            running.send_signal(number)
            assert running.wait(60) == -number
        finally:
            running.kill()
    attempt, result = desk.records()
    assert (attempt["decision"], result["event"], result["result"]) == ("allowed", "result", "interrupted")


def test_a_key_that_is_there_already_is_recorded_as_a_conflict(desk: Desk) -> None:
    desk.configure("developer")
    commands = {"orders": "INSERT INTO orders VALUES (7, 'again')", "shelf": "INSERT INTO kept VALUES (1, 'again')"}
    for target, command in commands.items():
        ran = desk.run("query", "-d", target, command, "--yes")
        assert (ran.code, "a constraint of the data does not allow it" in ran.err) == (3, True), ran.err
        assert (desk.records()[-1]["result"], desk.records()[-1]["code"]) == ("failed", "conflict")
