"""What the console's rows become, in the shapes of old and new versions."""

from __future__ import annotations

from aishell_core.values import FailureCode, Pool, Sample
from collectors.pgbouncer.rows import (
    SAMPLED_POOLS,
    Limits,
    Row,
    Totals,
    client_samples,
    halted,
    latency_milliseconds,
    limits_of,
    pool_samples,
    pools_of,
    settings_of,
    totals_of,
    totals_samples,
    troubles,
    value_of,
)

# SHOW POOLS and SHOW DATABASES of 1.12, 1.16, 1.18 and 1.25, as the sources of these versions write them.
POOL_1_12: Row = {
    "database": "shop",
    "user": "app",
    "cl_active": "3",
    "cl_waiting": "2",
    "sv_active": "3",
    "sv_idle": "1",
    "sv_used": "4",
    "sv_tested": "0",
    "sv_login": "1",
    "maxwait": "7",
    "maxwait_us": "250000",
    "pool_mode": "transaction",
}
POOL_1_16: Row = {**POOL_1_12, "cl_cancel_req": "2"}
POOL_1_18: Row = {
    **POOL_1_12,
    "cl_active_cancel_req": "1",
    "cl_waiting_cancel_req": "2",
    "sv_active_cancel": "3",
    "sv_being_canceled": "4",
}
POOL_1_25: Row = {**POOL_1_18, "load_balance_hosts": "round-robin"}
DATABASE_1_12: Row = {
    "name": "shop",
    "host": "10.0.0.5",
    "port": "5432",
    "database": "shop_live",
    "force_user": None,
    "pool_size": "20",
    "reserve_pool": "5",
    "pool_mode": None,
    "max_connections": "50",
    "current_connections": "8",
    "paused": "0",
    "disabled": "0",
}
DATABASE_1_25: Row = {
    **{name: value for name, value in DATABASE_1_12.items() if name != "reserve_pool"},
    "min_pool_size": "0",
    "reserve_pool_size": "5",
    "server_lifetime": "3600",
    "load_balance_hosts": "disable",
    "max_client_connections": "200",
    "current_client_connections": "9",
}
STATS: Row = {
    "database": "shop",
    "total_xact_count": "100",
    "total_query_count": "400",
    "total_received": "1000",
    "total_sent": "9000",
    "total_xact_time": "5000000",
    "total_query_time": "4000000",
    "total_wait_time": "2500",
}
CONSOLE: Row = {"database": "pgbouncer", "user": "pgbouncer", "total_query_count": "77", "cl_active": "1", "pool_mode": "statement"}


def figures(samples: tuple[Sample, ...]) -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in samples}


def pool(**changes: object) -> Pool:
    known: dict[str, object] = {
        "database": "shop",
        "user": "app",
        "mode": "transaction",
        "clients_active": 1.0,
        "clients_waiting": 0.0,
        "servers_active": 1.0,
        "servers_idle": 0.0,
    }
    return Pool(**{**known, **changes})  # type: ignore[arg-type]


def test_a_pool_of_every_version_has_the_same_figures() -> None:
    for row in (POOL_1_12, POOL_1_16, POOL_1_18, POOL_1_25):
        (found,) = pools_of([row, CONSOLE], [])
        assert (found.database, found.user, found.mode) == ("shop", "app", "transaction")
        assert (found.clients_active, found.clients_waiting) == (3, 2)
        assert (found.servers_active, found.servers_idle, found.servers_used) == (3, 1, 4)
        assert found.max_wait_seconds == 7.25


def test_columns_that_came_with_a_version_are_details_and_are_left_out_where_there_are_none() -> None:
    cancelled = {
        "1.12": dict(pools_of([POOL_1_12], [])[0].details),
        "1.16": dict(pools_of([POOL_1_16], [])[0].details),
        "1.18": dict(pools_of([POOL_1_18], [])[0].details),
    }
    assert cancelled["1.12"] == {"servers logging in": "1"}
    assert cancelled["1.16"]["cancel requests"] == "2"
    assert cancelled["1.18"]["cancel requests"] == "1"
    assert cancelled["1.18"]["servers being cancelled"] == "4"


def test_the_database_of_a_pool_tells_its_server_and_its_limits_under_old_and_new_names() -> None:
    old, new = (dict(pools_of([POOL_1_12], [row])[0].details) for row in (DATABASE_1_12, DATABASE_1_25))
    assert old["server"] == new["server"] == "10.0.0.5:5432/shop_live"
    assert old["reserve"] == new["reserve"] == "5"
    assert old["server connections"] == "8 of 50"
    assert "clients of the database" not in old
    assert new["clients of the database"] == "9 of 200"


def test_a_server_on_a_socket_has_no_host() -> None:
    (found,) = pools_of([POOL_1_12], [{**DATABASE_1_12, "host": None}])
    assert dict(found.details)["server"] == "unix socket, port 5432"


def test_counters_are_summed_over_databases_without_the_console() -> None:
    totals = totals_of([STATS, {**STATS, "database": "other"}, CONSOLE])
    assert totals == Totals(200, 800, 8_000_000, 5000, 2000, 18_000)


def test_a_counter_that_no_row_has_is_unknown_and_one_without_databases_is_zero() -> None:
    assert totals_of([{"database": "shop", "total_requests": "9"}]) == Totals()
    assert totals_of([CONSOLE]) == Totals(0, 0, 0, 0, 0, 0)
    assert totals_samples(None, Totals()) == ()


def test_the_latency_is_that_of_the_queries_of_the_interval() -> None:
    before, after = Totals(queries=400, query_microseconds=4_000_000), Totals(queries=410, query_microseconds=4_050_000)
    assert latency_milliseconds(before, after) == 5.0
    assert latency_milliseconds(before, before) is None
    assert latency_milliseconds(None, after) is None
    assert latency_milliseconds(after, before) is None
    assert figures(totals_samples(before, after))["query.latency"] == 5.0


def test_waiting_time_is_in_milliseconds() -> None:
    assert figures(totals_samples(None, totals_of([STATS])))["pool.wait.time.rate"] == 2.5


def test_clients_are_compared_with_their_limit() -> None:
    lists: list[Row] = [{"list": "databases", "items": "2"}, {"list": "used_clients", "items": "80"}]
    assert figures(client_samples(lists, Limits(100))) == {"connections.used": 80, "connections.max": 100, "pool.usage": 0.8}
    assert figures(client_samples(lists, Limits(50)))["pool.usage"] == 1.0
    assert figures(client_samples(lists, Limits())) == {"connections.used": 80}
    assert figures(client_samples([], Limits(100))) == {"connections.max": 100}


def test_figures_of_a_pool_carry_its_name_and_leave_out_what_is_unknown() -> None:
    samples = pool_samples((pool(clients_waiting=3.0, servers_used=2.0),))
    assert {sample.labels for sample in samples} == {(("pool", "shop/app"),)}
    known = figures(samples)
    assert known["pool.clients.waiting"] == 3
    assert known["pool.servers.idle"] == 2
    assert "pool.wait" not in known


def test_of_very_many_pools_those_with_the_longest_queues_get_figures() -> None:
    many = tuple(pool(user=f"u{number}", clients_waiting=float(number)) for number in range(SAMPLED_POOLS + 50))
    names = {dict(sample.labels)["pool"] for sample in pool_samples(many)}
    assert len(names) == SAMPLED_POOLS
    assert f"shop/u{SAMPLED_POOLS + 49}" in names
    assert "shop/u49" not in names


def test_a_paused_database_is_named_with_who_waits_and_how_to_go_on() -> None:
    (failure,) = troubles((pool(clients_waiting=4.0),), [{**DATABASE_1_12, "paused": "1"}], "", 9.0)
    assert failure.code is FailureCode.LOCKED
    assert failure.message == "the database shop is paused; 4 clients wait"
    assert failure.hint == "RESUME shop in the console of pgbouncer"
    assert failure.at == 9.0


def test_a_disabled_database_refuses_new_clients() -> None:
    (failure,) = troubles((), [{**DATABASE_1_12, "disabled": "1"}], "", 0.0)
    assert "new clients are refused" in failure.message
    assert failure.hint.startswith("ENABLE shop")


def test_a_paused_pooler_is_told_once_and_not_for_each_database() -> None:
    (failure,) = troubles((pool(clients_waiting=4.0),), [{**DATABASE_1_12, "paused": "1"}], "paused", 0.0)
    assert failure.message == "pgbouncer is paused by its administrator: clients wait"


def test_clients_that_wait_while_there_is_no_server_connection_at_all_are_told_from_a_busy_pool() -> None:
    dead = pool(servers_active=0.0, clients_waiting=2.0, max_wait_seconds=12.0, details=(("server", "10.0.0.5:5432/shop"),))
    (failure,) = troubles((dead,), [], "", 0.0)
    assert failure.code is FailureCode.REFUSED
    assert failure.message == "shop/app gets no server connection: 2 clients wait, the longest for 12s"
    assert "10.0.0.5:5432/shop" in failure.hint
    busy = pool(clients_waiting=2.0, max_wait_seconds=12.0)
    starting = pool(servers_active=0.0, clients_waiting=2.0, max_wait_seconds=0.4)
    assert troubles((busy, starting), [], "", 0.0) == ()


def test_the_state_of_the_whole_pooler_is_its_own_word() -> None:
    rows: list[Row] = [{"key": "active", "value": "no"}, {"key": "paused", "value": "no"}, {"key": "suspended", "value": "yes"}]
    assert halted(rows) == "suspended"
    assert halted([{"key": "active", "value": "yes"}]) == ""


def test_settings_tell_where_their_value_is_from_as_far_as_the_version_tells() -> None:
    old: Row = {"key": "max_client_conn", "value": "500", "changeable": "yes"}
    new: Row = {**old, "default": "100"}
    usual: Row = {"key": "server_lifetime", "value": "3600", "default": "3600", "changeable": "yes"}
    assert [setting.source for setting in settings_of([old, new, usual])] == ["", "configured", "default"]
    assert limits_of(settings_of([new])) == Limits(500)
    assert limits_of(()) == Limits()
    assert value_of(settings_of([usual]), "server_lifetime") == "3600"


def test_a_password_inside_of_a_setting_is_not_shown() -> None:
    row: Row = {"key": "auth_ldap_options", "value": 'ldapserver=ldap.lan ldapbindpasswd="s3cret word" ldapbasedn="dc=lan"'}
    (setting,) = settings_of([row])
    assert "s3cret" not in setting.value
    assert "word" not in setting.value
    assert setting.value.startswith("ldapserver=ldap.lan ldapbindpasswd=***")
    assert setting.value.endswith('ldapbasedn="dc=lan"')
