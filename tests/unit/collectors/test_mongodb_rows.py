"""What is made of the documents of MongoDB 6, 7 and 8: the same figures from old and new names, sessions, locks, members, indexes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from aishell_core.values import Relation, Sample, Thresholds
from collectors.mongodb.cold import size_samples
from collectors.mongodb.commands import KnownCommands, said
from collectors.mongodb.locks_rows import lock_waits_of
from collectors.mongodb.operations_rows import Operation, activity_samples, operations_of, progress_of, session_of, wait_counts
from collectors.mongodb.profile_rows import ProfileCounts
from collectors.mongodb.relations_rows import Looked, relations_of, top_samples
from collectors.mongodb.replication_rows import lag_samples, oplog_samples, peers_of, shards_of
from collectors.mongodb.server import Life, facts_of, life_of
from collectors.mongodb.settings_rows import settings_of
from collectors.mongodb.status_rows import status_samples
from collectors.statements_sampled import SampledStatements, SeenCall
from tests.servers.mongodb_wire_world import VERSIONS, World

Values = dict[tuple[str, str], float]


def documents(version: str = "7", kind: str = "primary") -> dict[str, Any]:
    return World(version, kind, "").documents


def values(samples: tuple[Sample, ...]) -> Values:
    return {(sample.metric.name, ",".join(value for _, value in sample.labels)): sample.value for sample in samples}


def status(version: str = "7", kind: str = "primary") -> dict[str, Any]:
    found: dict[str, Any] = documents(version, kind)["server_status"]["document"]
    return found


def operations(version: str = "7") -> tuple[Operation, ...]:
    return operations_of(documents(version)["operations"]["documents"], KnownCommands())


@pytest.mark.parametrize("version", VERSIONS)
def test_each_document_names_its_source_and_what_it_was_checked_against(version: str) -> None:
    for name, document in documents(version).items():
        assert f"/docs/v{version}.0/" in document["source"], name
        assert document["checked"], name


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_and_queues_are_the_same_under_the_old_and_the_new_names(version: str) -> None:
    found = values(status_samples(status(version), None))
    assert found["mongodb.tickets.used", "read"] == 6
    assert found["mongodb.tickets.used", "write"] == 3
    both: dict[str, tuple[float, float]] = {"5": (122, 125), "6": (122, 125), "7": (58, 61), "8": (58, 61)}
    left = both[version]
    assert (found["mongodb.tickets.available", "read"], found["mongodb.tickets.available", "write"]) == left
    assert found["mongodb.tickets.usage", ""] == pytest.approx(6 / (6 + left[0]))
    assert found["mongodb.queued", "read"] == 1
    assert found["mongodb.queued", "write"] == 2
    assert found["mongodb.checkpoint.time", ""] == 412


@pytest.mark.parametrize("version", VERSIONS)
def test_the_common_figures_have_the_meaning_of_the_catalogue(version: str) -> None:
    found = values(status_samples(status(version), None))
    assert found["connections.used", ""] == 60
    assert found["connections.max", ""] == 819
    assert found["queries.rate", ""] == 200400 + 2900100 + 480200 + 12100 + 140200 + 1220300
    assert found["errors.rate", ""] == 12 + 40 + 3 + 1
    assert found["rows.rate", ""] == 9120000 + 241000 + 470100 + 12090
    assert found["mongodb.transactions.committed.rate", ""] == 8120
    assert found["mongodb.cache.used", ""] == pytest.approx(0.7)
    assert found["mongodb.cache.dirty", ""] == pytest.approx(0.055)
    assert found["mongodb.memory.resident", ""] == 2402 * 2**20
    assert found["mongodb.elections.rate", ""] == 3
    assert ("mongodb.connections.rejected.rate", "") in found or version in {"5", "6"}


def test_means_and_hits_are_those_of_the_interval() -> None:
    before, now = status(), copy.deepcopy(status())
    now["opLatencies"]["reads"]["ops"] += 100
    now["opLatencies"]["reads"]["latency"] += 400_000
    now["opLatencies"]["writes"]["ops"] += 100
    now["opLatencies"]["writes"]["latency"] += 200_000
    now["wiredTiger"]["cache"]["pages requested from the cache"] += 1000
    now["wiredTiger"]["cache"]["pages read into cache"] += 50
    found = values(status_samples(now, before))
    assert found["mongodb.latency", "reads"] == 4.0
    assert found["query.latency", ""] == 3.0
    assert found["cache.hit_ratio", ""] == 0.95
    assert ("query.latency", "") not in values(status_samples(now, now))


def test_a_counter_that_began_anew_gives_no_mean_and_nothing_negative() -> None:
    before, now = status(), copy.deepcopy(status())
    now["opLatencies"]["reads"] = {"latency": 5, "ops": 1}
    now["wiredTiger"]["cache"]["pages requested from the cache"] = 3
    found = values(status_samples(now, before))
    assert ("mongodb.latency", "reads") not in found
    assert ("cache.hit_ratio", "") not in found
    assert all(value >= 0 for value in found.values())


def test_sections_that_are_missing_or_odd_are_unknown_and_never_zero() -> None:
    odd = {"connections": 7, "mem": {"resident": "many"}, "opcounters": {"insert": -1, "query": float("nan"), "update": True, "delete": 4}}
    assert values(status_samples(odd, None)) == {("mongodb.ops.rate", "delete"): 4, ("queries.rate", ""): 4}


def test_a_router_has_the_figures_that_it_has() -> None:
    found = values(status_samples(status("8", "mongos"), None))
    assert ("connections.used", "") in found
    assert not [name for name, _ in found if name.startswith(("mongodb.cache", "mongodb.tickets", "mongodb.elections"))]


def test_operations_are_counted_by_command_where_there_are_no_opcounters() -> None:
    counted = {"metrics": {"commands": {"find": {"total": 3, "failed": 1}, "hello": {"total": 90}, "drop": {"total": 2, "failed": 0}}}}
    found = values(status_samples(counted, None))
    assert found["mongodb.ops.rate", "query"] == 3
    assert found["mongodb.ops.rate", "command"] == 2
    assert found["mongodb.ops.rate", "insert"] == 0
    assert found["errors.rate", ""] == 1


def test_a_life_goes_on_until_process_or_uptime_say_otherwise() -> None:
    life = Life(7, 100.0, 1000.0)
    assert life.goes_on(Life(7, 101.0, 1000.4))
    assert not life.goes_on(Life(8, 101.0, 1000.0))
    assert not life.goes_on(Life(7, 0.5, 1001.0))
    assert not life.goes_on(Life(7, 101.0, 1060.0))
    assert life_of({}) is None


def test_roles_are_told_from_the_set_and_the_kind_of_process() -> None:
    roles = {kind: facts_of(status("7", kind), {}, None).role for kind in ("primary", "secondary", "standalone", "mongos")}
    assert roles == {"primary": "primary", "secondary": "replica", "standalone": "primary", "mongos": "router"}
    hello = documents("7", "secondary")["hello"]["document"]
    assert facts_of({}, hello, None).role == "replica"


@pytest.mark.parametrize("version", VERSIONS)
def test_operations_become_sessions(version: str) -> None:
    found = {one.id: session_of(one, one.started_at) for one in operations(version)}
    find = found["812001"]
    assert (find.user, find.application, find.client, find.database) == ("shop-web", "shop-web", "10.0.3.7:51234", "shop")
    assert find.state == "active"
    assert find.statement_seconds == 42
    assert find.text.startswith('{"find": "orders", "filter": {"status": "open", "customer": 4711}')
    assert ("plan", "COLLSCAN") in find.details
    assert found["812003"].transaction_seconds == 15
    assert found["812003"].text.startswith('{"update": "orders", "updates": [{"q": {"status": "open"}')
    assert found["812004"].wait_class == "Lock"
    assert found["812004"].wait == "Collection"
    assert found["812006"].text == '{"find": "orders", "filter": {}}'
    assert found["811900"].kind == "IndexBuildsCoordinatorMongod"
    assert found["conn77"].state == "idle"
    idle = found["00000000-0000-4000-8000-000000000079"]
    assert idle.state == "idle in transaction"
    assert idle.transaction_seconds == 720
    assert idle.started_at is not None


def test_sessions_of_ours_count_for_nothing() -> None:
    documents_ = documents()["operations"]["documents"]
    for one in documents_:
        one["appName"] = "aishell"
    found = operations_of(documents_, KnownCommands())
    assert all(one.own for one in found)
    assert wait_counts(found) == ()
    assert values(activity_samples(found, idle_known=True))["sessions.active", ""] == 0


def test_activity_is_counted_with_waits_and_the_longest() -> None:
    found = values(activity_samples(operations(), idle_known=False))
    assert found["sessions.active", ""] == 6
    assert found["query.duration", ""] == 75_000
    assert found["locks.waiting", ""] == 2
    assert found["locks.wait", ""] == 9
    assert found["transaction.idle", ""] == pytest.approx(718.8)
    assert ("sessions.state", "idle") not in found
    assert sorted((each.wait_class, each.wait) for each in wait_counts(operations())).count(("Lock", "Collection")) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_who_waits_for_whom_follows_from_the_modes_of_the_locks(version: str) -> None:
    edges = {(edge.waiter, edge.holder): edge for edge in lock_waits_of(operations(version))}
    assert {holder for waiter, holder in edges if waiter == "812004"} == {
        *("812001", "812003", "812006", "00000000-0000-4000-8000-000000000079")
    }
    assert edges["812004", "812003"].mode == "exclusive"
    assert edges["812004", "812003"].held_mode == "intent exclusive"
    assert "perhaps" in edges["812004", "00000000-0000-4000-8000-000000000079"].held_mode
    behind = edges["812005", "812004"]
    assert behind.object == "shop.orders"
    assert behind.wait_seconds == 4


def test_a_client_that_only_listens_for_changes_is_idle() -> None:
    listening = {"type": "op", "active": True, "opid": 5, "client": "1.2.3.4:5", "command": {"hello": 1}, "microsecs_running": 9_000_000}
    (one,) = operations_of([listening], KnownCommands())
    assert one.state == "idle"
    assert one.statement_seconds is None


def test_building_an_index_tells_how_far_it_is() -> None:
    (found,) = progress_of(operations())
    assert (found.operation, found.database, found.object) == ("index build", "shop", "events")
    assert (found.done, found.total) == (301200, 812000)
    assert found.phase == "scanning collection"


def test_commands_with_other_values_have_one_shape() -> None:
    one = said({"find": "o", "filter": {"a": {"$in": [1, 2, 3]}, "b": "x"}, "sort": {"at": -1}, "limit": 20, "lsid": {"id": 1}, "$db": "s"})
    other = said({"find": "o", "filter": {"a": {"$in": [4]}, "b": "y"}, "sort": {"at": -1}, "limit": 5, "$db": "s"})
    assert one.shape == other.shape == '{"find": "o", "filter": {"a": {"$in": ["?"]}, "b": "?"}, "sort": {"at": -1}, "limit": "?"}'
    assert one.digest == other.digest
    assert "lsid" not in one.text
    assert said({"find": "o", "$db": "t"}).digest != said({"find": "o", "$db": "s"}).digest
    assert said({"find": "o", "sort": {"at": 1}, "$db": "s"}).digest != said({"find": "o", "sort": {"at": -1}, "$db": "s"}).digest
    assert said({}).digest == ""


def test_a_document_without_end_has_a_shape_too() -> None:
    deep: Any = 1
    for _ in range(90):
        deep = {"a": deep}
    assert said({"find": "o", "filter": deep}).digest


@pytest.mark.parametrize("version", VERSIONS)
def test_the_profile_is_counted_by_shape(version: str) -> None:
    counts = ProfileCounts()
    counts.add(documents(version)["profile"]["documents"])
    found = {one.text.partition(",")[0]: one for one in counts.statements()}
    find = found['{"find": "orders"']
    assert find.calls == 7
    assert find.total_milliseconds == sum(180 + 5 * i for i in range(6)) + 30_000
    assert find.max_milliseconds == 30_000
    assert find.errors == 1
    assert find.rows == 120
    assert not find.sampled
    assert found['{"aggregate": "customers"'].calls == 3
    assert found['{"update": "orders"'].rows == 1


def test_members_have_the_lag_to_the_primary() -> None:
    found = {peer.name: peer for peer in peers_of(documents()["replica_set_status"]["document"])}
    assert found["db2.shop.example:27017"].lag_seconds == 2
    assert found["db3.shop.example:27017"].role == "standby"
    samples = values(lag_samples(documents()["replica_set_status"]["document"]))
    assert samples["replication.lag", ""] == 41
    assert samples["mongodb.members.unhealthy", ""] == 0


def test_a_secondary_tells_its_own_lag_and_where_it_copies_from() -> None:
    replica = documents("7", "secondary")["replica_set_status"]["document"]
    (own,) = (peer for peer in peers_of(replica) if peer.role == "upstream")
    assert own.name == "db2.shop.example:27017"
    assert own.lag_seconds == 41
    assert values(lag_samples(replica))["replication.lag", ""] == 41


def test_a_member_that_is_down_is_broken_and_its_lag_unknown() -> None:
    replica = documents()["replica_set_status"]["document"]
    replica["members"][2].update(health=0.0, state=8, stateStr="(not reachable/healthy)")
    down = next(peer for peer in peers_of(replica) if peer.name.startswith("db3"))
    assert down.state == "down"
    assert down.lag_seconds is None
    assert values(lag_samples(replica))["mongodb.members.unhealthy", ""] == 1


def test_the_window_of_the_log_counts_once_the_log_is_full() -> None:
    log = documents()["oplog"]
    size = {"storageStats": log["storageStats"]}
    found = values(oplog_samples(log["first"], log["last"], size, 41.0))
    assert found["mongodb.oplog.window", ""] == 7 * 3600
    assert found["mongodb.oplog.headroom", ""] == 7 * 3600 - 41
    size["storageStats"]["size"] = 1000
    assert ("mongodb.oplog.window", "") not in values(oplog_samples(log["first"], log["last"], size, 41.0))


def test_shards_that_are_emptied_are_told() -> None:
    found = shards_of(documents()["sharding"]["shards"])
    assert [(peer.name, peer.state) for peer in found] == [("rs0", "ready"), ("rs1", "draining")]


def _looked(name: str, *, refused: bool = False) -> Looked:
    world = documents()["collections"]
    each = world["namespaces"][f"shop.{name}"]
    sizes = {one["name"]: one["size"] for one in each["indexes"]}
    uses = tuple(
        {
            "name": one["name"],
            "accesses": {"ops": one["accesses"], "since": world["started"]},
            **({"building": True} if one.get("building") else {}),
        }
        for one in each["indexes"]
    )
    storage = {**each, "indexSizes": sizes, "totalIndexSize": sum(sizes.values())}
    return Looked("shop", name, each["type"], {"storageStats": storage}, tuple(each["indexes"]), None if refused else uses)


def _remarks(name: str, *, hours: float, refused: bool = False) -> dict[str, tuple[str, ...]]:
    looked = _looked(name, refused=refused)
    started = documents()["collections"]["started"].timestamp()
    return {relation.name: relation.remarks for relation in relations_of(looked, {}, started + hours * 3600)}


def test_indexes_that_nobody_uses_or_that_another_covers_are_remarked() -> None:
    found = _remarks("orders", hours=48)
    assert found["customer_1"] == ("unused for 2d00h", "beginning of customer_1_total_1")
    assert found["promo_1"] == ("unused for 2d00h", "hidden from the planner")
    assert found["_id_"] == ()
    assert found["status_1"] == ()
    assert _remarks("customers", hours=48)["email_1"] == (), "a unique index is needed though nobody reads by it"
    assert _remarks("events", hours=48)["at_1"] == ("is being built",)


def test_an_index_is_not_called_unused_before_a_day_was_counted_or_where_uses_are_hidden() -> None:
    assert _remarks("orders", hours=2)["customer_1"] == ("beginning of customer_1_total_1",)
    assert _remarks("orders", hours=48, refused=True)["promo_1"] == ("hidden from the planner",)


def test_a_collection_has_its_sizes_and_its_time() -> None:
    top = documents()["top"]["document"]["totals"]
    collection, *indexes = relations_of(_looked("orders"), top["shop.orders"], 0.0)
    assert isinstance(collection, Relation)
    assert (collection.size_bytes, collection.rows, collection.free_bytes) == (412_000_000, 812_000, 61_000_000)
    assert collection.index_bytes == sum(each.size_bytes or 0 for each in indexes)
    assert ("reads", "3040000 in 15m12s") in collection.details
    assert values(top_samples(top))["mongodb.collection.read.time.rate", "shop.orders"] == 912_000


def test_settings_come_from_file_and_parameters_without_secrets() -> None:
    found = {
        each.name: each
        for each in settings_of({"logLevel": 0, "ok": 1.0}, {"parsed": {"net": {"port": 1, "tls": {"certificateKeyFilePassword": "x"}}}})
    }
    assert found["net.port"].value == "1"
    assert found["net.tls.certificateKeyFilePassword"].value == "***"
    assert found["logLevel"].source == "parameter"
    assert "ok" not in found


def test_sizes_of_databases_are_those_that_are_told() -> None:
    found = values(
        size_samples({"totalSize": 30, "databases": [{"name": "a", "sizeOnDisk": 20}, {"name": "b"}, {"name": "c", "sizeOnDisk": 10}]})
    )
    assert found == {("disk.used", ""): 30, ("mongodb.database.size", "a"): 20, ("mongodb.database.size", "c"): 10}


def test_what_is_seen_running_is_counted_once_and_its_time_grows() -> None:
    sampled = SampledStatements()
    sampled.add([SeenCall("1", "1", 1.0, False, "d", "shape")])
    sampled.add([SeenCall("1", "1", 3.0, False, "d", "shape"), SeenCall("2", "2", 0.5, False, "d", "shape")])
    (one,) = sampled.statements()
    assert (one.calls, one.total_milliseconds, one.max_milliseconds, one.sampled) == (2, 3500, 3000, True)


def test_low_values_are_the_bad_ones_of_a_falling_gauge() -> None:
    from aishell_core.catalogue import MONGO_OPLOG_WINDOW

    limits: Thresholds = MONGO_OPLOG_WINDOW.thresholds
    assert limits.judge(90_000).value == "ok"
    assert limits.judge(80_000).value == "warning"
    assert limits.judge(60).value == "critical"
