"""Progress, read views, tables, indexes, numbers, settings and sizes as values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aishell_core import catalogue
from aishell_core.values import Sample, Setting
from collectors.mysql.auto_increment_rows import auto_increment_samples, counting_column, largest, usage
from collectors.mysql.cold_rows import disk_samples, redo_bytes, schema_samples
from collectors.mysql.horizon_rows import holders_of, views_of
from collectors.mysql.limits_rows import gtid_gaps, limit_samples
from collectors.mysql.progress_rows import from_process_list, from_stages, operation_of
from collectors.mysql.relations_dictionary import Index, IndexPart, Lists, Table, decoded, tables_of
from collectors.mysql.relations_indexes import index_remarks, may_repeat
from collectors.mysql.relations_rows import relations_of
from collectors.mysql.settings_rows import pending_samples, settings_of
from collectors.mysql.warm_rows import binlog_file_samples, binlog_samples, retention_seconds, state_of

# Operations.


@pytest.mark.parametrize(
    ("text", "operation", "name"),
    [
        ("ALTER TABLE `shop`.`orders` ADD COLUMN x INT", "alter table", "shop.orders"),
        ("alter online ignore table orders force", "alter table", "orders"),
        ("/* by hand */ ALTER TABLE IF EXISTS we$ird FORCE", "alter table", "we$ird"),
        ("CREATE UNIQUE INDEX i ON orders (a)", "create index", "orders"),
        ("CREATE INDEX i ON bestände(a)", "create index", "bestände"),
        ("CREATE TABLE IF NOT EXISTS t2 AS SELECT 1", "create table", "t2"),
        ("optimize local table `a b`", "optimize table", "a b"),
        ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "load data", "t"),
        ("INSERT INTO archive SELECT * FROM orders", "insert", "archive"),
        ("SELECT 1", "", ""),
        ("", "", ""),
    ],
)
def test_an_operation_is_named_with_its_table(text: str, operation: str, name: str) -> None:
    assert operation_of(text) == (operation, name)


def _process(**changes: Any) -> dict[str, Any]:
    row = {"id": 7, "database": "shop", "command": "Query", "state": "copy to tmp table", "stage": 1, "stages": 2, "percent": 61.5}
    return row | {"seconds": 12.3, "text": "ALTER TABLE orders FORCE", "in_place": 0} | changes


def test_a_stage_that_is_counted_in_per_cent() -> None:
    (found,) = from_process_list([_process()])
    assert (found.session, found.operation, found.object, found.phase) == ("7", "alter table", "orders", "copy to tmp table")
    assert (found.done, found.total, found.unit) == (61.5, 100, "%")
    assert found.details == (("stage", "1 of 2"), ("for", "12s"))


def test_a_change_in_place_is_counted_only_where_it_is_the_only_one() -> None:
    one = _process(state="altering table", stage=0, stages=0, percent=0, in_place=2355)
    (found,) = from_process_list([one])
    assert (found.done, found.total) == (23.55, 100)
    assert [each.done for each in from_process_list([one, one | {"id": 8}])] == [None, None]
    (waiting,) = from_process_list([one | {"state": "Waiting for table metadata lock"}])
    assert (waiting.done, waiting.total, waiting.unit, waiting.phase) == (None, None, "", "Waiting for table metadata lock")


def test_a_stage_of_mysql_is_counted_in_units_of_its_own() -> None:
    stage = {"id": 9, "database": "shop", "command": "Query", "stage": "stage/innodb/alter table (read PK and internal sort)"}
    (found,) = from_stages([stage | {"done": 120, "total": 400, "seconds": 3, "text": "ALTER TABLE orders FORCE"}])
    assert (found.operation, found.phase, found.done, found.total) == ("alter table", "alter table (read PK and internal sort)", 120, 400)
    assert (found.unit, found.object) == ("units", "orders")
    assert from_stages([stage | {"done": 0, "total": 0, "seconds": None, "text": None}])[0].total is None


# Read views, from a report of MariaDB 10.11 cut to what is looked at.

_REPORT = """
=====================================
2026-11-21 14:31:18 0x7f9c401c96c0 INNODB MONITOR OUTPUT
=====================================
------------
TRANSACTIONS
------------
Trx id counter 10032
Purge done for trx's n:o < 8051 undo n:o < 0 state: running but idle
History list length 57
LIST OF TRANSACTIONS FOR EACH SESSION:
---TRANSACTION (0x7f9c40f8d680), ACTIVE 90 sec
0 lock struct(s), heap size 1128, 0 row lock(s)
MariaDB thread id 61, OS thread handle 140309067241152, query id 2198 localhost root starting
show engine innodb status
Trx read view will not see trx with id >= 10000, sees < 9990
---TRANSACTION 10031, ACTIVE 3 sec
MySQL thread id 62, OS thread handle 1, query id 2 localhost root
---TRANSACTION (0x7f9c40f8cb80), not started
0 lock struct(s), heap size 1128, 0 row lock(s)
--------
FILE I/O
--------
MariaDB thread id 99, OS thread handle 1
Trx read view will not see trx with id >= 1, sees < 1
"""


def _transaction(number: int, **changes: Any) -> dict[str, Any]:
    row = {"id": number, "isolation": "REPEATABLE READ", "rows_modified": 0, "seconds": 90, "text": None, "database": "shop"}
    return row | changes


def test_only_a_transaction_with_a_read_view_holds_the_horizon() -> None:
    views = views_of(_REPORT)
    assert (views.counter, views.history, views.oldest_seen) == (10032, 57, {"61": 9990})
    (holder,) = holders_of([_transaction(62), _transaction(61, rows_modified=4, text="SELECT 1")], views)
    assert (holder.kind, holder.name, holder.transactions, holder.seconds, holder.database) == ("session", "61", 42, 90, "shop")
    assert holder.text == "repeatable read; has changed 4 rows; SELECT 1"


def test_a_session_with_a_second_transaction_for_the_dictionary_holds_the_horizon_once() -> None:
    # MariaDB lists two rows for a session in the midst of an ALTER TABLE.
    (holder,) = holders_of([_transaction(61, seconds=3), _transaction(61, seconds=90)], views_of(_REPORT))
    assert (holder.name, holder.seconds) == ("61", 90)


def test_a_report_without_transactions_names_no_holder() -> None:
    assert holders_of([_transaction(61)], views_of("")) == ()
    assert holders_of([_transaction(61)], views_of(_REPORT.replace("Trx id counter 10032\n", ""))) == ()


def test_where_readers_are_left_out_of_the_report_the_oldest_transaction_holds_it() -> None:
    """MySQL's report has only transactions that write."""
    views = views_of(_REPORT)
    rows = [_transaction(70, seconds=500, isolation="READ COMMITTED"), _transaction(71, seconds=400), _transaction(72, seconds=300)]
    (holder,) = holders_of(rows, views, all_told=False)
    assert (holder.name, holder.transactions, holder.seconds) == ("71", 57, 400)
    assert holders_of(rows, views) == ()
    assert [each.name for each in holders_of([_transaction(61)], views, all_told=False)] == ["61"], "told once"


# Tables and indexes.


def _lists(**changes: Any) -> Lists:
    table = {"id": 18, "space": 5, "schema_name": "shop", "name": "orders", "piece": "", "row_format": "Dynamic"}
    lists = Lists(
        tablespaces=({"space": 5, "file_bytes": 9_437_184, "page_bytes": 16_384},),
        tables=(table,),
        figures=({"id": 18, "counted": 1, "row_count": 5000, "data_pages": 30, "index_pages": 10, "next_number": 5001},),
        indexes=(
            {"id": 23, "table_id": 18, "name": "PRIMARY", "kind": 3, "field_count": 1},
            {"id": 25, "table_id": 18, "name": "c", "kind": 0, "field_count": 1},
            {"id": 26, "table_id": 18, "name": "FTS_DOC_ID_INDEX", "kind": 2, "field_count": 1},
        ),
        fields=({"index_id": 23, "name": "id", "position": 0}, {"index_id": 25, "name": "customer_id", "position": 0}),
        numbers=(
            {"table_id": 18, "name": "id", "bytes": 4, "no_sign": 0},
            {"table_id": 18, "name": "customer_id", "bytes": 8, "no_sign": 0},
        ),
        pages=({"schema_name": "shop", "name": "orders", "index_name": "c", "pages": 10, "analyzed_at": 1000.0},),
        uses=(
            {"schema_name": "shop", "name": "orders", "index_name": "c", "uses": 12, "fetched": 12},
            {"schema_name": "shop", "name": "orders", "index_name": None, "uses": 99, "fetched": 77},
        ),
    )
    return replace(lists, **changes)


def test_a_table_is_brought_together_from_all_lists() -> None:
    (table,) = tables_of(_lists())
    assert (table.file_bytes, table.rows, table.next_number, table.analyzed_at, table.fetched_without_index) == (
        9_437_184,
        5000,
        5001,
        1000,
        77,
    )
    assert [(index.name, index.columns, index.primary, index.unique, index.pages, index.uses) for index in table.indexes] == [
        ("PRIMARY", ("id",), True, True, None, None),
        ("c", ("customer_id",), False, False, 10, 12),
    ]
    relation, primary, index = relations_of([table], (), None)
    assert (relation.name, relation.schema, relation.rows) == ("orders", "shop", 5000)
    assert (relation.size_bytes, relation.index_bytes) == (9_437_184 - 163_840, 163_840)
    assert relation.free_bytes == 9_437_184 - 44 * 16_384
    assert dict(relation.details)["rows read without an index"] == "77"
    assert (primary.size_bytes, index.size_bytes, index.scans) == (None, 163_840, 12)


def test_partitions_are_one_table_and_parts_of_full_text_indexes_belong_to_theirs() -> None:
    pieces = [{"id": 30 + n, "space": 10 + n, "schema_name": "s", "name": "part", "piece": f"#P#p{n}", "row_format": ""} for n in range(3)]
    hidden = {
        "id": 40,
        "space": 20,
        "schema_name": "s",
        "name": "FTS_000000000000001e_0000000000000023_INDEX_1",
        "piece": "",
        "row_format": "",
    }
    copy = {"id": 41, "space": 21, "schema_name": "s", "name": "", "piece": "#sql-alter-1-2", "row_format": ""}
    spaces = [{"space": space, "file_bytes": 65_536, "page_bytes": 16_384} for space in (10, 11, 12, 20, 21)]
    figures = [{"id": 30 + n, "counted": 1, "row_count": 5, "data_pages": 1, "index_pages": 0, "next_number": 0} for n in range(3)]
    (table,) = tables_of(Lists(spaces, [*pieces, hidden, copy], figures))
    assert (table.name, table.partitions, table.rows, table.file_bytes) == ("part", 3, 15, 4 * 65_536)


def test_what_the_server_does_not_know_is_unknown() -> None:
    unread = tuple({**row, "counted": 0} for row in _lists().figures)
    (table,) = tables_of(_lists(figures=unread, uses=None, pages=()))
    assert (table.rows, table.data_pages) == (None, None)
    relation = relations_of([table], (), None)[0]
    assert (relation.size_bytes, relation.index_bytes, relation.free_bytes, relation.index_scans) == (9_437_184, None, None, None)
    lost = ({"space": 5, "file_bytes": 0, "page_bytes": 16_384},)
    (table,) = tables_of(_lists(tablespaces=lost, figures=()))
    assert relations_of([table], (), None)[0].size_bytes is None


def test_a_table_has_the_name_of_its_file_where_that_is_written_as_people_do() -> None:
    spaces = ({"space": 5, "file_bytes": 1, "page_bytes": 16_384, "schema_name": "shop", "name": "we-ird straße", "piece": ""},)
    encoded = tuple({**row, "name": "we@002dird@0020stra@1je"} for row in _lists().tables)
    assert [table.name for table in tables_of(_lists(tables=encoded, tablespaces=spaces))] == ["we-ird straße"]
    assert decoded("we@002dird") == "we-ird"


def _index(number: int, name: str, *columns: str, unique: bool = False, uses: float | None = 1.0, **more: Any) -> Index:
    parts = tuple(IndexPart(*column.split(":")) for column in columns)
    return Index(number, name, tuple(part.name for part in parts), unique=unique, uses=uses, parts=parts, **more)


def _with(*indexes: Index, **more: Any) -> Table:
    return Table("shop", "orders", (18,), 16_384, indexes=indexes, **more)


def test_repetitions_are_told_of_the_one_that_can_go() -> None:
    table = _with(
        _index(1, "PRIMARY", "id", unique=True, primary=True),
        _index(2, "a", "a"),
        _index(3, "a2", "a", uses=50.0),
        _index(4, "ab", "a", "b"),
        _index(5, "u", "a", unique=True),
        _index(6, "short", "a:4"),
        _index(7, "backwards", "a::D"),
        _index(8, "again", "id"),
        _index(9, "words", "a", method="full text"),
    )
    assert may_repeat(table)
    remarks = index_remarks(table, None)
    assert remarks["a"] == ("duplicate of u",)
    assert remarks["a2"] == ("duplicate of u",)
    assert remarks["again"] == ("duplicate of PRIMARY",)
    assert [remarks[name] for name in ("PRIMARY", "ab", "u", "short", "backwards", "words")] == [()] * 6
    assert index_remarks(_with(_index(1, "x", "a"), _index(2, "y", "a", "b")), None)["x"] == ("redundant: y begins with the same columns",)


def test_without_their_parts_no_index_is_said_to_repeat_another() -> None:
    table = _with(replace(_index(1, "x", "a"), parts=None), replace(_index(2, "y", "a"), parts=None))
    assert may_repeat(table)
    assert index_remarks(table, None) == {"x": (), "y": ()}


def test_an_index_is_unused_only_where_uses_are_counted_and_nothing_needs_it() -> None:
    indexes = (
        _index(1, "idle", "a", uses=0.0),
        _index(2, "rule", "b", uses=0.0, unique=True),
        _index(3, "key", "c", uses=0.0),
        _index(4, "dark", "d", uses=None),
        _index(5, "words", "e", uses=0.0, method="full text"),
    )
    remarks = index_remarks(_with(*indexes, foreign_keys=(("c",),)), 0.0)
    assert remarks == {
        "idle": ("unused here since 1970-01-01 00:00Z, or since it was made",),
        "rule": (),
        "key": (),
        "dark": (),
        "words": (),
    }
    # Two indexes can hold the same foreign key: one of them may go.
    both = index_remarks(_with(_index(3, "key", "c", uses=0.0), _index(6, "wide", "c", "d", uses=0.0), foreign_keys=(("c",),)), 0.0)
    assert all("unused here since 1970-01-01 00:00Z, or since it was made" in remarks for remarks in both.values())


def test_tables_of_other_engines_tell_their_own_figures() -> None:
    row = {"schema_name": "s", "name": "log", "engine": "Aria", "row_count": 5, "data_bytes": 8192, "index_bytes": 1024, "free_bytes": 0}
    (relation,) = relations_of((), [row], None)
    assert (relation.size_bytes, relation.rows, relation.index_bytes, relation.details) == (8192, 5, 1024, (("engine", "Aria"),))


# Numbers that run out.


def test_the_column_that_counts_is_found_and_how_full_it_is() -> None:
    assert (largest(1, no_sign=False), largest(1, no_sign=True), largest(8, no_sign=True)) == (127, 255, 2**64 - 1)
    tiny = _with(_index(1, "PRIMARY", "id", primary=True), number_columns={"id": (1, False)}, next_number=121)
    assert usage(tiny) == 120 / 127
    assert relations_of([tiny], (), None)[0].remarks == ("94% of the numbers of id are used, 7 are left",)
    assert auto_increment_samples([tiny]) == (Sample(catalogue.MYSQL_AUTO_INCREMENT, 120 / 127, (("table", "shop.orders"),)),)


@pytest.mark.parametrize(
    ("next_number", "remark"),
    [
        (255, "99% of the numbers of id are used, one is left at most"),
        (254, "99% of the numbers of id are used, 2 are left"),
        (256, "100% of the numbers of id are used, one is left at most"),
    ],
)
def test_of_numbers_that_are_nearly_gone_no_more_is_told_than_is_known(next_number: int, remark: str) -> None:
    tiny = _with(_index(1, "PRIMARY", "id", primary=True), number_columns={"id": (1, True)}, next_number=next_number)
    assert relations_of([tiny], (), None)[0].remarks == (remark,)


@pytest.mark.parametrize(
    ("next_number", "left"), [(2**64 - 9, "9 are left"), (2**64 - 2, "2 are left"), (2**64 - 1, "one is left at most")]
)
def test_the_last_numbers_of_eight_bytes_are_counted_one_by_one(next_number: int, left: str) -> None:
    figures = ({"id": 18, "counted": 1, "row_count": 5, "data_pages": 1, "index_pages": 0, "next_number": next_number},)
    (table,) = tables_of(_lists(figures=figures))
    wide = replace(table, indexes=(_index(1, "PRIMARY", "id", primary=True),), number_columns={"id": (8, True)})
    assert relations_of([wide], (), None)[0].remarks == (f"99% of the numbers of id are used, {left}",)


def test_an_index_that_the_tables_own_figure_does_not_know_yet_counts_with_its_own() -> None:
    """MySQL writes a new index' pages down at once, and those of the table at its next analysis."""
    index = {"schema_name": "shop", "name": "orders", "index_name": "c", "pages": 300, "analyzed_at": 1000.0}
    clustered = {**index, "index_name": "PRIMARY", "pages": 30}
    figures = ({"id": 18, "counted": 1, "row_count": 5000, "data_pages": 30, "index_pages": 0, "next_number": 5001},)
    (table,) = tables_of(_lists(figures=figures, pages=(clustered, index)))
    assert table.index_pages == 300
    # Where an index lacks its own, the figure of the table stays.
    (table,) = tables_of(_lists(figures=figures, pages=(clustered,)))
    assert table.index_pages == 0


def test_where_it_cannot_be_told_the_widest_that_fits_counts() -> None:
    numbers = {"tenant": (2, False), "id": (4, False)}
    table = _with(_index(1, "PRIMARY", "tenant", "id", primary=True), _index(2, "i", "id"), number_columns=numbers, next_number=60_000)
    assert counting_column(table) == "id"
    assert counting_column(replace(table, number_columns={"name": (4, False)})) is None
    assert usage(replace(table, next_number=None)) is None
    assert auto_increment_samples([table]) == (), "less than a hundredth of it is used"


# Settings, logs and sizes.


def test_settings_are_masked_and_marked_when_they_wait() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "MAX_CONNECTIONS", "value": "100", "source": "PERSISTED"},
        {"name": "wsrep_sst_auth", "value": "user:secret", "source": "CONFIG"},
        {"name": "sql_mode", "value": "", "source": "DYNAMIC"},
        {"name": "report_password", "value": "secret", "source": None},
        {"name": "long", "value": "x" * 9999, "source": "odd"},
    ]
    settings = settings_of(rows, [{"name": "max_connections", "value": "200"}])
    assert settings[0] == Setting("max_connections", "100", "", "persisted", pending_restart=True)
    assert [settings[place].value for place in (1, 3)] == ["********"] * 2
    assert (settings[1].source, settings[2].source, settings[4].source) == ("configuration file", "", "odd")
    assert len(settings[4].value) == 2000
    assert pending_samples([{}, {}]) == (Sample(catalogue.MYSQL_SETTINGS_PENDING, 2.0),)
    assert pending_samples(None) == ()


def test_binary_logs_are_kept_for_a_time_or_for_ever() -> None:
    assert retention_seconds({"binlog_expire_logs_seconds": "2592000", "expire_logs_days": "0"}) == 2_592_000
    assert retention_seconds({"binlog_expire_logs_seconds": "0", "expire_logs_days": "1.5"}) == 129_600
    assert retention_seconds({"binlog_expire_logs_seconds": "60", "binlog_expire_logs_auto_purge": "OFF"}) is None
    assert retention_seconds({}) is None
    state = state_of({"log_bin": "ON", "binlog_expire_logs_seconds": "60", "wsrep_on": "OFF"}, sees_all=True)
    assert binlog_samples(state) == (Sample(catalogue.MYSQL_BINLOG_RETENTION, 60.0),)
    assert binlog_samples(replace(state, binary_log=False)) == ()
    assert binlog_file_samples([{"File_size": 5}, {"File_size": 6}])[1] == Sample(catalogue.MYSQL_BINLOG_SIZE, 11.0)
    assert binlog_file_samples(None) == ()
    assert state_of(None, sees_all=False).known is False


def test_limits_and_switches_are_figures_and_no_limit_is_none() -> None:
    told = {"max_prepared_stmt_count": "16382", "open_files_limit": "0", "innodb_force_recovery": "0", "read_only": "ON"}
    assert limit_samples(told) == (
        Sample(catalogue.MYSQL_PREPARED_MAX, 16382),
        Sample(catalogue.MYSQL_FORCED_RECOVERY, 0),
        Sample(catalogue.MYSQL_READ_ONLY, 1),
    )
    assert limit_samples({"read_only": "NO_LOCK_NO_ADMIN", "max_prepared_stmt_count": "many"}) == ()
    assert limit_samples({}) == ()


@pytest.mark.parametrize(
    ("executed", "gaps"),
    [
        ("", None),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", 0),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:10-50", 0),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:9-12:20", 3),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:tag:1-2", 0),
    ],
)
def test_gaps_are_counted_within_what_each_source_sent(executed: str, gaps: float | None) -> None:
    assert gtid_gaps(executed) == gaps


def test_the_disk_is_known_only_where_all_of_it_is() -> None:
    schemas: list[dict[str, Any]] = [
        {"name": "a", "bytes": 10, "files": 1},
        {"name": None, "bytes": 100, "files": 2},
        {"name": "b", "bytes": 30, "files": 1},
    ]
    others = [{"data_bytes": 5, "index_bytes": 1}]
    assert [(dict(sample.labels)["schema"], sample.value) for sample in schema_samples(schemas)] == [("b", 30), ("a", 10)]
    assert disk_samples(schemas, others, 1000.0, 10_000.0) == (Sample(catalogue.DISK_USED, 11_146.0),)
    assert disk_samples(schemas, others, None, 1.0) == ()
    assert disk_samples(None, others, 1.0, 1.0) == ()
    assert redo_bytes({"innodb_redo_log_capacity": "100", "innodb_log_file_size": "7"}) == 100
    assert redo_bytes({"innodb_log_file_size": "7", "innodb_log_files_in_group": "2"}) == 14
    assert redo_bytes({"innodb_log_file_size": "7"}) == 7
    assert redo_bytes({}) is None
