"""Which alerts are this program's to tell, where several programs evaluate on one state, each its own targets."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.state.codec import storable
from alerts.holding import Share
from alerts.models import Alert, Fingerprint
from alerts.store import alert_rows, lease_rows


@dataclass(frozen=True, slots=True)
class Custody:
    """Targets of others: `foreign` are those that another program judges, `idle` those that nobody does.

    `shares` are rules that another one judges than who has the target, each with whether that is this program. `alerts` are those of
    this program, by fingerprint. `leads` says whether what belongs to nobody is this program's.
    """

    alerts: Mapping[Fingerprint, Alert]
    foreign: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    leads: bool = True
    shares: Mapping[Share, bool] = field(default_factory=dict)

    def alert(self, connection: sqlite3.Connection, fingerprint: Fingerprint) -> Alert | None:
        """An alert as it stands, whoever judges it; None where there is none any more."""
        is_shared = self.foreign or self.idle or self.shares
        return self.alerts.get(fingerprint) or (alert_rows.one(connection, fingerprint) if is_shared else None)

    def is_ours(self, alert: Alert) -> bool:
        """Whether what is known of an alert here is the truth."""
        name = storable(alert.key.target)
        is_own_share = self.shares.get((name, storable(alert.rule))) if self.shares else None
        return is_own_share if is_own_share is not None else name not in self.foreign and name not in self.idle

    def is_idle(self, alert: Alert) -> bool:
        """Whether nobody judges an alert now, so that it stays as it was told."""
        name = storable(alert.key.target)
        return name in self.idle and (name, storable(alert.rule)) not in self.shares


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
        {share: fence == judge for share, fence in lease_rows.shares(connection).items()},
    )


def is_all_judged(connection: sqlite3.Connection) -> bool:
    """Whether somebody has each target that a file configures."""
    return connection.execute("SELECT 1 FROM alert_ward WHERE fence IS NULL AND origin <> '' AND target <> '' LIMIT 1").fetchone() is None


def last_evaluated(connection: sqlite3.Connection, judge: int, now: float) -> float:
    """When the targets of this program were evaluated last by whoever had them before, by the clock of then; `now` where none was."""
    found = connection.execute("SELECT max(evaluated_at) FROM alert_ward WHERE fence = ?", (judge,)).fetchone()[0] if judge else None
    return now if found is None else float(found)
