"""Sessions, waits and counters of PostgreSQL from rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core import catalogue
from aishell_core.values import Kind, Metric, Sample
from collectors.postgres.activity_backends import CLIENT, Backend, backends_of
from collectors.postgres.activity_rows import (
    Seen,
    activity_of,
    activity_samples,
    groups_of,
    is_busy,
    seen_of,
    session_of,
)
from collectors.postgres.counters_rows import counter_samples, hit_ratio, standby_lag, transaction_milliseconds
from collectors.postgres.processes import Usage
from collectors.postgres.replication_lag import StandbyLag

COUNTERS = (
    *("backends", "commits", "rollbacks", "blocks_hit", "blocks_read", "rows_returned", "rows_fetched", "rows_inserted", "rows_updated"),
    *("rows_deleted", "temp_files", "temp_bytes", "deadlocks", "conflicts", "checksum_failures", "active_milliseconds", "wal_position"),
)


def backend(**parts: Any) -> Backend:
    """A client that runs a statement."""
    usual = Backend(
        pid=17,
        own=False,
        datname="shop",
        usename="app",
        application_name="web",
        address="10.0.0.7",
        state="active",
        wait_event_type=None,
        wait_event=None,
        started_at=1000.0,
        transaction_seconds=2.0,
        statement_at=1100.0,
        statement_seconds=1.0,
        state_seconds=1.0,
        query="SELECT 1",
        now=1101.0,
        backend_type=CLIENT,
    )
    return usual._replace(**parts)


def group(**parts: Any) -> Seen:
    usual = Seen(CLIENT, "active", "", "", True, False, True, "app", "web", "shop", "7", "SELECT 1", 1, 1.0, 2.0, 1.0)
    return usual._replace(**parts)


def value(samples: tuple[Sample, ...], metric: Metric, label: str = "") -> float | None:
    return next((one.value for one in samples if one.metric is metric and (not label or dict(one.labels)["state"] == label)), None)


@pytest.mark.parametrize(
    ("state", "wait_class", "wait", "busy"),
    [
        ("active", None, None, True),
        ("active", "Lock", None, True),
        ("active", "Client", None, True),
        ("active", "Activity", None, False),
        ("fastpath function call", None, None, True),
        ("idle", "Client", None, False),
        ("idle in transaction", "Client", None, False),
        (None, "Activity", None, False),
        (None, "Timeout", None, False),
        (None, "IO", None, True),
        (None, "LWLock", None, True),
        (None, None, None, False),
        ("active", "Client", "WalSenderWriteData", True),
        ("active", "Client", "WalSenderWaitForWAL", False),
        ("active", "Client", "WalSenderWaitForWal", False),
    ],
)
def test_a_session_is_busy_while_it_works_or_waits_in_its_work(
    state: str | None, wait_class: str | None, wait: str | None, busy: bool
) -> None:
    assert is_busy(state, wait_class, wait) is busy


def test_waiting_for_nothing_the_server_knows_of_is_being_on_the_cpu() -> None:
    (wait,) = activity_of([group(), group()]).waits
    assert (wait.wait_class, wait.wait, wait.count, wait.digest, wait.text) == ("CPU", "", 2, "7", "SELECT 1")


def test_waits_of_different_users_or_statements_are_different_waits() -> None:
    waits = activity_of([group(wait_class="IO", wait="DataFileRead", user=user, digest=digest) for user in "ab" for digest in "12"]).waits
    assert len(waits) == 4
    assert {wait.count for wait in waits} == {1}


def test_our_own_sessions_are_connections_and_nothing_else() -> None:
    activity = activity_of([group(own=True, state="idle", busy=False), group()])
    assert activity.connections == 2
    assert activity.states["active"] == 1
    assert activity.states["idle"] == 0
    assert len(activity.waits) == 1


def test_background_processes_wait_but_are_no_clients() -> None:
    activity = activity_of([group(kind="checkpointer", state="", wait_class="IO", wait="DataFileWrite", client=False)])
    assert activity.connections == 0
    assert sum(activity.states.values()) == 0
    assert activity.waits[0].wait == "DataFileWrite"


def test_where_sessions_are_hidden_what_they_do_is_unknown_and_not_zero() -> None:
    activity = activity_of([group(kind="", state="", busy=False, sessions=9), group()])
    assert activity.hidden == 9
    samples = activity_samples(activity, 100.0, None, None)
    assert value(samples, catalogue.CONNECTIONS_USED) == 10
    assert value(samples, catalogue.POOL_USAGE) == 0.1
    for metric in (catalogue.SESSIONS_ACTIVE, catalogue.QUERY_DURATION, catalogue.TRANSACTION_DURATION, catalogue.LOCKS_WAITING):
        assert value(samples, metric) is None
    assert value(samples, catalogue.SESSIONS_BY_STATE) is None


def test_states_are_told_also_where_nobody_has_them() -> None:
    samples = activity_samples(activity_of([]), None, None, None)
    assert value(samples, catalogue.SESSIONS_BY_STATE, "idle in transaction") == 0
    assert value(samples, catalogue.QUERY_DURATION) == 0
    assert value(samples, catalogue.LOCKS_WAIT) == 0
    assert value(samples, catalogue.POOL_USAGE) is None


def test_more_connections_than_are_allowed_are_all_that_is_allowed() -> None:
    samples = activity_samples(activity_of([group(sessions=12)]), 10.0, None, None)
    assert value(samples, catalogue.POOL_USAGE) == 1


def test_a_walsender_s_statement_is_not_the_longest_one() -> None:
    sender = group(
        kind="walsender", wait_class="Activity", wait="WalSenderMain", busy=False, statement_seconds=1e6, transaction_seconds=None
    )
    activity = activity_of([sender, group(statement_seconds=3.0)])
    assert activity.statement_seconds == 3.0


SECONDS = st.none() | st.floats(-1, 1e7)
GROUPS = st.builds(
    Seen,
    kind=st.sampled_from([CLIENT, "", "walsender", "autovacuum worker"]),
    state=st.sampled_from(["", "active", "idle", "idle in transaction", "idle in transaction (aborted)", "disabled"]),
    wait_class=st.sampled_from(["", "Lock", "IO", "Activity"]),
    wait=st.sampled_from(["", "x"]),
    busy=st.booleans(),
    own=st.booleans(),
    client=st.booleans(),
    user=st.sampled_from(["a", "b"]),
    application=st.just("web"),
    database=st.just("shop"),
    digest=st.sampled_from(["1", "2"]),
    text=st.just("SELECT 1"),
    sessions=st.integers(1, 50),
    statement_seconds=SECONDS,
    transaction_seconds=SECONDS,
    state_seconds=SECONDS,
)


@given(st.lists(GROUPS, max_size=20), st.none() | st.floats(1, 1000), st.none() | st.floats(0, 100), st.none() | st.floats(0, 100))
def test_figures_of_sessions_are_never_negative_and_shares_never_above_one(
    groups: list[Seen], most: float | None, waiters: float | None, waited: float | None
) -> None:
    activity = activity_of(groups)
    samples = activity_samples(activity, most, waiters, waited)
    assert all(sample.value >= 0 for sample in samples)
    assert all(sample.value <= 1 for sample in samples if sample.metric.kind is Kind.RATIO)
    assert len({(sample.metric, sample.labels) for sample in samples}) == len(samples)
    assert sum(wait.count for wait in activity.waits) == sum(one.sessions for one in groups if one.busy and not one.own)


def test_groups_come_as_json_and_unknown_is_empty() -> None:
    cells = [CLIENT, "active", None, None, True, False, True, "app", None, "web", None, "SELECT 1", 3, 1.5, None, 0.5]
    (one,) = groups_of(json.dumps([cells]))
    assert (one.wait_class, one.database, one.digest, one.sessions) == ("", "", "", 3)
    assert (one.statement_seconds, one.transaction_seconds) == (1.5, None)
    assert groups_of(None) == ()
    with pytest.raises(ValueError, match="Expecting value"):
        groups_of("[broken")


def test_a_session_has_no_running_time_while_it_does_not_run() -> None:
    assert session_of(backend(state="idle"), "", "").statement_seconds is None
    assert session_of(backend(statement_seconds=-0.001), "", "").statement_seconds == 0
    assert session_of(backend(transaction_seconds=None), "", "").transaction_seconds is None


def test_an_ordinary_client_has_no_kind_and_a_worker_its_leader() -> None:
    assert session_of(backend(), "", "").kind == ""
    worker = session_of(backend(backend_type="parallel worker", leader_pid=5), "", "")
    assert (worker.kind, worker.leader) == ("parallel worker", "5")


def test_a_client_is_named_by_host_else_address_else_as_local() -> None:
    assert session_of(backend(hostname="web1"), "", "").client == "web1"
    assert session_of(backend(), "", "").client == "10.0.0.7"
    assert session_of(backend(address=None), "", "").client == "local"
    assert session_of(backend(address=None, backend_type="checkpointer"), "", "").client == ""


def test_what_a_process_uses_is_part_of_its_session() -> None:
    session = session_of(backend(), "", "", Usage(0.5, 1e6, 10.0, None))
    assert (session.cpu_ratio, session.memory_bytes, session.read_bytes_per_second, session.write_bytes_per_second) == (
        0.5,
        1e6,
        10.0,
        None,
    )


def test_a_row_of_a_server_that_is_only_compatible_is_a_session_too() -> None:
    (plain,) = backends_of([dict(list(backend()._asdict().items())[:16])])
    session = session_of(plain, "SELECT 1", "")
    assert (session.id, session.kind, session.client, session.text) == ("17", "", "10.0.0.7", "SELECT 1")
    (seen,) = seen_of([(plain, session)])
    assert (seen.kind, seen.client) == ("", True)


def test_idle_clients_are_counted_together_and_all_others_one_by_one() -> None:
    idle, active = backend(state="idle"), backend()
    own, background = backend(own=True, state="idle"), backend(state=None, backend_type="checkpointer", usename=None, datname=None)
    looked = [(one, session_of(one, "", "")) for one in (idle, idle, active, own, background)]
    seen = list(seen_of(looked))
    assert [(one.kind, one.state, one.own, one.sessions) for one in seen] == [
        (CLIENT, "active", False, 1),
        (CLIENT, "idle", True, 1),
        ("checkpointer", "", False, 1),
        (CLIENT, "idle", False, 2),
    ]
    activity = activity_of(seen)
    assert (activity.connections, activity.states["idle"], activity.states["active"]) == (4, 2, 1)


def test_a_long_text_is_cut_between_signs() -> None:
    assert backend(query=None, long_query="SELECT 'é".encode()[:-1]).text == "SELECT '"
    assert backend(query=None).text is None


def counters(**parts: float | None) -> dict[str, Any]:
    """A row of the statement `counters`."""
    return {**dict.fromkeys(COUNTERS, 0.0), "now": 2000.0, "started_at": 500.0, "in_recovery": False, "lag_seconds": None, **parts}


def test_ratios_are_of_what_was_added() -> None:
    before = counters(blocks_hit=100, blocks_read=100, commits=10, rollbacks=0, active_milliseconds=1000)
    now = counters(blocks_hit=190, blocks_read=110, commits=18, rollbacks=2, active_milliseconds=1050)
    assert hit_ratio(now, before) == 0.9
    assert transaction_milliseconds(now, before) == 5


def test_without_a_look_before_or_without_work_there_is_no_ratio() -> None:
    assert hit_ratio(counters(blocks_hit=5), None) is None
    assert hit_ratio(counters(blocks_hit=5), counters(blocks_hit=5)) is None
    assert transaction_milliseconds(counters(active_milliseconds=50), counters()) is None


def test_what_the_server_does_not_count_is_left_out() -> None:
    samples = counter_samples({"commits": 5.0, "checksum_failures": None}, None)
    assert [(sample.metric, sample.value) for sample in samples] == [(catalogue.TRANSACTIONS_RATE, 5.0)]
    assert counter_samples({}, None) == ()


ROWS = st.fixed_dictionaries({name: st.none() | st.floats(0, 1e12) for name in COUNTERS})


@given(ROWS, ROWS)
def test_after_any_reset_no_figure_is_negative_or_above_its_whole(before: dict[str, Any], now: dict[str, Any]) -> None:
    for sample in counter_samples({**now, "now": 10.0, "started_at": 20.0}, before):
        assert sample.value >= 0
        assert sample.metric.kind is not Kind.RATIO or sample.value <= 1


def test_a_standby_that_has_applied_everything_is_not_behind() -> None:
    assert standby_lag(counters(in_recovery=True, lag_seconds=0.0), StandbyLag()) == 0


def test_a_record_that_comes_on_an_idle_day_is_no_lag_of_a_day() -> None:
    lag = StandbyLag()
    assert standby_lag(counters(in_recovery=True, lag_seconds=0.0, now=100_000.0), lag) == 0
    assert standby_lag(counters(in_recovery=True, lag_seconds=86_400.0, now=100_001.0), lag) == 1
    assert standby_lag(counters(in_recovery=True, lag_seconds=0.0, now=100_002.0), lag) == 0


def test_a_standby_that_falls_behind_does_so_as_fast_as_time_goes() -> None:
    lag = StandbyLag()
    standby_lag(counters(in_recovery=True, lag_seconds=0.0, now=100.0), lag)
    assert [standby_lag(counters(in_recovery=True, lag_seconds=None, now=now), lag) for now in (101.0, 130.0)] == [1, 30]
    assert standby_lag(counters(in_recovery=True, lag_seconds=5.0, now=131.0), lag) == 5


def test_how_far_behind_is_unknown_where_nothing_was_ever_applied() -> None:
    assert standby_lag(counters(in_recovery=True, lag_seconds=None), StandbyLag()) is None


def test_a_primary_has_no_lag_and_forgets_that_of_its_life_as_a_standby() -> None:
    lag = StandbyLag()
    standby_lag(counters(in_recovery=True, lag_seconds=0.0, now=100.0), lag)
    assert standby_lag(counters(in_recovery=False, lag_seconds=None, now=101.0), lag) is None
    assert standby_lag(counters(in_recovery=True, lag_seconds=None, now=102.0), lag) is None
