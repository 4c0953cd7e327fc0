"""Channels that were taken out of the configuration: the alarm about one ends, and what was queued for it is given up.

Each program on the same state looks at its own configuration: one that has a channel takes back what another said of it. A configuration
may be broken for a while, and then lacks a channel that is still wanted; so neither happens at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from alerts.notify import group_rows, outbox

ENDS_AFTER_SECONDS = 60.0
"""The alarm about a channel that is configured nowhere ends after this time."""
GIVEN_UP_AFTER_SECONDS = 3600.0
"""What is queued for it is given up after this time."""
REMOVED = "given up: the channel is not in the configuration any more"


LACKING = "its secret cannot be had now"


def follow_configuration(connection: sqlite3.Connection, channels: Collection[str], lacking: Collection[str], now: float) -> None:
    """Note which channels are configured, this program's, and which of them lack a secret, and let go of those that are nowhere."""
    for channel in lacking:
        outbox.note_lacking(connection, channel, LACKING, now)
    for channel in channels:
        outbox.note_found(connection, channel, LACKING)
    known = dict(connection.execute("SELECT channel, missing_since FROM notice_channel").fetchall())
    for channel in (*known, *(each for each in outbox.waiting_channels(connection) if each not in known)):
        since = known.get(channel)
        if channel in channels or channel in lacking:
            if since is not None:
                outbox.note_missing(connection, channel, None)
        elif since is None or since > now:
            outbox.note_missing(connection, channel, now)
        else:
            _let_go(connection, channel, now - since, now)


def _let_go(connection: sqlite3.Connection, channel: str, missing_seconds: float, now: float) -> None:
    if missing_seconds >= ENDS_AFTER_SECONDS:
        group_rows.end_own(connection, f"{group_rows.OWN_PREFIX}{channel}", now)
    if missing_seconds >= GIVEN_UP_AFTER_SECONDS:
        for id_, tells in outbox.give_up_all(connection, channel, REMOVED, now):
            group_rows.given_up(connection, id_, tells, now)
