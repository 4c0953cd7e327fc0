"""`aishell query` on a real server of each engine: values, forms, limits, who may write, and what an operator may not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.engines import ORDERS, Desk, Engines, engines

READS = {
    "orders": ("SELECT id, note FROM orders WHERE id BETWEEN $1 AND 12 ORDER BY id", ("-p", "11")),
    "shop": ("SELECT id, note FROM orders WHERE id BETWEEN ? AND 12 ORDER BY id", ("-p", "json:11")),
    "papers": ('{"find": "orders", "filter": {"_id": {"$gte": 11, "$lte": 12}}, "sort": {"_id": 1}}', ()),
    "shelf": ("SELECT id, note FROM orders WHERE id BETWEEN ? AND 12 ORDER BY id", ("-p", "json:11")),
}
COUNTS = {
    "orders": "SELECT id FROM orders",
    "shop": "SELECT id FROM orders",
    "papers": '{"find": "orders"}',
    "cache": "SCAN 0 COUNT 1000",
    "shelf": "SELECT id FROM orders",
}
WRITES = {
    "orders": ("UPDATE orders SET note = $1 WHERE id = 1", ("-p", "new")),
    "shop": ("UPDATE orders SET note = ? WHERE id = 1", ("-p", "new")),
    "papers": ('{"update": "orders", "updates": [{"q": {"_id": 1}, "u": {"$set": {"note": "new"}}}]}', ()),
    "cache": ("HSET order:1 note", ("-p", "new")),
    "shelf": ("UPDATE orders SET note = ? WHERE id = 1", ("-p", "new")),
}
RUINOUS = {
    "orders": ("DROP TABLE orders", "schema", "change the schema of"),
    "shop": ("DROP TABLE orders", "schema", "change the schema of"),
    "papers": ('{"dropDatabase": 1}', "admin", "administer"),
    "cache": ("FLUSHALL", "admin", "administer"),
    "shelf": ("DROP TABLE orders", "schema", "change the schema of"),
}
SLOW = {"orders": "SELECT pg_sleep(600)", "shop": "SELECT SLEEP(600)"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


@pytest.fixture
def desk(servers: Engines, tmp_path: Path) -> Desk:
    servers.fill()
    found = servers.desk(tmp_path)
    found.configure()
    return found


def note_of_first(servers: Engines, target: str) -> str:
    """The note of order 1, asked of the server itself."""
    if target == "orders":
        return str(servers.postgres.execute("SELECT note FROM orders WHERE id = 1")[0][0])
    if target == "shop":
        return str(servers.mariadb.execute("SELECT note FROM shop.orders WHERE id = 1")[0][0])
    if target == "papers":
        return str(servers.ferretdb.ask({"find": "orders", "filter": {"_id": 1}}, "shop")["cursor"]["firstBatch"][0]["note"])
    if target == "cache":
        found = servers.redis.execute("HGET", "order:1", "note")
        return found.decode() if isinstance(found, bytes) else str(found)
    with closing(sqlite3.connect(servers.sqlite)) as file:
        return str(file.execute("SELECT note FROM orders WHERE id = 1").fetchone()[0])


def count_of(servers: Engines, target: str) -> int:
    """How many orders there are, asked of the server itself."""
    if target == "orders":
        return int(servers.postgres.execute("SELECT count(*) FROM orders")[0][0])
    if target == "shop":
        return int(servers.mariadb.execute("SELECT count(*) FROM shop.orders")[0][0])
    if target == "papers":
        return int(servers.ferretdb.ask({"count": "orders"}, "shop")["n"])
    if target == "cache":
        return int(servers.redis.execute("DBSIZE"))
    with closing(sqlite3.connect(servers.sqlite)) as file:
        return int(file.execute("SELECT count(*) FROM orders").fetchone()[0])


@pytest.mark.parametrize("target", READS)
def test_the_same_rows_come_from_every_engine_in_three_forms(desk: Desk, target: str) -> None:
    command, values = READS[target]
    key = "_id" if target == "papers" else "id"
    table = desk.run("query", "-d", target, command, *values)
    assert (table.code, [line.split() for line in table.out.splitlines()]) == (0, [[key, "note"], ["11", "x"], ["12", "x"]]), table.err
    assert desk.run("query", "-d", target, command, *values, "--csv").out == f"{key},note\n11,x\n12,x\n"
    document = desk.run("query", "-d", target, command, *values, "--json")
    assert document.err == ""
    assert (document.json()["columns"], document.json()["rows"]) == ([key, "note"], [[11, "x"], [12, "x"]])


def test_fields_of_redis_come_in_three_forms(desk: Desk) -> None:
    assert desk.run("query", "-d", "cache", "HGETALL", "-p", "order:11").out == "field  value\nnote   x\n"
    assert desk.run("query", "-d", "cache", "HGETALL order:11", "--csv").out == "field,value\nnote,x\n"
    assert desk.run("query", "-d", "cache", "HGETALL order:11", "--json").json()["rows"] == [["note", "x"]]


def test_an_operation_of_mongodb_says_that_it_has_no_parameters(desk: Desk) -> None:
    ran = desk.run("query", "-d", "papers", READS["papers"][0], "-p", "1")
    assert (ran.code, "has no parameters" in ran.err, "write the values into the document" in ran.err) == (3, True, True)


@pytest.mark.parametrize("target", COUNTS)
def test_no_more_rows_come_than_were_asked_for(desk: Desk, target: str) -> None:
    cut = desk.run("query", "-d", target, COUNTS[target], "--rows", "3", "--json")
    assert cut.code == 0, cut.err
    rows = cut.json()["rows"]
    assert isinstance(rows, list)
    assert (len(rows), cut.json()["cut"]) == (3, "rows")
    assert count_of(desk.engines, target) == ORDERS


@pytest.mark.parametrize("target", SLOW)
def test_what_takes_too_long_is_stopped_by_the_server(desk: Desk, target: str) -> None:
    late = desk.run("query", "-d", target, SLOW[target], "--timeout", "1s", "--yes")
    assert (late.code, "took longer than 1" in late.err, "was stopped" in late.err) == (3, True, True), late.err


@pytest.mark.parametrize("target", WRITES)
def test_only_who_may_write_writes(desk: Desk, target: str) -> None:
    """An analyst is refused with the lines that would allow it; a developer is asked, and with a yes it is done and recorded."""
    command, values = WRITES[target]
    desk.configure("analyst")
    refused = desk.run("query", "-d", target, command, *values, "--yes")
    assert (refused.code, f"is analyst on {target} (development) and may not write to it" in refused.err) == (77, True), refused.err
    assert "role: developer" in refused.err
    assert note_of_first(desk.engines, target) == "x"
    desk.configure("developer")
    done = desk.run("query", "-d", target, command, *values, "--yes")
    assert done.code == 0, done.err
    assert note_of_first(desk.engines, target) == "new"
    first, second, result = desk.records()
    assert [each["decision"] for each in (first, second)] == ["refused", "allowed"]
    assert (first["target"], second["actions"], result["result"]) == (target, second["actions"], "done")
    assert "write" in str(second["actions"])
    assert "new" not in f"{second['statement']}{second['parameters']}", "literals and values are kept as keyed hashes"
    assert desk.run("audit", "verify").code == 0


@pytest.mark.parametrize("target", RUINOUS)
def test_an_operator_may_not_destroy_what_a_server_holds(desk: Desk, target: str) -> None:
    command, action, words = RUINOUS[target]
    desk.configure("operator")
    for answer in ("--yes", f"--confirm={target}"):
        ran = desk.run("query", "-d", target, command, answer)
        assert ran.code == 77, ran.err
        assert f"risk critical ({action})" in ran.err
        assert f"is operator on {target} (development) and may not {words} it" in ran.err
    assert count_of(desk.engines, target) == ORDERS
    assert [(each["decision"], each["target"], each["risk"], each["actions"]) for each in desk.records()] == [
        ("refused", target, "critical", [action])
    ] * 2
    shown = desk.run("audit", "show", "--target", target).out
    assert "refused" in shown
    assert f"may not {words} it" in shown
    assert desk.run("audit", "verify").code == 0


@pytest.mark.parametrize("target", RUINOUS)
def test_a_dry_run_says_what_would_be_and_does_nothing(desk: Desk, target: str) -> None:
    desk.configure("admin")
    ran = desk.run("query", "-d", target, RUINOUS[target][0], "--dry-run")
    assert (ran.code, "risk critical" in ran.err) == (0, True), ran.err
    assert count_of(desk.engines, target) == ORDERS
    assert desk.records() == []


@pytest.mark.parametrize("target", RUINOUS)
def test_without_the_typed_name_nobody_destroys_anything(desk: Desk, target: str) -> None:
    desk.configure("admin")
    assert desk.run("query", "-d", target, RUINOUS[target][0], "--yes").code == 77
    assert count_of(desk.engines, target) == ORDERS
    done = desk.run("query", "-d", target, RUINOUS[target][0], "--confirm", target)
    assert done.code == 0, done.err
    assert [each["decision"] for each in desk.records() if each["event"] == "attempt"] == ["declined", "allowed"]


def test_the_words_of_mongodbs_shell_do_what_they_do_there(desk: Desk) -> None:
    """As JSON and as calls; judged as the commands that are sent, so an analyst may count and not change."""
    desk.configure("developer")

    def rows(operation: str) -> object:
        ran = desk.run("query", "-d", "papers", operation, "--json", "--yes")
        assert ran.code == 0, ran.err
        return ran.json()["rows"]

    assert rows('{"countDocuments": "orders"}') == [[ORDERS]]
    assert rows('{"countDocuments": "orders", "filter": {"note": "none"}}') == [[0]]
    assert rows('db.orders.findOne({"_id": 3})') == [[3, "x"]]
    rows('{"updateOne": "orders", "filter": {"_id": 1}, "update": {"$set": {"note": "new"}}}')
    assert note_of_first(desk.engines, "papers") == "new"
    rows('{"updateMany": "orders", "filter": {"_id": {"$lte": 4}}, "update": {"$set": {"note": "many"}}}')
    assert rows('{"countDocuments": "orders", "filter": {"note": "many"}}') == [[4]]
    rows('{"insertOne": "orders", "document": {"_id": 100, "note": "y"}}')
    rows('db.orders.insertMany([{"_id": 101}, {"_id": 102}])')
    assert count_of(desk.engines, "papers") == ORDERS + 3
    rows('{"deleteOne": "orders", "filter": {"_id": {"$gte": 100}}}')
    assert count_of(desk.engines, "papers") == ORDERS + 2
    rows('{"deleteMany": "orders", "filter": {"_id": {"$gte": 100}}}')
    assert count_of(desk.engines, "papers") == ORDERS
    all_of_them = desk.run("query", "-d", "papers", '{"deleteMany": "orders", "filter": {}}', "--yes")
    assert (all_of_them.code, "risk critical (write)" in all_of_them.err) == (77, True), all_of_them.err
    desk.configure("analyst")
    refused = desk.run("query", "-d", "papers", '{"updateOne": "orders", "filter": {"_id": 1}, "update": {"$set": {"note": "z"}}}', "--yes")
    assert (refused.code, "may not write to it" in refused.err) == (77, True), refused.err
    assert note_of_first(desk.engines, "papers") == "many"
    assert rows('{"countDocuments": "orders"}') == [[ORDERS]]


LARGE = {
    "orders": "SELECT repeat('x', 1000000) FROM orders",
    "shop": "SELECT repeat('x', 1000000) FROM orders",
    "shelf": "SELECT hex(zeroblob(500000)) FROM orders",
}


@pytest.mark.parametrize("target", LARGE)
@pytest.mark.parametrize(("size", "rows"), [("1KiB", 0), ("2500KB", 2)])
def test_no_more_bytes_come_than_were_asked_for(desk: Desk, target: str, size: str, rows: int) -> None:
    """Rows of a million bytes: those that fit, not one that does not, and never fifty before anybody counts."""
    ran = desk.run("query", "-d", target, LARGE[target], "--bytes", size, "--json", "--yes")
    assert ran.code == 0, ran.err
    found = ran.json()["rows"]
    assert isinstance(found, list)
    assert (len(found), ran.json()["cut"]) == (rows, "bytes")
    table = desk.run("query", "-d", target, LARGE[target], "--bytes", size, "--yes")
    assert all(len(line) <= 120 for line in table.out.splitlines())
    assert "cut off at --bytes" in table.err


def test_a_row_of_any_size_is_not_held(desk: Desk) -> None:
    """The server is left in the middle of it; what a write has done is taken back and said."""
    big = "repeat('x', 100000000)"
    read = desk.run("query", "-d", "orders", f"SELECT {big}", "--bytes", "1KiB", "--json")
    assert (read.code, read.json()["rows"], read.json()["cut"]) == (0, [], "bytes"), read.err
    desk.configure("developer")
    wrote = desk.run("query", "-d", "orders", f"UPDATE orders SET note = 'gone' WHERE id = 1 RETURNING {big}", "--bytes", "1KiB", "--yes")
    assert (wrote.code, "nothing was changed" in wrote.err) == (3, True), wrote.err
    assert note_of_first(desk.engines, "orders") == "x"


_MANY = {
    "orders": ("DELETE FROM many WHERE id >= 0", "DELETE FROM many WHERE id = 7"),
    "shop": ("DELETE FROM many WHERE id >= 0", "DELETE FROM many WHERE id = 7"),
    "papers": tuple(
        f'{{"delete": "many", "deletes": [{{"q": {{"_id": {which}}}, "limit": 0}}], "$db": "crowd"}}' for which in ('{"$gte": 0}', "7")
    ),
}


@pytest.fixture(scope="module")
def crowded(servers: Engines) -> Engines:
    """The servers with tens of thousands of rows of the same kind."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT i FROM n"
    servers.postgres.execute("CREATE TABLE many (id int PRIMARY KEY)", f"INSERT INTO many {numbers}", "ANALYZE many")
    limit = "SET SESSION max_recursive_iterations = 100000"
    servers.mariadb.execute(
        "CREATE TABLE many (id int PRIMARY KEY)", limit, f"INSERT INTO many {numbers}", "ANALYZE TABLE many", database="shop"
    )
    for first in range(0, 20_000, 5_000):
        servers.ferretdb.ask({"insert": "many", "documents": [{"_id": number} for number in range(first, first + 5_000)]}, "crowd")
    return servers


@pytest.mark.parametrize("target", _MANY)
@pytest.mark.usefixtures("crowded")
def test_a_change_of_very_many_rows_is_a_high_risk(desk: Desk, target: str) -> None:
    many, one = _MANY[target]
    desk.configure("developer")

    for _ in range(10):
        # A machine that is too busy to tell in time how many there are has no estimate.
        few, found = (desk.run("query", "-d", target, command, "--dry-run") for command in (one, many))
        assert (few.code, found.code) == (0, 0), few.err + found.err
        assert "risk medium" in few.err
        if " rows" in found.err:
            break
    assert "risk high (" in found.err
    assert "about 20,000 rows" in found.err or target != "papers"
