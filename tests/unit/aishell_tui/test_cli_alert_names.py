"""Names that commands about alerts are given: a target that there is not, and what of a silence can be a slip."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.alert_service import Station, usage_rule
from tests.command_line import run_here
from tests.fake_clock import FakeClock

Capture = pytest.CaptureFixture[str]
TWO = "targets: [{name: payments, url: sqlite:///tmp/p.db}, {name: stock, url: sqlite:///tmp/s.db}]\n"
RULES = "alerts:\n  rules: [{name: slow_pages, condition: pool.usage > 1, labels: {team: web}}]\n"


@pytest.fixture
def station(aishell_home: Path) -> Station:
    """A service that watched `orders`, which no file configures, some minutes ago."""
    (aishell_home / "config.yaml").write_text(TWO + RULES)
    return Station(aishell_home / "state", usage_rule(), clock=FakeClock(time.time() - 300.0), targets=("orders",))


@pytest.mark.parametrize("command", ["list", "history"])
async def test_a_target_that_there_is_not_is_refused_and_the_nearest_one_named(command: str, station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95)
    for word, near in (("paymnts", "payments"), ("ordrs", "orders")):
        ran = run_here(capsys, "alerts", command, "-t", word)
        assert (ran.code, f"there is no target '{word}'" in ran.err, f"did you mean {near}?" in ran.err) == (64, True, True), ran.err
        assert ran.out == ""


@pytest.mark.parametrize("command", ["list", "history"])
async def test_configured_targets_this_host_and_those_of_which_alerts_are_kept_can_be_asked_for(
    command: str, station: Station, aishell_home: Path, capsys: Capture
) -> None:
    await station.watch(2, orders=0.95)
    for name in ("payments", "stock", "this host", "orders"):
        assert run_here(capsys, "alerts", command, "-t", name).code != 64, name
    assert "pool_full" in run_here(capsys, "alerts", command, "-t", "orders").out
    # What is kept can be asked for although the configuration cannot be read; of another name that is what is told.
    (aishell_home / "config.yaml").write_text("targets: [")
    assert "pool_full" in run_here(capsys, "alerts", command, "-t", "orders").out
    assert run_here(capsys, "alerts", command, "-t", "payments").code == 78


@pytest.mark.parametrize(
    ("matcher", "said", "hint"),
    [
        ("alertname!=pol_full", "there is no rule 'pol_full', so alertname!=\"pol_full\" keeps no alert out", "did you mean pool_full?"),
        ("alertname=slow_page", "matches no alert for now", "did you mean slow_pages?"),
        ("alertname=~slowly.*", "matches no alert for now", ""),
        ("target=paymnts", "there is no target 'paymnts', so", "did you mean payments?"),
        ("severity=crit", "there is no level 'crit', so", "did you mean critical?"),
        ("environment=prod", "there is no environment 'prod', so", "did you mean production?"),
        ("tble=lines", "has the label 'tble', so tble=\"lines\" matches no alert for now", "did you mean table?"),
        ("taem!=web", "has the label 'taem', so taem!=\"web\" keeps no alert out", "did you mean team?"),
    ],
)
async def test_what_matches_nothing_or_keeps_nothing_out_is_told_when_a_silence_is_made(
    matcher: str, said: str, hint: str, station: Station, capsys: Capture
) -> None:
    await station.watch(2, orders=0.95)
    narrowed = () if matcher.startswith("target") else ("target=orders",)
    ran = run_here(capsys, "alerts", "silence", matcher, *narrowed, "--for", "1h")
    assert ran.code == 0
    assert said in ran.err
    assert hint in ran.err
    ran = run_here(capsys, "alerts", "silence", matcher, *narrowed, "--for", "1h", "--json")
    assert said in json.loads(ran.err)["warning"]["message"]
    assert ran.json()["silence"]


async def test_what_can_be_meant_is_told_nothing(station: Station, capsys: Capture) -> None:
    await station.watch(2, orders=0.95)
    for words in (
        ("target=orders", "alertname!=pool_full"),
        ("alertname=slow_pages", "team=web"),
        ("alertname=~postgres-.*", "environment=production"),
        ("target=this host", "disk=sda1"),
        ("severity=~warning|info", "table!~tmp_.*", "role="),
        ("target=stock", "database=shop"),
    ):
        ran = run_here(capsys, "alerts", "silence", *words, "--for", "1h")
        assert (ran.code, ran.err) == (0, ""), words


async def test_the_list_says_which_rules_are_in_force_otherwise_than_configured_here_and_who_has_which_share(
    aishell_home: Path, capsys: Capture
) -> None:
    clock, held = FakeClock(time.time() - 3), usage_rule()
    first = Station(aishell_home / "state", held, clock=clock, holder="db1:11:ab")
    second = Station(aishell_home / "state", held, clock=clock, targets=("orders", "stock"), holder="db1:12:ab")
    await first.watch(1, orders=0.5)
    await second.watch(1, orders=0.5, stock=0.5)
    rule = "{name: pool_full, condition: pool.usage > 50%, targets: {engine: pgbouncer}}"
    config = "targets: [{name: orders, url: pgbouncer://db1/pgbouncer}]\nalerts: {builtin: [], rules: [%s]}\n"
    (aishell_home / "config.yaml").write_text(config % rule)
    ran = run_here(capsys, "alerts", "list")
    assert "evaluated by process 11 on db1 (1 target) and process 12 on db1 (1 target)" in ran.out
    assert "in force as process 11 on db1 has them, and not as configured here: pool_full" in ran.out
    evaluation = run_here(capsys, "alerts", "list", "--json").json()["evaluation"]
    assert isinstance(evaluation, dict)
    assert evaluation["overruled_rules"] == ["pool_full"]
    assert evaluation["judges"] == [{"holder": f"db1:{each}:ab", "targets": 1, "rules": 0} for each in (11, 12)]
    (aishell_home / "config.yaml").write_text(config % rule.replace("pool_full", "pool_elsewhere"))
    assert run_here(capsys, "alerts", "list", "--json").json()["evaluation"]["overruled_rules"] == []  # type: ignore[index,call-overload]
