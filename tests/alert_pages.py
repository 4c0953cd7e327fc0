"""What the pages about alerts speak of: an alert and a silence by their ids, files of rules and tests, a channel, some history."""

from __future__ import annotations

import time
from array import array
from contextlib import closing
from pathlib import Path

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId, Tier
from alerts import handling
from alerts.models import Alert, InstanceKey, Matcher, MatchOperator, Phase, Silence
from alerts.store import alert_rows, silence_rows
from alerts.store.database import AlertStore

ORDERS = TargetId("orders")
RULE = "postgres-connections"
RULES = """
rules:
  - name: own pool
    condition: pool.usage > 90%
    tests: [{series: {pool.usage: 50%x5 95%x9}, checks: [{at: 50s, alerts: none}, {at: 2m, alerts: warning}]}]
"""
TESTS = """
rule_files: [rules]
tests: [{series: {pool.usage: 50%x9}, checks: [{at: 1m, rule: own pool, alerts: none}]}]
"""


def furnish(workplace: Path, home: Path, receiver: str) -> None:
    """Make all of it in the reader's working folder and home; `receiver` is the address of an HTTP server behind the channel."""
    (workplace / "rules").mkdir(exist_ok=True)
    for path, text in (("rules/own.yaml", RULES), ("rules.yaml", RULES), ("tests.yaml", TESTS), ("rules-test.yaml", TESTS)):
        (workplace / path).write_text(text)
    with (home / "config.yaml").open("a") as file:
        file.write(f"alerts:\n  channels:\n    slack: webhook+http://{receiver}/\n")
    _history(home / "state")
    _alerts(home / "state")


def _history(state: Path) -> None:
    now = time.time()
    rows = tuple(RollupRow(now - 3600 + 10 * number, array("f", [0.5] * 4)) for number in range(300))
    with closing(StateDatabase.open(state)) as database:
        database.write_rollups([RollupBatch(ORDERS, Tier.HOT, 10.0, (SeriesKey(CATALOGUE["pool.usage"]),), rows)])


def _alerts(state: Path) -> None:
    now = time.time()
    labels = (("alertname", RULE), ("severity", "warning"), ("target", "orders"))
    alert = Alert("3fb2a1c8d4e5f607", RULE, InstanceKey(ORDERS), labels, Phase.FIRING, since=now - 60, fired_at=now - 60)
    matcher = Matcher("target", MatchOperator.EQUAL, "stock")
    with closing(AlertStore.open(state)) as store:
        store.transact(lambda connection: alert_rows.save(connection, [alert]))
        store.transact(
            lambda connection: silence_rows.save(connection, Silence("5d2e00112233", (matcher,), now, now + 3600, "ann", "", now))
        )
        handling.acknowledge(store, alert.fingerprint, "ann", "", now)
