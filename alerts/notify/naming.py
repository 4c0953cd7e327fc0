"""Whether a channel is one of those that a rule, as it is now, names for its alert."""

from __future__ import annotations

import json
import sqlite3

from aishell_core.state.codec import storable
from alerts.models import Alert
from alerts.notify.grouping import channels_of
from alerts.notify.models import Routes


def is_called_in(alert: Alert, channel: str, routes: Routes) -> bool:
    """Whether a channel is told of an alert by `escalate` alone; of an alert whose rule is not known nobody can say so."""
    rule = routes.rules.get(alert.rule)
    return rule is not None and channel not in channels_of(rule, routes.default_channels)


def is_named(connection: sqlite3.Connection, alert: Alert, channel: str, routes: Routes) -> bool:
    """Whether a channel is told first, or was called in by `escalate`; of an alert whose rule is not known nobody can say otherwise.

    One that the rule names only for later is not named while that time has not come, which begins anew after a mute.
    """
    rule = routes.rules.get(alert.rule)
    if rule is None or channel in channels_of(rule, routes.default_channels):
        return True
    steps = [escalation.after_seconds for escalation in rule.escalations if channel in escalation.channels]
    return bool(steps) and not _waits(connection, alert, min(steps), channel)


def _waits(connection: sqlite3.Connection, alert: Alert, after_seconds: float, channel: str) -> bool:
    sql = "SELECT channels FROM notice_escalation WHERE fingerprint = ? AND after_seconds = ?"
    rows = connection.execute(sql, (storable(alert.fingerprint), after_seconds)).fetchall()
    return any(channel in json.loads(channels) for (channels,) in rows)
