"""Channels, sets of transactions, clusters and groups as values, from rows in both vocabularies."""

from __future__ import annotations

from typing import Any

import pytest

from aishell_core import catalogue
from aishell_core.engines.mysql_facts import facts_of
from aishell_core.values import Sample
from collectors.mysql.galera_rows import galera_peers, galera_samples, in_cluster, members_named, node_state, status_of
from collectors.mysql.group_replication_rows import group_peers, group_samples
from collectors.mysql.replication_channel import Channel, channel_of, error_words
from collectors.mysql.replication_gtid import missing, mysql_sets, own_transactions, subtracted
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.replication_rows import Worker, channel_peer, channel_samples, log_peer, replica_peers, start_statement, workers_of

_A, _B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "8a94f357-aab4-11df-86ab-c80aa9429562"

# The columns of SHOW REPLICA STATUS: https://dev.mysql.com/doc/refman/8.4/en/show-replica-status.html
_NEW: dict[str, Any] = {
    "Replica_IO_State": "Waiting for source to send event",
    "Source_Host": "db1",
    "Source_Port": 3306,
    "Source_Log_File": "binlog.000012",
    "Read_Source_Log_Pos": 9000,
    "Relay_Source_Log_File": "binlog.000012",
    "Exec_Source_Log_Pos": 8000,
    "Relay_Log_Space": 5000,
    "Relay_Log_Pos": 1000,
    "Replica_IO_Running": "Yes",
    "Replica_SQL_Running": "Yes",
    "Last_IO_Errno": 0,
    "Last_IO_Error": "",
    "Last_SQL_Errno": 0,
    "Last_SQL_Error": "",
    "Seconds_Behind_Source": 3,
    "SQL_Delay": 0,
    "SQL_Remaining_Delay": None,
    "Replica_SQL_Running_State": "Waiting for dependent transaction to commit",
    "Source_UUID": _A,
    "Retrieved_Gtid_Set": f"{_A}:1-25",
    "Executed_Gtid_Set": f"{_A}:1-20,\n{_B}:1-4",
    "Auto_Position": 1,
    "Channel_Name": "",
    "Source_SSL_Allowed": "Yes",
}


def _old(row: dict[str, Any]) -> dict[str, Any]:
    """The same in the words of before MySQL 8.0.22 and of MariaDB."""
    return {name.replace("Source", "Master").replace("Replica", "Slave"): value for name, value in row.items()}


def _channel(**changes: Any) -> Channel:
    return channel_of(_NEW | changes)


def _peer(channel: Channel, *workers: Worker, times: ChannelTimes | None = None, at: float = 1000.0) -> Any:
    return channel_peer(channel, workers, times or ChannelTimes(), at, "START REPLICA")


def test_both_vocabularies_mean_the_same() -> None:
    assert channel_of(_old(_NEW)) == channel_of(_NEW)


def test_a_channel_tells_what_waits_and_where_it_is() -> None:
    peer = _peer(_channel())
    assert (peer.name, peer.role, peer.state, peer.lag_bytes, peer.lag_seconds) == ("db1:3306", "upstream", "running", 1000, 3)
    details = dict(peer.details)
    assert details["received, not applied"] == f"5 transactions ({_A}:21-25)"
    assert details["identifiers"] == "auto-position"
    assert (details["TLS"], details["read to"]) == ("yes", "binlog.000012:9000")


def test_over_the_end_of_a_file_the_relay_log_tells_what_waits() -> None:
    assert _channel(Source_Log_File="binlog.000013", Read_Source_Log_Pos=100).waiting_bytes == 4000
    assert _channel(Source_Log_File="", Relay_Source_Log_File="").waiting_bytes is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "running"),
        ({"SQL_Remaining_Delay": 17}, "delayed"),
        ({"Replica_SQL_Running": "No"}, "stopped"),
        ({"Replica_IO_Running": "No"}, "stopped"),
        ({"Replica_IO_Running": "No", "Replica_SQL_Running": "No"}, "stopped"),
        ({"Replica_SQL_Running": "No", "Last_SQL_Errno": 1062, "Last_SQL_Error": "Duplicate entry"}, "broken"),
        ({"Replica_IO_Running": "Connecting"}, "connecting"),
        ({"Replica_IO_Running": "Preparing"}, "connecting"),
        ({"Replica_IO_Running": "Connecting", "Last_IO_Errno": 2003, "Last_IO_Error": "error connecting"}, "not connected"),
        ({"Replica_IO_Running": "No", "Last_IO_Errno": 1236, "Last_IO_Error": "purged"}, "not connected"),
        # An error that is over is still told by the server.
        ({"Last_IO_Errno": 2003, "Last_IO_Error": "error connecting"}, "running"),
    ],
)
def test_a_channel_has_one_word_for_its_state(changes: dict[str, Any], state: str) -> None:
    assert _peer(_channel(**changes)).state == state


def test_what_failed_and_what_was_stopped_are_told_apart() -> None:
    both = {"Replica_SQL_Running": "No", "Last_SQL_Errno": 1062, "Last_SQL_Error": "Duplicate", "Replica_IO_Running": "No"}
    assert _peer(_channel(**both)).remarks == (
        "applying has failed: 1062 Duplicate",
        "the IO thread is stopped: START REPLICA lets it go on",
    )
    stopped = _peer(_channel(Replica_SQL_Running="No", Replica_IO_Running="No"))
    assert stopped.remarks == ("the IO and the SQL thread are stopped: START REPLICA lets them go on",)


@pytest.mark.parametrize(
    ("version", "channel", "expected"),
    [
        ("8.0.15", "", "START SLAVE"),
        ("8.0.22", "north", "START REPLICA"),
        ("9.1.0", "", "START REPLICA"),
        ("10.11.19-MariaDB", "", "START REPLICA"),
        ("10.11.19-MariaDB", "it's", "START REPLICA 'it''s'"),
    ],
)
def test_what_starts_a_channel_is_a_statement_that_its_server_knows(version: str, channel: str, expected: str) -> None:
    assert start_statement(facts_of({"version": version}, address="db1:3306", user="app"), channel) == expected


def test_of_a_statement_in_an_error_only_its_kind_is_shown() -> None:
    text = "Error 'Operation failed' on query. Default database: ''. Query: 'create user x identified by \"secret\" -- it''s'"
    assert error_words(1396, text) == "1396 Error 'Operation failed' on query. Default database: ''. Query: create user …"
    assert error_words(0, "") == ""
    assert error_words(None, "stopped  by\nhand") == "stopped by hand"
    assert len(error_words(1, "x" * 9999)) < 1010


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Could not execute Write_rows_v1 event on shop.users; Duplicate entry 'o'hara@example.org' for key 'PRIMARY', Error_code: 1062",
            "Could not execute Write_rows_v1 event on shop.users; Duplicate entry '…' for key 'PRIMARY', Error_code: 1062",
        ),
        ("Incorrect integer value: 'secret' for column 'n' at row 1", "Incorrect integer value: '…' for column 'n' at row 1"),
        (
            "Incorrect string value: '\\xE9' for column `shop`.`t`.`c` at row 1",
            "Incorrect string value: '…' for column `shop`.`t`.`c` at row 1",
        ),
        ("Table 'shop.gone' doesn't exist", "Table 'shop.gone' doesn't exist"),
    ],
)
def test_no_value_of_a_row_is_shown_in_an_error(text: str, shown: str) -> None:
    assert error_words(None, text) == shown


def test_the_age_of_what_is_applied_goes_before_the_figure_of_the_server() -> None:
    workers = (Worker("", "1", True, f"{_A}:21", 42.0), Worker("", "2", True, f"{_A}:22", 7.0, retries=3))
    peer = _peer(_channel(), *workers)
    assert peer.lag_seconds == 42
    details = dict(peer.details)
    assert details["worker 1"] == f"{_A}:21 42s behind"
    assert details["worker 2"].endswith("3 retries")


def test_with_all_applied_there_is_no_lag_whatever_is_told() -> None:
    done = _channel(Executed_Gtid_Set=f"{_A}:1-30", Seconds_Behind_Source=99)
    assert _peer(done).lag_seconds == 0


def test_a_wanted_delay_is_taken_off() -> None:
    assert _peer(_channel(SQL_Delay=3600, SQL_Remaining_Delay=100, Seconds_Behind_Source=3500)).lag_seconds == 0
    assert _peer(_channel(SQL_Delay=3600, Seconds_Behind_Source=3660)).lag_seconds == 60


def test_a_stopped_channel_is_late_by_the_time_since_it_received() -> None:
    times, stopped = ChannelTimes(), _channel(Replica_SQL_Running="No", Seconds_Behind_Source=None)
    assert _peer(stopped, times=times, at=1000).lag_seconds is None
    assert _peer(stopped, times=times, at=1090).lag_seconds is None, "it was late before anybody looked"
    times.keep(())
    assert _peer(_channel(Executed_Gtid_Set=f"{_A}:1-25", Exec_Source_Log_Pos=8000, Read_Source_Log_Pos=8000), times=times).lag_seconds == 0
    assert _peer(stopped, times=times, at=1100).lag_seconds is None, "nothing is known yet of when it was received"
    assert _peer(stopped, times=times, at=1190).lag_seconds == 90
    times.keep(("",))
    assert _peer(stopped, times=times, at=1200).lag_seconds == 100


def test_without_a_source_it_is_late_by_the_time_since_it_was_connected() -> None:
    times = ChannelTimes()
    done = {"Executed_Gtid_Set": f"{_A}:1-25", "Exec_Source_Log_Pos": 9000}
    assert _peer(_channel(**done), times=times, at=1000).lag_seconds == 0
    gone = _channel(**done, Replica_IO_Running="Connecting", Seconds_Behind_Source=None)
    assert _peer(gone, times=times, at=1300).lag_seconds == 300


def test_one_channel_has_no_label_and_several_have() -> None:
    one, two = _channel(), _channel(Channel_Name="other", Replica_SQL_Running="No", Seconds_Behind_Source=None)
    (lag, *_) = channel_samples([one], [_peer(one)])
    assert lag == Sample(catalogue.REPLICATION_LAG, 3.0)
    found = channel_samples([one, two], [_peer(one), _peer(two)])
    assert Sample(catalogue.MYSQL_REPLICATION_STOPPED, 1.0, (("peer", "other"),)) in found
    assert Sample(catalogue.MYSQL_REPLICATION_WAITING, 5.0, (("peer", "db1:3306"),)) in found


def test_workers_are_read_from_both_families() -> None:
    row = {"channel": "", "worker": 4, "state": "ON", "transaction_id": "0-1-7", "seconds": None, "idle_seconds": 12}
    (worker,) = workers_of([row | {"retries": 0, "error_number": 0, "error_message": ""}])
    assert (worker.name, worker.runs, worker.transaction, worker.idle_seconds, worker.error) == ("4", True, "0-1-7", 12, "")
    # A sum over its life: a worker that is busy has one, too.
    assert dict(_peer(_channel(), worker).details)["worker 4"] == "0-1-7 12s idle in all"


# Sets of transactions.


@pytest.mark.parametrize(
    ("wanted", "held", "transactions", "text"),
    [
        (f"{_A}:1-5", f"{_A}:1-5", 0, ""),
        (f"{_A}:1-5:9", f"{_A}:2-3", 4, f"{_A}:1, {_A}:4-5, {_A}:9"),
        (f"{_A}:1-5,{_B}:1", "", 6, f"{_A}:1-5, {_B}:1"),
        (f"{_A.upper()}:1-5", f"{_A}:1-5", 0, ""),
        (f"{_A}:1-3:tag:1-2", f"{_A}:1-3", 2, f"{_A}:tag:1-2"),
        ("0-1-100,7-3-4", "0-1-90", 14, "0-1-91..100, 7-3-1..4"),
        ("0-1-100", "0-2-100", 0, ""),
        ("0-1-5", "0-1-4", 1, "0-1-5"),
    ],
)
def test_what_one_set_has_and_another_lacks(wanted: str, held: str, transactions: int, text: str) -> None:
    found = missing(wanted, held)
    assert found is not None
    assert (found.transactions, found.text) == (transactions, text)


def test_without_identifiers_nothing_is_known_to_be_missing() -> None:
    assert missing("", "0-1-4") is None


def test_runs_of_a_set_are_merged_and_many_gaps_shortened() -> None:
    assert mysql_sets(f"{_A}:1-3:2-5:6") == {_A: ((1, 6),)}
    assert subtracted(((1, 10),), ((3, 4), (6, 6))) == ((1, 2), (5, 5), (7, 10))
    found = missing(f"{_A}:1:3:5:7:9", "")
    assert found is not None
    assert found.text.endswith(" and 2 more")
    assert own_transactions(f"{_A}:1-3,{_B}:1-9", _A) == 3


# Replicas that a source sees.


def _dump(**changes: Any) -> dict[str, Any]:
    state = "Master has sent all binlog to slave; waiting for more updates"
    return {"id": 7, "user": "repl", "host": "10.0.0.5:41234", "state": state, "seconds": 60, "uuid": None} | changes


def test_a_replica_has_the_name_that_it_told() -> None:
    hosts = [{"Server_id": 2, "Host": "replica1", "Port": 3306, "Master_id": 1}]
    (peer,) = replica_peers([_dump()], hosts)
    assert (peer.name, peer.role, peer.state, peer.client) == ("replica1:3306", "standby", "streaming", "10.0.0.5:41234")
    (peer,) = replica_peers([_dump(state="Sending binlog event to slave")], [])
    assert (peer.name, peer.state) == ("10.0.0.5", "sending")


def test_replicas_are_told_apart() -> None:
    hosts = [{"Server_Id": 2, "Host": "", "Port": 3306, "Replica_UUID": _A}, {"Server_Id": 3, "Host": "r3", "Port": 1, "Replica_UUID": _B}]
    rows = [_dump(uuid=_B.upper(), host="10.0.0.5"), _dump(id=8, host="10.0.0.5"), _dump(id=9, host="10.0.0.5")]
    assert [peer.name for peer in replica_peers(rows, hosts)] == ["r3:1", "10.0.0.5 #8", "10.0.0.5 #9"]


def test_the_log_tells_where_it_ends_and_for_how_long_it_is_kept() -> None:
    place = {"File": "bin.000002", "Position": 99, "Executed_Gtid_Set": f"{_A}:1-5"}
    files = [{"Log_name": "bin.000001", "File_size": 1000}, {"Log_name": "bin.000002", "File_size": 99}]
    (peer,) = log_peer(place, files, {"binlog_format": "ROW"}, 86_400)
    assert (peer.role, peer.retained_bytes) == ("log", 1099)
    assert dict(peer.details) == {
        "ends at": "bin.000002:99",
        "files": "2",
        "the oldest": "bin.000001",
        "kept for": "1d00h",
        "format": "row",
        "identifiers": f"{_A}:1-5",
    }
    assert log_peer(None, None, {}, None) == ()


# Galera: the variables as a node of MariaDB 10.11 with Galera 26.4.23 tells them.

_NODE = {
    "wsrep_local_state": "4",
    "wsrep_local_state_comment": "Synced",
    "wsrep_cluster_size": "2",
    "wsrep_cluster_status": "Primary",
    "wsrep_connected": "ON",
    "wsrep_ready": "ON",
    "wsrep_local_recv_queue": "5",
    "wsrep_local_send_queue": "0",
    "wsrep_flow_control_paused_ns": "2500000000",
    "wsrep_flow_control_sent": "3",
    "wsrep_flow_control_recv": "4",
    "wsrep_local_cert_failures": "1",
    "wsrep_local_bf_aborts": "2",
    "wsrep_incoming_addresses": "10.0.0.1:3306,10.0.0.2:3306",
    "wsrep_local_index": "0",
    "wsrep_gcomm_uuid": "u1",
}


def test_a_node_tells_of_its_cluster() -> None:
    values = {sample.metric: sample.value for sample in galera_samples(_NODE, 3)}
    assert values[catalogue.MYSQL_GALERA_MEMBERS] == 2
    assert values[catalogue.MYSQL_GALERA_MISSING] == 1
    assert values[catalogue.MYSQL_GALERA_PAUSED] == 2500
    assert values[catalogue.MYSQL_GALERA_CONFLICTS] == 3
    assert (values[catalogue.MYSQL_GALERA_OFFLINE], values[catalogue.MYSQL_GALERA_UNSYNCED]) == (0, 0)
    assert [(peer.name, peer.state) for peer in galera_peers(_NODE, "n1", ())] == [("n1", "synced"), ("10.0.0.2:3306", "in cluster")]
    named = [{"uuid": "u1", "name": "n1", "address": "a"}, {"uuid": "u2", "name": "n2", "address": "b"}]
    assert [peer.name for peer in galera_peers(_NODE, "n1", named)] == ["n1", "n2"]


def test_a_node_that_was_cut_off_says_so_and_tells_of_no_other() -> None:
    cut = _NODE | {"wsrep_cluster_status": "non-Primary", "wsrep_ready": "OFF", "wsrep_cluster_size": "0", "wsrep_local_state": "0"}
    (peer,) = galera_peers(cut, "n1", ())
    assert peer.state == "non-primary"
    assert "takes no statements" in peer.remarks[0]
    values = {sample.metric: sample.value for sample in galera_samples(cut, 0)}
    assert (values[catalogue.MYSQL_GALERA_OFFLINE], values[catalogue.MYSQL_GALERA_UNSYNCED]) == (1, 1)
    assert catalogue.MYSQL_GALERA_MISSING not in values, "its configuration names nobody else"


def test_a_node_that_joins_is_not_synced() -> None:
    joining = _NODE | {"wsrep_local_state_comment": "Joining: receiving State Transfer", "wsrep_local_state": "1", "wsrep_ready": "OFF"}
    assert node_state(joining) == "joining"
    assert galera_peers(joining, "n1", ())[0].remarks == ("it takes no statements: it is not ready",)


def test_a_server_without_the_library_is_in_no_cluster() -> None:
    assert not in_cluster({})
    assert not in_cluster({"wsrep_cluster_status": "Disconnected"})
    assert in_cluster(status_of([{"Variable_name": "wsrep_cluster_status", "Value": "Primary"}]))
    assert [members_named(text) for text in ("gcomm://", "gcomm://a,b:4567,c?pc.wait_prim=no", "")] == [0, 3, 0]


# Group replication: rows as in the manual's chapter on monitoring a group.


def _member(number: int, **changes: Any) -> dict[str, Any]:
    row = {"id": f"id{number}", "host": f"db{number}", "port": 3306, "state": "ONLINE", "role": "SECONDARY", "version": "8.4.0"}
    figures = {"certify_queue": 0, "apply_queue": 3, "applied": 10, "conflicts": 0, "rolled_back": 0, "applied_everywhere": f"{_A}:1-9"}
    return row | figures | changes


def test_the_members_of_a_group_with_what_waits_at_each() -> None:
    rows = [_member(1, role="PRIMARY"), _member(2, state="UNREACHABLE", certify_queue=None, apply_queue=None)]
    first, second = group_peers(rows, "ID1")
    assert (first.name, first.state, first.sync, first.remarks) == ("db1:3306", "online", "primary", ())
    assert dict(first.details)["node"] == "this node"
    assert (second.state, second.active, second.remarks) == ("unreachable", False, ("the others do not reach it",))
    values = {(sample.metric, sample.labels): sample.value for sample in group_samples(rows)}
    assert values[(catalogue.MYSQL_GROUP_MEMBERS, ())] == 1
    assert values[(catalogue.MYSQL_GROUP_OFFLINE, ())] == 1
    assert values[(catalogue.MYSQL_GROUP_QUEUE, (("peer", "db1:3306"),))] == 3
    assert (catalogue.MYSQL_GROUP_QUEUE, (("peer", "db2:3306"),)) not in values


def test_a_server_outside_of_any_group_has_a_row_without_an_id() -> None:
    alone = [_member(1, id="", state="OFFLINE", port=None)]
    assert group_peers(alone, "") == ()
    assert group_samples(alone) == ()


def test_workers_without_a_thread_are_told_apart_by_number() -> None:
    # MariaDB 10.11 after the SQL thread has stopped: THREAD_ID is NULL for all of them.
    row = {"channel": "", "worker": None, "state": "OFF", "transaction_id": "", "seconds": None, "idle_seconds": 30}
    workers = workers_of([row | {"retries": 0, "error_number": 0, "error_message": ""}] * 2)
    assert [worker.name for worker in workers] == ["1", "2"]
