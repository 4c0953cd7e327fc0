"""Rows of INFO, of clients, commands, replicas, nodes and keys as values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core import catalogue
from aishell_core.engines.histogram import quantile
from aishell_core.engines.redis_text import clients_of, info_of
from aishell_tui.text import engine_text
from collectors.redis.clients_rows import ClientStarts, sessions_of, waits_of
from collectors.redis.cluster_rows import node_peers, nodes_of
from collectors.redis.hot import facts_of
from collectors.redis.info_rows import hit_ratio, info_samples, mean_milliseconds, rdb_age_samples
from collectors.redis.keys_rows import Key, KeySample, relations_of
from collectors.redis.progress_rows import progress_of
from collectors.redis.replication_rows import own_lag_seconds, primary_of, replicas_of, replication_samples
from collectors.redis.settings_rows import settings_of
from collectors.redis.statements_rows import SlowShape, command_statements, histograms_of, slow_entries, with_slow


def samples(**fields: str) -> dict[tuple[str, str], float]:
    return {(each.metric.name, "".join(value for _, value in each.labels)): each.value for each in info_samples(fields)}


def test_figures_that_say_nothing_are_left_out() -> None:
    found = samples(
        maxmemory="0", used_memory="100", used_memory_rss="1000", mem_fragmentation_ratio="10", used_memory_dataset="18446744073709544528"
    )
    assert found == {("redis.memory.used", ""): 100, ("redis.memory.resident", ""): 1000}
    large = samples(maxmemory="400", used_memory="100", used_memory_rss=str(200 * 2**20), mem_fragmentation_ratio="2.5")
    assert large["redis.memory.usage", ""] == 0.25
    assert large["redis.memory.fragmentation", ""] == 2.5


def test_a_limit_that_was_lowered_below_what_is_used_shows_as_more_than_all_of_it() -> None:
    found = samples(maxmemory="400", used_memory="600", maxclients="10", connected_clients="15")
    assert (found["redis.memory.usage", ""], found["pool.usage", ""]) == (1.5, 1.5)


def test_states_are_figures_only_where_they_apply() -> None:
    assert ("redis.aof.failed", "") not in samples(aof_enabled="0", aof_last_write_status="err")
    assert samples(aof_enabled="1", aof_last_write_status="ok", aof_last_bgrewrite_status="err")["redis.aof.failed", ""] == 1
    assert samples(rdb_last_bgsave_status="err")["redis.rdb.failed", ""] == 1
    assert samples(role="slave", master_link_status="up")["redis.replication.link.down", ""] == 0
    assert samples(role="slave", master_link_status="down", master_link_down_since_seconds="7")["redis.replication.link.down", ""] == 7
    never = samples(role="slave", master_link_status="down", master_link_down_since_seconds="-1", uptime_in_seconds="9")
    assert never["redis.replication.link.down", ""] == 9


def test_errors_are_counted_by_their_code_and_only_the_most_frequent_ones() -> None:
    many = {f"errorstat_C{number}": f"count={number}" for number in range(100)}
    found = {code: value for (name, code), value in samples(**many).items() if name == "redis.errors.rate"}
    assert len(found) == 20
    assert found["C99"] == 99


def test_the_age_of_a_save_counts_only_where_saving_is_wanted_and_something_changed() -> None:
    info = {"rdb_last_save_time": "1000", "rdb_changes_since_last_save": "5", "server_time_usec": "1600000000"}
    assert [each.value for each in rdb_age_samples(info, "3600 1", 0.0)] == [600.0]
    assert rdb_age_samples(info, "", 0.0) == rdb_age_samples(info, None, 0.0) == ()
    assert [each.value for each in rdb_age_samples({**info, "rdb_changes_since_last_save": "0"}, "3600 1", 0.0)] == [0.0]


def test_ratios_and_means_are_of_the_time_between_two_looks() -> None:
    before, now = {"keyspace_hits": "10", "keyspace_misses": "10"}, {"keyspace_hits": "40", "keyspace_misses": "20"}
    assert hit_ratio(now, before) == 0.75
    assert hit_ratio(now, None) is hit_ratio(now, now) is hit_ratio(before, now) is None
    assert mean_milliseconds((20.0, 5000.0), (10.0, 1000.0)) == 0.4
    assert mean_milliseconds((5.0, 10.0), (10.0, 1000.0)) is mean_milliseconds((5.0, 10.0), None) is None


_CLIENTS = b"""id=7 addr=1.2.3.4:5 name=web age=100 idle=0 flags=N db=2 multi=-1 cmd=get user=bob tot-mem=2048 lib-name=lib
id=8 addr=1.2.3.4:6 name= age=9 idle=9 flags=b db=0 multi=-1 cmd=blpop user=default
id=9 addr=1.2.3.4:7 name= age=9 idle=5 flags=x db=0 multi=3 cmd=set user=default
id=10 addr=1.2.3.4:8 name= age=9 idle=5 flags=S db=0 multi=-1 cmd=replconf user=default
id=11 addr=1.2.3.4:9 name= age=9 idle=5 flags=O db=0 multi=-1 cmd=monitor user=default
id=12 addr=1.2.3.4:10 name= age=9 idle=5 flags=P db=0 multi=-1 cmd=NULL user=default
id=13 addr=1.2.3.4:11 name=aishell age=9 idle=0 flags=N db=0 multi=-1 cmd=client|list user=default
"""


def test_clients_are_sessions() -> None:
    starts = ClientStarts()
    found = {each.id: each for each in sessions_of(clients_of(_CLIENTS), 1000.0, starts.of, frozenset({"13"}))}
    assert set(found) == {"7", "8", "9", "10", "11", "12"}
    assert (found["7"].state, found["7"].text, found["7"].database, found["7"].user) == ("active", "GET", "2", "bob")
    assert found["7"].started_at == 900.0
    assert found["7"].memory_bytes == 2048
    assert (found["8"].state, found["8"].wait_class, found["8"].wait) == ("blocked", "Blocked", "BLPOP")
    assert found["8"].statement_seconds is None
    assert found["9"].state == "idle in transaction"
    assert (found["8"].if_cancelled, found["8"].if_terminated) == ("its BLPOP waits no longer and ends with the error UNBLOCKED", "")
    assert found["9"].if_terminated == "its connection is closed, the commands that it has queued are dropped"
    assert found["7"].if_cancelled.startswith("nothing: ")
    assert found["10"].kind == "replica"
    assert found["11"].state == "running"
    assert (found["12"].state, found["12"].text) == ("subscribed", "")


def test_a_start_does_not_wander_and_a_number_that_is_used_again_has_its_own() -> None:
    starts = ClientStarts()
    for now in (1000.0, 1000.9, 1001.4):
        starts.begin()
        assert starts.of("7", "a:1", now - 100) == 900.0
    starts.begin()
    assert starts.of("7", "a:2", 1001.0) == 1001.0
    starts.begin()
    assert starts.of("7", "a:2", 1500.0) == 1500.0


def test_waits_are_counted_with_and_without_the_clients() -> None:
    sessions = sessions_of(clients_of(_CLIENTS), 1000.0, ClientStarts().of, frozenset())
    (known,) = waits_of({"blocked_clients": "1"}, sessions)
    assert (known.wait_class, known.wait, known.count, known.digest) == ("Blocked", "BLPOP", 1, "blpop")
    (unknown,) = waits_of({"blocked_clients": "3"}, None)
    assert (unknown.wait_class, unknown.count) == ("Blocked", 3)
    assert waits_of({"blocked_clients": "0"}, None) == ()
    assert waits_of({"paused_actions": "all", "paused_reason": "failover"}, None)[0].wait == "all: failover"


def test_commands_are_statements_with_their_errors() -> None:
    info = info_of("cmdstat_get:calls=10,usec=500,usec_per_call=50.00,rejected_calls=1,failed_calls=2\ncmdstat_config|get:calls=1,usec=3\n")
    get, config = command_statements(info, {})
    assert (get.digest, get.calls, get.total_milliseconds, get.errors) == ("get", 10, 0.5, 3)
    assert (config.text, config.errors) == ("CONFIG GET", None)


def test_histograms_are_the_same_in_both_protocols_and_never_too_low() -> None:
    old = histograms_of([b"get", [b"calls", 100, b"histogram_usec", [1, 90, 2, 95, 64, 100]]])
    new = histograms_of({b"get": {b"calls": 100, b"histogram_usec": {1: 90, 2: 95, 64: 100}}})
    assert old == new == {"get": {0: 90, 4: 5, 24: 5}}
    (statement,) = command_statements({"cmdstat_get": "calls=100,usec=100"}, old)
    assert statement.p95_milliseconds == 0.002
    assert quantile(statement.histogram, 0.99) == pytest.approx(0.064)


def test_slow_shapes_are_taken_off_what_their_command_counts() -> None:
    counted = command_statements({"cmdstat_lrange": "calls=10,usec=10000", "cmdstat_config|get": "calls=1,usec=100"}, {})
    shapes = [
        SlowShape("lrange", "LRANGE l ? ?", 2, 6000, 4000),
        SlowShape("config|get", "CONFIG GET ?", 5, 600, 400),
        SlowShape("gone", "GONE", 1, 1, 1),
    ]
    found = {each.text: each for each in with_slow(counted, shapes)}
    assert (found["LRANGE"].calls, found["LRANGE"].total_milliseconds) == (8, 4.0)
    slow = found["LRANGE l ? ? (slow log)"]
    assert (slow.calls, slow.total_milliseconds, slow.max_milliseconds) == (2, 6.0, 4.0)
    assert found["CONFIG GET"].calls == 1
    assert len(found) == 3


def test_entries_of_the_slow_log_are_read_in_every_length() -> None:
    old, new = [1, 5, 10, [b"GET", b"k"]], [2, 6, 20, [b"SET"], b"1.2.3.4:5", b"aishell"]
    assert [(each.number, each.client) for each in slow_entries([new, old, [], b"x", None])] == [(2, "aishell"), (1, "")]
    assert slow_entries(None) == ()


_PRIMARY = info_of(
    "role:master\nconnected_slaves:2\nmaster_repl_offset:1000\n"
    "slave0:ip=1.1.1.1,port=1,state=online,offset=1000,lag=1\nslave1:ip=::1,port=2,state=online,offset=400,lag=3\n"
    "slave2:ip=3.3.3.3,port=3,state=wait_bgsave,offset=0,lag=0\n"
)


def test_a_primary_tells_how_far_its_replicas_are_behind() -> None:
    one, two, three = replicas_of(_PRIMARY)
    assert (one.name, one.lag_bytes, one.lag_seconds) == ("1.1.1.1:1", 0, 0)
    assert (two.name, two.lag_bytes, two.lag_seconds) == ("[::1]:2", 600, 3)
    assert (three.state, three.lag_bytes, three.lag_seconds, three.active) == ("wait_bgsave", None, None, False)
    assert {each.labels for each in replication_samples(_PRIMARY)} == {(("peer", "1.1.1.1:1"),), (("peer", "[::1]:2"),)}


def test_who_names_no_port_at_which_it_listens_is_no_replica() -> None:
    def counted(text: str) -> list[float]:
        return [sample.value for sample in info_samples(info_of(text)) if sample.metric is catalogue.REDIS_REPLICAS]

    assert counted("role:master\nconnected_slaves:2\nslave0:ip=1.1.1.1,port=1,state=online\nslave1:ip=::1,port=0,state=wait_bgsave\n") == [
        1
    ]
    assert counted("role:master\nconnected_slaves:2\n") == [2]
    assert counted("role:master\n") == []


def test_a_replica_tells_its_own_lag_and_never_a_wrong_zero() -> None:
    up = {"role": "slave", "master_host": "p", "master_port": "6379", "master_link_status": "up", "master_last_io_seconds_ago": "5"}
    assert own_lag_seconds(up) == 0
    assert own_lag_seconds({**up, "master_last_io_seconds_ago": "40"}) == 40
    down = {**up, "master_link_status": "down", "master_link_down_since_seconds": "90", "master_last_io_seconds_ago": "-1"}
    assert own_lag_seconds(down) == 90
    assert own_lag_seconds({**down, "master_link_down_since_seconds": "-1"}) is None
    found = primary_of(down)
    assert found is not None
    assert (found.state, found.lag_bytes) == ("not connected", None)
    applied = primary_of({**up, "slave_read_repl_offset": "150", "slave_repl_offset": "100"})
    assert applied is not None
    assert applied.lag_bytes == 50
    assert primary_of({"role": "master"}) is None


_NODES = b"""aaa 1.1.1.1:1@11 myself,master - 0 0 1 connected 0-5460
bbb 2.2.2.2:2@12,host2 master - 0 5000 2 connected 5461-10922 42 [7-<-aaa]
ccc 3.3.3.3:3@13 slave bbb 0 4000 3 connected
ddd :0@0 master,fail,noaddr - 0 0 4 disconnected 10923-16383
"""


def test_nodes_of_a_cluster_are_peers() -> None:
    found = {each.name: each for each in node_peers(nodes_of(_NODES), 10.0)}
    assert set(found) == {"2.2.2.2:2", "3.3.3.3:3", ":0"}
    assert dict(found["2.2.2.2:2"].details)["slots"] == "5,463 of 16,384"
    assert dict(found["3.3.3.3:3"].details)["follows"] == "2.2.2.2:2"
    assert (found[":0"].state, found[":0"].active) == ("down", False)


def test_long_operations_are_told_with_what_is_done() -> None:
    assert progress_of({"loading": "0", "rdb_bgsave_in_progress": "0"}) == ()
    (loading,) = progress_of({"loading": "1", "loading_loaded_bytes": "10", "loading_total_bytes": "100"})
    assert (loading.done, loading.total, loading.unit) == (10, 100, "bytes")
    (saving,) = progress_of({"rdb_bgsave_in_progress": "1", "current_save_keys_processed": "5", "current_save_keys_total": "50"})
    assert (saving.operation, saving.done, saving.total) == ("saving", 5, 50)
    (copying,) = progress_of({"master_sync_in_progress": "1", "master_sync_total_bytes": "100", "master_sync_left_bytes": "30"})
    assert copying.done == 70
    (unknown,) = progress_of({"master_sync_in_progress": "1", "master_sync_total_bytes": "-1", "master_sync_read_bytes": "30"})
    assert (unknown.done, unknown.total) == (30, None)


def test_a_part_of_the_keys_is_scaled_to_all_of_them() -> None:
    sample = KeySample().with_keys(Key(f"user:{number}".encode(), 100.0) for number in range(10))
    info = {"db0": "keys=1000,expires=5,avg_ttl=2000", "db3": "keys=7,expires=0,avg_ttl=0"}
    found = {each.name: each for each in relations_of(sample, "0", info)}
    assert found["user:?"].rows == 1000
    assert found["user:?"].size_bytes == 100_000
    assert found["database 0"].size_bytes == 100_000
    assert (found["database 3"].rows, found["database 3"].size_bytes) == (7, None)
    assert (found["database 0"].estimated, found["user:?"].estimated) == (("size_bytes",), ("rows", "size_bytes"))
    assert found["user:9"].estimated == ()
    whole = {each.name: each for each in relations_of(replace(sample, whole=True), "0", info)}
    assert not [each.name for each in whole.values() if each.estimated]
    assert whole["user:?"].rows == 10


@given(st.lists(st.tuples(st.binary(), st.floats(0, 1e9)), max_size=200))
def test_any_keys_can_be_sampled_and_their_names_are_rows_of_their_own(keys: list[tuple[bytes, float]]) -> None:
    sample = KeySample().with_keys(Key(name, size, "string") for name, size in keys)
    found = relations_of(sample, "0", {"db0": f"keys={len(keys)}"})
    for each in found:
        each.name.encode()
    names = [each.name for each in found if each.kind == "string"]
    assert len({key for key, _ in keys}) >= len(set(names))


def test_a_large_collection_is_a_finding() -> None:
    sample = KeySample(1, 1e6, {}, (Key(b"queue", 1e6, "list", 150_000.0),))
    (relation,) = [each for each in relations_of(sample, "0", {}) if each.kind == "list"]
    assert "150k elements" in relation.remarks[0]


def test_no_password_is_among_the_settings() -> None:
    found = {
        each.name: each.value
        for each in settings_of([b"requirepass", b"pw", b"masterauth", b"", b"tls-key-file-pass", b"x", b"port", b"1"])
    }
    assert found == {"requirepass": "***", "masterauth": "", "tls-key-file-pass": "***", "port": "1"}


def test_a_valkey_has_its_own_version_and_says_once_what_it_is() -> None:
    facts = facts_of({"valkey_version": "9.1.2", "redis_version": "7.2.4", "server_mode": "standalone", "role": "master"}, None)
    assert engine_text(facts.engine, facts) == "valkey 9.1.2"
    assert engine_text("redis", facts_of({"redis_version": "8.0.1", "role": "master"}, None)) == "redis 8.0.1"
