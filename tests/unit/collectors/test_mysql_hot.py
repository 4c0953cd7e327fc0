"""What the quick tier of MySQL and MariaDB makes of rows: waits, locks, counters, deadlocks. The texts were taken from real servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core import catalogue
from aishell_core.engines.statement_text import Dialect
from aishell_core.values import Session
from collectors.mysql.activity_rows import Look, Transaction, activity_of, session_of
from collectors.mysql.activity_threads import Thread
from collectors.mysql.activity_waits import wait_of
from collectors.mysql.counters_rows import counter_samples, counters_of, hit_ratio, transactions, was_reset
from collectors.mysql.deadlock import last_deadlock
from collectors.mysql.locks_rows import lock_waits_of
from collectors.mysql.metadata_locks_rows import MetadataLock, conflicts, inferred_waits, locks_of, mentions, mode_of
from collectors.mysql.metadata_locks_rows import lock_waits_of as metadata_waits_of
from collectors.mysql.redo_rows import checkpoint_samples
from collectors.mysql.statements_digests import DigestNames, key_of, readable_text
from collectors.text_digests import TextDigests


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Waiting for table metadata lock", ("Lock", "table metadata lock")),
        ("Waiting for global read lock", ("Lock", "global read lock")),
        ("User lock", ("Lock", "user lock")),
        ("User sleep", ("Timeout", "sleep")),
        ("Sending to client", ("Client", "send")),
        ("waiting for handler commit", ("IO", "commit")),
        ("Waiting for semi-sync ACK from slave", ("Replication", "acknowledgement")),
        ("Waiting on empty queue", ("Other", "empty queue")),
        ("Sending data", ("", "")),
        ("Updating", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_state_says_what_a_thread_waits_for(state: str, expected: tuple[str, str]) -> None:
    assert wait_of(state) == expected


def _thread(number: int, command: str = "Query", state: str = "executing", seconds: float = 2.0, **parts: object) -> Thread:
    return Thread(number, None, "app", "10.0.0.1:4711", "shop", command, state, seconds, 1, "SELECT 1", 5, None, **parts)  # type: ignore[arg-type]


def _session(thread: Thread, transaction: Transaction | None = None) -> Session:
    return session_of(thread, transaction, text=thread.text or "", digest="d", started_at=1.0)


def test_a_session_that_waits_for_a_row_waits_as_long_as_its_transaction_says_and_never_longer_than_its_statement() -> None:
    waiting = Transaction("7", 1, "LOCK WAIT", 9.0, 2.9, 1, 0, "REPEATABLE READ")
    thread = _thread(1, seconds=2.1)
    session = _session(thread, waiting)
    assert (session.wait_class, session.wait) == ("Lock", "row lock")
    assert session.transaction_seconds == 9.0
    figures = activity_of([(thread, waiting, session)], None)
    assert figures.lock_waiters == 1
    assert figures.lock_wait_seconds == pytest.approx(2.1)


def test_threads_of_the_server_are_no_clients_and_idle_ones_may_be_known_by_number_alone() -> None:
    sender = _thread(2, "Binlog Dump GTID", "Master has sent all binlog to slave; waiting for more updates")
    looked = [(sender, None, _session(sender)), (_thread(3), None, _session(_thread(3)))]
    figures = activity_of(looked, 40)
    assert figures.states == {"active": 1, "idle": 40, "idle in transaction": 0}
    assert [wait.count for wait in figures.waits] == [1]
    assert _session(sender).kind == "binlog sender"


def test_a_client_is_shown_without_its_port_and_a_socket_as_local() -> None:
    assert _thread(1).client == "10.0.0.1"
    assert _thread(1)._replace(host="localhost").client == "local"
    assert _thread(1)._replace(host="fe80::1:2:3306").client == "fe80::1:2"
    assert _thread(1)._replace(host=None).client == ""


def test_row_locks_become_edges_and_who_only_waits_ahead_has_no_mode() -> None:
    # INNODB_LOCK_WAITS and INNODB_LOCKS of a MariaDB 10.11: 36 and 37 wait for the row that 35 has.
    waits = [
        {"waiter": 37, "holder": 36, "asked": "37:5:3:4", "held": "36:5:3:4"},
        {"waiter": 37, "holder": 35, "asked": "37:5:3:4", "held": "35:5:3:4"},
        {"waiter": 36, "holder": 35, "asked": "36:5:3:4", "held": "35:5:3:4"},
    ]
    locks = [
        {"id": f"{number}:5:3:4", "mode": "X", "type": "RECORD", "place": "`t`.`m`", "index": "PRIMARY", "data": "3"}
        for number in (35, 36, 37)
    ]
    transactions = {number: Transaction(str(number + 20), number, "RUNNING", 1.0, None, 1, 1, "") for number in (15, 16, 17)}
    edges = {(one.waiter, one.holder): one for one in lock_waits_of(waits, locks, transactions, {17: 0.5, 16: 1.5})}
    assert set(edges) == {("17", "16"), ("17", "15"), ("16", "15")}
    assert edges["17", "15"].held_mode == "X"
    assert edges["17", "16"].held_mode == ""
    assert edges["16", "15"].object == "row 3 of t.m"
    assert edges["16", "15"].wait_seconds == 1.5


def test_a_prepared_transaction_holds_locks_without_a_session() -> None:
    waits = [{"waiter": 8, "holder": 9, "asked": "a", "held": "b"}]
    transactions = {5: Transaction("8", 5, "LOCK WAIT", 1.0, 1.0, 1, 0, ""), 0: Transaction("9", 0, "RUNNING", 90.0, None, 1, 1, "")}
    (edge,) = lock_waits_of(waits, (), transactions, {})
    assert (edge.waiter, edge.holder, edge.held_mode) == ("5", "0", "held")


@pytest.mark.parametrize(
    ("asked", "held", "granted", "expected"),
    [
        ("SHARED_READ", "SHARED_WRITE", True, False),
        ("SHARED_READ", "EXCLUSIVE", True, True),
        ("EXCLUSIVE", "SHARED_READ", True, True),
        ("SHARED_WRITE", "SHARED_READ_ONLY", True, True),
        ("SHARED_UPGRADABLE", "SHARED_READ", True, False),
        ("SHARED_READ", "EXCLUSIVE", False, True),
        ("SHARED_HIGH_PRIO", "EXCLUSIVE", False, False),
        ("EXCLUSIVE", "SHARED_READ", False, False),
        ("INTENTION_EXCLUSIVE", "INTENTION_EXCLUSIVE", True, False),
        ("INTENTION_EXCLUSIVE", "SHARED", True, True),
        ("BACKUP_DML", "BACKUP_FTWRL1", True, True),
        ("BACKUP_DML", "BACKUP_DML", True, False),
    ],
)
def test_metadata_locks_conflict_as_the_servers_table_says(asked: str, held: str, granted: bool, expected: bool) -> None:
    assert conflicts(asked, held, granted=granted) is expected


def test_of_two_who_wait_for_each_others_tables_nobody_waits_for_himself() -> None:
    locks = [
        MetadataLock(1, "TABLE", "s", "a", "SHARED_WRITE", granted=True),
        MetadataLock(1, "TABLE", "s", "a", "EXCLUSIVE", granted=False),
        MetadataLock(2, "TABLE", "s", "a", "SHARED_READ", granted=True),
    ]
    (edge,) = metadata_waits_of(locks, {1: 4.0})
    assert (edge.waiter, edge.holder, edge.object, edge.wait_seconds) == ("1", "2", "metadata of s.a", 4.0)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("/* app */ select 1", "SHARED_READ"),
        ("ALTER TABLE x ADD y int", "EXCLUSIVE"),
        ("lock tables a read, b write", "SHARED_NO_READ_WRITE"),
        ("LOCK TABLE a READ", "SHARED_READ_ONLY"),
        ("INSERT INTO a VALUES (1)", "SHARED_WRITE"),
        ("", ""),
        ("COMMIT", ""),
    ],
)
def test_what_a_statement_asks_for_is_told_by_its_verb(text: str, mode: str) -> None:
    assert mode_of(text) == mode


@pytest.mark.parametrize(
    ("waiting", "holder"),
    [
        ("ALTER TABLE noidx ADD c int", "29"),
        ("LOCK TABLES noidx WRITE", "29"),
        ("SELECT * FROM noidx", ""),
        ("UPDATE noidx SET c = 1", ""),
        ("CALL work()", ""),
        ("COMMIT", ""),
    ],
)
def test_an_open_transaction_is_named_only_by_what_it_could_hold_up(waiting: str, holder: str) -> None:
    idle = _thread(29, "Sleep", "")._replace(text="")
    blocked = _thread(31, state="Waiting for table metadata lock")._replace(text=waiting)
    transaction = Transaction("7", 29, "RUNNING", 9.0, None, 1, 0, "REPEATABLE READ")
    looked = [(idle, transaction, _session(idle, transaction)), (blocked, None, _session(blocked))]
    (edge,) = inferred_waits(looked, {31: 2.0})
    assert (edge.waiter, edge.holder, edge.inferred) == ("31", holder, True)


@pytest.mark.parametrize(
    ("waiting", "idle", "times", "holder"),
    [
        # An ALTER that waits for a transaction is itself the one use of its table; one that waits for LOCK TABLES … WRITE is not.
        ("ALTER TABLE shop.stock FORCE", 0, 1, "29"),
        ("/* x */ CREATE INDEX i ON shop.stock (c)", 0, 1, "29"),
        ("ALTER TABLE shop.stock FORCE", 1, 1, ""),
        ("ALTER TABLE shop.stock FORCE", 0, 0, "29"),
        ("ALTER TABLE shop.stock FORCE", 1, 0, "29"),
        # Used twice, somebody else uses it: idle outside of a transaction, as after LOCK TABLES … READ.
        ("ALTER TABLE shop.stock FORCE", 1, 2, "40"),
        ("ALTER TABLE shop.stock FORCE", 2, 2, ""),
        ("ALTER TABLE shop.stock FORCE", 0, 2, ""),
        # These wait before they open the table.
        ("TRUNCATE TABLE shop.stock", 1, 1, "40"),
        ("DROP TABLE shop.stock", 2, 1, ""),
        ("LOCK TABLES shop.stock WRITE", 1, 1, "40"),
        ("SELECT * FROM shop.stock", 1, 1, "40"),
        ("SELECT * FROM shop.stock", 0, 0, ""),
    ],
)
def test_of_a_table_that_others_use_no_transaction_is_accused(waiting: str, idle: int, times: int, holder: str) -> None:
    reader = _thread(29, "Sleep", "")._replace(text="")
    blocked = _thread(31, state="Waiting for table metadata lock")._replace(text=waiting)
    transaction = Transaction("7", 29, "RUNNING", 9.0, None, 1, 0, "REPEATABLE READ")
    others = [_thread(40 + number, "Sleep", "")._replace(text="") for number in range(idle)]
    looked = [(reader, transaction, _session(reader, transaction)), (blocked, None, _session(blocked))]
    looked += [(other, None, _session(other)) for other in others]
    in_use = {("shop", "stocks"): 1} | ({("shop", "stock"): times} if times else {})
    (edge,) = inferred_waits(looked, {31: 2.0}, in_use)
    assert (edge.holder, edge.inferred) == (holder, True)


def test_where_nobody_can_tell_the_holder_those_who_could_be_it_are_told_with_the_oldest_transaction_first() -> None:
    blocked = _thread(31, state="Waiting for table metadata lock")._replace(text="ALTER TABLE shop.stock FORCE")
    looked: list[Look] = [(blocked, None, _session(blocked))]
    for number, seconds in ((29, 9.0), (35, 70.0), (36, 0.5)):
        idle = _thread(number, "Sleep", "")._replace(text="")
        transaction = Transaction(str(number), number, "RUNNING", seconds, None, 0, 0, "REPEATABLE READ")
        looked.append((idle, transaction, _session(idle, transaction)))
    pooled = _thread(40, "Sleep", "")._replace(text="")
    looked.append((pooled, None, _session(pooled)))
    (edge,) = inferred_waits(looked, {31: 2.0}, {("shop", "stock"): 1})
    # 36 began after the ALTER did; 40 could have the table by LOCK TABLES … WRITE.
    assert (edge.holder, edge.candidates) == ("", ("35", "29", "40"))
    (alone,) = inferred_waits(looked[:2], {31: 2.0}, {("shop", "stock"): 1})
    assert (alone.holder, alone.candidates) == ("29", ())


def test_a_statement_mentions_a_table_by_name_in_its_own_database_only() -> None:
    assert mentions("SELECT * FROM stock", "shop", "stock", "shop")
    assert not mentions("SELECT * FROM stock", "shop", "stock", "other")
    assert mentions("SELECT * FROM `shop`.`stock`", "shop", "stock", "other")
    assert not mentions("SELECT * FROM stocks, my_stock", "shop", "stock", "shop")


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_what_looks_at_statements(one: str, other: str) -> None:
    mode_of(one)
    mentions(one, other, "stock", other)
    wait_of(one)
    last_deadlock(one)
    key_of(one)


def test_counters_are_numbers_and_a_reset_is_noticed() -> None:
    now = counters_of(
        [{"a": "Queries", "b": "12"}, {"a": "Rpl_status", "b": "AUTH_MASTER"}, {"a": "Innodb_buffer_pool_read_requests", "b": "100"}]
    )
    assert now == {"Queries": 12.0, "Innodb_buffer_pool_read_requests": 100.0}
    assert was_reset(now, {"Queries": 13.0})
    assert not was_reset(now, None)
    assert hit_ratio(now, {"Innodb_buffer_pool_read_requests": 100.0}) is None


def test_mysql_tells_the_checkpoints_age_by_positions_of_its_log() -> None:
    """Status variables of MySQL 8.0.30 and later: 8.0 Reference Manual, 7.1.10, Innodb_redo_log_*."""
    now = {
        "Innodb_redo_log_current_lsn": 1_900_000.0,
        "Innodb_redo_log_checkpoint_lsn": 1_000_000.0,
        "Innodb_redo_log_capacity_resized": 8_000_000.0,
        "Threads_connected": 30.0,
        "Innodb_rows_inserted": 5.0,
    }
    found = {sample.metric: sample.value for sample in counter_samples(now, None, metrics={}, totals=None, totals_before=None, limit=40.0)}
    assert found[catalogue.MYSQL_CHECKPOINT_AGE] == 900_000
    assert found[catalogue.MYSQL_CHECKPOINT_USAGE] == pytest.approx(900_000 / 7_000_000)
    assert found[catalogue.WAL_BYTES] == 1_900_000
    assert found[catalogue.POOL_USAGE] == 0.75
    assert catalogue.ROWS_RATE not in found
    assert catalogue.QUERY_LATENCY not in found


DEADLOCK = """
------------------------
LATEST DETECTED DEADLOCK
------------------------
2026-11-21 14:56:53 0x7f17841b76c0
*** (1) TRANSACTION:
TRANSACTION 1619, ACTIVE 1 sec starting index read
mysql tables in use 1, locked 1
LOCK WAIT 3 lock struct(s), heap size 1136, 2 row lock(s), undo log entries 1
MySQL thread id 37, OS thread handle 139738977662656, query id 142 127.0.0.1 root updating
update t.dl set b=7
 where a=2
*** (1) WAITING FOR THIS LOCK TO BE GRANTED:
RECORD LOCKS space id 5 page no 4 n bits 72 index by_b of table `t`.`dl` trx id 1619 lock_mode X locks rec but not gap waiting
*** (2) TRANSACTION:
TRANSACTION 1620, ACTIVE 1 sec starting index read
MySQL thread id 38, OS thread handle 139738977367744, query id 143 127.0.0.1 root updating
update t.dl set b='secret' where a=1
*** (2) HOLDS THE LOCK(S):
RECORD LOCKS space id 5 page no 4 n bits 72 index PRIMARY of table `t`.`dl` trx id 1620 lock_mode X locks rec but not gap
*** (2) WAITING FOR THIS LOCK TO BE GRANTED:
RECORD LOCKS space id 5 page no 4 n bits 72 index PRIMARY of table `t`.`dl` trx id 1620 lock_mode X locks rec but not gap waiting
*** WE ROLL BACK TRANSACTION (2)
------------
TRANSACTIONS
------------
"""


def test_a_deadlock_is_told_with_its_parties_and_without_their_values() -> None:
    """The text of a MySQL 8.0.15."""
    found = last_deadlock(DEADLOCK)
    assert found is not None
    assert found.moment == "2026-11-21 14:56:53"
    assert [(party.session, party.wanted, party.rolled_back) for party in found.parties] == [
        ("37", "t.dl by by_b", False),
        ("38", "t.dl", True),
    ]
    assert found.parties[1].statement == "update t.dl set b = ? where a = ?"
    assert "secret" not in found.text
    assert last_deadlock("no such section") is None
    assert found.summary == "2026-11-21 14:56:53: session 37 (root) and session 38 (root) about t.dl; session 38 was rolled back"


@pytest.mark.parametrize(
    ("words", "user"),
    [
        ("127.0.0.1 root updating", "root"),
        ("localhost 127.0.0.1 shop Updating", "shop"),
        ("localhost shop update", "shop"),
        ("::1 shop", "shop"),
        ("", ""),
    ],
)
def test_the_user_of_a_deadlock_stands_behind_his_address(words: str, user: str) -> None:
    found = last_deadlock(DEADLOCK.replace("query id 142 127.0.0.1 root updating", f"query id 142 {words}".rstrip()))
    assert found is not None
    assert found.parties[0].user == user


def test_an_idle_transaction_whose_last_statement_is_forgotten_says_so() -> None:
    idle = _thread(1, "Sleep", "")._replace(text=None)
    transaction = Transaction("7", 1, "RUNNING", 9.0, None, 1, 1, "REPEATABLE READ")
    known = {"text": "", "digest": "", "started_at": 1.0}
    assert "performance_schema = ON" in dict(session_of(idle, transaction, keeps_last=False, **known).details)["last statement"]  # type: ignore[arg-type]
    assert "last statement" not in dict(session_of(idle, transaction, keeps_last=True, **known).details)  # type: ignore[arg-type]
    assert "last statement" not in dict(session_of(idle, None, keeps_last=False, **known).details)  # type: ignore[arg-type]


def test_a_text_that_runs_and_the_servers_digest_text_of_it_are_one_statement() -> None:
    names = DigestNames(TextDigests(Dialect.MYSQL))
    digest = "0123456789abcdef0123456789abcdef"
    names.learn(digest, "SELECT `amount` FROM `stock` WHERE `id` IN (...) AND `name` = ?")
    text = "select amount from stock where id in (1, 2, 3) and name = 'x'"
    assert names.seen(None, text, "shop") == "0123456789abcdef"
    assert names.seen(digest, text, "shop") == "0123456789abcdef"
    assert names.seen(digest, text, "other") == "0123456789abcdef@other"
    assert names.seen(None, "SELECT something else", "shop") not in {"", "0123456789abcdef"}
    assert readable_text("SELECT `a` . `b` , COUNT ( * ) FROM `t`") == "SELECT a.b, COUNT(*) FROM t"


@pytest.mark.parametrize(
    ("name", "state", "kind", "does"),
    [
        ("thread/sql/slave_io", "Waiting for master to send event", "replication receiver", ""),
        ("thread/sql/replica_worker", "Waiting for an event from Coordinator", "replication worker", ""),
        ("thread/sql/replica_worker", "Applying batch of row changes (update)", "replication worker", "active"),
        ("thread/sql/slave_sql", "Slave has read all relay log; waiting for more updates", "replication applier", ""),
        ("thread/sql/one_connection", "Sending data", "", "active"),
        ("thread/thread_pool/worker", "Sending data", "", "active"),
    ],
)
def test_a_replicas_threads_are_its_own_also_under_the_name_of_who_started_them(name: str, state: str, kind: str, does: str) -> None:
    # MySQL 8.0 after START REPLICA typed by app: performance_schema.threads gives all of them that user.
    thread = _thread(7, command="Connect" if "_io" in name else "Query", state=state, seconds=101.0, name=name)
    session = _session(thread)
    assert (session.kind, session.state) == (kind, does)
    assert session.user == ("system user" if kind else "app")
    figures = activity_of([(thread, None, session)], None)
    assert figures.statement_seconds == (0 if kind else 101)


def test_transactions_are_all_where_they_are_counted_else_those_that_wrote_else_unknown() -> None:
    # MariaDB 10.11: ten INSERTs with autocommit add 20 to Innodb_max_trx_id and nothing to Com_commit.
    assert transactions({"Innodb_max_trx_id": 20.0, "Com_commit": 0.0}, None) == 10
    assert transactions({"Com_rollback": 2.0}, {"transactions": 12}) == 10
    assert transactions({"Com_commit": 7.0}, None) is None
    assert transactions({"Com_commit": 7.0}, {"transactions": None}) is None


def test_older_mysql_tells_the_checkpoints_age_in_its_report() -> None:
    report = "---\nLOG\n---\nLog sequence number          19061075\nLast checkpoint at           19000000\n"
    age, usage = checkpoint_samples(report, 8_388_608.0)
    assert (age.metric, age.value) == (catalogue.MYSQL_CHECKPOINT_AGE, 61_075)
    assert usage.value == pytest.approx(61_075 / 7_340_032)
    assert [each.metric for each in checkpoint_samples(report, None)] == [catalogue.MYSQL_CHECKPOINT_AGE]
    assert checkpoint_samples("", 1.0) == ()


def test_our_own_threads_are_nobody_that_waits() -> None:
    def row(thread: int | None, mode: str, granted: int) -> dict[str, object]:
        return {"thread": thread, "type": "TABLE", "schema": "s", "name": "a", "mode": mode, "granted": granted}

    rows = [row(51, "SHARED_READ", 1), row(52, "EXCLUSIVE", 0), row(60, "SHARED", 0), row(None, "SHARED_WRITE", 1)]
    locks = locks_of(rows, {51: 11, 52: 12})
    assert {(one.waiter, one.holder) for one in metadata_waits_of(locks, {})} == {("12", "11"), ("12", "0")}


def test_no_transaction_is_older_than_its_session() -> None:
    # InnoDB tells when a transaction began in whole seconds, the session's own age is exact.
    open_one = Transaction("7", 1, "RUNNING", 41.0, None, 1, 1, "")
    session = session_of(_thread(1, "Sleep", "", 40.2), open_one, text="", digest="", started_at=1.0, connected_seconds=40.3)
    assert session.transaction_seconds == 40.3
