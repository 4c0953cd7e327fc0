"""Which alerts are not told because another one says more: by rule, and by who depends on whom. Pure.

An alert of a rule with `inhibits` mutes those that its matchers match: on its own target where the labels in `equal` agree,
on the replicas of its target, or on the databases of its machine. An alert mutes while it fires and for some seconds after,
because what it caused ends a reading or two later than itself. What is muted mutes in turn (host, database, replica), and
where alerts mute each other in a ring, the worst and oldest of them is told.

A rule that fires when a target says nothing for a while (`absent`) mutes before that: what fires elsewhere after the target fell
silent waits for its alert, or for its answer. Else the consequence would be told before its cause.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aishell_core.values import TargetId
from alerts.board.absences import PRESENT_SECONDS
from alerts.board.selection import is_selected
from alerts.language.checker import Checked, understood
from alerts.language.plan import Absent, every_plan
from alerts.lifecycle import fingerprint_of, labels_of
from alerts.matchers import matches
from alerts.models import Alert, Fingerprint, InstanceKey, Phase, Traits
from alerts.rule import Inhibition, Reach, Rule

AFTERMATH_SECONDS = 30.0
"""So long after its end an alert still mutes."""

_LATE_SECONDS = 30.0
_EARLY_SECONDS = 10.0
"""A target is known to be silent only when its last answer does not stand any more."""

_MOST_NAMED = 8
_DEEPEST_CHAIN = 16

_NOBODY: Mapping[TargetId, float] = {}
Inhibited = Mapping[Fingerprint, tuple[Fingerprint, ...]]


def inhibited(
    alerts: Iterable[Alert],
    rules: Mapping[str, Rule],
    traits: Mapping[TargetId, Traits],
    now: float,
    silent: Mapping[TargetId, float] = _NOBODY,
) -> Inhibited:
    """For each active alert that is muted, those that mute it: the worst first, no more than a few.

    `silent` are the targets that do not answer, and since when: one of a rule that waits for that is named before it fires.
    """
    known = tuple(alerts)
    sources = [alert for alert in known if (rule := rules.get(alert.rule)) is not None and rule.inhibits and _mutes(alert, now)]
    sources += _awaited(rules, traits, silent, now, {source.fingerprint for source in sources})
    if not sources:
        return {}
    muted = [alert for alert in known if alert.phase.is_active]
    labelled = [(alert, dict(alert.labels)) for alert in muted]
    by: defaultdict[Fingerprint, set[Fingerprint]] = defaultdict(set)
    for rule_name in {alert.rule for alert in sources}:
        own = [alert for alert in sources if alert.rule == rule_name]
        for inhibition in rules[rule_name].inhibits:
            within_reach = _within_reach(inhibition, labelled, traits)
            for source in own:
                for found in within_reach.get(_reach_of(inhibition, source, traits), ()):
                    if (
                        found.fingerprint != source.fingerprint
                        and not _is_own_target(inhibition, source, found)
                        and _is_late(source, found)
                    ):
                        by[found.fingerprint].add(source.fingerprint)
    order = {alert.fingerprint: place for place, alert in enumerate(sorted(sources, key=_precedence))}
    _break_rings(by, order)
    return {muted: tuple(sorted(sources, key=order.__getitem__)[:_MOST_NAMED]) for muted, sources in by.items() if sources}


def _mutes(alert: Alert, now: float) -> bool:
    just_over = alert.phase is Phase.RESOLVED and alert.resolved_at is not None and abs(now - alert.resolved_at) < AFTERMATH_SECONDS
    return alert.phase.is_active or just_over


def _awaited(
    rules: Mapping[str, Rule], traits: Mapping[TargetId, Traits], silent: Mapping[TargetId, float], now: float, firing: set[Fingerprint]
) -> Iterable[Alert]:
    """The alerts that are going to fire unless targets answer again soon, of rules that mute others."""
    if not silent:
        return
    for rule in rules.values():
        patience = _patience_seconds(rule) if rule.inhibits else None
        if patience is None:
            continue
        for target, since in silent.items():
            own = traits.get(target)
            if own is None or not 0.0 <= now - since < patience or not _is_for(rule, own):
                continue
            key, level = InstanceKey(target), rule.triggers[0].level
            fingerprint = fingerprint_of(rule.name, key)
            if fingerprint not in firing:
                yield Alert(fingerprint, rule.name, key, labels_of(rule, key, own, level), Phase.PENDING, level, since=since)


def _patience_seconds(rule: Rule) -> float | None:
    """How long after a target fell silent such a rule has fired at the latest; None for one that does not wait for silence."""
    spans = [node.span_seconds or PRESENT_SECONDS for node in every_plan(_meaning(rule).plan) if isinstance(node, Absent)]
    return max(spans) + rule.for_seconds + _LATE_SECONDS if spans else None


def _meaning(rule: Rule) -> Checked:
    return understood(rule.triggers[0].condition)


def _is_for(rule: Rule, traits: Traits) -> bool:
    engines = _meaning(rule).engines
    return is_selected(rule.targets, traits) and (engines is None or traits.engine in engines)


def _is_late(source: Alert, found: Alert) -> bool:
    """Whether an alert fired when its source was there already, where that does not fire yet itself: what was told stays told."""
    return source.phase is not Phase.PENDING or (found.fired_at or 0.0) >= (source.since or 0.0) - _EARLY_SECONDS


def _precedence(alert: Alert) -> tuple[bool, int, float, str]:
    return not alert.phase.is_active, -alert.level.rank, alert.fired_at or 0.0, alert.fingerprint


_Group = tuple[str, ...]


def _within_reach(
    inhibition: Inhibition, labelled: Iterable[tuple[Alert, Mapping[str, str]]], traits: Mapping[TargetId, Traits]
) -> Mapping[_Group, list[Alert]]:
    """The alerts that the matchers match, by what a source must have for being able to mute them."""
    found: defaultdict[_Group, list[Alert]] = defaultdict(list)
    equal = _equal(inhibition)
    for alert, labels in labelled:
        if not matches(inhibition.matchers, labels):
            continue
        agreed = tuple(labels.get(name, "") for name in equal)
        if inhibition.of is Reach.SAME:
            found[agreed].append(alert)
        elif inhibition.of is Reach.REPLICAS:
            for upstream in _upstreams(alert.key.target, traits):
                found[(upstream, *agreed)].append(alert)
        elif host := _host_of(alert.key.target, traits):
            found[(host, *agreed)].append(alert)
    return found


def _reach_of(inhibition: Inhibition, source: Alert, traits: Mapping[TargetId, Traits]) -> _Group:
    labels = dict(source.labels)
    agreed = tuple(labels.get(name, "") for name in _equal(inhibition))
    if inhibition.of is Reach.SAME:
        return agreed
    if inhibition.of is Reach.REPLICAS:
        return (source.key.target, *agreed)
    return (_host_of(source.key.target, traits), *agreed)


def _equal(inhibition: Inhibition) -> tuple[str, ...]:
    return inhibition.equal if inhibition.of is Reach.SAME else tuple(name for name in inhibition.equal if name != "target")


def _is_own_target(inhibition: Inhibition, source: Alert, found: Alert) -> bool:
    return inhibition.of is not Reach.SAME and source.key.target == found.key.target


def _host_of(target: TargetId, traits: Mapping[TargetId, Traits]) -> str:
    known = traits.get(target)
    return known.host if known is not None else ""


def _upstreams(target: TargetId, traits: Mapping[TargetId, Traits]) -> list[TargetId]:
    """Those that a target replicates from, the nearest first; a ring ends where it began."""
    found: list[TargetId] = []
    while len(found) < _DEEPEST_CHAIN and (known := traits.get(target)) is not None and known.upstream is not None:
        target = known.upstream
        if target in found:
            break
        found.append(target)
    return found


def _break_rings(by: dict[Fingerprint, set[Fingerprint]], order: Mapping[Fingerprint, int]) -> None:
    """Free one alert of each ring, so that for whatever is muted somebody is told of something."""
    mutes: defaultdict[Fingerprint, list[Fingerprint]] = defaultdict(list)
    for found, sources in by.items():
        for source in sources:
            mutes[source].append(found)
    reached: set[Fingerprint] = set()
    for root in [source for source in mutes if source not in by]:
        _reach(root, mutes, reached)
    # Whoever is left is muted by rings alone.
    for root in sorted((source for source in mutes if source in by), key=order.__getitem__):
        if root not in reached:
            by[root] = set()
            _reach(root, mutes, reached)


def _reach(root: Fingerprint, mutes: Mapping[Fingerprint, list[Fingerprint]], reached: set[Fingerprint]) -> None:
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += mutes.get(each, ())
