"""From what is due to messages: pure; each channel's rate decides whether its groups come one by one or as a digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aishell_core.units import format_duration
from aishell_core.values import Labels
from alerts.annotations import annotated
from alerts.models import Evidence, Fingerprint, Level
from alerts.notify.codec import Tells
from alerts.notify.grouping import Decision, Group, Member, channels_of, group_name, incident_of
from alerts.notify.models import Channel, ChannelKind, Item, Message, MessageKind, Routes
from alerts.notify.personal import harmless
from alerts.notify.text import body_of, digest_of, level_of, title_of
from alerts.notify.urls import keeps_incidents
from alerts.rule import Rule

MOST_ITEMS = 500
"""So many alerts of a message are written out for a webhook; the rest is counted. Alertmanager is told of all."""
_KEY_DIGITS = 8

Part = tuple[Group, Decision]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message, what it tells, and the groups that it is about, with what was decided for each."""

    message: Message
    tells: Tells
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What composing needs to know: the configuration, evidence by alert, the moment, and where ids come from."""

    routes: Routes
    evidence: Mapping[Fingerprint, Evidence]
    now: float
    new_id: Callable[[], str]


def drafts_of(channel: Channel, parts: Sequence[Part], made_lately: int, around: Surroundings) -> tuple[list[Draft], list[Group]]:
    """The messages of one channel for all its groups that are due, and the groups that must wait because it has had enough.

    `made_lately` is how many messages it was given within its `rate_seconds`.
    """
    ranked = sorted(parts, key=_urgency, reverse=True)
    if channel.kind.is_relay:
        return [message_of(channel, group, decision, around) for group, decision in ranked], []
    room = max(0, channel.most_messages - made_lately)
    if len(ranked) < room or (room and len(ranked) == 1):
        return [message_of(channel, group, decision, around) for group, decision in ranked], []
    if keeps_incidents(channel.url.reveal()):
        now = [message_of(channel, group, decision, around) for group, decision in ranked[:room]]
        return now, [group for group, _decision in ranked[room:]]
    if not room:
        return [], [group for group, _decision in ranked]
    return [_digest(channel, ranked, around)], []


def message_of(channel: Channel, group: Group, decision: Decision, around: Surroundings) -> Draft:
    """The message for one group."""
    rules, now = around.routes.rules, around.now
    decision = replace(decision, firing=tuple(_as_of_now(member, rules) for member in decision.firing))
    items, left_out = _items(channel, decision, around)
    labels = _harmless_labels(group.labels)
    message = Message(
        id=around.new_id(),
        channel=channel.name,
        kind=MessageKind.FIRING if decision.firing or decision.opened or decision.kept else MessageKind.RESOLVED,
        group=group.name if labels == group.labels else f"{group_name(labels)}#{incident_of(group.name)[:_KEY_DIGITS]}",
        group_labels=labels,
        incident=incident_of(group.name),
        level=_level_of(decision),
        title=title_of(decision),
        body=body_of(decision, rules, around.evidence, now, _escalation_note(channel, decision, around.routes)),
        made_at=now,
        items=items,
        items_left_out=left_out,
        reason=str(decision.why or ""),
    )
    return Draft(message, Tells({group.id: _levels(decision)}), ((group, decision),))


def _as_of_now(member: Member, rules: Mapping[str, Rule]) -> Member:
    """A member whose texts have the figures that stand beside them."""
    rule = rules.get(member.alert.rule)
    return member if rule is None else replace(member, alert=annotated(rule, member.alert))


def heartbeat_of(channel: Channel, every_seconds: float, around: Surroundings) -> Message:
    """A sign of life, for a receiver that raises an alarm when the next one does not come."""
    rules, every = len(around.routes.rules), format_duration(every_seconds)
    text = f"aishell evaluates {rules} alert rules on all targets. The next sign of life comes in {every}, give or take a few seconds."
    labels = (("alertname", "AishellHeartbeat"), ("severity", "none"))
    item = Item("heartbeat", labels, (("summary", text),), around.now, around.now + 3 * every_seconds)
    return _plain(channel, MessageKind.HEARTBEAT, "aishell is watching", text, labels, item, around)


def test_of(channel: Channel, around: Surroundings) -> Message:
    """A message that says that it is a test."""
    text = f"This is a test of the channel {harmless(channel.name)} of aishell. Nothing is wrong, and nothing has to be done."
    labels = (("alertname", "AishellTest"), ("severity", "info"))
    item = Item("test", labels, (("summary", text),), around.now, around.now + 60.0)
    return _plain(channel, MessageKind.TEST, "[TEST] aishell can reach you", text, labels, item, around)


def end_of_test(test: Message, around: Surroundings) -> Message:
    """What closes the incident that a test has opened."""
    return replace(test, id=around.new_id(), kind=MessageKind.RESOLVED, title="[TEST] the end of the test")


def _plain(channel: Channel, kind: MessageKind, title: str, body: str, labels: Labels, item: Item, around: Surroundings) -> Message:
    name = f"{{{kind}}}"
    items = () if channel.kind is ChannelKind.APPRISE else (item,)
    return Message(
        around.new_id(), channel.name, kind, name, labels, incident_of(name), Level.INFO, title, body, around.now, items, reason=str(kind)
    )


def _digest(channel: Channel, parts: Sequence[Part], around: Surroundings) -> Draft:
    title, body = digest_of(parts)
    firing = [member for _group, decision in parts for member in decision.firing]
    id_ = around.new_id()
    level = level_of(firing)
    over = [member for _group, decision in parts for member in decision.over]
    items, left_out = _items(channel, Decision(firing=tuple(firing), over=tuple(over)), around)
    message = Message(
        *(id_, channel.name, MessageKind.DIGEST, "{digest}", (), incident_of(id_), level, title, body, around.now),
        items=items,
        items_left_out=left_out,
        reason=str(MessageKind.DIGEST),
        ends=() if firing else tuple(incident_of(group.name) for group, _decision in parts),
    )
    return Draft(message, Tells({group.id: _levels(decision) for group, decision in parts}), tuple(parts))


def _urgency(part: Part) -> int:
    return max((member.alert.level.rank for member in part[1].firing), default=0)


def _levels(decision: Decision) -> dict[Fingerprint, Level | None]:
    """What a receiver knows then: of an alert that fires again after an end that is told with it, that it fires."""
    over: dict[Fingerprint, Level | None] = dict.fromkeys(member.alert.fingerprint for member in decision.over)
    return over | {member.alert.fingerprint: member.alert.level for member in (*decision.firing, *decision.opened)}


def _level_of(decision: Decision) -> Level:
    """How bad a message is; nobody is to be woken by what is over."""
    if decision.opened and not decision.firing:
        return min(level_of(decision.opened), Level.WARNING, key=lambda level: level.rank)
    return level_of(decision.firing or decision.over or decision.kept)


def _escalation_note(channel: Channel, decision: Decision, routes: Routes) -> str:
    """Says why this channel hears of it, where it is not one of those that are told first."""
    for member in decision.firing:
        rule = routes.rules.get(member.alert.rule)
        if rule is None or channel.name in channels_of(rule, routes.default_channels):
            continue
        for escalation in rule.escalations:
            if channel.name in escalation.channels:
                return f"Escalated: nobody has acknowledged it within {format_duration(escalation.after_seconds)}."
    return ""


def _items(channel: Channel, decision: Decision, around: Surroundings) -> tuple[tuple[Item, ...], int]:
    """The alerts as data; none for people, who read the text."""
    rules = around.routes.rules
    if channel.kind is ChannelKind.APPRISE:
        return (), 0
    if channel.kind.is_relay:
        return tuple(_relayed(decision, rules, around.now)), 0
    told = [*decision.firing, *decision.over]
    return tuple(_item(member, rules.get(member.alert.rule)) for member in told[:MOST_ITEMS]), max(0, len(told) - MOST_ITEMS)


def _relayed(decision: Decision, rules: Mapping[str, Rule], now: float) -> Iterator[Item]:
    """What a relay is told, which knows an alert by its labels, the level among them: what it knows at another level ends.

    Ends come first, because one may be that of an incident before of what fires, and the relay goes by what it hears last.
    """
    for member in decision.over:
        item = _item(member, rules.get(member.alert.rule), is_relayed=True)
        yield replace(item, labels=_at_level(item.labels, member.told), ends_at=now if item.ends_at is None else item.ends_at)
    for member in decision.firing:
        item = _item(member, rules.get(member.alert.rule), is_relayed=True)
        yield item
        if member.told not in {None, member.alert.level}:
            yield replace(item, labels=_at_level(item.labels, member.told), ends_at=now)
    for member in decision.kept:
        item = _item(member, rules.get(member.alert.rule), is_relayed=True)
        yield replace(item, labels=_at_level(item.labels, member.told), ends_at=None)


def _at_level(labels: Labels, level: Level | None) -> Labels:
    """Labels with the level that a receiver knows of."""
    return tuple((name, str(level) if name == "severity" and level is not None else text) for name, text in labels)


def _harmless_labels(labels: Labels) -> Labels:
    return tuple((name, harmless(text)) for name, text in labels)


def _item(member: Member, rule: Rule | None, *, is_relayed: bool = False) -> Item:
    """An alert as data. A relay would take two alerts whose names are masked alike for one, so it is given the fingerprint too."""
    alert = member.alert
    annotations = {name: harmless(text) for name, text in alert.annotations}
    if rule is not None and rule.runbook and "runbook" not in annotations:
        annotations["runbook"] = harmless(rule.runbook)
    if alert.value is not None:
        annotations["value"] = f"{alert.value:g} {alert.unit}".strip()
    told = tuple((name, value) for name, value in alert.labels if value)
    labels = _harmless_labels(told)
    if is_relayed and labels != told:
        labels = _sorted([*labels, ("fingerprint", alert.fingerprint)])
    begin = alert.since if alert.since is not None else alert.fired_at
    begin = begin if begin is not None else 0.0
    end = None if alert.phase.is_active else alert.resolved_at
    return Item(alert.fingerprint, labels, _sorted(annotations.items()), begin, end)


def _sorted(pairs: Iterable[tuple[str, str]]) -> Labels:
    return tuple(sorted(pairs))
