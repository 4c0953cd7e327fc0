"""The groups in the state database: which alerts a channel has been told of, and when to look at a group again."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from aishell_core.state.codec import storable
from aishell_core.values import Labels
from alerts.models import Alert, AlertChange, Attempt, ChangeKind, Fingerprint, Level, Phase
from alerts.notify import past_rows
from alerts.notify.codec import Tells, decode_labels, encode_labels
from alerts.notify.custody import Custody
from alerts.notify.grouping import Group, Member, Past, channels_of, group_name, places_of
from alerts.notify.models import Routes
from alerts.notify.naming import is_called_in, is_named
from alerts.store.codec import decode_alert, encode_alert
from alerts.store.many import insert

OWN_PREFIX = "channel:"
"""Begins the fingerprint of an alert that notification itself raises; such an alert lives in these rows alone."""
LONGEST_WAIT_SECONDS = 7 * 86_400.0
"""Nothing waits longer than this on purpose: what does, waits because the clock was set back."""
_WAITING = ""
"""The channel of the group of alerts that no rule says yet whom they are for; no channel has this name."""
_UNMUTED = {ChangeKind.UNSILENCED, ChangeKind.UNINHIBITED}


def note_changes(connection: sqlite3.Connection, changes: Iterable[AlertChange], routes: Routes, now: float) -> None:
    """Put changed alerts into the groups of their channels, which are then due at once.

    Whom an alert is for that has no rule just now nobody knows: it stays where it is, or waits until there is one.
    """
    known: dict[tuple[str, str], int] = {}
    new, others = _parted(connection, tuple(changes))
    # A thousand may be new at once, and nothing is to be looked up or renewed of them.
    _join(
        connection,
        [
            (storable(alert.fingerprint), _group_id(connection, known, channel, labels, now), encode_alert(alert))
            for alert in new
            for channel, labels in _first_places(alert, routes)
        ],
    )
    for change in others:
        _note(connection, known, change, routes, now)


def _parted(connection: sqlite3.Connection, changes: tuple[AlertChange, ...]) -> tuple[list[Alert], list[AlertChange]]:
    """The active alerts that are in no group yet and have changed once, and all other changes."""
    known = {fingerprint for (fingerprint,) in connection.execute("SELECT DISTINCT fingerprint FROM notice_member")} if changes else set()
    times = Counter(change.after.fingerprint for change in changes)
    new: list[Alert] = []
    others: list[AlertChange] = []
    for change in changes:
        name = change.after.fingerprint
        if times[name] == 1 and change.after.phase.is_active and storable(name) not in known:
            new.append(change.after)
        else:
            others.append(change)
    return new, others


def _first_places(alert: Alert, routes: Routes) -> list[tuple[str, Labels]]:
    """The groups of an alert that is in none: those of the channels that are told first, or that of what waits for its rule."""
    rule = routes.rules.get(alert.rule)
    return [(_WAITING, ())] if rule is None else places_of(alert, channels_of(rule, routes.default_channels), routes)


def _note(connection: sqlite3.Connection, known: dict[tuple[str, str], int], change: AlertChange, routes: Routes, now: float) -> None:
    alert = change.after
    written = encode_alert(alert)
    if alert.phase.is_active:
        past_rows.keep(connection, alert, _WAITING, now)
    elif not alert.phase.is_over or change.kind is ChangeKind.DROPPED:
        return  # it is about to fire again, or is not: what there is to tell is how it was over
    _renew(connection, alert.fingerprint, written, now)
    if not alert.phase.is_active:
        return
    if alert.rule in routes.rules:
        _place(connection, known, alert, routes, now)
        if change.kind in _UNMUTED:
            _tell_anew(connection, alert, routes)
    elif change.kind in _UNMUTED or not _is_anywhere(connection, alert.fingerprint):
        # Where it is known it stays as it was told, until it is known who is to hear of it again.
        _join(connection, [(storable(alert.fingerprint), _group_id(connection, known, _WAITING, (), now), written)])


def place(connection: sqlite3.Connection, alerts: Iterable[Alert], routes: Routes, now: float) -> None:
    """Put alerts, whose rules are known, into the groups of the channels that are told first."""
    known: dict[tuple[str, str], int] = {}
    for alert in alerts:
        _place(connection, known, alert, routes, now)


def place_waiting(connection: sqlite3.Connection, custody: Custody, routes: Routes, now: float) -> list[Alert]:
    """Put those alerts that waited for their rule into the groups of their channels, once there is one; those that were.

    One that was heard again meanwhile is told anew to those who are told first, as it would have been then.
    """
    sql = (
        "SELECT member.fingerprint, member.notice_group FROM notice_member AS member"
        " JOIN notice_group ON notice_group.id = member.notice_group WHERE notice_group.channel = ?"
    )
    placed: list[Alert] = []
    for fingerprint, group in connection.execute(sql, (_WAITING,)).fetchall():
        alert = custody.alert(connection, fingerprint)
        is_over = alert is None or not alert.phase.is_active
        if alert is not None and not is_over and (alert.rule not in routes.rules or not custody.is_ours(alert)):
            continue
        connection.execute("DELETE FROM notice_member WHERE fingerprint = ? AND notice_group = ?", (fingerprint, group))
        _drop_empty(connection, [group])
        if alert is not None and not is_over:
            _place(connection, {}, alert, routes, now)
            if not alert.is_muted:
                _tell_anew(connection, alert, routes)
            placed.append(alert)
    return placed


def join(connection: sqlite3.Connection, alert: Alert, channels: Iterable[str], routes: Routes, now: float) -> None:
    """Tell further channels of an alert, and those of them anew that know it already."""
    past_rows.keep(connection, alert, _WAITING, now)
    for group in _enter(connection, {}, alert, places_of(alert, channels, routes), now):
        _forget_told(connection, [(storable(alert.fingerprint), group)])


def heard(connection: sqlite3.Connection) -> tuple[Attempt, ...]:
    """What receivers know by now, as the last message that arrived, however long ago: one for each group."""
    sql = (
        "SELECT own.channel, own.name, coalesce(own.sent_at, own.opened_at), member.fingerprint FROM notice_member AS member"
        " JOIN notice_group AS own ON own.id = member.notice_group WHERE member.heard = 1 ORDER BY own.id"
    )
    return tuple(
        Attempt(channel, name, at, True, "", (fingerprint,)) for channel, name, at, fingerprint in connection.execute(sql).fetchall()
    )


def end_own(connection: sqlite3.Connection, fingerprint: Fingerprint, now: float) -> None:
    """An alert that notification raised itself is over."""
    rows = connection.execute("SELECT alert FROM notice_member WHERE fingerprint = ? LIMIT 1", (fingerprint,)).fetchone()
    alert = decode_alert(rows[0]) if rows is not None else None
    if alert is not None and alert.phase.is_active:
        _renew(connection, fingerprint, encode_alert(replace(alert, phase=Phase.RESOLVED, resolved_at=now)), now)


def own_alerts(connection: sqlite3.Connection) -> tuple[Alert, ...]:
    """The alerts that notification raised itself, and that are not over."""
    sql = "SELECT alert FROM notice_member WHERE fingerprint >= ? AND fingerprint < ? GROUP BY fingerprint"
    rows = connection.execute(sql, (OWN_PREFIX, f"{OWN_PREFIX}\U0010ffff")).fetchall()
    found = (decode_alert(written) for (written,) in rows)
    return tuple(alert for alert in found if alert is not None and alert.phase.is_active)


def due_groups(connection: sqlite3.Connection, custody: Custody, routes: Routes, now: float) -> tuple[Group, ...]:
    """The groups to look at now, with their members as they stand; one whose alert is gone is over.

    A group of alerts that other programs judge is theirs; one of alerts of several is told by whoever comes first, as a whole.
    """
    # Times that lie ahead, because the clock was set back while nobody was there, would make a group wait for as long as that.
    ahead = "UPDATE notice_group SET opened_at = min(opened_at, ?1), sent_at = min(sent_at, ?1) WHERE opened_at > ?1 OR sent_at > ?1"
    connection.execute(ahead, (now,))
    sql = (
        "SELECT id, channel, name, labels, opened_at, sent_at FROM notice_group"
        " WHERE (due_at <= ? OR due_at > ?) AND message IS NULL AND channel <> ? ORDER BY id"
    )
    found = connection.execute(sql, (now, now + LONGEST_WAIT_SECONDS, _WAITING)).fetchall()
    past = past_rows.load(connection) if found else {}
    groups = (
        Group(id_, channel, name, decode_labels(labels), opened_at, sent_at, members=_members(connection, id_, past, custody, routes, now))
        for id_, channel, name, labels, opened_at, sent_at in found
    )
    return tuple(each for each in groups if not each.members or any(custody.is_ours(member.alert) for member in each.members))


def forget(connection: sqlite3.Connection, group: Group, fingerprints: Iterable[Fingerprint]) -> None:
    """Drop members that nobody has to be told of."""
    rows = [(storable(fingerprint), group.id) for fingerprint in fingerprints]
    connection.executemany("DELETE FROM notice_member WHERE fingerprint = ? AND notice_group = ?", rows)


def put_off(connection: sqlite3.Connection, group: Group, due_at: float | None) -> None:
    """Look at a group again at a time, None for when something changes; a group without members goes."""
    connection.execute("UPDATE notice_group SET due_at = ? WHERE id = ?", (due_at, group.id))
    _drop_empty(connection, [group.id])


def bind(connection: sqlite3.Connection, group: Group, over: Sequence[Member], message: str, sent_at: float) -> None:
    """A message of this group is under way, which tells the end of some: nothing more is said before it has arrived."""
    past_rows.bind(connection, [member.row for member in over if member.row is not None], message)
    ended = [(encode_alert(member.alert), storable(member.alert.fingerprint), group.id) for member in over if member.row is None]
    connection.executemany("UPDATE notice_member SET alert = ? WHERE fingerprint = ? AND notice_group = ?", ended)
    connection.execute("UPDATE notice_group SET message = ?, sent_at = ?, due_at = NULL WHERE id = ?", (message, sent_at, group.id))


def told(connection: sqlite3.Connection, message: str, tells: Tells, now: float) -> None:
    """A message has arrived: its receiver knows what was in it. An alert that fires anew by now is unknown to it."""
    ended = past_rows.end(connection, message)
    for group, levels in tells.groups.items():
        firing = [(str(level), storable(fingerprint), group) for fingerprint, level in levels.items() if level is not None]
        over = [(storable(fingerprint), group) for fingerprint, level in levels.items() if level is None]
        connection.executemany("UPDATE notice_member SET told = ?, heard = 1 WHERE fingerprint = ? AND notice_group = ?", firing)
        connection.executemany("UPDATE notice_member SET told = '', heard = 0 WHERE fingerprint = ? AND notice_group = ?", over)
        _drop_over(connection, [place for place in over if place not in ended])
    release(connection, message, tells, now)


def given_up(connection: sqlite3.Connection, message: str, tells: Tells, now: float) -> None:
    """A message was given up: what still fires is told anew, what is over stands in the ledger alone."""
    ended = past_rows.end(connection, message)
    for group, levels in tells.groups.items():
        over = [(storable(fingerprint), group) for fingerprint, level in levels.items() if level is None]
        _drop_over(connection, [place for place in over if place not in ended])
    release(connection, message, tells, now)


def next_due(connection: sqlite3.Connection, now: float) -> float | None:
    """When the first group will be due, None when none will; what is due already and was left is another program's."""
    found = connection.execute("SELECT min(due_at) FROM notice_group WHERE due_at > ? AND message IS NULL", (now,)).fetchone()[0]
    return None if found is None else float(found)


def look_again(connection: sqlite3.Connection, now: float) -> None:
    """Look at all groups, after a start or with another configuration: what is due follows from the rules, and when they were told last."""
    connection.execute("UPDATE notice_group SET due_at = ?1 WHERE due_at IS NULL OR due_at > ?1", (now,))


def shift(connection: sqlite3.Connection, seconds: float) -> None:
    """Move all times, because the wall clock was set by so much."""
    sql = "UPDATE notice_group SET opened_at = opened_at + ?, sent_at = sent_at + ?, due_at = due_at + ?"
    connection.execute(sql, (seconds, seconds, seconds))
    members = connection.execute("SELECT fingerprint, notice_group, alert FROM notice_member").fetchall()
    rows = [(past_rows.moved(written, seconds), fingerprint, group) for fingerprint, group, written in members]
    connection.executemany("UPDATE notice_member SET alert = ? WHERE fingerprint = ? AND notice_group = ?", rows)
    past_rows.shift(connection, seconds)


def _place(connection: sqlite3.Connection, known: dict[tuple[str, str], int], alert: Alert, routes: Routes, now: float) -> None:
    channels = channels_of(routes.rules[alert.rule], routes.default_channels)
    _enter(connection, known, alert, places_of(alert, channels, routes), now)


def _enter(
    connection: sqlite3.Connection, known: dict[tuple[str, str], int], alert: Alert, places: Iterable[tuple[str, Labels]], now: float
) -> list[int]:
    """Put an alert into a group of each of these channels, by their ids.

    It stays in one that has told something: the receiver knows it there, whatever its rule groups by now. It leaves any other.
    """
    written, entered = encode_alert(alert), []
    before = _groups_of(connection, alert.fingerprint)
    for channel, labels in places:
        own = {id_: has_told for id_, (where, has_told) in before.items() if where == channel}
        group = next((id_ for id_, has_told in own.items() if has_told), None)
        if group is None:
            group = _group_id(connection, known, channel, labels, now)
            left = [(storable(alert.fingerprint), id_) for id_ in own if id_ != group]
            for fingerprint, id_ in left:
                past_rows.move(connection, fingerprint, id_, group)
            connection.executemany("DELETE FROM notice_member WHERE fingerprint = ? AND notice_group = ?", left)
            _drop_empty(connection, [id_ for _fingerprint, id_ in left])
        else:
            connection.execute("UPDATE notice_group SET due_at = ? WHERE id = ?", (now, group))
        _join(connection, [(storable(alert.fingerprint), group, written)])
        entered.append(group)
    return entered


def _groups_of(connection: sqlite3.Connection, fingerprint: Fingerprint) -> dict[int, tuple[str, bool]]:
    """The groups that an alert is in: their channels, and whether they have told something."""
    sql = (
        "SELECT own.id, own.channel, own.sent_at IS NOT NULL OR own.message IS NOT NULL FROM notice_member AS member"
        " JOIN notice_group AS own ON own.id = member.notice_group WHERE member.fingerprint = ? ORDER BY own.id"
    )
    rows = connection.execute(sql, (storable(fingerprint),)).fetchall()
    return {id_: (channel, bool(has_told)) for id_, channel, has_told in rows}


def _tell_anew(connection: sqlite3.Connection, alert: Alert, routes: Routes) -> None:
    """After a mute those are told again who are told first; the time of those who are called in later begins anew.

    What somebody has acknowledged they are not reminded of.
    """
    if alert.acknowledgement is not None:
        return
    channels = channels_of(routes.rules[alert.rule], routes.default_channels)
    groups = _groups_of(connection, alert.fingerprint).items()
    _forget_told(connection, [(storable(alert.fingerprint), id_) for id_, (channel, _has_told) in groups if channel in channels])


def _forget_told(connection: sqlite3.Connection, rows: list[tuple[str, int]]) -> None:
    """As if nobody knew of these alerts, but that their end is told to who heard of them.

    Where the end of an incident before is still to be told, nobody knows of this one yet.
    """
    sql = (
        "UPDATE notice_member SET told = '' WHERE fingerprint = ?1 AND notice_group = ?2"
        " AND NOT EXISTS (SELECT 1 FROM notice_past WHERE fingerprint = ?1 AND notice_group = ?2)"
    )
    connection.executemany(sql, rows)


def _is_anywhere(connection: sqlite3.Connection, fingerprint: Fingerprint) -> bool:
    sql = "SELECT 1 FROM notice_member WHERE fingerprint = ? LIMIT 1"
    return connection.execute(sql, (storable(fingerprint),)).fetchone() is not None


def _group_id(connection: sqlite3.Connection, known: dict[tuple[str, str], int], channel: str, labels: Labels, now: float) -> int:
    name = storable(group_name(labels))
    found = known.get((channel, name))
    if found is None:
        connection.execute(
            "INSERT INTO notice_group (channel, name, labels, opened_at, due_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (channel, name) DO UPDATE SET due_at = excluded.due_at",
            (channel, name, encode_labels(labels), now, now),
        )
        row = connection.execute("SELECT id FROM notice_group WHERE channel = ? AND name = ?", (channel, name)).fetchone()
        found = known[channel, name] = int(row[0])
    return found


def _join(connection: sqlite3.Connection, members: Sequence[tuple[str, int, str]]) -> None:
    """Put alerts into groups: the fingerprint of each, the group, and the alert as it is written."""
    otherwise = "ON CONFLICT (fingerprint, notice_group) DO UPDATE SET alert = excluded.alert"
    insert(connection, "INSERT INTO notice_member (fingerprint, notice_group, alert)", members, otherwise)


def _renew(connection: sqlite3.Connection, fingerprint: Fingerprint, written: str, now: float) -> None:
    """Write an alert as it is now to all groups that it is in, which become due."""
    name = storable(fingerprint)
    done = connection.execute("UPDATE notice_member SET alert = ? WHERE fingerprint = ?", (written, name))
    if done.rowcount:
        sql = "UPDATE notice_group SET due_at = ? WHERE id IN (SELECT notice_group FROM notice_member WHERE fingerprint = ?)"
        connection.execute(sql, (now, name))


def _members(
    connection: sqlite3.Connection,
    group: int,
    past: Mapping[past_rows.Place, tuple[Past, ...]],
    custody: Custody,
    routes: Routes,
    now: float,
) -> tuple[Member, ...]:
    sql = (
        "SELECT member.fingerprint, member.told, member.heard, member.alert, own.channel FROM notice_member AS member"
        " JOIN notice_group AS own ON own.id = member.notice_group WHERE member.notice_group = ?"
    )
    found: list[Member] = []
    for fingerprint, level, heard, written, channel in connection.execute(sql, (group,)).fetchall():
        alert = _as_it_stands(custody.alert(connection, fingerprint), fingerprint, written, now)
        if alert is not None:
            is_waiting = is_without_rule(alert, custody, routes)
            is_unnamed = custody.is_ours(alert) and not is_named(connection, alert, channel, routes)
            told, before = Level(level) if level else None, past.get((fingerprint, group), ())
            is_later = is_called_in(alert, channel, routes)
            found.append(Member(alert, told, custody.is_idle(alert), is_waiting, is_unnamed, is_later, bool(heard), before))
    return tuple(found)


def is_without_rule(alert: Alert, custody: Custody, routes: Routes) -> bool:
    """Whether a living alert of this program has no rule just now: that of one whose rule is gone for good is over soon.

    What another program judges it may have a rule for, and an alert of notification itself has none.
    """
    is_own = alert.fingerprint.startswith(OWN_PREFIX)
    return alert.phase.is_active and not is_own and alert.rule not in routes.rules and custody.is_ours(alert)


def _as_it_stands(alert: Alert | None, fingerprint: Fingerprint, written: str, now: float) -> Alert | None:
    """An alert as it is; as it was over last, where it has not fired since, or was forgotten as long ago as that."""
    if alert is None:
        return _last_known(fingerprint, written, now)
    if alert.phase.is_active or alert.phase.is_over:
        return alert
    last = decode_alert(written)
    return replace(last, held_since=alert.held_since, held_until=alert.held_until) if last is not None and last.phase.is_over else alert


def _last_known(fingerprint: Fingerprint, written: str, now: float) -> Alert | None:
    """An alert that nobody holds any more, because its rule is gone: as it was, and over."""
    alert = decode_alert(written)
    if alert is None or fingerprint.startswith(OWN_PREFIX) or not alert.phase.is_active:
        return alert
    return replace(alert, phase=Phase.RESOLVED, resolved_at=now, held_until=None)


def _drop_over(connection: sqlite3.Connection, rows: list[tuple[str, int]]) -> None:
    sql = "SELECT alert FROM notice_member WHERE fingerprint = ? AND notice_group = ?"
    for row in rows:
        found = connection.execute(sql, row).fetchone()
        alert = decode_alert(found[0]) if found is not None else None
        if alert is None or not alert.phase.is_active:
            connection.execute("DELETE FROM notice_member WHERE fingerprint = ? AND notice_group = ?", row)


def release(connection: sqlite3.Connection, message: str, tells: Tells, now: float) -> None:
    """A message is under way no more: its groups may be told again."""
    past_rows.release(connection, message)
    connection.execute("UPDATE notice_group SET message = NULL, due_at = ? WHERE message = ?", (now, message))
    _drop_empty(connection, tells.groups)


def _drop_empty(connection: sqlite3.Connection, groups: Iterable[int]) -> None:
    sql = (
        "DELETE FROM notice_group WHERE id = ? AND message IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM notice_member WHERE notice_group = notice_group.id)"
    )
    connection.executemany(sql, [(group,) for group in groups])
