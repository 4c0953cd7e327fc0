"""MongoDB's data access and runs on a real server that speaks its protocol: FerretDB over SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.mongodb_data import Index, MongoData
from aishell_core.engines.mongodb_place import find_place
from aishell_core.errors import TargetError
from aishell_core.values import Ability, FailureCode, Limits, Session, Tier
from collectors.contract import EVERYTHING, NOTHING
from collectors.mongodb.collector import MongoCollector, open_mongodb
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.mongodb_subject import fill

SECONDS = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[FerretServer]:
    with ferretdb() as running:
        yield running


@pytest.fixture
async def data(server: FerretServer) -> AsyncIterator[MongoData]:
    """An empty database `shop`."""
    server.ask({"dropDatabase": 1}, "shop")
    access = MongoData(find_place(server.target()))
    try:
        yield access
    finally:
        await access.close()


@pytest.fixture
async def collector(server: FerretServer) -> AsyncIterator[MongoCollector]:
    server.ask({"dropDatabase": 1}, "shop")
    fill(server)
    found = open_mongodb(server.target(database="shop"), SystemClock())
    assert isinstance(found, MongoCollector)
    try:
        yield found
    finally:
        await found.close()


async def test_documents_keep_their_types_on_the_way_in_and_out(data: MongoData) -> None:
    document = {
        "_id": {"$oid": "5f0000000000000000000001"},
        "at": {"$date": "2026-01-01T00:00:00Z"},
        "name": "é [red]x[/red]",
        "nested": {"list": [1, 2.5, None]},
    }
    assert await data.insert("shop", "orders", [document]) == 1
    (found,) = (await data.find("shop", "orders", {"_id": {"$oid": "5f0000000000000000000001"}})).documents
    assert found == document


async def test_documents_are_found_by_filter_fields_order_and_part(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": number, "even": number % 2 == 0, "text": "x"} for number in range(10)])
    page = await data.find("shop", "orders", {"even": True}, fields={"even": 1}, sort=(("_id", -1),), skip=1)
    assert [one["_id"] for one in page.documents] == [6, 4, 2, 0]
    assert set(page.documents[0]) == {"_id", "even"}
    assert page.cut == ""


async def test_what_is_beyond_a_limit_is_cut_off_and_said(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": number, "text": "x" * 100} for number in range(1500)], Limits(rows=1500))
    rows = await data.find("shop", "orders", limits=Limits(rows=1200))
    assert (len(rows.documents), rows.cut) == (1200, "rows")
    size = await data.find("shop", "orders", limits=Limits(bytes=2000))
    assert size.cut == "bytes"
    assert 0 < len(size.documents) < 20
    with pytest.raises(TargetError):
        await data.insert("shop", "orders", [{"_id": -1}, {"_id": -2}], Limits(rows=1))
    with pytest.raises(TargetError, match=r"are more than 2\.0 KiB at once"):
        await data.insert("shop", "orders", [{"_id": -1, "text": "x" * 5000}], Limits(bytes=2000))
    assert await data.count("shop", "orders") == 1500


async def test_documents_are_changed_one_or_several_or_made(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": number, "status": "open"} for number in range(5)])
    assert await data.update("shop", "orders", {"status": "open"}, {"$set": {"status": "paid"}}) == 1
    assert await data.update("shop", "orders", {"status": "open"}, {"$set": {"status": "sent"}}, several=True) == 4
    assert await data.update("shop", "orders", {"_id": 99}, {"$set": {"status": "new"}}, insert_missing=True) == 1
    assert await data.update("shop", "orders", {"_id": 100}, {"$set": {"status": "new"}}) == 0
    assert await data.count("shop", "orders", {"status": "sent"}) == 4


async def test_documents_are_deleted_one_or_several(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": number, "old": True} for number in range(5)])
    assert await data.delete("shop", "orders", {"old": True}) == 1
    assert await data.delete("shop", "orders", {"old": True}, several=True) == 4
    assert await data.count("shop", "orders") == 0


async def test_a_second_document_of_one_key_is_refused_and_what_was_before_stays(data: MongoData) -> None:
    with pytest.raises(TargetError) as caught:
        await data.insert("shop", "orders", [{"_id": 1}, {"_id": 1}, {"_id": 2}])
    assert caught.value.reason is FailureCode.CONFLICT
    assert "uplicate" in caught.value.message
    assert await data.count("shop", "orders") == 1


async def test_documents_are_grouped(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": number, "city": "AB"[number % 2]} for number in range(5)])
    page = await data.aggregate("shop", "orders", [{"$group": {"_id": "$city", "n": {"$count": {}}}}, {"$sort": {"_id": 1}}])
    assert page.documents == ({"_id": "A", "n": 3}, {"_id": "B", "n": 2})


async def test_an_index_is_made_listed_and_dropped(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": 1, "mail": "a"}])
    name = await data.create_index("shop", "orders", Index("", (("mail", 1), ("at", -1)), unique=True))
    assert name == "mail_1_at_-1"
    found = {index.name: index for index in await data.indexes("shop", "orders")}
    assert found[name].keys == (("mail", 1), ("at", -1))
    assert found[name].unique
    await data.drop_index("shop", "orders", name)
    assert name not in {index.name for index in await data.indexes("shop", "orders")}
    with pytest.raises(TargetError):
        await data.drop_index("shop", "orders", "*")
    with pytest.raises(TargetError):
        await data.create_index("shop", "orders", Index("x", ()))


async def test_databases_collections_and_their_figures_are_listed(data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": number} for number in range(7)])
    assert "shop" in dict(await data.databases())
    assert [one.name for one in await data.collections("shop")] == ["orders"]
    found = await data.statistics("shop", "orders")
    assert found.documents == 7
    assert found.storage_bytes
    assert "_id_" in dict(found.indexes)


async def test_what_is_no_document_is_refused_before_it_is_sent(data: MongoData) -> None:
    with pytest.raises(TargetError) as caught:
        await data.insert("shop", "orders", [{"_id": {"$oid": "no identifier"}}])
    assert caught.value.reason is FailureCode.UNSUPPORTED


async def test_a_frozen_server_is_given_up_at_the_limit_of_time(server: FerretServer, data: MongoData) -> None:
    await data.insert("shop", "orders", [{"_id": 1}])
    with server.frozen(), pytest.raises(TargetError) as caught:
        await data.find("shop", "orders", limits=Limits(seconds=0.3))
    assert caught.value.reason is FailureCode.TIMEOUT
    assert (await data.find("shop", "orders", limits=Limits(seconds=60.0))).documents == ({"_id": 1},)


async def test_an_operation_of_a_person_is_run_on_a_real_server(collector: MongoCollector) -> None:
    found = await collector.run('{"find": "users", "filter": {"name": "user 7"}}', (), Limits())
    assert found.columns == ("_id", "name")
    assert found.rows == ((7, "user 7"),)
    assert found.affected is None
    counted = await collector.run('{"count": "users", "$db": "shop"}', (), Limits())
    assert ("n", 500) in counted.rows


async def test_a_write_is_refused_read_only_and_done_otherwise(server: FerretServer, collector: MongoCollector) -> None:
    write = '{"delete": "users", "deletes": [{"q": {"_id": {"$lt": 100}}, "limit": 0}]}'
    with pytest.raises(TargetError) as caught:
        await collector.run(write, (), Limits())
    assert caught.value.reason is FailureCode.UNSUPPORTED
    assert server.ask({"count": "users"}, "shop")["n"] == 500
    assert (await collector.run(write, (), Limits(), read_only=False)).affected == 100
    assert server.ask({"count": "users"}, "shop")["n"] == 400


@pytest.mark.parametrize("text", ["", "SELECT 1", '{"find": "users", "filter": {"$where": "1"}}', '{"noSuchCommand": 1}', "\x00"])
async def test_what_cannot_be_run_is_refused_in_words(collector: MongoCollector, text: str) -> None:
    with pytest.raises(TargetError) as caught:
        await collector.run(text, (), Limits())
    assert caught.value.hint
    with pytest.raises(TargetError):
        await collector.run('{"count": "users"}', (1,), Limits())


async def test_reading_a_whole_collection_is_marked_in_a_real_plan(collector: MongoCollector) -> None:
    (step,) = await collector.explain('{"find": "users", "filter": {"name": "user 7"}}')
    assert step.costly
    assert step.text.startswith("SCAN")


async def test_what_ferretdb_does_not_have_is_said_and_never_zero(collector: MongoCollector) -> None:
    look = await collector.collect(Tier.HOT, EVERYTHING)
    await collector.collect(Tier.WARM, EVERYTHING)
    assert look.sessions is None
    assert look.statements is None
    assert {failure.code for failure in look.failures} == {FailureCode.UNSUPPORTED}
    assert {failure.part for failure in look.failures} == {"server status", "sessions", "statements"}
    assert [failure.part for failure in look.failures if failure.essential] == ["server status"], "what it is judged by is unknown"
    assert not [sample for sample in look.samples if sample.metric.name.startswith(("connections.", "mongodb.cache", "sessions."))]
    assert Ability.SESSIONS not in collector.abilities
    assert Ability.CANCEL not in collector.abilities
    with pytest.raises(TargetError) as caught:
        await collector.cancel(Session("1", started_at=1.0), SECONDS)
    assert caught.value.reason is FailureCode.UNSUPPORTED


async def test_a_restart_shows_a_new_start_and_counters_that_begin_anew() -> None:
    with ferretdb() as server:
        fill(server)
        collector = open_mongodb(server.target(), SystemClock())
        before = await collector.collect(Tier.HOT, NOTHING)
        server.restart()
        after = await collector.collect(Tier.HOT, NOTHING)
        await collector.close()
    assert before.facts is not None
    assert after.facts is not None
    assert before.facts.started_at != after.facts.started_at
    assert all(sample.value >= 0 for sample in after.samples)
