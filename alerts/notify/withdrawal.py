"""What is queued is looked at again while it waits: a message about what its receiver is not to hear of any more is taken back.

Its groups are then told what is left to be told, if anything. What is being sent, or has arrived in part, stays.
"""

from __future__ import annotations

import sqlite3

from aishell_core.state.codec import storable
from alerts.models import Fingerprint
from alerts.notify import group_rows, outbox, past_rows
from alerts.notify.codec import Tells
from alerts.notify.custody import Custody
from alerts.notify.grouping import is_taken_on
from alerts.notify.models import Channel, Routes
from alerts.notify.naming import is_named

WITHDRAWN = "not sent: what it told of was acknowledged or silenced meanwhile, or is not for this channel any more"


def withdraw(connection: sqlite3.Connection, custody: Custody, routes: Routes, now: float, judge: int) -> None:
    """Take back the messages of this program (`judge`) that wait and tell of an alert that is not to be told any more.

    So with one that tells nothing new, a reminder, of what somebody has acknowledged meanwhile.
    """
    for queued in outbox.queued(connection, judge):
        channel = routes.channels.get(queued.channel)
        if channel is None:
            continue  # its configuration may be broken just now
        firing = [(group, name) for group, levels in queued.tells.groups.items() for name, level in levels.items() if level is not None]
        is_idle_reminder = not channel.kind.is_relay and _reminds_of_what_is_taken_on(connection, queued.tells, custody)
        if is_idle_reminder or any(_is_no_more_to_be_told(connection, group, name, custody, channel, routes) for group, name in firing):
            outbox.withdraw(connection, queued.id, queued.channel, WITHDRAWN, now)
            group_rows.release(connection, queued.id, queued.tells, now)


def _reminds_of_what_is_taken_on(connection: sqlite3.Connection, tells: Tells, custody: Custody) -> bool:
    """Whether a message says no more than its receiver knows, of alerts that somebody has acknowledged, all of them."""
    for group, levels in tells.groups.items():
        for name, level in levels.items():
            if level is None or _told(connection, name, group) != str(level):
                return False
            alert = past_rows.first(connection, name, group) or custody.alert(connection, name)
            if alert is None or alert.acknowledgement is None or not custody.is_ours(alert):
                return False
    return bool(tells.groups)


def _told(connection: sqlite3.Connection, fingerprint: Fingerprint, group: int) -> str | None:
    """The level that the receiver of a group knows of an alert, "" for nothing; None where it is not in the group any more."""
    sql = "SELECT told FROM notice_member WHERE fingerprint = ? AND notice_group = ?"
    row = connection.execute(sql, (storable(fingerprint), group)).fetchone()
    return None if row is None else str(row[0])


def _is_no_more_to_be_told(
    connection: sqlite3.Connection, group: int, fingerprint: Fingerprint, custody: Custody, channel: Channel, routes: Routes
) -> bool:
    """Whether an alert of this program has been muted or acknowledged, or its rule names the channel no more.

    Of an incident that was followed by another one it goes by what that was.
    """
    alert = past_rows.first(connection, fingerprint, group) or custody.alert(connection, fingerprint)
    if alert is None or not custody.is_ours(alert):
        return False
    if alert.is_muted or not is_named(connection, alert, channel.name, routes):
        return True
    if alert.acknowledgement is None:
        return False
    return _told(connection, fingerprint, group) == "" and is_taken_on(alert, channel)
