"""Living alerts follow their rules: whoever edits one, or starts a program with another one, has people told by it from then on.

A channel that a rule names now is told of what fires already, once. One that it names no more hears nothing further but the end of what
it knows (`naming`, `grouping.standing`). An alert that was told stays in the group it was told in, because receivers know it there.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from aishell_core.state.codec import storable
from alerts.models import Alert
from alerts.notify import escalation, group_rows
from alerts.notify.custody import Custody
from alerts.notify.grouping import channels_of, group_name, places_of
from alerts.notify.models import Routes


def follow_rules(connection: sqlite3.Connection, custody: Custody, routes: Routes, now: float) -> None:
    """Put this program's living alerts where their rules want them; one without a rule just now stays where it is."""
    living = [alert for alert in custody.alerts.values() if alert.phase.is_active and alert.rule in routes.rules and custody.is_ours(alert)]
    if living:
        known = _known(connection)
        astray = [alert for alert in living if _is_astray(alert, known[storable(alert.fingerprint)], routes)]
        group_rows.place(connection, astray, routes, now)
        escalation.follow_rules(connection, living, routes, now)


_Place = tuple[str, str]
"""A channel and the name of a group there; "" for one that has told something, which its members stay in."""


def _known(connection: sqlite3.Connection) -> defaultdict[str, set[_Place]]:
    """By fingerprint, where all alerts are."""
    found: defaultdict[str, set[_Place]] = defaultdict(set)
    sql = (
        "SELECT member.fingerprint, own.channel, CASE WHEN own.sent_at IS NULL AND own.message IS NULL THEN own.name ELSE '' END"
        " FROM notice_member AS member JOIN notice_group AS own ON own.id = member.notice_group"
    )
    for fingerprint, channel, name in connection.execute(sql):
        found[fingerprint].add((channel, name))
    return found


def _is_astray(alert: Alert, known: set[_Place], routes: Routes) -> bool:
    channels = channels_of(routes.rules[alert.rule], routes.default_channels)
    wanted = places_of(alert, channels, routes)
    return any((channel, "") not in known and (channel, storable(group_name(labels))) not in known for channel, labels in wanted)
