"""Rows of the slow tiers to values: rules that hold whatever a server says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core import catalogue
from aishell_core.values import HorizonHolder, Progress, ReplicationPeer, Setting
from collectors.postgres.cold_rows import database_samples, disk_samples, unknown
from collectors.postgres.figures import samples_of
from collectors.postgres.horizon_rows import holders_of
from collectors.postgres.progress_rows import hidden, progress_of
from collectors.postgres.relations_bloat import Column, bloat_bytes, btree_pages, entry_bytes, row_bytes, table_pages
from collectors.postgres.relations_indexes import index_remarks
from collectors.postgres.relations_rows import relations_of
from collectors.postgres.replication_lag import LogTimes, StandbyLag, lag_seconds
from collectors.postgres.replication_rows import slot_samples, standby_peers, standby_samples, upstream_peer
from collectors.postgres.settings_rows import masked, settings_of
from collectors.postgres.slow_questions import quoted
from collectors.postgres.wal_rows import archives
from collectors.postgres.wraparound import USABLE_IDS, usage

_amounts = st.floats(0, 1e15)
_maybe = st.none() | _amounts
_texts = st.text(max_size=20)


@given(st.floats(allow_nan=False))
def test_the_used_share_of_ids_is_a_share(age: float) -> None:
    assert 0 <= usage(age) <= 1


def test_all_ids_are_used_three_million_before_half_of_all() -> None:
    assert usage(USABLE_IDS) == 1
    assert usage(USABLE_IDS / 2) == 0.5
    assert USABLE_IDS + 3_000_000 == 2**31 - 1


@given(st.lists(st.none() | st.floats(), max_size=4))
def test_what_is_unknown_or_no_number_is_no_sample(values: list[float | None]) -> None:
    row = {str(place): value for place, value in enumerate(values)}
    samples = samples_of(row, [(catalogue.UPTIME, column) for column in row])
    assert len(samples) == sum(1 for value in values if value is not None and abs(value) < float("inf"))
    assert samples_of(None, [(catalogue.UPTIME, "0")]) == ()


@pytest.mark.parametrize(
    ("mode", "recovering", "expected"),
    [
        ("off", False, False),
        ("on", False, True),
        ("on", True, False),
        ("always", True, True),
        ("always", False, True),
        ("off", True, False),
    ],
)
def test_a_standby_archives_only_when_told_to_always(mode: str, recovering: bool, expected: bool) -> None:
    assert archives(mode, in_recovery=recovering) is expected


# Replication.


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1e12)), min_size=1, max_size=30), st.floats(0, 1e12))
def test_a_standby_is_late_by_the_first_log_that_it_has_not_replayed(steps: list[tuple[float, float]], position: float) -> None:
    times, at, end = LogTimes(), 0.0, 0.0
    ends = []
    for seconds, size in steps:
        at, end = at + seconds, end + size
        times.note(at, end)
        ends.append((at, end))
    late = times.seconds_behind(at, position)
    assert late == next((at - then for then, end in ends if end > position), 0.0)
    assert 0 <= late <= at
    assert times.seconds_behind(at, end) == 0


def test_the_log_of_another_server_begins_a_new_memory() -> None:
    times = LogTimes()
    times.note(0.0, 1000.0)
    times.note(10.0, 10.0)
    assert times.seconds_behind(20.0, 5.0) == 10.0


@given(_maybe, _maybe, _amounts)
def test_a_lag_is_none_only_while_nothing_is_known(measured: float | None, behind: float | None, at_least: float) -> None:
    lag = lag_seconds(measured, behind, at_least)
    if behind == 0:
        assert lag == 0
    elif measured is None and at_least == 0:
        assert lag is None
    else:
        assert lag == max(measured or 0, at_least)


def _standby(pid: int, name: str, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        (
            *("user_name", "client", "state", "sync", "sync_priority", "write_lag_seconds", "flush_lag_seconds", "replay_lag_seconds"),
            *("sent_lag_bytes", "write_lag_bytes", "flush_lag_bytes", "replay_lag_bytes", "replay_position", "connected_at"),
            *("reply_at", "horizon_age", "slot", "slot_kind", "own_position"),
        )
    )
    return row | {"pid": pid, "name": name} | values


@given(st.lists(st.tuples(_texts, st.none() | st.sampled_from(["10.0.0.1", "10.0.0.2"])), max_size=8))
def test_no_two_standbys_share_a_name(peers: list[tuple[str, str | None]]) -> None:
    """The name is the label of their figures."""
    rows = [_standby(pid, name, client=client) for pid, (name, client) in enumerate(peers)]
    found = standby_peers(rows, LogTimes(), 0.0)
    assert len(found) == len(peers)
    assert len({peer.name for peer in found}) == len(found)
    assert standby_samples(found) == (), "nothing is known of them"


def test_a_server_without_standbys_has_none() -> None:
    assert standby_peers([_standby(1, "x") | {"pid": None, "own_position": 5.0}], LogTimes(), 0.0) == ()


def test_the_connection_of_a_base_backup_is_no_standby() -> None:
    assert standby_peers([_standby(1, "pg_basebackup", state="backup")], LogTimes(), 0.0) == ()


def test_two_positions_read_one_after_the_other_make_no_negative_lag() -> None:
    (peer,) = standby_peers([_standby(1, "r", replay_lag_bytes=-8.0, sent_lag_bytes=-8.0)], LogTimes(), 0.0)
    assert (peer.lag_bytes, peer.sent_lag_bytes, peer.lag_seconds) == (0.0, 0.0, 0.0)


def _upstream(**values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        (
            *("pid", "state", "host", "port", "slot", "timeline", "message_at"),
            *("receive_lag_bytes", "replay_lag_bytes", "replayed_seconds", "pause", "now"),
        )
    )
    return row | values


@given(_maybe, _maybe, _maybe)
def test_a_standby_without_connection_knows_its_lag_in_seconds_at_most(
    received: float | None, replayed: float | None, seconds: float | None
) -> None:
    row = _upstream(receive_lag_bytes=received, replay_lag_bytes=replayed, replayed_seconds=seconds, now=9.0)
    peer = upstream_peer(row, StandbyLag(), 0.0)
    assert (peer.state, peer.lag_bytes, peer.lag_seconds, peer.active) == ("not connected", None, seconds, False)


@given(st.none() | st.just(1), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_standby_is_not_later_than_the_time_since_it_missed_nothing(pid: int | None, idle: float, since: float) -> None:
    own = StandbyLag()
    caught_up = _upstream(pid=1, receive_lag_bytes=0.0, replay_lag_bytes=0.0, replayed_seconds=idle, now=1e9)
    assert upstream_peer(caught_up, own, 0.0).lag_seconds == 0
    late = _upstream(pid=pid, receive_lag_bytes=0.0, replay_lag_bytes=160.0, replayed_seconds=idle + since, now=1e9 + since)
    assert upstream_peer(late, own, 0.0).lag_seconds == pytest.approx(since, abs=1e-3)


def _slot(name: str, retained: float | None, *, active: bool, temporary: bool = False, **more: object) -> dict[str, Any]:
    unknown = dict.fromkeys(("wal_status", "conflicting", "invalidation_reason", "synced"))
    return {**unknown, "name": name, "retained_bytes": retained, "active": active, "temporary": temporary, **more}


@given(st.lists(st.tuples(_maybe, st.booleans(), st.booleans()), max_size=80))
def test_slots_are_counted_and_the_largest_are_figures(slots: list[tuple[float | None, bool, bool]]) -> None:
    rows = [_slot(str(place), retained, active=active, temporary=temporary) for place, (retained, active, temporary) in enumerate(slots)]
    unused, lost, *others = slot_samples(rows)
    assert unused.value == sum(1 for retained, active, temporary in slots if retained is not None and not active and not temporary)
    assert lost.value == 0
    known = sorted((retained for retained, _, _ in slots if retained is not None), reverse=True)
    assert [sample.value for sample in others] == known[:50]


def test_a_slot_copied_from_the_primary_is_not_called_inactive() -> None:
    assert slot_samples([_slot("x", 1.0, active=False, synced=True)])[0].value == 0


def test_a_lost_slot_is_counted_as_lost_and_as_nothing_else() -> None:
    rows = [_slot("a", None, active=False, wal_status="lost"), _slot("b", 1.0, active=False, invalidation_reason="idle_timeout")]
    assert [sample.value for sample in slot_samples(rows)[:2]] == [0, 2]


# Progress and horizon.


def _operation(operation: str, phase: str | None, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        (
            *("command", "database", "object", "part", "blocks_done", "blocks_total", "rows_done", "rows_total"),
            *("bytes_done", "bytes_total", "parts_done", "parts_total", "passes", "waits_for"),
        )
    )
    return row | {"operation": operation, "phase": phase, "pid": 7} | values


@given(
    st.sampled_from(["vacuum", "analyze", "create index", "cluster", "base backup", "copy", "of a later version"]),
    st.sampled_from(
        [
            "scanning heap",
            "vacuuming indexes",
            "building index: scanning table",
            "waiting for old snapshots",
            "acquiring sample rows",
            "pipe",
            "new",
        ]
    ),
    st.dictionaries(
        st.sampled_from([f"{unit}_{end}" for unit in ("blocks", "rows", "bytes", "parts") for end in ("done", "total")]),
        st.none() | st.floats(0, 1e12),
    ),
)
def test_an_operation_never_has_an_empty_total(operation: str, phase: str, counted: dict[str, float | None]) -> None:
    """A total of 0 means that the server does not know it: a share of it would be no number."""
    (found,) = progress_of([_operation(operation, phase, **counted)])
    assert found.total is None or found.total > 0
    assert (found.unit == "") == (found.done is None)
    assert (found.session, found.phase) == ("7", phase)


def test_each_phase_counts_in_its_own_unit() -> None:
    both = {"blocks_done": 3.0, "blocks_total": 10.0, "rows_done": 40.0, "rows_total": 100.0, "parts_done": 1.0, "parts_total": 2.0}
    expected = {
        ("vacuum", "scanning heap"): (3, 10, "blocks"),
        ("vacuum", "vacuuming indexes"): (1, 2, "indexes"),
        ("vacuum", "truncating heap"): (None, None, ""),
        ("create index", "building index: loading tuples in tree"): (40, 100, "rows"),
        ("create index", "index validation: scanning index"): (3, 10, "blocks"),
        ("create index", "waiting for old snapshots"): (1, 2, "sessions"),
        ("cluster", "writing new heap"): (40, 100, "rows"),
    }
    for (operation, phase), counts in expected.items():
        (found,) = progress_of([_operation(operation, phase, **both)])
        assert (found.done, found.total, found.unit) == counts, phase


def test_what_another_role_does_is_not_shown_but_counted() -> None:
    rows = [_operation("vacuum", None), _operation("analyze", "initializing")]
    assert progress_of(rows) == (Progress("7", "analyze", "initializing"),)
    assert hidden(rows) == 1


@given(
    st.sampled_from(["session", "slot", "prepared transaction", "standby"]), st.none() | st.floats(-5, 1e9), st.none() | st.floats(-5, 1e9)
)
def test_a_holder_of_the_horizon_has_a_name_and_no_negative_age(kind: str, transactions: float | None, seconds: float | None) -> None:
    row = {"kind": kind, "id": "7", "name": None, "user_name": None, "database": None, "state": None, "text": None}
    (holder,) = holders_of([row | {"transactions": transactions, "seconds": seconds}])
    assert (holder.kind, holder.name) == (kind, "7")
    assert holder.transactions >= 0
    assert (holder.seconds is None) == (seconds is None)
    assert holder.seconds is None or holder.seconds >= 0


def test_a_statement_that_may_not_be_seen_is_empty() -> None:
    row = {
        "kind": "session",
        "id": "7",
        "name": "app",
        "user_name": "u",
        "database": "d",
        "state": "active",
        "transactions": 3.0,
        "seconds": None,
    }
    assert holders_of([row | {"text": "<insufficient privilege>"}]) == (HorizonHolder("session", "7", 3.0, database="d"),)


# Settings.

_secrets = st.text("abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789-+.", min_size=8, max_size=20).map(lambda text: f"Zq{text}")


@given(_secrets, st.sampled_from(["primary_conninfo", "x.password", "ssl_passphrase_command", "vendor.api_key", "auth_token"]), _texts)
def test_a_setting_that_is_a_secret_shows_nothing(secret: str, name: str, around: str) -> None:
    assert secret not in masked(name, around + secret)


@given(
    _secrets,
    st.sampled_from(
        [
            "cp --password={} %p",
            "PGPASSWORD={} cp",
            "curl postgres://u:{}@host/db",
            "tool password='{}'",
            "AWS_SECRET_ACCESS_KEY={} x",
            "a api-key: {}",
        ]
    ),
)
def test_a_secret_within_a_command_is_masked(secret: str, command: str) -> None:
    value = masked("archive_command", command.format(secret))
    assert secret not in value
    assert "********" in value


@given(
    st.sampled_from(["work_mem", "search_path", "log_line_prefix", "shared_preload_libraries"]),
    st.text("abc ,%:$\"'/0123456789", max_size=30),
)
def test_an_ordinary_setting_is_shown_as_it_is(name: str, value: str) -> None:
    row = {"name": name, "value": value, "unit": "", "source": "default", "pending_restart": False, "derived": False}
    assert settings_of([row]) == (Setting(name, value, source="default"),)


@given(_texts)
def test_a_quoted_name_is_one_identifier(name: str) -> None:
    inside = quoted(name)[1:-1]
    assert '"' not in inside.replace('""', "")
    assert inside.replace('""', '"') == name


# Sizes of databases.


@given(st.lists(_maybe, max_size=40), st.booleans())
def test_the_whole_disk_is_known_only_with_all_its_parts(sizes: list[float | None], shared_known: bool) -> None:
    rows = [{"name": str(place), "bytes": size} for place, size in enumerate(sizes)]
    shared = {"log_bytes": 10.0, "global_bytes": 1.0} if shared_known else None
    samples = disk_samples(rows, shared)
    complete = shared_known and sizes and None not in sizes
    assert [sample.value for sample in samples] == ([sum(size or 0 for size in sizes) + 10.0 + 1.0] if complete else [])
    assert unknown(rows) == sizes.count(None)
    known = sorted((size for size in sizes if size is not None), reverse=True)
    assert [sample.value for sample in database_samples(rows)] == known[:20]


# Tables and indexes.

_columns = st.lists(
    st.builds(
        Column,
        st.sampled_from([1, 2, 4, 8, 16, -1]),
        st.sampled_from("csid"),
        st.floats(0, 1),
        st.floats(1, 200),
        st.floats(-1, 1e6),
    ),
    min_size=1,
    max_size=8,
)


@given(_columns, st.floats(0, 1e8), st.floats(0, 1e8), st.booleans())
def test_more_rows_never_need_fewer_pages(columns: list[Column], fewer: float, more: float, unique: bool) -> None:
    fewer, more = sorted((fewer, more))
    assert table_pages(fewer, columns, 8192) <= table_pages(more, columns, 8192)
    assert btree_pages(fewer, columns, 8192, unique=True) <= btree_pages(more, columns, 8192, unique=True)
    assert btree_pages(more, columns, 8192, unique=unique) <= btree_pages(more, columns, 8192, unique=True) + 1


@given(_columns)
def test_a_row_is_no_smaller_than_its_header_and_grows_by_whole_words(columns: list[Column]) -> None:
    assert row_bytes(columns) >= 28
    assert entry_bytes(columns) >= 12
    assert (row_bytes(columns) - 4) % 8 == (entry_bytes(columns) - 4) % 8 == 0


def test_the_size_of_a_row_is_that_of_the_manual() -> None:
    """Two whole numbers: a header of 23 bytes at 24, 8 bytes of values, a pointer of 4."""
    numbers = [Column(4, "i", 0.0, 4.0), Column(4, "i", 0.0, 4.0)]
    assert row_bytes(numbers) == 36
    assert table_pages(226, numbers, 8192) == 1
    assert table_pages(227, numbers, 8192) == 2
    assert row_bytes([Column(1, "c", 0.0, 1.0), Column(8, "d", 0.0, 8.0)]) == 24 + 16 + 4


@given(_amounts, _amounts, _amounts)
def test_bloat_is_between_nothing_and_everything(size: float, pages: float, needed: float) -> None:
    assert 0 <= bloat_bytes(size, pages, needed) <= size


def _index(number: int, **values: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "table_id": 1,
        "name": f"i{number}",
        "method": "btree",
        "scans": 0.0,
        "is_unique": False,
        "is_primary": False,
        "is_exclusion": False,
        "is_identity": False,
        "is_valid": True,
        "is_ready": True,
        "partition": False,
        "in_constraint": False,
        "building": False,
        "key_count": 1,
        "columns": "1",
        "classes": "1",
        "collations": "0",
        "orders": "0",
        "expressions": None,
        "predicate": None,
        "pages": 1.0,
        "tuples": 1.0,
        "options": None,
        "locked": False,
        "bytes": 8192.0,
    }
    return row | values


_indexes = st.lists(
    st.tuples(
        st.sampled_from(["1", "1 2", "2", "1 2 3"]), st.booleans(), st.booleans(), st.booleans(), st.floats(0, 3), st.sampled_from([1, 2])
    ),
    max_size=10,
).map(
    lambda found: [
        _index(
            number,
            columns=columns,
            key_count=len(columns.split()),
            classes=" ".join("1" for _ in columns.split()),
            collations=" ".join("0" for _ in columns.split()),
            orders=" ".join("0" for _ in columns.split()),
            is_unique=unique or primary,
            is_primary=primary,
            in_constraint=primary,
            is_valid=valid,
            scans=float(int(scans)),
            table_id=table,
        )
        for number, (columns, unique, primary, valid, scans, table) in enumerate(found)
    ]
)


@given(_indexes)
def test_of_indexes_that_do_the_same_one_is_always_kept(rows: list[dict[str, Any]]) -> None:
    remarks = index_remarks(rows, 0.0)
    assert set(remarks) == {row["id"] for row in rows}
    valid = [row for row in rows if row["is_valid"]]
    for key in {(row["table_id"], row["columns"]) for row in valid}:
        alike = [row for row in valid if (row["table_id"], row["columns"]) == key]
        kept = [row for row in alike if not any(each.startswith("duplicate") for each in remarks[row["id"]])]
        assert len(kept) == 1
        assert kept[0]["is_primary"] == any(row["is_primary"] for row in alike)
        assert kept[0]["is_unique"] == any(row["is_unique"] for row in alike)


@given(_indexes)
def test_what_holds_a_rule_up_is_neither_unused_nor_redundant(rows: list[dict[str, Any]]) -> None:
    remarks = index_remarks(rows, None)
    for row in rows:
        said = " ".join(remarks[row["id"]])
        assert "unused" not in said or not (row["is_unique"] or row["scans"])
        assert "redundant" not in said or not row["is_unique"]
        assert ("invalid" in said) == (not row["is_valid"])


def test_an_index_is_unused_since_counting_began() -> None:
    assert index_remarks([_index(1)], 1_795_000_000.0)[1] == ("unused here since 2026-11-18 11:06Z, or since it was made",)
    assert index_remarks([_index(1)], None)[1] == ("unused here",)
    assert index_remarks([_index(1, is_valid=False, building=True)], None)[1] == ("being built",)


@pytest.mark.parametrize(("ready", "words"), [(True, "it is kept up but not used"), (False, "it is neither kept up nor used")])
def test_whether_writes_keep_an_invalid_index_up_is_told(ready: bool, words: str) -> None:
    assert index_remarks([_index(1, is_valid=False, is_ready=ready)], None)[1] == (
        f"invalid: building it failed, {words}; drop or rebuild it",
    )


def _table(**values: Any) -> dict[str, Any]:
    row = {
        "id": 1,
        "known": 1.0,
        "schema": "public",
        "name": "t",
        "kind": "table",
        "persistence": "p",
        "partition": False,
        "pages": 100.0,
        "tuples": 1000.0,
        "toast_pages": 0.0,
        "toast_bytes": 0.0,
        "frozen_age": None,
        "options": None,
        "locked": False,
        "page_bytes": 8192,
        "table_bytes": 819200.0,
        "main_bytes": 819200.0,
        "live_rows": 1000.0,
        "dead_rows": 0.0,
        "changes": 5.0,
        "scans": 0.0,
        "vacuumed_at": None,
        "analyzed_at": None,
        "counted_since": None,
    }
    return row | values


@given(_maybe, st.floats(0, 1e6), st.floats(-1, 1e9), _amounts, _amounts)
def test_an_unknown_number_of_rows_is_not_zero(size: float | None, pages: float, tuples: float, live: float, changes: float) -> None:
    (found,) = relations_of([_table(table_bytes=size, pages=pages, tuples=tuples, live_rows=live, changes=changes)], [], [])
    if live or changes:
        assert found.rows == live
    elif tuples >= 0:
        assert found.rows == tuples
    else:
        assert found.rows == (0 if found.size_bytes == 0 else None)
    assert found.size_bytes == (size if size is not None else pages * 8192)
    assert ("size" in dict(found.details)) == (size is None)
    assert found.bloat_bytes is None, "there are no statistics"
    assert (found.index_bytes, found.index_scans) == (0, None)


@given(st.lists(st.tuples(_amounts, st.floats(0, 1e6)), max_size=6))
def test_a_table_adds_up_what_its_indexes_take_and_serve(indexes: list[tuple[float, float]]) -> None:
    rows = [_index(number, bytes=size, scans=scans, columns="1") for number, (size, scans) in enumerate(indexes)]
    table, *found = relations_of([_table()], rows, [])
    assert table.index_bytes == sum(size for size, _ in indexes)
    assert table.index_scans == (sum(scans for _, scans in indexes) if indexes else None)
    assert [(each.kind, each.table, each.schema) for each in found] == [("index", "t", "public")] * len(indexes)


def test_bloat_needs_the_statistics_of_every_column() -> None:
    """Two whole numbers in each row: 226 of them fit into a page, so that 1000 need 5 of the 100 pages."""
    layout = {
        "table_id": 1,
        "readable": True,
        "numbers": [1, 3],
        "lengths": [4, 4],
        "alignments": ["i", "i"],
        "names": ["a", "b"],
        "known_names": ["b", "a"],
        "null_shares": [0.0, 0.0],
        "widths": [4.0, 4.0],
        "distincts": [-1.0, -1.0],
    }
    index = _index(2, columns="3", pages=50.0, tuples=1000.0, bytes=50 * 8192.0)
    table, by_b = relations_of([_table()], [index], [layout])
    assert table.bloat_bytes == pytest.approx(95 * 8192)
    assert dict(by_b.details)["columns"] == "b"
    assert by_b.bloat_bytes is not None
    partial = layout | {"known_names": ["a"], "null_shares": [0.0], "widths": [4.0], "distincts": [-1.0]}
    assert [each.bloat_bytes for each in relations_of([_table()], [index], [partial])] == [None, None]
    nothing = layout | dict.fromkeys(("known_names", "null_shares", "widths", "distincts"))
    assert [each.bloat_bytes for each in relations_of([_table()], [index], [nothing])] == [None, None]


def test_a_peer_of_replication_without_anything_known_is_not_late() -> None:
    (peer,) = standby_peers([_standby(9, "r")], LogTimes(), 0.0)
    assert peer == ReplicationPeer("r", "standby", "", active=True, details=(("process", "9"),))
