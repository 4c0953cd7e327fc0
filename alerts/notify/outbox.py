"""The messages on their way, in the state database: queued, tried, delivered or given up, and the ledger of every try."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from aishell_core.state.codec import storable
from alerts.models import Attempt, Fingerprint, Level
from alerts.notify.codec import Tells, decode_message, decode_tells, encode_message, encode_tells
from alerts.notify.group_rows import LONGEST_WAIT_SECONDS
from alerts.notify.models import KEPT_SECONDS, Channel, ChannelState, Message, MessageKind
from alerts.rule import DAY_SECONDS

AT_ONCE = 8
"""So many messages of one channel are taken at a time; one, while it fails."""
CLAIM_SECONDS = 300.0
"""A message that was taken is taken again after this time: whoever had it has died."""
DEAD_AFTER_SECONDS = DAY_SECONDS
_TRIES_BEFORE_DEAD = 5
"""So often a channel must have failed before its old messages are given up: a laptop that slept two days has tried once."""
_OPEN = "state IN ('queued', 'sending')"
_OURS = "(judge = ? OR judge NOT IN (SELECT fence FROM alert_judge))"
"""What this program has made, or one that has ended: what another one has made that lives, it sends itself."""
_PRUNED_AT_ONCE = 5_000
_SUCCEEDED = "not sent to those who had refused it: a later message tells of the same"


@dataclass(frozen=True, slots=True)
class Taken:
    """A message to be sent now, and how often it was tried before."""

    message: Message
    tells: Tells
    tries: int = 0
    made_at: float | None = None
    """When it was made by the clock as it is now; what a message itself says stays as it was written."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that waits, and what it would tell."""

    id: str
    channel: str
    tells: Tells


def put(connection: sqlite3.Connection, message: Message, tells: Tells, urgency: int, judge: int = 0, *, wall: float | None = None) -> None:
    """Queue a message, to be sent by this program (`judge`); the more urgent go first. A new sign of life replaces one that waits.

    It is due at once by the wall clock (`wall`), which may be behind the time that alerts are counted in by a part of a second.
    """
    if message.kind is MessageKind.HEARTBEAT:
        connection.execute(
            "DELETE FROM notice_message WHERE channel = ? AND kind = ? AND state = 'queued'", (message.channel, message.kind)
        )
    row = (
        *(message.id, message.channel, str(message.kind), urgency, message.made_at),
        message.made_at if wall is None else min(message.made_at, wall),
        *(storable(message.title), encode_tells(tells), storable(encode_message(message)), judge),
    )
    sql = (
        "INSERT INTO notice_message (id, channel, kind, state, urgency, made_at, due_at, title, tells, body, judge)"
        " VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)"
    )
    connection.execute(sql, row)


def take(connection: sqlite3.Connection, channels: Collection[str], now: float, judge: int = 0) -> dict[str, list[Taken]]:
    """The messages to send now on these channels, marked as being sent; those that were tried least come first."""
    found: dict[str, list[Taken]] = {}
    for channel in channels:
        failures, blocked_until = _standing(connection, channel)
        if blocked_until is None or not now < blocked_until <= now + LONGEST_WAIT_SECONDS:
            taken = _take_some(connection, channel, 1 if failures else AT_ONCE, now, judge)
            if taken:
                found[channel] = taken
    return found


def _take_some(connection: sqlite3.Connection, channel: str, limit: int, now: float, judge: int) -> list[Taken]:
    sql = (
        f"SELECT id, body, tells, tries, made_at FROM notice_message WHERE channel = ? AND {_OPEN} AND (due_at <= ? OR due_at > ?)"  # noqa: S608 - constants
        f" AND {_OURS} ORDER BY tries, urgency DESC, made_at LIMIT ?"
    )
    rows = connection.execute(sql, (channel, now, now + LONGEST_WAIT_SECONDS, judge, limit)).fetchall()
    taken: list[Taken] = []
    for id_, body, tells, tries, made_at in rows:
        message = decode_message(body)
        if message is None:
            _close(connection, id_, "dead", now)
            continue
        if message.had and _has_successor(connection, message, decode_tells(tells), made_at):
            withdraw(connection, id_, channel, _SUCCEEDED, now)
            continue
        claim = "UPDATE notice_message SET state = 'sending', tries = tries + 1, due_at = ?, judge = ? WHERE id = ?"
        connection.execute(claim, (now + CLAIM_SECONDS, judge, id_))
        taken.append(Taken(message, decode_tells(tells), tries, made_at))
    return taken


def _has_successor(connection: sqlite3.Connection, message: Message, tells: Tells, made_at: float) -> bool:
    """Whether a later message tells of the same groups: who has not had this one would take it for the last word behind that."""
    sql = "SELECT tells FROM notice_message WHERE channel = ? AND made_at > ? AND state IN ('queued', 'sending', 'delivered')"
    later = connection.execute(sql, (message.channel, made_at)).fetchall()
    return bool(tells.groups) and any(tells.groups.keys() <= decode_tells(text).groups.keys() for (text,) in later)


def release_claims(connection: sqlite3.Connection, now: float, judge: int = 0) -> None:
    """Queue again what was being sent when its sender ended: it may have arrived, and carries the same id."""
    sql = f"UPDATE notice_message SET state = 'queued', due_at = ? WHERE state = 'sending' AND {_OURS}"  # noqa: S608 - a constant
    connection.execute(sql, (now, judge))


def queued(connection: sqlite3.Connection, judge: int = 0) -> list[Queued]:
    """The messages of this program about alerts that wait and that nobody has had any part of."""
    sql = f"SELECT id, channel, tells, tries, body FROM notice_message WHERE state = 'queued' AND {_OURS} ORDER BY made_at"  # noqa: S608 - a constant
    rows = connection.execute(sql, (judge,)).fetchall()
    return [Queued(id_, channel, decode_tells(tells)) for id_, channel, tells, tries, body in rows if not (tries and _is_partly_told(body))]


def withdraw(connection: sqlite3.Connection, id_: str, channel: str, why: str, now: float) -> None:
    """Close a message that waits and write `why` into the ledger."""
    _close(connection, id_, "withdrawn", now)
    _note(connection, id_, channel, now, why, is_delivered=False)


def note_try(connection: sqlite3.Connection, message: Message, now: float, answer: str, *, is_delivered: bool) -> None:
    """Write a try into the ledger."""
    _note(connection, message.id, message.channel, now, answer, is_delivered=is_delivered)


def delivered(connection: sqlite3.Connection, message: Message, now: float) -> None:
    """A message has arrived, so its channel works."""
    _close(connection, message.id, "delivered", now)
    works(connection, message.channel, now, "")


def works(connection: sqlite3.Connection, channel: str, now: float, answer: str) -> None:
    """A channel has taken something; `answer` is what it said all the same of a part of it."""
    sql = (
        "INSERT INTO notice_channel (channel, delivered_at, answer) VALUES (?, ?, ?) ON CONFLICT (channel) DO UPDATE SET failures = 0,"
        " failing_since = NULL, blocked_until = NULL, answer = excluded.answer, delivered_at = excluded.delivered_at"
    )
    connection.execute(sql, (channel, now, storable(answer)))


def note_reached(connection: sqlite3.Connection, message: Message, had: tuple[str, ...]) -> None:
    """Remember which recipients of a message have it, where that are others than it knows of."""
    if had and had != message.had:
        body = storable(encode_message(replace(message, had=had)))
        connection.execute("UPDATE notice_message SET body = ? WHERE id = ?", (body, message.id))


def put_off(connection: sqlite3.Connection, message: Message, due_at: float) -> None:
    """Try a message again at a time."""
    connection.execute("UPDATE notice_message SET state = 'queued', due_at = ? WHERE id = ? AND state = 'sending'", (due_at, message.id))


def failed(connection: sqlite3.Connection, channel: str, now: float, answer: str, blocked_until: float | None) -> None:
    """A channel did not take a message; with `blocked_until` none of its messages is tried before."""
    sql = (
        "INSERT INTO notice_channel (channel, failures, failing_since, blocked_until, answer) VALUES (?, 1, ?, ?, ?)"
        " ON CONFLICT (channel) DO UPDATE SET failures = failures + 1, failing_since = coalesce(failing_since, excluded.failing_since),"
        " blocked_until = excluded.blocked_until, answer = excluded.answer"
    )
    connection.execute(sql, (channel, now, blocked_until, storable(answer)))


def failures(connection: sqlite3.Connection, channel: str) -> int:
    """How often a channel has failed since it last took a message."""
    return _standing(connection, channel)[0]


def give_up_old(connection: sqlite3.Connection, channel: str, now: float) -> list[tuple[str, Tells, str]]:
    """Close the messages that a failing channel has not taken for a day; their ids, what they would have told, and their titles.

    One that some of its recipients have has told it already.
    """
    sql = (
        "SELECT id, tells, title, body FROM notice_message"
        " WHERE channel = ? AND state = 'queued' AND made_at <= ? AND tries + ? >= ? ORDER BY made_at"
    )
    tried = failures(connection, channel)
    rows = connection.execute(sql, (channel, now - DEAD_AFTER_SECONDS, tried, _TRIES_BEFORE_DEAD)).fetchall()
    for id_, *_rest in rows:
        _close(connection, id_, "dead", now)
    return [(id_, Tells() if _is_partly_told(body) else decode_tells(tells), title) for id_, tells, title, body in rows]


def waiting_channels(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The channels that messages wait for."""
    rows = connection.execute(f"SELECT DISTINCT channel FROM notice_message WHERE {_OPEN}").fetchall()  # noqa: S608 - a constant
    return tuple(channel for (channel,) in rows)


def note_missing(connection: sqlite3.Connection, channel: str, since: float | None) -> None:
    """Since when a channel is in no configuration; None where it is in one."""
    sql = (
        "INSERT INTO notice_channel (channel, missing_since) VALUES (?, ?)"
        " ON CONFLICT (channel) DO UPDATE SET missing_since = excluded.missing_since"
    )
    connection.execute(sql, (channel, since))


def note_lacking(connection: sqlite3.Connection, channel: str, why: str, now: float) -> None:
    """A channel cannot be used, for a reason that stands where its answers do."""
    sql = (
        "INSERT INTO notice_channel (channel, failing_since, answer) VALUES (?, ?, ?)"
        " ON CONFLICT (channel) DO UPDATE SET failing_since = coalesce(failing_since, excluded.failing_since), answer = excluded.answer"
    )
    connection.execute(sql, (channel, now, why))


def note_found(connection: sqlite3.Connection, channel: str, why: str) -> None:
    """What a channel could not be used for is there again; one that took no messages before that still takes none."""
    still = "CASE WHEN failures > 0 THEN failing_since END"
    sql = f"UPDATE notice_channel SET failing_since = {still}, answer = '' WHERE channel = ? AND answer = ?"  # noqa: S608 - a constant
    connection.execute(sql, (channel, why))


def give_up_all(connection: sqlite3.Connection, channel: str, why: str, now: float) -> list[tuple[str, Tells]]:
    """Close all messages that wait for a channel and write `why` into the ledger; their ids and what they would have told."""
    sql = f"SELECT id, tells, body FROM notice_message WHERE channel = ? AND {_OPEN} ORDER BY made_at"  # noqa: S608 - a constant
    rows = connection.execute(sql, (channel,)).fetchall()
    for id_, *_rest in rows:
        _close(connection, id_, "dead", now)
        _note(connection, id_, channel, now, why, is_delivered=False)
    return [(id_, Tells() if _is_partly_told(body) else decode_tells(tells)) for id_, tells, body in rows]


def made_within(connection: sqlite3.Connection, channel: str, seconds: float, now: float) -> int:
    """How many messages were made for a channel in so many seconds until now, signs of life apart.

    What lies ahead was made by another clock, nobody knows when: it counts for nothing, or a channel would be silent for as long.
    """
    sql = "SELECT count(*) FROM notice_message WHERE channel = ? AND made_at > ? AND made_at <= ? AND kind <> ?"
    return int(connection.execute(sql, (channel, now - seconds, now, str(MessageKind.HEARTBEAT))).fetchone()[0])


def last_heartbeat(connection: sqlite3.Connection, channel: str, now: float) -> float | None:
    """When the last sign of life was made for a channel; one that lies ahead was made by another clock, and counts for nothing."""
    sql = "SELECT max(made_at) FROM notice_message WHERE channel = ? AND kind = ? AND made_at <= ?"
    found = connection.execute(sql, (channel, str(MessageKind.HEARTBEAT), now)).fetchone()[0]
    return None if found is None else float(found)


def channel_states(connection: sqlite3.Connection, channels: Mapping[str, Channel]) -> tuple[ChannelState, ...]:
    """How all channels are doing, those of the configuration first."""
    counts = dict.fromkeys(channels, (0, 0)) | {
        channel: (int(queued), int(dead))
        for channel, queued, dead in connection.execute(
            f"SELECT channel, sum({_OPEN}), sum(state = 'dead') FROM notice_message GROUP BY channel ORDER BY channel"  # noqa: S608 - a constant
        ).fetchall()
    }
    rows = connection.execute(
        "SELECT channel, failing_since, blocked_until, answer, delivered_at, missing_since FROM notice_channel"
    ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    return tuple(
        ChannelState(channel, queued, dead, *known.get(channel, (None, None, "", None, None))) for channel, (queued, dead) in counts.items()
    )


def ledger(connection: sqlite3.Connection, fingerprint: Fingerprint | None = None, limit: int = 100) -> tuple[Attempt, ...]:
    """The last tries, newest first; with a fingerprint those of messages that told of this alert."""
    sql = (
        "SELECT attempt.channel, message.title, attempt.at, attempt.is_delivered, attempt.answer, message.tells"
        " FROM notice_attempt AS attempt JOIN notice_message AS message ON message.id = attempt.message"
        " WHERE ? IS NULL OR instr(message.tells, ?) > 0 ORDER BY attempt.at DESC, attempt.id DESC LIMIT ?"
    )
    quoted = f'"{fingerprint}"'
    return tuple(
        Attempt(channel, title, at, bool(is_delivered), answer, _fingerprints(decode_tells(tells)))
        for channel, title, at, is_delivered, answer, tells in connection.execute(sql, (fingerprint, quoted, limit)).fetchall()
    )


def shift(connection: sqlite3.Connection, seconds: float) -> None:
    """Move the times of all messages, because the wall clock was set by so much; the ledger of tries stays as it was written.

    Those that have arrived are moved too: by them goes how many a channel was given lately, and when it had a sign of life.
    """
    connection.execute("UPDATE notice_message SET made_at = made_at + ?, due_at = due_at + ?", (seconds, seconds))
    sql = (
        "UPDATE notice_channel SET blocked_until = blocked_until + ?1, failing_since = failing_since + ?1,"
        " missing_since = missing_since + ?1"
    )
    connection.execute(sql, (seconds,))


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Drop some thousand rows of the ledger that are older than it is kept."""
    before = now - KEPT_SECONDS
    connection.execute(
        "DELETE FROM notice_attempt WHERE id IN (SELECT id FROM notice_attempt WHERE at < ? ORDER BY at LIMIT ?)", (before, _PRUNED_AT_ONCE)
    )
    connection.execute(
        "DELETE FROM notice_message WHERE id IN (SELECT id FROM notice_message"
        " WHERE made_at < ? AND state IN ('delivered', 'dead', 'withdrawn') ORDER BY made_at LIMIT ?)",
        (before, _PRUNED_AT_ONCE),
    )


def _standing(connection: sqlite3.Connection, channel: str) -> tuple[int, float | None]:
    row = connection.execute("SELECT failures, blocked_until FROM notice_channel WHERE channel = ?", (channel,)).fetchone()
    return (0, None) if row is None else (int(row[0]), row[1])


def _note(connection: sqlite3.Connection, message: str, channel: str, now: float, answer: str, *, is_delivered: bool) -> None:
    sql = "INSERT INTO notice_attempt (message, channel, at, is_delivered, answer) VALUES (?, ?, ?, ?, ?)"
    connection.execute(sql, (message, channel, now, is_delivered, storable(answer)))


def _is_partly_told(body: str) -> bool:
    message = decode_message(body)
    return message is not None and bool(message.had)


def _close(connection: sqlite3.Connection, id_: str, state: str, now: float) -> None:
    """End a message; of one that has arrived the text is not needed any more."""
    body = "body" if state == "dead" else "NULL"
    connection.execute(f"UPDATE notice_message SET state = ?, ended_at = ?, body = {body} WHERE id = ?", (state, now, id_))  # noqa: S608 - a constant


def _fingerprints(tells: Tells) -> tuple[Fingerprint, ...]:
    return tuple(dict.fromkeys(fingerprint for levels in tells.groups.values() for fingerprint in levels))


def urgency_of(level: Level, kind: MessageKind) -> int:
    """What goes first: critical, then ends, then the rest; a sign of life, which proves that sending works, waits for nothing."""
    return {MessageKind.HEARTBEAT: 4, MessageKind.RESOLVED: 2}.get(kind, level.rank)
