"""What `aishell query` does not let pass on real servers, however it is written: what hides behind a read, what is the server's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import run_process
from tests.servers.engines import Desk, Engines, engines
from tests.servers.mysql_clients import waiters
from tests.servers.sqlite_client import eventually


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


@pytest.fixture
def desk(servers: Engines, tmp_path: Path) -> Desk:
    return servers.desk(tmp_path)


@pytest.fixture(scope="module")
def emptied(servers: Engines) -> Engines:
    """The servers with a view of PostgreSQL behind which a function deletes."""
    servers.postgres.execute(
        "CREATE TABLE kept AS SELECT generate_series(1, 50) AS id",
        "CREATE TABLE people AS SELECT 1 AS id",
        "CREATE FUNCTION wipe(people) RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM kept; RETURN 1; END'",
        "CREATE VIEW innocent AS SELECT wipe(p) FROM people p LIMIT 1",
    )
    return servers


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    "beside", ["pg_cancel_backend(0)", "pg_terminate_backend(0)", "pg_cancel_backend(0), pg_terminate_backend(0), pg_sleep(0)"]
)
def test_what_hides_behind_a_read_does_not_write_beside_the_ending_of_a_session(
    emptied: Engines, desk: Desk, beside: str, environment: str
) -> None:
    desk.configure("operator", environment)
    ran = desk.run("query", "-d", "orders", f"SELECT *, {beside} FROM innocent", "--confirm", "orders")
    assert (ran.code, "read-only transaction" in ran.err) == (3, True), ran.err
    assert emptied.postgres.execute("SELECT count(*) FROM kept")[0][0] == 50


def test_an_operator_ends_a_session_of_mariadb_by_a_statement(desk: Desk) -> None:
    """In a transaction that lets nothing be written."""
    desk.configure("operator")
    with waiters(desk.engines.mariadb, 1) as (other,):
        ran = desk.run("query", "-d", "shop", f"KILL {other.id}", "--yes")
        assert ran.code == 0, ran.err
        eventually(lambda: not desk.engines.mariadb.execute(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {other.id}"))


def test_an_operator_ends_a_client_of_redis_by_a_command(desk: Desk) -> None:
    desk.configure("operator")
    ran = desk.run("query", "-d", "cache", "CLIENT KILL ID 999999", "--yes")
    assert (ran.code, ran.out.split()) == (0, ["value", "0"]), ran.err


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE AGGREGATE told(bigint, bigint, bool) (sfunc = pg_read_file, stype = text, initcond = '/etc/passwd')",
        "CREATE FUNCTION told() RETURNS text LANGUAGE sql SET role = postgres AS 'SELECT current_user::text'",
        "CREATE FUNCTION told() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'",
        "ALTER TABLE people ADD COLUMN told text DEFAULT pg_read_file('/etc/passwd')",
        "ALTER VIEW innocent SET (security_invoker = off)",
    ],
)
def test_a_developer_defines_nothing_that_runs_what_only_admins_may(emptied: Engines, desk: Desk, definition: str) -> None:
    desk.configure("developer")
    ran = desk.run("query", "-d", "orders", definition, "--confirm", "orders")
    assert (ran.code, "may not administer it" in ran.err) == (77, True), ran.err
    assert emptied.postgres.execute("SELECT count(*) FROM pg_proc WHERE proname = 'told'")[0][0] == 0


@pytest.mark.parametrize(
    ("command", "code", "word", "level", "actions"),
    [
        ("DROP TABLE people", 77, "refused", "critical", ["schema"]),
        ("SELECT * FROM nowhere", 3, "target", "none", ["read"]),
    ],
)
def test_an_error_for_scripts_tells_what_was_judged(desk: Desk, command: str, code: int, word: str, level: str, actions: list[str]) -> None:
    desk.configure("operator")
    ran = desk.run("query", "-d", "orders", command, "--json", "--yes")
    told = json.loads(ran.err)
    assert (ran.code, ran.out, told["error"]["code"]) == (code, "", word)
    assert (told["target"], told["database"]) == ("orders", "postgres")
    assert (told["risk"]["level"], told["risk"]["actions"], told["allowed"]) == (level, actions, code == 3)


def test_acting_over_a_damaged_log_is_told_loudly_and_done(desk: Desk) -> None:
    desk.configure("operator")
    ask = ("query", "-d", "cache", "CLIENT KILL ID 999999", "--yes")
    for _ in range(2):
        ran = desk.run(*ask)
        assert (ran.code, "DAMAGED" in ran.err) == (0, False), ran.err
    (file,) = (desk.home / "state" / "audit").glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"role":"operator"', b'"role":"op3rator"', 1))
    for _ in range(2):
        ran = desk.run(*ask)
        assert (ran.code, ran.err.count("THE AUDIT LOG IS DAMAGED")) == (0, 1), ran.err
        assert "jsonl:1: the line was changed" in ran.err
    told = desk.run(*ask, "--json").err.splitlines()
    assert ["DAMAGED" in json.loads(line)["warning"]["message"] for line in told] == [True]
    refused = desk.run("sessions", "terminate", "999999", "-d", "cache", "--yes")
    assert "DAMAGED" not in refused.err, "nothing was to be recorded"


TABLES = {
    "mysql": "INSERT INTO global_priv (Host, User) VALUES ('%', 'evil')",
    "performance_schema": "UPDATE setup_consumers SET ENABLED = 'NO'",
}


@pytest.mark.parametrize("schema", TABLES)
def test_the_servers_own_tables_are_changed_by_admins_alone_also_without_their_schema(desk: Desk, schema: str) -> None:
    desk.configure("developer")
    ran = desk.run("query", "-d", "shop", "--in", schema, TABLES[schema], "--confirm", "shop")
    assert (ran.code, "may not administer it" in ran.err) == (77, True), ran.err
    assert not desk.engines.mariadb.execute("SELECT 1 FROM mysql.global_priv WHERE User = 'evil'")


EVIL = '{"insert": "system.users", "documents": [{"_id": "admin.evil", "user": "evil", "db": "admin"}]'


@pytest.mark.parametrize("operation", [f'{EVIL}, "$db": "admin"}}', f"{EVIL}}}", '{"find": "system.users", "$db": "admin"}'])
def test_the_servers_own_collections_are_for_admins_alone(desk: Desk, operation: str) -> None:
    desk.configure("developer")
    ran = desk.run("query", "-d", "papers", "--in", "admin", operation, "--confirm", "papers")
    assert (ran.code, "may not administer it" in ran.err) == (77, True), ran.err
    assert desk.engines.ferretdb.ask({"count": "system.users"}, "admin")["n"] == 0


def neighbours(desk: Desk, role: str) -> None:
    """Two targets of one server, of which the second is production, and a role for development alone."""
    url = desk.engines.postgres.url()
    desk.configure(role)
    text = (desk.home / "config.yaml").read_text().replace("    users:", "    environments: [development]\n    users:")
    live = f"  - {{name: live, url: '{url.rpartition('/')[0]}/template1', environment: production}}\n"
    (desk.home / "config.yaml").write_text(text.replace("targets:\n", f"targets:\n{live}", 1))


@pytest.mark.parametrize("way", [("-d", "live"), ("-d", "orders", "--in", "template1")])
def test_a_database_is_as_protected_through_a_neighbour_of_the_same_server(desk: Desk, way: tuple[str, ...]) -> None:
    neighbours(desk, "developer")
    ran = desk.run("query", *way, "CREATE TABLE hidden (a int)", "--confirm", way[1])
    assert ran.code == 77, ran.err
    (record,) = desk.records()
    assert (record["target"], record["database"], record["environment"]) == (way[1], "template1", "production")
    shown = desk.run("audit", "show", "--json").json()["attempts"]
    assert isinstance(shown, list)
    assert [(each["target"], each["database"]) for each in shown if isinstance(each, dict)] == [(way[1], "template1")]


def test_the_record_names_the_database_that_was_written_to(desk: Desk) -> None:
    desk.configure("developer")
    desk.engines.mariadb.execute("CREATE DATABASE IF NOT EXISTS other")
    assert desk.run("query", "-d", "shop", "--in", "other", "CREATE TABLE IF NOT EXISTS hidden (a int)", "--yes").code == 0
    assert [record["database"] for record in desk.records() if record["event"] == "attempt"] == ["other"]


def test_a_table_that_is_named_with_its_database_is_as_protected_as_that(desk: Desk) -> None:
    """On MySQL a statement reaches every database of its server."""
    desk.engines.mariadb.execute("CREATE DATABASE IF NOT EXISTS live", "CREATE TABLE IF NOT EXISTS live.t (a int)")
    desk.configure("developer")
    text = (desk.home / "config.yaml").read_text()
    live = f"  - {{name: live-shop, url: '{desk.engines.mariadb.url('live')}', environment: production}}\n"
    (desk.home / "config.yaml").write_text(text.replace("targets:\n", f"targets:\n{live}", 1))
    ran = desk.run("query", "-d", "shop", "INSERT INTO live.t VALUES (1)", "--yes")
    assert (ran.code, "developer on shop (production, the database of live-shop)" in ran.err) == (77, True), ran.err


def test_a_file_of_the_working_folder_makes_no_server_less_protected(desk: Desk, tmp_path: Path) -> None:
    """Under whatever name it gives it; what the user's own file says of the same server counts for it."""
    desk.configure("developer", "production")
    checkout = tmp_path / "checkout"
    (checkout / ".ai-shell").mkdir(parents=True)
    url, ask = desk.engines.postgres.url(), ("query", "-d", "mine", "CREATE TABLE hidden (a int)", "--confirm", "mine")
    (checkout / ".ai-shell" / "dashboard.yml").write_text(f"targets:\n  - {{name: mine, url: '{url}', environment: development}}\n")
    ran = run_process(*ask, environment={"AISHELL_HOME": str(desk.home)}, cwd=checkout)
    assert (ran.code, "developer on mine (production) and may not" in ran.err) == (77, True), ran.err
    elsewhere = url.replace("127.0.0.1", "localhost")
    (checkout / ".ai-shell" / "dashboard.yml").write_text(f"targets:\n  - {{name: mine, url: '{elsewhere}', environment: development}}\n")
    ran = run_process(*ask, environment={"AISHELL_HOME": str(desk.home)}, cwd=checkout)
    told = "mine (named by the working folder's file alone, so taken for production)"
    assert (ran.code, told in ran.err) == (77, True), ran.err
