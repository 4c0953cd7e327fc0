"""The clients of a pooler as sessions."""

from __future__ import annotations

from collectors.pgbouncer.clients import sessions_of, zone_seconds
from collectors.pgbouncer.rows import Row

NOW = 1_795_260_000.0  # 2026-11-21 11:20:00 UTC
CLIENT_1_12: Row = {
    "type": "C",
    "user": "app",
    "database": "shop",
    "state": "active",
    "addr": "10.0.0.9",
    "port": "40112",
    "connect_time": "2026-11-21 13:10:00 EET",
    "request_time": "2026-11-21 13:19:30 EET",
    "wait": "30",
    "wait_us": "0",
    "ptr": "0x55fb83b27610",
    "link": "0x77b0",
    "remote_pid": "0",
    "tls": "",
}
CLIENT_1_25: Row = {
    **CLIENT_1_12,
    "application_name": "web",
    "prepared_statements": "4",
    "id": "17",
    "replication": "none",
    "tls": "TLSv1.3/TLS_AES_256_GCM_SHA384",
}
OWN: Row = {
    "database": "pgbouncer",
    "user": "stats",
    "state": "active",
    "connect_time": "2026-11-21 13:00:00 EET",
    "request_time": "2026-11-21 13:20:00 EET",
}
SERVER: Row = {"ptr": "0x77b0", "remote_pid": "4711"}


def test_a_client_of_an_old_version_is_known_by_its_address_in_memory_and_of_a_new_one_by_its_number() -> None:
    old, new = sessions_of([CLIENT_1_12, CLIENT_1_25, OWN], [SERVER], NOW)
    assert (old.id, old.application) == ("3b27610", "")
    assert (new.id, new.application) == ("17", "web")
    assert (new.user, new.database, new.client, new.state) == ("app", "shop", "10.0.0.9:40112", "active")


def test_local_times_become_moments_by_the_request_that_is_being_answered() -> None:
    (client,) = sessions_of([CLIENT_1_12, OWN], [], NOW)
    assert client.started_at == NOW - 600
    assert client.state_seconds == 30


def test_the_zone_is_found_to_the_quarter_of_an_hour() -> None:
    assert zone_seconds((OWN,), NOW + 3) == 7200
    assert zone_seconds(({"request_time": "2026-11-21 16:50:01 IST"},), NOW) == 19_800
    assert zone_seconds(({"request_time": ""},), NOW) == 0
    assert zone_seconds((), NOW) == 0


def test_the_server_process_is_named_that_a_client_is_linked_to() -> None:
    (linked,) = sessions_of([CLIENT_1_25, OWN], [SERVER], NOW)
    (loose,) = sessions_of([{**CLIENT_1_25, "link": ""}, OWN], [SERVER], NOW)
    assert dict(linked.details)["server process"] == "4711"
    assert "server process" not in dict(loose.details)
    assert loose.state == "idle"


def test_a_waiting_client_says_what_for_and_for_how_long() -> None:
    row: Row = {**CLIENT_1_25, "state": "waiting", "link": "", "wait": "4", "wait_us": "500000"}
    (client,) = sessions_of([row, OWN], [], NOW)
    assert (client.state, client.wait_class, client.wait, client.state_seconds) == ("waiting", "Pool", "server connection", 4.5)


def test_clients_on_a_socket_and_of_ipv6_are_written_as_such() -> None:
    rows: list[Row] = [
        {**CLIENT_1_12, "addr": "unix", "remote_pid": "812"},
        {**CLIENT_1_12, "addr": "unix"},
        {**CLIENT_1_12, "addr": "fe80::1"},
        OWN,
    ]
    assert [client.client for client in sessions_of(rows, [], NOW)] == ["unix pid 812", "unix", "[fe80::1]:40112"]


def test_the_console_is_nobodys_session() -> None:
    assert sessions_of([OWN], [], NOW) == ()
