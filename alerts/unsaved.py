"""What evaluations brought that the state database does not have yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

from alerts.evaluation import Evaluated
from alerts.models import Alert, AlertChange, ChangeKind, Evidence, Fingerprint
from alerts.store import alert_rows, change_rows, link_rows
from alerts.store.database import Fault

_MOST_CHANGES = 10_000
_PASSING = frozenset({ChangeKind.PENDING, ChangeKind.DROPPED, ChangeKind.RECOVERING, ChangeKind.REFIRED})
"""Steps that nobody is told of, and that a figure around its threshold takes every second: the history does without them."""


class Unsaved:
    """Gathers what evaluations bring until one transaction has written all of it, which may take several tries."""

    def __init__(self) -> None:
        self._alerts: dict[Fingerprint, Alert] = {}
        self._gone: set[Fingerprint] = set()
        self._changes: list[AlertChange] = []
        self._heard: list[AlertChange] = []
        self._evidence: list[Evidence] = []
        self._links: dict[str, str | None] = {}

    @property
    def is_urgent(self) -> bool:
        """Whether anything but figures is to be written: it must reach the disk with this evaluation."""
        return bool(self._changes or self._heard or self._gone)

    @property
    def is_lasting(self) -> bool:
        """Whether anything of it goes into the history, and must outlive a loss of power."""
        return any(change.kind not in _PASSING for change in self._changes)

    @property
    def told(self) -> tuple[AlertChange, ...]:
        """All changes of which people may be told, their own included."""
        return (*self._heard, *self._changes)

    def add(self, found: Evaluated, evidence: Iterable[Evidence]) -> None:
        """Take in one more evaluation. Of an endless number of changes that cannot be written the newest are kept."""
        for alert in found.changed:
            self._alerts[alert.fingerprint] = alert
        self._gone = (self._gone | set(found.gone)) - found.alerts.keys()
        for fingerprint in found.gone:
            self._alerts.pop(fingerprint, None)
        self._changes = [*self._changes, *found.changes][-_MOST_CHANGES:]
        self._heard = [*self._heard, *found.heard][-_MOST_CHANGES:]
        self._evidence = [*self._evidence, *evidence][-_MOST_CHANGES:]

    def put(self, alerts: Iterable[Alert]) -> None:
        """Have these alerts written as they are."""
        self._alerts |= {alert.fingerprint: alert for alert in alerts}

    def leave(self, fingerprints: Collection[Fingerprint]) -> None:
        """Another program judges these alerts: how they stand is its to write."""
        self._alerts = {name: alert for name, alert in self._alerts.items() if name not in fingerprints}
        self._gone = {name for name in self._gone if name not in fingerprints}

    def link(self, changed: Mapping[str, str | None]) -> None:
        """Have it written whom these targets replicate from."""
        self._links |= changed

    def save(self, connection: sqlite3.Connection, fault: Fault) -> None:
        """Write everything, within the caller's transaction."""
        fault("alerts")
        alert_rows.save(connection, self._alerts.values())
        alert_rows.drop(connection, self._gone)
        over = [change.after.fingerprint for change in self._changes if change.kind is ChangeKind.RESOLVED]
        alert_rows.unacknowledge(connection, over)
        fault("history")
        change_rows.append(connection, [change for change in self._changes if change.kind not in _PASSING])
        fault("evidence")
        change_rows.begin_evidence(connection, self._evidence)
        link_rows.save(connection, self._links)

    def clear(self) -> None:
        """All of it is written, or is not this program's to write any more."""
        self._alerts, self._gone = {}, set()
        self._changes, self._heard, self._evidence = [], [], []
        self._links = {}
