"""aishell alerts over a state that a service of alerts has left: what is listed, done, recorded and refused."""

from __future__ import annotations

import re
import time
from array import array
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from aishell_core.catalogue import CATALOGUE
from aishell_core.safety.audit_reading import read_audit
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId, Tier
from alerts.models import Alert, InstanceKey, Level, Phase
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book
from alerts.store import alert_rows
from alerts.store.database import AlertStore
from tests.alert_service import Station, usage_rule
from tests.alert_values import NOW
from tests.command_line import Ran, run_here
from tests.fake_clock import FakeClock

Capture = pytest.CaptureFixture[str]
AGO_SECONDS = 300.0
LONGER_SECONDS = 400
ALL_BUILTIN = len(load_book([], builtin=BUILTIN_SETS).rules)


@pytest.fixture
def station(aishell_home: Path) -> Station:
    """A service whose clock stands some minutes back, so that for the commands nobody evaluates."""
    warning = usage_rule(annotations=(("summary", "{{ target }} has {{ value }}"),))
    critical = usage_rule("pool_gone", "pool.usage > 99%", Level.CRITICAL)
    clock = FakeClock(time.time() - AGO_SECONDS)
    return Station(aishell_home / "state", warning, critical, clock=clock, targets=("orders", "stock"))


def rows_of(ran: Ran, name: str = "alerts") -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], ran.json()[name])


def listed(capsys: Capture, *options: str) -> list[dict[str, Any]]:
    return rows_of(run_here(capsys, "alerts", "list", "--json", *options))


def configured(home: Path, text: str) -> None:
    (home / "config.yaml").write_text(text)


async def test_the_list_says_what_fires_and_that_nobody_evaluates(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95, stock=0.5)
    ran = run_here(capsys, "alerts", "list")
    assert ran.code == 1
    assert re.search(r"^warning +firing unjudged +[0-9hms]+ +pool_full +orders +95%, threshold 90% +[0-9a-f]{8}$", ran.out, re.MULTILINE)
    assert "nobody evaluates alerts now, and nobody is told: open a dashboard; the last evaluation was " in ran.out
    (row,) = listed(capsys)
    assert (row["rule"], row["target"], row["phase"], row["level"], row["value"]) == ("pool_full", "orders", "firing", "warning", 0.95)
    assert row["annotations"] == {"summary": "orders has 95%"}
    assert len(row["id"]) == 16


async def test_the_exit_code_is_the_worst_level_that_is_told(station: Station, capsys: Capture) -> None:
    assert run_here(capsys, "alerts", "list").code == 3
    await station.watch(2, orders=0.95, stock=1.0)
    assert run_here(capsys, "alerts", "list").code == 2
    assert run_here(capsys, "alerts", "silence", "target=stock", "--for", "1h").code == 0
    await station.watch(LONGER_SECONDS, orders=0.95, stock=1.0)
    assert run_here(capsys, "alerts", "list").code == 1
    assert [row["phase"] for row in listed(capsys)] == ["firing"] * 3


async def test_it_is_narrowed_by_target_and_level(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95, stock=1.0)
    assert {row["rule"] for row in listed(capsys, "--target", "orders")} == {"pool_full"}
    assert {row["target"] for row in listed(capsys, "--level", "critical")} == {"stock"}
    await station.watch(LONGER_SECONDS, orders=0.95, stock=1.0)
    for words, code in ((("--target", "orders"), 1), (("--level", "critical"), 2), (("--target", "orders", "--level", "critical"), 3)):
        assert run_here(capsys, "alerts", "list", *words).code == code, words
    ran = run_here(capsys, "alerts", "list", "--level", "critcal")
    assert (ran.code, "did you mean critical?" in ran.err) == (64, True)


async def test_an_alert_is_acknowledged_by_the_beginning_of_its_id_and_the_service_hears_it(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95)
    (row,) = listed(capsys)
    ran = run_here(capsys, "alerts", "ack", row["id"][:6], "--note", "I look")
    assert (ran.code, "has it" in ran.out) == (0, True)
    view = await station.watch(1, orders=0.95)
    said = view.alerts[0].acknowledgement
    assert said is not None
    assert said.note == "I look"
    (row,) = listed(capsys)
    assert (row["owner"], row["note"]) == (said.owner, "I look")
    assert run_here(capsys, "alerts", "unack", "pool_full").code == 0
    assert (await station.watch(1, orders=0.95)).alerts[0].acknowledgement is None
    assert run_here(capsys, "alerts", "unack", "pool_full").code == 64


async def test_a_name_that_means_none_or_several_is_told(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95, stock=0.95)
    ran = run_here(capsys, "alerts", "ack", "pool_ful")
    assert (ran.code, "did you mean pool_full?" in ran.err) == (64, True)
    ran = run_here(capsys, "alerts", "ack", "pool_full")
    assert (ran.code, "means 2 alerts" in ran.err, "(stock)" in ran.err) == (64, True, True)
    ran = run_here(capsys, "alerts", "ack", listed(capsys)[0]["id"][:2])
    assert (ran.code, "give 4 characters of it at least" in ran.err) == (64, True)


async def test_show_says_all_that_is_known_also_after_the_end(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95)
    (row,) = listed(capsys)
    ran = run_here(capsys, "alerts", "show", row["id"])
    assert ran.code == 0
    for words in (
        "warning firing unjudged: pool_full on orders",
        "orders has 95%",
        "95%, threshold 90%",
        "hook: delivered  200 OK",
        "fired",
    ):
        assert words in ran.out
    await station.watch(2, orders=0.5)
    await station.watch(1000, orders=0.5)
    assert listed(capsys) == []
    shown = run_here(capsys, "alerts", "show", row["id"][:8], "--json").json()
    alert = cast(dict[str, Any], shown["alert"])
    assert (alert["id"], alert["phase"]) == (row["id"], "resolved")
    assert [change["kind"] for change in cast(list[dict[str, Any]], shown["changes"])] == ["resolved", "fired"]
    assert [each["delivered"] for each in cast(list[dict[str, Any]], shown["deliveries"])] == [True, True]
    assert run_here(capsys, "alerts", "show", "nothing").code == 64


async def test_show_prints_the_steps_of_the_rule_with_names_filled_in(aishell_home: Path, capsys: Capture) -> None:
    configured(
        aishell_home,
        "alerts:\n  rules:\n    - name: pool_full\n      condition: pool.usage > 90%\n      reason: New clients wait.\n"
        '      runbook: https://wiki.example/pool\n      steps: [{text: Who holds them?, command: "aishell sessions -d {{ target }}"}]\n',
    )
    clock = FakeClock(time.time() - AGO_SECONDS)
    await Station(aishell_home / "state", usage_rule(), clock=clock, targets=("my orders",)).watch(2, **{"my orders": 0.95})
    out = run_here(capsys, "alerts", "show", "pool_full").out
    for words in ("New clients wait.", "https://wiki.example/pool", "Who holds them?", "aishell sessions -d 'my orders'"):
        assert words in out


async def test_a_silence_is_made_extended_ended_and_recorded(station: Station, aishell_home: Path, capsys: Capture) -> None:
    await station.watch(2, orders=0.95, stock=0.95)
    ran = run_here(capsys, "alerts", "silence", "target=orders", "--for", "2h", "--comment", "moving", "--json")
    made = cast(dict[str, Any], ran.json()["silence"])
    assert (ran.code, ran.json()["matching"], made["matchers"], made["comment"]) == (0, 1, ['target="orders"'], "moving")
    assert rows_of(run_here(capsys, "alerts", "silences", "--json"), "silences") == [made]
    view = await station.watch(LONGER_SECONDS, orders=0.95, stock=0.95)
    assert {str(each.key.target): each.silenced_by for each in view.alerts} == {"orders": (made["id"],), "stock": ()}
    longer = run_here(capsys, "alerts", "extend", made["id"][:5], "--for", "3h", "--json").json()["silence"]
    assert cast(dict[str, Any], longer)["ends_at"] > made["ends_at"]
    assert "is over" in run_here(capsys, "alerts", "unsilence", made["id"][:5]).out
    assert run_here(capsys, "alerts", "silences").out == "no silence holds, and none is to come\n"
    assert run_here(capsys, "alerts", "unsilence", made["id"]).code == 64
    entries = [(entry.subject, entry.target, entry.result) for entry in read_audit(aishell_home / "state", since=0.0).entries]
    assert entries[0] == ("silence target=orders for 2h", "orders", "done")
    assert [result for _, _, result in entries] == ["done", "done", "done", "failed"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("severity", "--for", "1h"), "this is no matcher"),
        (("target=~(", "--for", "1h"), "pattern"),
        (("target=~.*", "--for", "1h"), "every alert"),
        (("target=a", "--for", "0h"), "no time for a silence"),
        (("target=a", "--for", "soon"), "'soon' is not a duration"),
        (("target=a",), "--for"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(words: tuple[str, ...], message: str, capsys: Capture) -> None:
    ran = run_here(capsys, "alerts", "silence", *words)
    assert (ran.code, message in ran.err) == (64, True), ran.err


async def test_with_roles_only_who_may_act_may_quiet_alerts(station: Station, aishell_home: Path, capsys: Capture) -> None:
    await station.watch(2, orders=0.95)
    targets = "targets: [{name: orders, url: sqlite:///tmp/o.db, environment: production}, {name: stock, url: sqlite:///tmp/s.db}]\n"
    user = _user(station, capsys)
    configured(aishell_home, f"{targets}roles: [{{role: developer, users: [{user}]}}]\n")
    for words in (("ack", "pool_full"), ("silence", "target=orders", "--for", "1h"), ("silence", "severity=warning", "--for", "1h")):
        ran = run_here(capsys, "alerts", *words)
        assert ran.code == 77, words
        assert f"{user} is developer on orders (production) and may not quiet its alerts" in ran.err
        assert "role: operator" in ran.err
    assert run_here(capsys, "alerts", "silence", "target=stock", "--for", "1h").code == 0
    configured(aishell_home, f"{targets}roles: [{{role: operator, users: [{user}]}}]\n")
    assert run_here(capsys, "alerts", "ack", "pool_full").code == 0
    decisions = [entry.decision for entry in read_audit(aishell_home / "state", since=0.0).entries]
    assert decisions[-5:] == ["refused", "refused", "refused", "allowed", "allowed"]


def _user(station: Station, capsys: Capture) -> str:
    """Who the commands act as."""
    assert run_here(capsys, "alerts", "ack", "pool_full").code == 0
    (row,) = listed(capsys)
    return str(row["owner"])


async def test_the_history_has_what_happened_and_is_narrowed(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95, stock=0.95)
    await station.watch(2, orders=0.5, stock=0.95)
    changes = rows_of(run_here(capsys, "alerts", "history", "--json"), "changes")
    assert sorted((change["kind"], change["alert"]["target"]) for change in changes) == [
        ("fired", "orders"),
        ("fired", "stock"),
        ("resolved", "orders"),
    ]
    assert changes[0]["kind"] == "resolved"
    own = rows_of(run_here(capsys, "alerts", "history", changes[0]["alert"]["id"], "--json"), "changes")
    assert [change["kind"] for change in own] == ["resolved", "fired"]
    assert [change["alert"]["target"] for change in rows_of(run_here(capsys, "alerts", "history", "-t", "stock", "--json"), "changes")] == [
        "stock"
    ]
    assert run_here(capsys, "alerts", "history", "--last", "10s").out == "nothing has happened\n"
    assert re.search(r"resolved +warning +pool_full +orders", run_here(capsys, "alerts", "history").out)


def test_built_in_rules_are_listed_by_set_and_shown_by_name(capsys: Capture) -> None:
    found = rows_of(run_here(capsys, "alerts", "builtin", "postgres", "--json"), "rules")
    assert {rule["set"] for rule in found} == {"postgres"}
    assert all(rule["reason"] and len(rule["steps"]) == 3 and rule["conditions"] for rule in found)
    out = run_here(capsys, "alerts", "builtin", "postgres-connections").out
    assert "critical  max(pool.usage, 2m) > 95%" in out
    assert "override: {postgres-connections:" in out
    ran = run_here(capsys, "alerts", "builtin", "postgres-conections")
    assert (ran.code, "did you mean postgres-connections?" in ran.err) == (64, True)


def test_a_text_of_a_target_cannot_write_to_the_terminal(aishell_home: Path, capsys: Capture) -> None:
    key = InstanceKey(TargetId("o"), (("table", "a\x1b[2Jb"),))
    store = AlertStore.open(aishell_home / "state")
    store.transact(lambda connection: alert_rows.save(connection, [Alert("f" * 16, "r", key, key.labels, Phase.FIRING, since=NOW)]))
    store.close()
    for words in (("list",), ("show", "ffff")):
        assert "\x1b" not in run_here(capsys, "alerts", *words).out


def test_a_backtest_says_what_rules_would_have_done(aishell_home: Path, capsys: Capture) -> None:
    now = time.time()
    with closing(StateDatabase.open(aishell_home / "state")) as database:
        rows = tuple(RollupRow(now - 7200 + 10 * number, array("f", [0.95 if number % 100 < 20 else 0.5] * 4)) for number in range(700))
        key = SeriesKey(CATALOGUE["pool.usage"])
        database.write_rollups([RollupBatch(TargetId("orders"), Tier.HOT, 10.0, (key,), rows)])
    (aishell_home / "rules.yaml").write_text(
        "rules:\n  - {name: full, condition: pool.usage > 90%}\n  - {name: idle, condition: pool.usage < 1%}\n"
    )
    ran = run_here(capsys, "alerts", "backtest", str(aishell_home / "rules.yaml"), "--last", "3h")
    assert ran.code == 0
    assert re.search(r"^full on orders +7 +2\dm\d\ds +1[34] +warning +90%", ran.out, re.MULTILINE)
    assert "1 rule would never have fired; of 0 others no figures are kept" in ran.out
    assert "1 target from " in ran.out
    found = rows_of(run_here(capsys, "alerts", "backtest", str(aishell_home / "rules.yaml"), "--rule", "full", "--json"), "rules")
    assert [(row["name"], row["fired"]) for row in found] == [("full", 7)]
    for words, message in (
        (("--rule", "ful"), "there is no rule 'ful'"),
        (("--target", "order"), "did you mean orders?"),
        (("--last", "soon"), "duration"),
    ):
        ran = run_here(capsys, "alerts", "backtest", *words)
        assert (ran.code, message in ran.err) == (64, True), ran.err


def test_rules_are_checked_and_tested_with_their_exit_codes(tmp_path: Path, capsys: Capture) -> None:
    rules = tmp_path / "rules.yaml"
    test = "tests: [{series: {pool.usage: 50%x5 95%x9}, checks: [{at: 2m, alerts: LEVEL}]}]"
    rules.write_text(f"rules:\n  - name: full\n    condition: pool.usage > 90%\n    {test.replace('LEVEL', 'warning')}\n")
    ran = run_here(capsys, "alerts", "check", str(rules))
    assert (ran.code, ran.out.startswith("ok: 1 rule of your own, ")) == (0, True)
    ran = run_here(capsys, "alerts", "test", str(rules))
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 test passed")
    rules.write_text(rules.read_text().replace("alerts: warning", "alerts: critical"))
    ran = run_here(capsys, "alerts", "test", str(rules), "--json")
    (row,) = rows_of(ran, "tests")
    assert (ran.code, row["passed"], row["differences"][0]["line"]) == (1, False, 4)
    assert "expected level critical, got warning" in run_here(capsys, "alerts", "test", str(rules)).out
    rules.write_text(rules.read_text().replace("pool.usage > 90%", "pool.usag > 90%"))
    ran = run_here(capsys, "alerts", "check", str(rules), "--json")
    (error,) = rows_of(ran, "errors")
    assert (ran.code, error["line"], error["column"], "pool.usage" in error["hint"]) == (78, 3, 16, True)
    assert run_here(capsys, "alerts", "test", str(rules)).code == 78
    rules.write_text("rules: []\n")
    assert run_here(capsys, "alerts", "test", str(rules)).code == 64
    ran = run_here(capsys, "alerts", "check", str(tmp_path / "nothing.yaml"))
    assert (ran.code, "starter file" in ran.out) == (78, False)


def test_without_files_the_configuration_in_force_is_checked(aishell_home: Path, capsys: Capture) -> None:
    (aishell_home / "more").mkdir()
    (aishell_home / "more" / "own.yaml").write_text("rules:\n  - {name: own, condition: pool.usage > 90%, channels: [hook]}\n")
    hook = "{hook: 'webhook+https://hooks.example/x'}"
    configured(
        aishell_home,
        f"alerts:\n  builtin: [sqlite]\n  files: [more]\n  channels: {hook}\n  override: {{sqlite-busy: {{enabled: false}}}}\n",
    )
    report = run_here(capsys, "alerts", "check", "--json").json()
    assert {key: report[key] for key in ("ok", "rules", "builtin_rules", "disabled_rules", "channels", "warnings")} == {
        "ok": True,
        "rules": 1,
        "builtin_rules": 5,
        "disabled_rules": 1,
        "channels": 1,
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alerts:\n  builtin: [sqlite]\n", (0, 0, 6)),
        (
            "alerts:\n  channels: {hook: 'webhook+https://hooks.example/x'}\n  rules: [{name: a, condition: pool.usage > 90%}]\n",
            (0, 1, ALL_BUILTIN),
        ),
        ("alerts:\n  rules: [{name: a, condition: pool.usage > 90%}]\n", (0, 1, ALL_BUILTIN)),
        ("alerts:\n", (0, 0, ALL_BUILTIN)),
        ("alerts:\n  ruls: []\n", (78, 0, 0)),
    ],
)
def test_a_file_that_has_nothing_but_alerts_is_a_configuration(
    tmp_path: Path, text: str, expected: tuple[int, int, int], capsys: Capture
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    ran = run_here(capsys, "alerts", "check", str(path), "--json")
    report = ran.json()
    assert (ran.code, report["rules"], report["builtin_rules"]) == expected, report


@pytest.mark.parametrize("is_named", [True, False])
def test_the_errors_of_rules_are_told_beside_those_of_the_configuration(
    tmp_path: Path, aishell_home: Path, capsys: Capture, is_named: bool
) -> None:
    path = tmp_path / "x.yaml" if is_named else aishell_home / "config.yaml"
    (path.parent / "more.yaml").write_text("rules: [{name: c, condition: pool.usag > 5%}]\n")
    path.write_text(
        "targets: [{name: a, url: 'redis://127.0.0.1:1/0', colour: x}]\n"
        "alerts:\n"
        "  rules: [{name: a, condition: pool.usag > 5%}, {name: b, condition: pool.usage > 5s}]\n"
        "  override: {sqlite-bussy: {for: 1m}}\n"
        "  builtin: [sqlite, postgress, orakel]\n"
        "  files: [more.yaml]\n"
        "  channels:\n"
        "    two: {url: 'webhook+https://hooks.example/x', url_file: /tmp/x}\n"
        "    bad: {url: 'file:///etc/passwd'}\n"
        "    worse: 'syslog://'\n"
    )
    ran = run_here(capsys, "alerts", "check", *([str(path)] if is_named else []), "--json")
    assert ran.code == 78
    told = {(str(error["file"]).rpartition("/")[2], error["line"]) for error in rows_of(ran, "errors")}
    assert told == {("more.yaml", 1), *((path.name, line) for line in (1, 3, 4, 5, 8, 9, 10))}
    assert len(rows_of(ran, "errors")) == 10


def test_a_rule_that_is_wrong_keeps_no_other_from_being_tried(tmp_path: Path, aishell_home: Path, capsys: Capture) -> None:
    """As in a dashboard: a bad rule is told and left out, the others run."""
    with closing(StateDatabase.open(aishell_home / "state")) as database:
        row = RollupRow(time.time() - 60, array("f", [0.95] * 4))
        database.write_rollups([RollupBatch(TargetId("orders"), Tier.HOT, 10.0, (SeriesKey(CATALOGUE["pool.usage"]),), (row,))])
    good = "{name: good, condition: pool.usage > 90%, tests: [{series: {pool.usage: 95%x5}, checks: [{at: 20s, alerts: warning}]}]}"
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"rules:\n  - {good}\n  - {{name: bad, condition: pool.usag > 90%}}\n")
    for words in ((), ("--rule", "good"), ("--target", "orders")):
        ran = run_here(capsys, "alerts", "backtest", str(rules), *words, "--json")
        assert (ran.code, [row["name"] for row in rows_of(ran, "rules")]) == (0, ["good"]), ran.err
        assert "there is no metric 'pool.usag'" in ran.err
    ran = run_here(capsys, "alerts", "backtest", str(rules), "--rule", "bad")
    assert (ran.code, "there is no metric 'pool.usag'" in ran.err) == (78, True)
    ran = run_here(capsys, "alerts", "backtest", str(rules), "--rule", "godo")
    assert (ran.code, "did you mean good?" in ran.err) == (64, True)
    ran = run_here(capsys, "alerts", "test", str(rules))
    assert (ran.code, ran.out.splitlines()[-1], "there is no metric 'pool.usag'" in ran.err) == (78, "1 test passed", True)


async def test_the_history_cuts_neither_times_nor_ids_on_a_narrow_screen(
    station: Station, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await station.watch(2, orders=0.95, stock=0.5)
    monkeypatch.setenv("COLUMNS", "80")
    ran = run_here(capsys, "alerts", "history")
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ? .* [0-9a-f]{8}$", ran.out, re.MULTILINE)
    assert all(len(line) <= 80 for line in ran.out.splitlines())
