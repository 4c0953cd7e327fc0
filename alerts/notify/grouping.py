"""Which alerts belong together, and when a group is told: pure, with the clock as an argument.

The three times are Alertmanager's (dispatch.go and dedup_stage.go): a group's first message waits `group_wait`, later changes wait
until `group_interval` has passed since the last message, and what still fires is told again after `repeat`. Here the end of a
whole group and a rise to a worse level wait for nothing, and what fired and was over while a channel could not be reached is
told nevertheless.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import compress

from aishell_core.state.codec import storable
from aishell_core.values import Labels
from alerts.models import Alert, Fingerprint, Level
from alerts.notify.models import Channel, Routes
from alerts.notify.urls import keeps_incidents
from alerts.rule import DAY_SECONDS, DEFAULT_GROUP_BY, Rule

ALL_LABELS = "..."
_UNSTEADY = {"severity"}
"""Labels that change while an alert lives; a group by them would lose its members."""
_INCIDENT_DIGITS = 32
RESEND_SECONDS = 60.0
"""How often Alertmanager is told again of what fires, as Prometheus does (`--rules.alert.resend-delay`)."""
_RELAY_INTERVAL_SECONDS = 5.0


class Standing(StrEnum):
    """How one member of a group looks from outside just now."""

    FIRING = "firing"
    OVER = "over"
    QUIET = "quiet"
    """As it was told last: muted, judged by nobody, waiting for its rule, not for this channel, or held back because it flaps."""


@dataclass(frozen=True, slots=True)
class Past:
    """An incident of an alert that was over before its channel had heard that, and was followed by another; `row` is where it is kept."""

    row: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class Member:
    """One alert in one group of one channel. `told` is the level that the receiver knows of, None for nothing.

    `past` are its incidents that the receiver has not heard the end of, oldest first: what it knows of is the first of them then.

    While it `is_idle`, nobody judges its target, and nothing is told of it. While it `is_waiting`, its rule is wrong or cannot be
    read, so that nobody knows what it would say now and to whom. While it `is_unnamed`, its rule does not name this channel for it, any
    more or not yet: the receiver hears of it no more than the end of what it knows. So does one that `is_called_in` when nobody has
    acknowledged in time, unless it `has_heard` that the alert fires: also one that is to be told so anew (`told` is None again).
    """

    alert: Alert
    told: Level | None = None
    is_idle: bool = False
    is_waiting: bool = False
    is_unnamed: bool = False
    is_called_in: bool = False
    has_heard: bool = False
    past: tuple[Past, ...] = ()
    row: int | None = None
    """Where it is kept, if it is such an incident itself."""


@dataclass(frozen=True, slots=True)
class Group:
    """What belongs together on one channel. `sent_at` is when its last message was made, `is_busy` while that one is under way."""

    id: int
    channel: str
    name: str
    labels: Labels
    opened_at: float
    sent_at: float | None = None
    is_busy: bool = False
    members: tuple[Member, ...] = ()


class Why(StrEnum):
    """What a message is for; the words are those of Alertmanager's webhook (`notification_reason`) where it has one."""

    FIRST = "first notification"
    CHANGED = "alerts changed"
    RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a group. With `why`, a message of `firing` and `over`; `forgotten` are members to be dropped without one.

    `kept` are those that a relay is told of as it knows them: they flap or wait, and it would take silence for their end. `lapsed` are
    the rows of past incidents that nobody has to be told of. Where it `is_behind`, more is to be told as soon as this has arrived.

    `due_at` is when to look again, None for not before something changes.
    """

    due_at: float | None = None
    why: Why | None = None
    firing: tuple[Member, ...] = ()
    over: tuple[Member, ...] = ()
    forgotten: tuple[Fingerprint, ...] = ()
    kept: tuple[Member, ...] = ()
    lapsed: tuple[int, ...] = ()
    is_behind: bool = False
    opened: tuple[Member, ...] = ()
    """Over before it could be told, and opened all the same: a receiver is to have the incident that the next message closes."""


def group_labels(alert: Alert, group_by: Iterable[str]) -> Labels:
    """The labels that an alert is grouped by; one that it lacks is an empty one. `...` stands for all that stay the same."""
    wanted = set(group_by)
    every = ALL_LABELS in wanted
    found = {name: storable(value) for name, value in alert.labels if (every or name in wanted) and name not in _UNSTEADY}
    missing = {} if every else dict.fromkeys(wanted - found.keys() - _UNSTEADY, "")
    return tuple(sorted({**missing, **found}.items()))


def group_name(labels: Labels) -> str:
    """How a group is called and known, as `{alertname="x", target="y"}`."""
    return "{" + ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels) + "}"


def incident_of(name: str) -> str:
    """What receivers know a group's incident by: the same at every message of it, whatever it says."""
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:_INCIDENT_DIGITS]


def channels_of(rule: Rule, default_channels: tuple[str, ...]) -> tuple[str, ...]:
    """The channels that are told first: the rule's, or the default ones."""
    return default_channels if rule.channels is None else rule.channels


def is_wanted(alert: Alert, channel: Channel) -> bool:
    """Whether a channel is for alerts of this level."""
    return alert.level.rank >= channel.least_level.rank


def places_of(alert: Alert, channels: Iterable[str], routes: Routes) -> list[tuple[str, Labels]]:
    """The channels that are for an alert, each with the labels of its group there; a relay has one group for everything.

    Those that cannot be used just now are among them: what they are to be told is kept until they can.
    """
    rule = routes.rules.get(alert.rule)
    labels = group_labels(alert, DEFAULT_GROUP_BY if rule is None else rule.group_by)
    named = tuple(dict.fromkeys(channels))
    wanted = (routes.channels[name] for name in named if name in routes.channels)
    waiting = (name for name in named if name in routes.lacking and alert.level.rank >= routes.lacking[name].rank)
    usable = [(channel.name, () if channel.kind.is_relay else labels) for channel in wanted if is_wanted(alert, channel)]
    return [*usable, *((name, labels) for name in waiting)]


def repeat_seconds(channel: Channel, rules: Iterable[Rule]) -> float:
    """How long until a group is told again: the shortest of its rules, or the channel's; what a relay must hear to keep an alert."""
    if channel.kind.is_relay:
        return RESEND_SECONDS
    own = [rule.repeat_seconds for rule in rules if rule.repeat_seconds is not None]
    return min(own, default=channel.repeat_seconds)


def decide(group: Group, channel: Channel, repeat: float, now: float) -> Decision:
    """Whether a group is told now, of what, and when to look again; times in seconds, `now` and `due_at` epoch seconds."""
    if group.is_busy:
        return Decision()
    standings = [(member, standing(member, now)) for each in group.members for member in _unfolded(each)]
    firing = tuple(
        member
        for member, stands in standings
        if stands is Standing.FIRING and not (member.told is None and is_taken_on(member.alert, channel))
    )
    ended = [member for member, stands in standings if stands is Standing.OVER]
    worth = [_is_worth_an_end(member, group, channel, now) for member in ended]
    over = _first_of_each(tuple(compress(ended, worth)))
    ending = {member.alert.fingerprint for member in over}
    unworthy = [member for member, is_worth in zip(ended, worth, strict=True) if not is_worth]
    forgotten = tuple(name for member in unworthy if member.row is None and (name := member.alert.fingerprint) not in ending)
    lapsed = tuple(member.row for member in unworthy if member.row is not None)
    released = _released_at(member.alert for member, stands in standings if stands is Standing.QUIET)
    changed = any(member.told != member.alert.level for member in firing) or bool(over)
    known = any(member.told is not None for member, stands in standings if stands is not Standing.OVER)
    kept = tuple(member for member, stands in standings if stands is Standing.QUIET and channel.kind.is_relay and _is_kept(member, now))
    opened: tuple[Member, ...] = ()
    is_behind = False
    if keeps_incidents(channel.url.reveal()):
        quiet = any(member.told is not None for member, stands in standings if stands is Standing.QUIET)
        firing, over, opened, is_behind = _turn_by_turn(firing, over, is_open=quiet)
    if not changed:
        kept_quiet = not channel.kind.is_relay and all(member.alert.acknowledgement is not None for member in firing)
        found = _unchanged(group, (firing, kept), forgotten, released, repeat, now, kept_quiet=kept_quiet)
        return replace(found, lapsed=lapsed)
    at_once = (not firing and not known) or any(map(_is_worse, firing))
    allowed = _allowed_at(group, channel, at_once=at_once)
    if now < allowed:
        return Decision(due_at=_earliest(allowed, released), forgotten=forgotten, lapsed=lapsed)
    why = Why.FIRST if group.sent_at is None else Why.CHANGED
    why = why if firing or opened or known else Why.RESOLVED
    return Decision(released, why, firing, over, forgotten, kept, lapsed, is_behind, opened)


def standing(member: Member, now: float) -> Standing:
    """How a member looks from outside: an alert that is muted or held back stays as it was told, and an end always counts.

    What has become worse than its receiver knows is not held back, nor what it does not know of or was told the end of.
    """
    alert = member.alert
    if member.row is not None:
        return Standing.OVER
    if member.is_idle or member.is_waiting:
        return Standing.QUIET
    if alert.is_held(now) and not (alert.phase.is_active and (member.told is None or _is_worse(member))):
        return Standing.QUIET
    if not alert.phase.is_active:
        return Standing.OVER
    return Standing.QUIET if alert.is_muted or member.is_unnamed else Standing.FIRING


def is_taken_on(alert: Alert, channel: Channel) -> bool:
    """Whether somebody has acknowledged an alert as it is now, so that nobody is called who does not know of it; a relay hears all."""
    if alert.acknowledgement is None or channel.kind.is_relay:
        return False
    return alert.seen_at is None or alert.seen_at <= alert.acknowledgement.at


def _unfolded(member: Member) -> Iterator[Member]:
    """A member's past incidents, the first of which its receiver may know of, and what it is now, which it knows nothing of then."""
    for place, past in enumerate(member.past):
        known = member if not place else replace(member, told=None, has_heard=False)
        yield replace(known, alert=past.alert, is_idle=False, is_waiting=False, past=(), row=past.row)
    yield replace(member, told=None, has_heard=False, past=()) if member.past else member


def _first_of_each(over: tuple[Member, ...]) -> tuple[Member, ...]:
    """The ends to be told now: of an alert with past incidents all of those, and how it ended last in the next message."""
    behind = {member.alert.fingerprint for member in over if member.row is not None}
    return tuple(member for member in over if member.row is not None or member.alert.fingerprint not in behind)


_Turn = tuple[tuple[Member, ...], tuple[Member, ...], tuple[Member, ...], bool]
"""What fires, what is over, what is opened although it is over, and whether more is to be told after it."""


def _turn_by_turn(firing: tuple[Member, ...], over: tuple[Member, ...], *, is_open: bool) -> _Turn:
    """What to tell a receiver that has one incident for the group.

    While something else keeps its incident open (`is_open`) all of it is news of that one. Else it must be closed before it is opened
    anew, and opened before it can be closed: what was over before it could be told is opened first, and closed with the next message.
    """
    ending = {member.alert.fingerprint for member in over}
    goes_on = any(member.told is not None and member.alert.fingerprint not in ending for member in firing)
    if not over or is_open or goes_on:
        return firing, over, (), False
    begin = min(map(_begin, firing), default=math.inf)
    known = tuple(member for member in over if member.told is not None or member.has_heard)
    if known:
        is_apart = begin >= max(map(_end, known))
        return ((), known, (), bool(firing) or len(known) < len(over)) if is_apart else (firing, over, (), False)
    first = {member.alert.fingerprint: member for member in reversed(over)}
    before = [member for member in first.values() if _end(member) <= begin]
    return ((), (), _earliest_of(before), True) if before else (firing, over, (), False)


def _earliest_of(members: Iterable[Member]) -> tuple[Member, ...]:
    """Of what is over the first, and what fired before that was over, and so on: what belongs to one incident."""
    found: list[Member] = []
    for member in sorted(members, key=_begin):
        if not found or _begin(member) < max(map(_end, found)):
            found.append(member)
    return tuple(found)


def _begin(member: Member) -> float:
    fired_at = member.alert.fired_at if member.alert.fired_at is not None else member.alert.since
    return -math.inf if fired_at is None else fired_at


def _end(member: Member) -> float:
    return math.inf if member.alert.resolved_at is None else member.alert.resolved_at


def _is_kept(member: Member, now: float) -> bool:
    """Whether an alert stays as it was told because it flaps or waits for its rule, and for no other reason."""
    if member.told is None or member.is_idle or member.is_unnamed or member.alert.is_muted:
        return False
    return member.is_waiting or member.alert.is_held(now)


def _is_worse(member: Member) -> bool:
    """Whether an alert has become worse than the receiver knows."""
    return member.told is not None and member.alert.phase.is_active and member.alert.level.rank > member.told.rank


def _is_worth_an_end(member: Member, group: Group, channel: Channel, now: float) -> bool:
    """Whether somebody must hear that an alert is over.

    One that was told: if the channel wants ends. One that was not: unless it was muted, flapped, was over within the first wait, is
    not for this channel or for one that is called in later, or has waited for a day, after which a message would have been given up too.
    """
    if not channel.send_resolved:
        return False
    if member.told is not None or (member.is_called_in and member.has_heard):
        return True
    if member.is_unnamed or member.is_called_in:
        return False
    alert = member.alert
    if alert.resolved_at is not None and now - alert.resolved_at > DAY_SECONDS:
        return False
    flapped = alert.held_until is not None and alert.resolved_at is not None and alert.resolved_at <= alert.held_until
    in_first_wait = group.sent_at is None and channel.group_wait_seconds > 0
    return alert.fired_at is not None and not alert.is_muted and not flapped and not in_first_wait


def _unchanged(
    group: Group,
    told: tuple[tuple[Member, ...], tuple[Member, ...]],
    forgotten: tuple[Fingerprint, ...],
    released: float | None,
    repeat: float,
    now: float,
    *,
    kept_quiet: bool,
) -> Decision:
    firing, kept = told
    if not (firing or kept) or group.sent_at is None:
        return Decision(released, forgotten=forgotten)
    again = group.sent_at + repeat
    if now < again:
        return Decision(_earliest(again, released), forgotten=forgotten)
    if kept_quiet:
        # Somebody is at it: no more reminders, but the group is looked at again, because an acknowledgement may be taken back.
        return Decision(_earliest(now + repeat, released), forgotten=forgotten)
    return Decision(released, Why.REPEAT, firing, (), forgotten, kept)


def _allowed_at(group: Group, channel: Channel, *, at_once: bool) -> float:
    if channel.kind.is_relay:
        return group.opened_at if group.sent_at is None else group.sent_at + _RELAY_INTERVAL_SECONDS
    if group.sent_at is None:
        return group.opened_at + channel.group_wait_seconds
    return group.sent_at if at_once else group.sent_at + channel.group_interval_seconds


def _released_at(alerts: Iterable[Alert]) -> float | None:
    return min((alert.held_until for alert in alerts if alert.held_until is not None), default=None)


def _earliest(first: float, second: float | None) -> float:
    return first if second is None else min(first, second)
