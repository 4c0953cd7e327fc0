"""What the one-shot commands print of what was read, as shapes and as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.catalogue import CONNECTIONS_MAX, CONNECTIONS_USED, LOCKS_WAITING, PG_SLOTS_INACTIVE, QUERY_DURATION, SQLITE_TABLE_SIZE
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import (
    Ability,
    Facts,
    Failure,
    FailureCode,
    LockWait,
    Part,
    Reading,
    Sample,
    Session,
    Severity,
    Statement,
    TargetId,
    Tier,
)
from aishell_tui.assess import assess, judged_metrics
from aishell_tui.cli.reports.connect import ability_rows, connect_report, connect_text, readiness
from aishell_tui.cli.reports.health import health_report, health_text
from aishell_tui.cli.reports.looked import Looked, exit_code, metric_values
from aishell_tui.cli.reports.metrics import metrics_text
from aishell_tui.cli.reports.sessions import sessions_report, sessions_text
from aishell_tui.cli.reports.statements import statements_report, statements_text
from aishell_tui.cli.reports.status import status_report, status_text
from aishell_tui.cli.statements import Order
from aishell_tui.frame import Assessment, Reason, TargetView, absorb

NOW = 1_800_000_000.0
HOSTILE = "SELECT '\x1b[31m[bold]\x07\n\u202e' FROM t"
STATEMENTS = (
    Statement("a", HOSTILE, 10, 900.0, max_milliseconds=500.0),
    Statement("b", "SELECT 1", 1000, 100.0, p95_milliseconds=0.2),
    Statement("c", "SELECT 2", 0, 0.0),
)
SESSIONS = (
    Session("p1", "app", state="active", text=HOSTILE, statement_seconds=2.5),
    Session("p2", "app", state="waiting", wait="write lock"),
    Session("p3", "report", state="idle"),
)
WAITS = (LockWait("p2", "p1", "orders", "RESERVED", 12.0), LockWait("", "p3", "users", "SHARED"))


def _view(name: str = "app", **parts: object) -> TargetView:
    """A target that was just read, judged."""
    target = Target(TargetId(name), Location("sqlite", path=Path(f"/srv/{name}.db")))
    reading = Reading(
        target.name,
        Tier.HOT,
        NOW,
        samples=(
            Sample(CONNECTIONS_USED, 3),
            Sample(CONNECTIONS_MAX, 10),
            Sample(QUERY_DURATION, 2500.0),
            Sample(SQLITE_TABLE_SIZE, 4096, (("table", 'o"rders'),)),
        ),
        facts=Facts("sqlite", "3.45.0", "file"),
    )
    store = SeriesStore()
    reading = replace(reading, **parts)  # type: ignore[arg-type]
    store.add(reading, 1.0)
    view = absorb(TargetView(target, store.snapshot(target.name)), reading, store.snapshot(target.name), 1.0)
    return replace(view, assessment=assess(view, NOW, judged_metrics("sqlite", {})))


def _looked(*views: TargetView) -> Looked:
    return Looked(views, NOW + 0.5, {})


def test_figures_have_unit_age_and_labels() -> None:
    """Only what is known is listed, under its name with labels."""
    values = metric_values(_view(), NOW + 0.5)
    assert list(values) == ["connections.max", "connections.used", "query.duration", 'sqlite.table.size{table="o\\"rders"}']
    assert (values["query.duration"].value, values["query.duration"].unit, values["query.duration"].age_seconds) == (2500.0, "ms", 0.5)


def test_a_status_line_says_the_state_and_below_it_why() -> None:
    """Severity as glyph and word, engine, the figures; the reasons as sentences."""
    waiting = _view(samples=(Sample(LOCKS_WAITING, 12),), lock_waits=WAITS)
    lines = status_text(_looked(waiting, _view("other")), unicode=True).splitlines()
    assert lines[0].split() == ["TARGET", "ENGINE", "ROLE", "CONN", "TPS", "QPS", "HIT", "LONGEST", "SIZE"]
    assert lines[1].startswith("✖ critical  app")
    assert lines[2] == "  └ 1 session waits behind p1, the longest for 12s"
    assert lines[3].split() == ["●", "ok", "other", "sqlite", "3.45.0", "file", "3/10", "-", "-", "-", "2.5s", "-"]
    assert status_text(_looked(waiting), unicode=False).isascii()


def test_the_report_names_reasons_and_version() -> None:
    """The same for scripts; a version that is not known is null, not an empty text."""
    report = status_report(_looked(_view(facts=None)))
    assert (report.targets[0].state, report.targets[0].version, report.targets[0].reasons) == ("ok", None, ())


@pytest.mark.parametrize(("severity", "code"), [(Severity.OK, 0), (Severity.WARNING, 1), (Severity.CRITICAL, 2), (Severity.UNKNOWN, 3)])
def test_states_have_their_exit_codes(severity: Severity, code: int) -> None:
    """The promise to scripts."""
    assert exit_code(severity) == code


def test_the_worst_state_of_all_counts() -> None:
    """One critical target among unknown and warning ones makes the whole look critical; none at all is ok."""
    views = [replace(_view(), assessment=replace(_view().assessment, severity=severity)) for severity in Severity]
    assert _looked(*views).state is Severity.CRITICAL
    assert _looked().state is Severity.OK


def test_a_health_check_lists_every_figure_with_a_threshold() -> None:
    """Value and limits in words for people, in the metric's unit for scripts; the worst first."""
    looked = _looked(_view(samples=(Sample(QUERY_DURATION, 400_000.0), Sample(LOCKS_WAITING, 0))))
    report = health_report(looked)
    first, second = report.targets[0].checks
    assert (first.metric, first.state, first.value, first.unit) == ("query.duration", "critical", 400_000.0, "ms")
    assert (first.warning, first.critical, second.state) == (30_000, 300_000, "ok")
    lines = health_text(looked, report, unicode=True).splitlines()
    assert lines[3].split() == ["✖", "query.duration", "6m40s", "30s", "5m00s"]


def test_a_limit_that_counts_after_a_minute_is_told_as_what_it_would_be() -> None:
    """One look cannot know it, and must not look as if all were well with the figure."""
    target = Target(TargetId("shop"), Location("postgres", host="db"))
    reading = Reading(target.name, Tier.WARM, NOW, (Sample(PG_SLOTS_INACTIVE, 2),))
    store = SeriesStore()
    store.add(reading, 15.0)
    view = absorb(TargetView(target, store.snapshot(target.name)), reading, store.snapshot(target.name), 15.0)
    looked = _looked(view)
    report = health_report(looked)
    (check,) = report.targets[0].checks
    assert (check.state, check.passed_now, check.sustained_seconds) == ("ok", "warning", 60.0)
    text = health_text(looked, report, unicode=True)
    assert "postgres.slots.inactive counts as warning after 1m00s, which has not been measured here" in text
    assert "counts as" not in health_text(_looked(_view()), health_report(_looked(_view())), unicode=True)


def test_what_could_not_be_read_is_said_once() -> None:
    """Two tiers that met the same failure are one line, with what to do."""
    failure = Failure("statements", FailureCode.UNSUPPORTED, "there is no statement log", "use logged_connect", NOW)
    view = _view(failures=(failure, replace(failure, at=NOW + 1)))
    report = health_report(_looked(view))
    assert [row.message for row in report.targets[0].failures] == ["there is no statement log"]
    text = health_text(_looked(view), report, unicode=True)
    assert text.count("statements: there is no statement log (use logged_connect)") == 1


def test_what_could_not_be_read_and_is_why_the_state_is_unknown_is_said_once_with_its_hint() -> None:
    failures = (
        Failure("server status", FailureCode.MISSING, "not told", "ask another", NOW),
        Failure("server status", FailureCode.MISSING, "not told", "ask another", NOW + 1),
        Failure("statements", FailureCode.UNSUPPORTED, "there is no log", "", NOW),
    )
    assessment = Assessment(Severity.UNKNOWN, (Reason(Severity.UNKNOWN, "server status: not told"), Reason(Severity.UNKNOWN, "silent")))
    looked = _looked(replace(_view(failures=failures), assessment=assessment))
    lines = health_text(looked, health_report(looked), unicode=True).splitlines()
    assert lines[1:3] == ["  server status: not told (ask another)", "  silent"]
    assert lines[-1] == "  statements: there is no log"
    assert sum("not told" in line for line in lines) == 1


@pytest.mark.parametrize(("order", "digests"), [(Order.TOTAL, "abc"), (Order.MEAN, "abc"), (Order.MAX, "abc"), (Order.CALLS, "bac")])
def test_statements_are_sorted_and_limited(order: Order, digests: str) -> None:
    """By total, mean, longest or calls; shares are of all statements, not of the ones listed."""
    (target,) = statements_report(_looked(_view(statements=STATEMENTS)), order, 2).targets
    assert target.statements is not None
    assert "".join(row.digest for row in target.statements) == digests[:2]
    assert {row.digest: row.share for row in target.statements} == {"a": 0.9, "b": 0.1}


def test_unknown_figures_of_a_statement_are_null() -> None:
    """No call has no mean; what the engine does not count is n/a for people."""
    looked = _looked(_view(statements=STATEMENTS))
    report = statements_report(looked, Order.TOTAL, 10)
    assert report.targets[0].statements is not None
    assert report.targets[0].statements[2].mean_milliseconds is None
    assert report.targets[0].statements[1].max_milliseconds is None
    assert statements_text(looked, report).splitlines()[4].split()[:5] == ["0%", "0", "n/a", "n/a", "n/a"]


def test_none_counted_and_none_countable_are_told_apart() -> None:
    """An empty log is another thing than an engine that cannot count."""
    empty, without = _view(statements=()), _view()
    hidden = replace(
        empty, failures_by_tier=((Tier.HOT, (Failure(Part.STATEMENTS, FailureCode.PRIVILEGE, "hidden from ada", "GRANT x"),)),)
    )
    assert "no statement that this role may see" in statements_text(_looked(hidden), statements_report(_looked(hidden), Order.TOTAL, 5))
    assert "no statement has been counted yet" in statements_text(_looked(empty), statements_report(_looked(empty), Order.TOTAL, 5))
    assert "does not count its statements" in statements_text(_looked(without), statements_report(_looked(without), Order.TOTAL, 5))
    assert statements_report(_looked(without), Order.TOTAL, 5).targets[0].statements is None


def test_sessions_say_who_waits_for_whom() -> None:
    """The lock as a sentence; --waiting leaves only those who are part of a wait."""
    looked = _looked(_view(sessions=SESSIONS, lock_waits=WAITS))
    text = sessions_text(looked, sessions_report(looked))
    assert "  p2 waits for 12s behind p1: orders RESERVED" in text
    assert "  p3 holds users SHARED" in text
    (target,) = sessions_report(looked, waiting=True).targets
    assert target.sessions is not None
    assert [row.id for row in target.sessions] == ["p1", "p2"]


def test_text_from_a_database_does_no_harm() -> None:
    """Control characters, markup and line ends of statements, names and errors stay on their line."""
    failure = Failure("settings", FailureCode.INTERNAL, HOSTILE, HOSTILE, NOW)
    view = _view("app\x1b[2J", statements=STATEMENTS, sessions=SESSIONS, failures=(failure,), facts=Facts(HOSTILE, HOSTILE, HOSTILE))
    looked = _looked(view)
    texts = (
        status_text(looked, unicode=True),
        health_text(looked, health_report(looked), unicode=True),
        statements_text(looked, statements_report(looked, Order.TOTAL, 5)),
        sessions_text(looked, sessions_report(looked)),
        metrics_text(looked),
    )
    for text in texts:
        assert all(character.isprintable() or character == "\n" for character in text)
    assert "[bold]" in texts[2]


def test_a_connection_is_ready_by_what_can_be_read() -> None:
    """A missing part is a warning, a target that cannot be read is as bad as it is; health does not count."""
    failure = Failure("sessions", FailureCode.PRIVILEGE, "not allowed", "GRANT it", NOW)
    assert readiness(_view(samples=(Sample(QUERY_DURATION, 400_000.0),))) is Severity.OK
    assert readiness(_view(failures=(failure,))) is Severity.WARNING
    missing = Failure("target", FailureCode.MISSING, "no such file", "", NOW)
    assert readiness(_view(failures=(missing,))) is Severity.CRITICAL


def test_what_a_server_lacks_is_listed_as_absent_and_no_fault_of_the_connection() -> None:
    """Neither what its engine is without nor what this very server has not been given."""
    lacking = Failure("sessions", FailureCode.UNSUPPORTED, "it lists no sessions", "MongoDB itself has it", NOW)
    view = replace(_view(failures=(lacking,)), abilities=Ability.SESSIONS)
    assert readiness(view) is Severity.OK
    absent = {row.ability for row in ability_rows(view) if row.absent}
    assert {"sessions", "locks", "explain", "progress"} <= absent
    assert not {"connect", "metrics"} & absent
    report = connect_report(view, view.target.location, Severity.OK, None)
    last = connect_text(report, None, unicode=True).splitlines()[-1]
    assert last.startswith("n/a here, which is no fault of the connection: sessions, locks,")
    # That nobody could be asked at all is no lack of the server's.
    wrong = Failure("target", FailureCode.UNSUPPORTED, "sslmode is 'bogus'", "did you mean disable?", NOW)
    assert [(row.ability, row.absent) for row in ability_rows(_view(failures=(wrong,)))] == [("connect", False)]
    # A refusal beside it is something that a GRANT would mend.
    refused = Failure("settings", FailureCode.PRIVILEGE, "not allowed", "GRANT it", NOW)
    assert readiness(_view(failures=(lacking, refused))) is Severity.WARNING


@pytest.mark.parametrize("part", ["progress", "explain", "integrity"])
def test_what_failed_is_not_said_to_work_in_another_line(part: str) -> None:
    """One line for each ability, whichever way it is read."""
    refused = Failure(part, FailureCode.PRIVILEGE, "not allowed", "GRANT it", NOW)
    view = replace(_view(failures=(refused,)), abilities=Ability.PROGRESS | Ability.EXPLAIN | Ability.INTEGRITY)
    (row,) = [row for row in ability_rows(view) if row.ability == part]
    assert (row.works, row.detail, row.hint) == (False, "not allowed", "GRANT it")


def test_every_ability_is_listed_with_its_reason() -> None:
    """What was read with its number, what failed with its reason and hint, what the engine lacks as such."""
    failure = Failure(Part.SESSIONS.value, FailureCode.PRIVILEGE, "not allowed", "GRANT it", NOW)
    other = Failure("schema", FailureCode.EMPTY, "the file is empty", "", NOW)
    view = replace(
        _view(statements=STATEMENTS, failures=(failure, other, replace(other, at=NOW + 1))),
        abilities=Ability.SESSIONS | Ability.STATEMENTS | Ability.EXPLAIN,
    )
    listed = list(ability_rows(view))
    rows = {row.ability: row for row in listed}
    assert len(rows) == len(listed)
    assert rows["connect"].detail == "sqlite 3.45.0 file"
    assert (rows["statements"].works, rows["statements"].detail) == (True, "3 read")
    assert (rows["sessions"].works, rows["sessions"].detail, rows["sessions"].hint) == (False, "not allowed", "GRANT it")
    assert (rows["replication"].works, rows["replication"].detail) == (False, "SQLite does not offer it")
    assert (rows["explain"].works, rows["integrity"].works, rows["schema"].detail) == (True, False, "the file is empty")


def _listed(*failures: Failure) -> dict[str, tuple[bool, str, str]]:
    view = replace(_view(failures=failures), abilities=Ability.EXPLAIN | Ability.INTEGRITY)
    return {row.ability: (row.works, row.detail, row.hint) for row in ability_rows(view)}


def test_what_cannot_be_asked_now_is_said_to_fail_with_the_reason() -> None:
    """Plans and checks read the content: what keeps that closed keeps them closed too; damage is what a check is for."""
    orphaned = Failure("schema", FailureCode.LOCKED, "its index (-shm) is gone", "open it once", NOW)
    rows = _listed(orphaned)
    assert rows["explain"] == rows["integrity"] == (False, "cannot be asked now: its index (-shm) is gone", "open it once")
    damaged = _listed(Failure("pages", FailureCode.DAMAGED, "app.db is damaged", "", NOW))
    assert (damaged["explain"][0], damaged["integrity"][0]) == (False, True)
    slow = _listed(Failure("relations", FailureCode.TIMEOUT, "no answer within 15s", "", NOW))
    assert (slow["explain"][0], slow["integrity"][0]) == (True, True)


def test_a_right_that_one_part_of_a_server_lacks_is_not_in_the_way_of_others() -> None:
    refused = Failure("relations", FailureCode.PRIVILEGE, "PROCESS is needed", "GRANT PROCESS", NOW)
    view = replace(_view(failures=(refused,)), abilities=Ability.RELATIONS | Ability.EXPLAIN | Ability.PROGRESS)
    rows = {row.ability: row for row in ability_rows(view)}
    assert (rows["relations"].works, rows["explain"].works, rows["progress"].works) == (False, True, True)


def test_an_empty_database_is_well_connected() -> None:
    """That it holds no tables yet is told, and is nothing that fails."""
    empty = Failure("schema", FailureCode.EMPTY, "app.db holds no tables yet", "nothing to do yet", NOW)
    assert readiness(_view(failures=(empty,))) is Severity.OK
    rows = _listed(empty)
    assert rows["schema"] == (True, "app.db holds no tables yet", "nothing to do yet")
    assert (rows["explain"][0], rows["integrity"][0]) == (True, True)
