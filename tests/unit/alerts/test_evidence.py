"""What is kept of the moment an alert fired: who blocks, what changed, what takes the time; no literals, no personal data."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.values import Event, EventKind, LockWait, Session, Severity, Statement, TargetId
from alerts.evidence import NO_BACKUP, Sight, evidence_of
from alerts.models import Alert, InstanceKey, Level, Phase

NOW = 1_800_000_000.0
ALERT = Alert("f" * 16, "locks", InstanceKey(TargetId("orders")), (), Phase.FIRING, Level.CRITICAL, value=17.0)
HEAD = Session("4121", "billing", "10.0.3.7", "worker", state="idle in transaction", text="UPDATE t SET a = 'x'", transaction_seconds=724.0)
WAITS = (
    LockWait("4188", "4121", "orders", "transactionid", 712.0),
    LockWait("4201", "4188", "orders", "tuple", 550.0),
    LockWait("4190", "4121", "orders", "AccessExclusive", 601.0),
)


def shown(text: str) -> str:
    return text.replace("'x'", "?")


def test_the_head_of_the_longest_queue_is_the_first_cause_and_the_root_of_the_tree() -> None:
    found = evidence_of(ALERT, Sight(NOW, sessions=(HEAD,), lock_waits=WAITS), shown)
    assert found.causes == ("3 sessions wait behind session 4121 (billing, worker), idle in transaction for 12m04s",)
    assert found.lock_tree == (
        "session 4121 (billing, worker), idle in transaction for 12m04s: UPDATE t SET a = ?",
        "  session 4188 waits for 11m52s for transactionid on orders",
        "    session 4201 waits for 9m10s for tuple on orders",
        "  session 4190 waits for 10m01s for AccessExclusive on orders",
    )
    assert (found.fingerprint, found.at, found.value, found.last_backup) == (ALERT.fingerprint, NOW, 17.0, NO_BACKUP)


def test_a_ring_of_waits_has_an_end() -> None:
    ring = (LockWait("1", "2", "t", "x"), LockWait("2", "1", "t", "x"), LockWait("3", "1", "t", "x"))
    assert evidence_of(ALERT, Sight(NOW, lock_waits=ring), shown).lock_tree == ()
    assert evidence_of(ALERT, Sight(NOW, lock_waits=(*ring, LockWait("1", "9", "t", "x"))), shown).lock_tree[0] == "session 9"


def test_a_holder_that_no_server_names_is_told_by_who_it_could_be() -> None:
    sessions = tuple(replace(HEAD, id=name, transaction_seconds=2.0) for name in ("6", "7", "10"))
    waits = tuple(LockWait(name, "", "shop.t", "EXCLUSIVE", 3.0, candidates=("10", "6", "7", "2", "1")) for name in ("11", "12"))
    found = evidence_of(ALERT, Sight(NOW, sessions=sessions, lock_waits=waits), shown)
    assert found.causes == ("2 sessions wait behind a holder that the server does not name, probably 10, else 6 or 7",)
    assert found.lock_tree[0] == "probably 10, else 6 or 7; the server does not tell"
    nobody = evidence_of(ALERT, Sight(NOW, lock_waits=(LockWait("11", "", "shop.t", "EXCLUSIVE"),)), shown)
    assert nobody.lock_tree[0] == "a holder that the server does not name"
    assert nobody.causes == ("1 session waits behind a holder that the server does not name",)


def test_a_prepared_transaction_is_no_session() -> None:
    found = evidence_of(ALERT, Sight(NOW, lock_waits=(LockWait("11", "0", "orders", "x"),)), shown)
    assert (found.causes, found.lock_tree[0]) == (
        ("1 session waits behind a prepared transaction",),
        "a prepared transaction, which no session owns",
    )


def test_what_changed_just_before_is_a_cause_and_stands_in_its_list() -> None:
    events = (
        Event(NOW - 60, TargetId("orders"), EventKind.RESTART, Severity.WARNING, "restarted"),
        Event(NOW - 300, TargetId("orders"), EventKind.SETTING, Severity.OK, "setting work_mem changed from 4MB to 1GB"),
        Event(NOW - 50_000, TargetId("orders"), EventKind.SETTING, Severity.OK, "setting jit changed from on to off"),
        Event(NOW - 10, TargetId("orders"), EventKind.ALERT, Severity.WARNING, "lag fires"),
        Event(NOW - 90_000, TargetId("orders"), EventKind.SETTING, Severity.OK, "setting old changed"),
        Event(NOW + 5, TargetId("orders"), EventKind.RESTART, Severity.WARNING, "restarted later"),
    )
    found = evidence_of(ALERT, Sight(NOW, events=events), shown)
    assert found.causes == ("1m00s before: restarted", "5m00s before: setting work_mem changed from 4MB to 1GB")
    assert [line.partition(": ")[2] for line in found.events] == ["restarted"]
    assert [line.rpartition("setting ")[2].split()[0] for line in found.setting_changes] == ["work_mem", "jit"]


def test_on_a_quiet_server_no_statement_is_a_cause() -> None:
    reading = Statement("own", "INFO", 1_000, 900.0)
    found = evidence_of(ALERT, Sight(NOW, statements=(reading,), statement_rates={"own": 3.0}), shown)
    assert found.causes == ()
    assert found.statements[0].startswith("100% of the time just now")


def test_the_statement_that_takes_the_time_just_now_comes_first() -> None:
    old = Statement("old", "SELECT 1", 1_000, 9_000.0)
    new = Statement("new", "SELECT a FROM t WHERE b = 'x'", 10, 80.0)
    found = evidence_of(ALERT, Sight(NOW, statements=(old, new), statement_rates={"old": 10.0, "new": 990.0}), shown)
    assert found.statements[0] == "99% of the time just now, mean 8ms, digest new: SELECT a FROM t WHERE b = ?"
    assert found.causes == ("one statement takes 99% of the time: SELECT a FROM t WHERE b = ?",)
    ever = evidence_of(ALERT, Sight(NOW, statements=(old, new)), shown)
    assert ever.statements[0].startswith("99% of the time, mean 9ms, digest old")
    assert ever.causes == ()


def test_without_a_way_to_show_a_statement_its_text_is_left_out() -> None:
    found = evidence_of(ALERT, Sight(NOW, sessions=(HEAD,), lock_waits=WAITS), lambda _text: "")
    assert found.sessions == ("session 4121 (billing, worker), idle in transaction for 12m04s",)


def test_personal_data_is_masked_wherever_it_stands() -> None:
    session = Session("1", "ada@example.org", application="psql", state="active", text="", statement_seconds=60.0)
    event = Event(NOW - 5, TargetId("orders"), EventKind.ACTION, Severity.OK, "ada@example.org ended session 7, password=hunter2")
    found = evidence_of(ALERT, Sight(NOW, sessions=(session,), events=(event,)), shown)
    everything = repr(found)
    assert "example.org" not in everything
    assert "hunter2" not in everything


def test_lists_are_bounded_whatever_there_is() -> None:
    sessions = tuple(Session(str(number), "u", state="active", text="x " * 5_000, statement_seconds=60.0) for number in range(500))
    waits = tuple(LockWait(str(number), "0", "t", "x", 1.0) for number in range(1, 500))
    found = evidence_of(ALERT, Sight(NOW, sessions=sessions, lock_waits=waits), lambda text: text)
    assert len(found.lock_tree) == 12
    assert len(found.sessions) == 5
    assert max(len(line) for line in found.sessions) < 400


def test_a_target_of_which_nothing_is_known_has_no_causes() -> None:
    found = evidence_of(ALERT, Sight(NOW), shown)
    assert (found.causes, found.statements, found.sessions, found.lock_tree, found.events) == ((), (), (), (), ())


def test_who_has_the_connections_is_named_idle_ones_included() -> None:
    idle = [Session(str(number), "web", f"10.0.0.1:{40_000 + number}", "shop", state="idle") for number in range(24)]
    busy = [Session(f"b{number}", "web", "10.0.0.1:9", "shop", state="active") for number in range(4)]
    other = Session("c", "ana", "10.0.0.2", "psql", state="idle")
    worker = Session("w", kind="autovacuum worker", state="active")
    found = evidence_of(ALERT, Sight(NOW, counts_sessions=True, sessions=(other, *idle, *busy, worker)), shown)
    assert found.holders == ("28 sessions of shop, web from 10.0.0.1: 24 idle, 4 active", "1 session of psql, ana from 10.0.0.2: 1 idle")
    assert found.causes == found.holders
    assert evidence_of(ALERT, Sight(NOW, sessions=(other, *idle)), shown).causes == ()


def test_a_change_that_is_noticed_as_settings_are_read_for_the_alert_is_in_its_evidence_and_what_happens_then_is_not() -> None:
    late = Event(NOW + 2, TargetId("orders"), EventKind.SETTING, Severity.OK, "setting work_mem changed from 4096 to 7168")
    restarted = replace(late, kind=EventKind.RESTART, text="restarted")
    much_later = replace(late, at=NOW + 60, text="setting jit changed from on to off")
    found = evidence_of(ALERT, Sight(NOW, events=(much_later, restarted, late)), lambda text: text)
    assert [line.partition("UTC  ")[2] for line in found.setting_changes] == ["setting: setting work_mem changed from 4096 to 7168"]
    assert (found.events, found.causes) == ((), ("noticed as it fired: setting work_mem changed from 4096 to 7168",))
