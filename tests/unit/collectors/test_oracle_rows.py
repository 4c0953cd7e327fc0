"""Rows of Oracle's views as values."""

from __future__ import annotations

from typing import Any

import pytest

from aishell_core.engines.oracle_facts import ServerFacts, facts_of
from aishell_core.engines.oracle_plan import plan_of
from aishell_core.values import Sample, WaitCount
from collectors.oracle.activity_rows import Looked, activity_of, id_of, sampled_waits, session_of, wait_of
from collectors.oracle.counters_rows import counter_samples, counters_of, limit_samples, temp_sample
from collectors.oracle.horizon_rows import holders_of
from collectors.oracle.locks_rows import enqueue_of, lock_waits_of, object_number
from collectors.oracle.progress_rows import progress_of
from collectors.oracle.relations_rows import relations_of, uses_of
from collectors.oracle.replication_rows import archive_samples, destinations_of, interval_seconds, replication_samples, upstream_of
from collectors.oracle.settings_rows import pending_samples, settings_of
from collectors.oracle.warm_rows import (
    average_samples,
    backup_samples,
    memory_samples,
    recovery_samples,
    tablespace_samples,
    undo_samples,
)
from tests.servers.oracle_recorded import recorded

SERVER = facts_of(recorded("facts")[0], "19.22.0.0.0", licensed=False)
CONTAINERS = {3: "SHOPPDB", 0: "SHOPPDB"}


def looked() -> tuple[Looked, ...]:
    rows = recorded("sessions")
    names = {(row["inst"], row["sid"]): id_of(row, SERVER) for row in rows}
    return tuple(Looked(row, session_of(row, "", CONTAINERS, names, SERVER), row["sid"] == 900) for row in rows)


def of(sid: int) -> Looked:
    return next(one for one in looked() if one.row["sid"] == sid)


def values(samples: tuple[Sample, ...] | list[Sample]) -> dict[str, float]:
    return {one.metric.name + "".join(f"|{value}" for _, value in one.labels): one.value for one in samples}


def test_a_session_is_what_a_kill_takes_and_its_start_is_utc() -> None:
    session = of(101).session
    assert (session.id, session.started_at) == ("101,4001", 1_790_000_000 - 7_000 - 7_200)
    assert (session.user, session.application, session.client, session.database) == ("SHOP", "checkout", "web1", "SHOPPDB")
    assert id_of({**of(101).row, "inst": 2}, SERVER) == "101,4001,@2"


@pytest.mark.parametrize(
    ("sid", "state", "seconds"), [(101, "active", 42.0), (102, "idle in transaction", None), (107, "idle", None), (108, "killed", None)]
)
def test_states_are_told_in_the_common_words(sid: int, state: str, seconds: float | None) -> None:
    assert (of(sid).session.state, of(sid).session.statement_seconds) == (state, seconds)


def test_what_a_session_waits_for_is_told_only_while_it_waits() -> None:
    assert (of(103).session.wait_class, of(103).session.wait) == ("Application", "enq: TX - row lock contention")
    assert (of(101).session.wait_class, of(101).session.wait) == ("", ""), "it has waited, and works"
    assert (of(102).session.wait_class, of(102).session.wait) == ("", ""), "it waits for its client"


def test_the_first_in_a_chain_of_waiters_is_a_detail() -> None:
    assert ("first in the chain", "102,4002") in of(104).session.details
    assert "first in the chain" not in dict(of(103).session.details), "it waits for that one itself"


def test_a_process_of_the_server_is_told_by_its_name() -> None:
    assert of(4).session.kind == "background LGWR"
    assert of(102).session.client == "desk7", "without the domain"


@pytest.mark.parametrize(
    ("sid", "wait"),
    [(101, ("CPU", "")), (106, ("User I/O", "direct path read")), (102, None), (4, None), (3, ("System I/O", "db file parallel write"))],
)
def test_a_busy_session_counts_for_what_it_waits_for(sid: int, wait: tuple[str, str] | None) -> None:
    assert wait_of(of(sid).row) == wait


def test_sessions_in_figures_leave_ours_and_the_servers_own_out() -> None:
    activity = activity_of(looked(), None)
    assert activity.states == {"active": 5, "idle": 1, "idle in transaction": 1, "killed": 1}
    assert (activity.connections, activity.lock_waiters, activity.blocked) == (9, 3, 3)
    assert (activity.statement_seconds, activity.transaction_seconds, activity.idle_transaction_seconds) == (300.0, 655.0, 610.0)
    assert activity.lock_seconds == 299.5
    assert sum(wait.count for wait in activity.waits) == 6


def test_those_that_were_not_read_are_counted() -> None:
    working = tuple(one for one in looked() if one.row["status"] != "INACTIVE" or one.row["transaction_seconds"])
    activity = activity_of(working, recorded("session_counts"))
    assert (activity.connections, activity.states["idle"], activity.states["idle in transaction"]) == (9, 1, 1)


def test_the_mode_of_a_lock_is_in_the_first_parameter_of_its_event() -> None:
    assert enqueue_of(of(103).row) == ("TX", 6)
    assert enqueue_of(of(105).row) == ("TM", 6)
    assert enqueue_of(of(101).row) is None
    assert (object_number(of(103).row), object_number(of(105).row), object_number(of(107).row)) == (74_112, 74_200, None)


def test_edges_of_locks_name_holder_object_and_modes() -> None:
    sessions = {(one.row["inst"], one.row["sid"]): one.session.id for one in looked()}
    waiting = [one for one in looked() if one.waits_for_lock]
    edges = {
        edge.waiter: edge for edge in lock_waits_of(waiting, recorded("locks"), sessions, {74_112: "SHOP.STOCK", 74_200: "SHOP.ORDERS"})
    }
    assert {waiter: edge.holder for waiter, edge in edges.items()} == {
        "103,4003": "102,4002",
        "104,4004": "103,4003",
        "105,4005": "102,4002",
    }
    assert (edges["103,4003"].object, edges["103,4003"].mode, edges["103,4003"].held_mode) == (
        "row of SHOP.STOCK",
        "exclusive",
        "exclusive",
    )
    assert (edges["105,4005"].object, edges["105,4005"].mode, edges["105,4005"].held_mode) == (
        "table SHOP.ORDERS",
        "exclusive",
        "row exclusive",
    )
    assert edges["104,4004"].wait_seconds == 89.0
    plain = lock_waits_of(waiting, (), {}, {})
    assert (plain[0].holder, plain[0].object, plain[0].held_mode) == ("102", "row of object 74112", "")


def test_a_log_that_is_written_blocks_nobody_by_a_lock() -> None:
    row = {**of(103).row, "event": "log file sync", "wait_class": "Commit"}
    assert not Looked(row, of(103).session).waits_for_lock


def test_counters_are_raw_and_what_lies_between_two_readings_is_worked_out() -> None:
    before = counters_of(recorded("counters"))
    after = {
        key: value
        + {
            "physical reads cache": 10,
            "consistent gets from cache": 90,
            "db block gets from cache": 10,
            "execute count": 50,
            "sql execute elapsed time": 100,
            "user commits": 4,
            "user rollbacks": 1,
        }.get(key[1], 0)
        for key, value in before.items()
    }
    found = values(counter_samples(after, before))
    assert found["cache.hit_ratio"] == pytest.approx(0.9)
    assert (found["query.latency"], found["transaction.latency"]) == (2.0, 20.0)
    assert found["queries.rate"] == 4_820_162
    assert found["oracle.workareas.spilled.rate"] == 42
    assert found["oracle.wait.time.rate|User I/O"] == 1_200_400
    assert "cache.hit_ratio" not in values(counter_samples(after, None))
    assert "query.latency" not in values(counter_samples(before, after)), "a counter that begins anew tells nothing"
    assert values(temp_sample(before, 8192)) == {"temp.bytes.rate": 18_000 * 8192}
    assert temp_sample(before, None) == ()


def test_a_limit_is_a_text_and_may_be_none() -> None:
    found = values(limit_samples(recorded("limits")))
    assert found["pool.usage"] == 0.25
    assert found["connections.max"] == 472
    assert found["oracle.resource.usage|processes"] == pytest.approx(0.32)
    assert limit_samples([{"name": "sessions", "used": 3, "most": " UNLIMITED"}, {"name": "processes", "used": 3, "most": "0"}]) == ()


def test_the_newest_sample_of_the_history_counts_as_waits() -> None:
    found = sampled_waits(recorded("licensed_waits"), CONTAINERS, {"8f21c4aaaaaa1": "SELECT 1"})
    assert found[0] == WaitCount("CPU", "", 3, "SHOP", "checkout", "SHOPPDB", "8f21c4aaaaaa1", "SELECT 1")
    assert (found[1].wait_class, found[1].wait, found[1].count) == ("Commit", "log file sync", 2)


def test_long_operations_have_the_servers_own_estimate() -> None:
    scan, backup = progress_of(recorded("long_operations"), CONTAINERS, SERVER)
    assert (scan.session, scan.operation, scan.done, scan.total, scan.object, scan.unit) == (
        "101,4001",
        "table scan",
        41_200,
        120_000,
        "SHOP.ORDERS",
        "blocks",
    )
    assert scan.details == (("for", "38s"), ("left", "1m13s"))
    assert [name for name, _ in backup.details] == ["for"]


def test_open_transactions_hold_undo() -> None:
    first, second = holders_of(recorded("transactions"), CONTAINERS, SERVER)
    assert (first.kind, first.name, first.transactions, first.seconds) == ("idle session", "102,4002 SHOP", 41_200, 655)
    assert second.kind == "session"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+00 00:00:05", 5.0), ("+01 02:03:04.5", 93_784.5), ("-00 00:00:01", -1.0), ("14", None), (None, None), ("", None)],
)
def test_intervals_become_seconds(text: str | None, seconds: float | None) -> None:
    assert interval_seconds(text) == seconds


def test_standbys_of_a_primary_and_what_is_wrong_with_them() -> None:
    well, broken = destinations_of(recorded("archive_destinations"))
    assert (well.name, well.role, well.state, well.active, well.remarks) == ("ORCL_B", "standby", "valid", True, ())
    assert dict(well.details)["log files not applied"] == "2"
    assert (broken.active, broken.remarks) == (False, ("ORA-12541: TNS:no listener", "locally unresolvable gap"))
    assert values(archive_samples(recorded("archive_destinations"))) == {"oracle.archive.errors": 1.0}


def test_the_lag_of_a_standby() -> None:
    (peer,) = upstream_of(recorded("standby_lag"), recorded("standby_processes"))
    assert (peer.name, peer.role, peer.state, peer.lag_seconds, peer.write_lag_seconds) == ("ORCL_A", "upstream", "applying", 72.0, 5.0)
    assert values(replication_samples([peer])) == {"replication.lag": 72.0, "oracle.transport.lag": 5.0, "oracle.apply.stopped": 0.0}
    (stopped,) = upstream_of(recorded("standby_lag"), recorded("standby_processes")[1:])
    assert (stopped.state, stopped.remarks) == ("apply stopped", ("no process applies redo",))
    (unknown,) = upstream_of(recorded("standby_lag"), None)
    assert (unknown.active, "oracle.apply.stopped" in values(replication_samples([unknown]))) == (None, False)
    assert upstream_of((), ()) == ()


def test_averages_have_the_catalogues_units_and_prefer_the_container() -> None:
    found = values(average_samples(recorded("system_metrics")))
    assert found["oracle.host.cpu.usage"] == pytest.approx(0.375)
    assert found["oracle.response.time"] == pytest.approx(4.2)
    assert found["oracle.sessions.average"] == 4.2
    both = (
        {"group_id": 18, "name": "Average Active Sessions", "value": 1.0},
        {"group_id": 2, "name": "Average Active Sessions", "value": 9.0},
    )
    assert values(average_samples(both)) == {"oracle.sessions.average": 1.0}


def test_storage_memory_and_undo() -> None:
    found = values(tablespace_samples(recorded("tablespaces")))
    assert found["oracle.tablespace.usage|USERS"] == pytest.approx(0.8906)
    assert values(recovery_samples(recorded("recovery_area")[0]))["oracle.recovery_area.usage"] == pytest.approx(0.88)
    assert recovery_samples(None) == ()
    assert values(memory_samples(recorded("memory")))["oracle.pga.usage"] == pytest.approx(0.375)
    assert values(undo_samples(recorded("undo")[0]))["oracle.undo.active"] == 14 * 8192


def test_the_age_of_backups_by_sort() -> None:
    assert values(backup_samples(recorded("backups"))) == {
        "oracle.backup.age|full": 200_000.0,
        "oracle.backup.age|incremental": 50_000.0,
        "oracle.backup.age|archived log": 1_800.0,
        "oracle.backup.failed": 2.0,
    }


def test_settings_that_wait_and_secrets_in_them() -> None:
    found = {each.name: each for each in settings_of(recorded("settings"), recorded("stored_settings"))}
    assert [name for name, each in found.items() if each.pending_restart] == ["processes"]
    assert found["sort_area_size"].source == "changed since the start, in new sessions only"
    assert "hush" not in found["log_archive_dest_2"].value
    assert values(pending_samples(found.values())) == {"oracle.settings.pending_restart": 1.0}


def test_relations_with_their_indexes_and_findings() -> None:
    found = {each.name: each for each in relations_of(recorded("segments"), uses_of(recorded("index_uses")), SERVER)}
    assert (found["ORDERS"].rows, found["ORDERS"].index_bytes) == (120_000_000, 3_221_225_472 + 1_073_741_824)
    assert (found["ORDERS_PK"].scans, found["ORDERS_PK"].remarks) == (81_200, ())
    assert found["ORDERS_OLD"].remarks == ("unusable: ALTER INDEX … REBUILD", "invisible to the optimizer", "unused")
    assert found["STOCK"].remarks == ("never analyzed",)
    unknown = {each.name: each for each in relations_of(recorded("segments"), None, SERVER)}
    assert (unknown["ORDERS_PK"].scans, "unused" in unknown["ORDERS_OLD"].remarks) == (None, False)


def test_a_plan_marks_the_steps_to_look_at() -> None:
    (root,) = plan_of(recorded("plan_table"))
    join = root.children[0].children[0]
    scan, lookup = join.children
    assert scan.text == 'TABLE ACCESS FULL SHOP.ORDERS  "O"."STATUS"=:1'
    assert (scan.costly, scan.note, lookup.costly) == (True, "reads the whole table", False)
    assert scan.share == pytest.approx(700 / 812)
    assert plan_of(()) == ()


def test_a_plan_whose_steps_name_each_other_has_an_end() -> None:
    row: dict[str, Any] = dict(recorded("plan_table")[0])
    assert plan_of([{**row, "id": 5, "parent_id": 5}])[0].children == ()


def test_facts_of_an_unknown_release() -> None:
    odd = facts_of(recorded("facts")[0], "", licensed=False)
    assert isinstance(odd, ServerFacts)
    assert odd.major == 0
