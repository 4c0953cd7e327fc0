"""Which alerts are this program's to tell, where several programs evaluate on one state, each its own targets."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.state.codec import storable
from aishell_core.values import TargetId
from alerts.models import Alert, Fingerprint
from alerts.store import alert_rows


@dataclass(frozen=True, slots=True)
class Custody:
    """Targets of others: `foreign` are those that another program judges, `idle` those that nobody does.

    `alerts` are those of this program, by fingerprint. `leads` says whether what belongs to nobody is this program's.
    """

    alerts: Mapping[Fingerprint, Alert]
    foreign: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    leads: bool = True

    def alert(self, connection: sqlite3.Connection, fingerprint: Fingerprint) -> Alert | None:
        """An alert as it stands, whoever judges it; None where there is none any more."""
        return self.alerts.get(fingerprint) or (alert_rows.one(connection, fingerprint) if self.foreign or self.idle else None)

    def is_ours(self, target: TargetId) -> bool:
        """Whether what is known of a target here is the truth."""
        name = storable(target)
        return name not in self.foreign and name not in self.idle

    def is_idle(self, target: TargetId) -> bool:
        """Whether nobody judges a target now, so that its alerts stay as they were told."""
        return storable(target) in self.idle


def custody_of(connection: sqlite3.Connection, alerts: Mapping[Fingerprint, Alert], judge: int) -> Custody:
    """What is this program's, which is known by `judge` among those who evaluate; 0 where it is alone."""
    if not judge:
        return Custody(alerts)
    rows = connection.execute("SELECT target, fence FROM alert_ward WHERE fence IS NOT ?", (judge,)).fetchall()
    first = connection.execute("SELECT min(fence) FROM alert_judge").fetchone()[0]
    return Custody(
        alerts,
        frozenset(target for target, fence in rows if fence is not None),
        frozenset(target for target, fence in rows if fence is None),
        first is None or first == judge,
    )


def is_all_judged(connection: sqlite3.Connection) -> bool:
    """Whether somebody has each target that a file configures."""
    return connection.execute("SELECT 1 FROM alert_ward WHERE fence IS NULL AND origin <> '' AND target <> '' LIMIT 1").fetchone() is None


def last_evaluated(connection: sqlite3.Connection, judge: int, now: float) -> float:
    """When the targets of this program were evaluated last by whoever had them before, by the clock of then; `now` where none was."""
    found = connection.execute("SELECT max(evaluated_at) FROM alert_ward WHERE fence = ?", (judge,)).fetchone()[0] if judge else None
    return now if found is None else float(found)
