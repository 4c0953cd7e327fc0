"""The life of an alert, one evaluation at a time, pure: `step` for each judgement, `aged` for those that are over.

    inactive -> pending -> firing <-> recovering -> resolved -> inactive

- A condition that holds for `for_seconds` fires at the first evaluation at which it has; one that fails before is dropped.
  So with each level by itself: the worse one is reached when its own condition has held for as long.
- An alert ends when the rule's clear condition holds, and goes on for `keep_firing_seconds`. Between the triggers and the
  clear condition it stays, at its rule's lowest level: that level is then the same whichever way the figure came.
- Figures that are missing or in error end nothing and begin nothing, unless the rule says so, or their target goes on without
  them. The time that passes without them counts neither towards firing nor towards recovering. What the rule makes of them
  obeys `for_seconds` too.
- All times are of one clock that neither jumps nor counts what nobody watched (see `alerts/timeline.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

from aishell_core.values import Labels
from alerts.flapping import flipped, recent
from alerts.judgement import Judgement
from alerts.models import Absence, Alert, AlertChange, ChangeKind, Fingerprint, Health, InstanceKey, Level, Phase, Traits
from alerts.rule import MINUTE_SECONDS, Rule, Trigger

RESOLVED_SECONDS = 15 * MINUTE_SECONDS
"""So long a resolved alert stays to be seen."""

_AFTER_HELD_SECONDS = MINUTE_SECONDS
_FINGERPRINT_BYTES = 8
_LIVING = frozenset({Phase.PENDING, Phase.FIRING, Phase.RECOVERING})
_HEALTH_KINDS = {Health.OK: ChangeKind.HEALTHY, Health.NO_DATA: ChangeKind.NO_DATA, Health.ERROR: ChangeKind.ERROR}

Changes = tuple[AlertChange, ...]


def fingerprint_of(rule: str, key: InstanceKey) -> Fingerprint:
    """What an alert is known by: 16 hexadecimal digits of a hash over the rule's name, the target and the figure's labels."""
    digest = hashlib.blake2b(digest_size=_FINGERPRINT_BYTES)
    for part in (rule, key.target, *(text for label in key.labels for text in label)):
        encoded = part.encode("utf-8", "backslashreplace")
        digest.update(b"%d:%b" % (len(encoded), encoded))
    return digest.hexdigest()


def labels_of(rule: Rule, key: InstanceKey, traits: Traits, level: Level) -> Labels:
    """The labels of an alert, sorted: the rule's, above them the figure's, and above both those that every alert has."""
    known = {"engine": traits.engine, "role": traits.role, "environment": traits.environment}
    fixed = known | {"alertname": rule.name, "target": str(key.target), "severity": str(level)}
    # What is not known of a target leaves the word to the others; a figure across all targets has none of its own.
    return tuple(sorted((dict(rule.labels) | dict(key.labels) | {name: text for name, text in fixed.items() if text}).items()))


def relabelled(rule: Rule, alert: Alert, traits: Traits) -> Alert:
    """The alert with the labels that its rule, as it is now, and its target give it; what it is known by stays."""
    labels = labels_of(rule, alert.key, traits, alert.level)
    return alert if labels == alert.labels else replace(alert, labels=labels)


def step(rule: Rule, alert: Alert | None, judgement: Judgement, now: float, traits: Traits) -> tuple[Alert | None, Changes]:
    """The alert after an evaluation, and what happened to it; None when there is nothing (any more) to be known of it."""
    if alert is not None and _goes_on(alert, judgement):
        return alert, ()
    if alert is not None and judgement.is_over and rule.no_data.policy is not Absence.ALERT:
        return ended(alert, now, judgement.reason)
    before = alert if alert is not None else _unborn(rule, judgement.key, traits)
    seen = _observed(before, judgement, now)
    verdict = _verdict(rule, seen, judgement, now)
    changes: Changes = ()
    if seen.health is not before.health and before.phase in _LIVING:
        changes = (AlertChange(now, _HEALTH_KINDS[seen.health], before, seen, seen.health_reason),)
    turn = _Turn(rule, seen, now, traits, judgement.reason, changes)
    if verdict is None:
        turn = turn._replace(alert=_frozen(seen, before.evaluated_at, now))
    elif seen.phase is Phase.PENDING:
        turn = _from_pending(turn, verdict)
    elif seen.phase.is_active:
        turn = _from_active(turn, verdict)
    elif verdict.level is not None:
        turn = _begun(turn, verdict.level)
    return aged(rule, turn.alert, now), turn.changes


def is_watched(alert: Alert) -> bool:
    """Whether each evaluation has to say something of the alert; one that is over is only heard of when it begins anew."""
    return alert.phase in _LIVING or alert.unhealthy_since is not None


def aged(rule: Rule | None, alert: Alert, now: float) -> Alert | None:
    """The alert as it is kept after its end: resolved for some minutes, then only for its flips; None when it may go.

    It stays to be seen for longer where its end is not told yet because it flaps.
    """
    if alert.phase is Phase.RESOLVED:
        told_at = max(alert.resolved_at or 0.0, (alert.held_until or 0.0) + _AFTER_HELD_SECONDS - RESOLVED_SECONDS)
        if now < told_at + RESOLVED_SECONDS:
            return alert
        alert = replace(alert, phase=Phase.INACTIVE, since=None, fired_at=None, resolved_at=None, silenced_by=(), inhibited_by=())
    if alert.phase is not Phase.INACTIVE:
        return alert
    return alert if rule is not None and (_missing(rule, alert) or recent(alert.flips, now, rule.damping)) else None


def ended(alert: Alert, now: float, reason: str) -> tuple[Alert | None, Changes]:
    """The alert when there is nothing left to judge, because its rule, its target or its figure is gone: it is resolved at once."""
    if alert.phase is Phase.PENDING:
        return None, (AlertChange(now, ChangeKind.DROPPED, alert, replace(alert, phase=Phase.INACTIVE, since=None), reason),)
    if not alert.phase.is_active:
        return (aged(None, alert, now) if alert.phase is Phase.RESOLVED else None), ()
    over = replace(_over(alert, now), held_since=None, held_until=None, health=Health.OK, health_reason=reason, unhealthy_since=None)
    return over, (AlertChange(now, ChangeKind.RESOLVED, alert, over, reason),)


def broken(alert: Alert, now: float, reason: str) -> tuple[Alert, Changes]:
    """The alert while its rule cannot be evaluated, because it was changed into one that is wrong: it stays as it is."""
    if alert.phase not in _LIVING:
        return alert, ()
    since = alert.unhealthy_since if alert.unhealthy_since is not None else now
    seen = replace(alert, health=Health.ERROR, health_reason=reason, unhealthy_since=since, evaluated_at=now)
    frozen = _frozen(seen, alert.evaluated_at, now)
    if alert.health is Health.ERROR:
        return frozen, ()
    return frozen, (AlertChange(now, ChangeKind.ERROR, alert, frozen, reason),)


def shifted(alert: Alert, seconds: float) -> Alert:
    """The alert after the wall clock was set by so many seconds: all its ages stay."""

    def moved(at: float | None) -> float | None:
        return None if at is None else at + seconds

    return replace(
        alert,
        since=moved(alert.since),
        fired_at=moved(alert.fired_at),
        recovering_since=moved(alert.recovering_since),
        resolved_at=moved(alert.resolved_at),
        unhealthy_since=moved(alert.unhealthy_since),
        evaluated_at=moved(alert.evaluated_at),
        lowered_at=moved(alert.lowered_at),
        worse_since=moved(alert.worse_since),
        flips=tuple(at + seconds for at in alert.flips),
        held_since=moved(alert.held_since),
        held_until=moved(alert.held_until),
    )


def paused(alert: Alert, seconds: float) -> Alert:
    """The alert after so many seconds in which nobody evaluated it: they count towards neither firing nor recovering."""
    pending = alert.phase is Phase.PENDING
    return replace(
        alert,
        since=alert.since + seconds if pending and alert.since is not None else alert.since,
        recovering_since=None if alert.recovering_since is None else alert.recovering_since + seconds,
        worse_since=None if alert.worse_since is None else alert.worse_since + seconds,
        unhealthy_since=None if alert.unhealthy_since is None else alert.unhealthy_since + seconds,
        evaluated_at=None if alert.evaluated_at is None else alert.evaluated_at + seconds,
    )


class _Verdict(NamedTuple):
    """What an evaluation comes to after the rule's policy for missing figures."""

    level: Level | None
    is_clear: bool


class _Turn(NamedTuple):
    """One evaluation of one alert: its rule, what is known of it now, why it is judged so, and what has happened so far."""

    rule: Rule
    alert: Alert
    now: float
    traits: Traits
    reason: str
    changes: Changes

    def to(self, kind: ChangeKind, after: Alert) -> _Turn:
        """The turn after one more change."""
        change = AlertChange(self.now, kind, self.alert, after, self.reason)
        return self._replace(alert=after, changes=(*self.changes, change))


def _goes_on(alert: Alert, judgement: Judgement) -> bool:
    """Whether nothing at all is new of a firing alert: most are like that at most evaluations, and cost nothing then."""
    return (
        alert.phase is Phase.FIRING
        and judgement.level is alert.level
        and alert.worse_since is None
        and judgement.health is alert.health is Health.OK
        and judgement.value == alert.value
        and judgement.threshold == alert.threshold
    )


def _missing(rule: Rule, alert: Alert) -> bool:
    """Whether its figures are missing, and the rule is to alert on that in a while."""
    policy = (rule.no_data if alert.health is Health.NO_DATA else rule.on_error).policy
    return alert.health is not Health.OK and policy is Absence.ALERT


def _unborn(rule: Rule, key: InstanceKey, traits: Traits) -> Alert:
    level = _worst(rule)
    return Alert(fingerprint_of(rule.name, key), rule.name, key, labels_of(rule, key, traits, level), level=level)


def _worst(rule: Rule) -> Level:
    return rule.triggers[0].level


def _observed(alert: Alert, judgement: Judgement, now: float) -> Alert:
    """The alert with what was seen; the last known figure stands while there is none."""
    if judgement.health is not Health.OK:
        since = alert.unhealthy_since if alert.unhealthy_since is not None else now
        return replace(alert, health=judgement.health, health_reason=judgement.reason, unhealthy_since=since, evaluated_at=now)
    return replace(
        alert,
        health=Health.OK,
        health_reason="",
        unhealthy_since=None,
        value=judgement.value,
        threshold=judgement.threshold,
        unit=judgement.unit,
        evaluated_at=now,
    )


def _verdict(rule: Rule, alert: Alert, judgement: Judgement, now: float) -> _Verdict | None:
    """None when nothing follows: figures are missing, and the rule keeps what was, or waits for them still."""
    if judgement.health is Health.OK:
        return _Verdict(judgement.level, judgement.is_clear)
    missing = rule.no_data if judgement.health is Health.NO_DATA else rule.on_error
    waited = now - (alert.unhealthy_since if alert.unhealthy_since is not None else now)
    if missing.policy is Absence.KEEP or waited < missing.after_seconds:
        return None
    if missing.policy is Absence.OK:
        return _Verdict(None, is_clear=True)
    return _Verdict(alert.level if alert.phase in _LIVING else _worst(rule), is_clear=False)


def _frozen(alert: Alert, evaluated_at: float | None, now: float) -> Alert:
    """The alert after a stretch of which nothing is known: it counts towards neither firing nor recovering."""
    unknown = now - evaluated_at if evaluated_at is not None else 0.0
    if alert.worse_since is not None:
        alert = replace(alert, worse_since=alert.worse_since + unknown)
    if alert.phase is Phase.PENDING and alert.since is not None:
        return replace(alert, since=alert.since + unknown)
    if alert.phase is Phase.RECOVERING and alert.recovering_since is not None:
        return replace(alert, recovering_since=alert.recovering_since + unknown)
    return alert


def _begun(turn: _Turn, level: Level) -> _Turn:
    begun = replace(_at_level(turn, level), phase=Phase.PENDING, since=turn.now, worse_since=None)
    begun = _waiting_for(turn, begun, level)
    if turn.rule.for_seconds <= 0:
        return _fired(turn, replace(begun, worse_since=None))
    return turn.to(ChangeKind.PENDING, begun)


def _from_pending(turn: _Turn, verdict: _Verdict) -> _Turn:
    alert = turn.alert
    if verdict.level is None:
        # One that was resolved a moment ago is still to be seen as that.
        phase = Phase.RESOLVED if alert.resolved_at is not None else Phase.INACTIVE
        return turn.to(ChangeKind.DROPPED, replace(alert, phase=phase, since=None, worse_since=None))
    alert = _waiting_for(turn, _at_level(turn, verdict.level), verdict.level)
    since = alert.since if alert.since is not None else turn.now
    if turn.now - since >= turn.rule.for_seconds:
        return _fired(turn, replace(alert, worse_since=None) if _is_reached(turn, alert) else _at_lowest(turn, alert))
    return turn._replace(alert=alert)


def _fired(turn: _Turn, alert: Alert) -> _Turn:
    fired = replace(
        alert, phase=Phase.FIRING, fired_at=turn.now, seen_at=turn.now, resolved_at=None, recovering_since=None, lowered_at=None
    )
    after = flipped(fired, turn.now, turn.rule.damping)
    # Unless its last end is not told yet, people know that it was over: that it fires is news, which is not put off.
    if (after.held_since, after.held_until) != (None, None) and not alert.is_held(turn.now):
        after = replace(after, held_since=None, held_until=None)
    return turn.to(ChangeKind.FIRED, after)


def _from_active(turn: _Turn, verdict: _Verdict) -> _Turn:
    alert, now = turn.alert, turn.now
    if verdict.is_clear and verdict.level is None:
        if turn.rule.keep_firing_seconds > 0 and alert.phase is Phase.FIRING:
            return turn.to(ChangeKind.RECOVERING, replace(alert, phase=Phase.RECOVERING, recovering_since=now, worse_since=None))
        since = alert.recovering_since if alert.recovering_since is not None else now
        if now - since < turn.rule.keep_firing_seconds:
            return turn
        return turn.to(ChangeKind.RESOLVED, flipped(_over(alert, now), now, turn.rule.damping))
    if alert.phase is Phase.RECOVERING:
        turn = turn.to(ChangeKind.REFIRED, replace(alert, phase=Phase.FIRING, recovering_since=None))
    level = verdict.level if verdict.level is not None else _lowest(turn.rule)
    if level.rank <= alert.level.rank:
        turn = turn._replace(alert=replace(turn.alert, worse_since=None)) if alert.worse_since is not None else turn
        return turn if level is alert.level else _at_other_level(turn, level)
    waiting = _waiting_for(turn, turn.alert, level)
    if not _is_reached(turn, waiting):
        return turn._replace(alert=waiting)
    return _at_other_level(turn._replace(alert=replace(waiting, worse_since=None)), level)


def _waiting_for(turn: _Turn, alert: Alert, level: Level) -> Alert:
    """The alert with since when a worse level than its rule's lowest is seen."""
    if level.rank <= _lowest(turn.rule).rank:
        return alert if alert.worse_since is None else replace(alert, worse_since=None)
    return alert if alert.worse_since is not None else replace(alert, worse_since=turn.now)


def _is_reached(turn: _Turn, alert: Alert) -> bool:
    """Whether the level that is seen now has been for as long as the rule asks; its lowest one counts from the alert's begin."""
    return alert.worse_since is None or turn.now - alert.worse_since >= turn.rule.for_seconds


def _at_lowest(turn: _Turn, alert: Alert) -> Alert:
    return replace(_at_level(turn._replace(alert=alert), _lowest(turn.rule)), worse_since=alert.worse_since)


def _lowest(rule: Rule) -> Level:
    return min(rule.triggers, key=_rank_of).level


def _at_other_level(turn: _Turn, level: Level) -> _Turn:
    rises = level.rank > turn.alert.level.rank
    again = rises and turn.alert.lowered_at is not None
    seen_at = turn.now if rises else turn.alert.seen_at
    alert = replace(_at_level(turn, level), lowered_at=None if rises else turn.now, seen_at=seen_at)
    return turn.to(ChangeKind.LEVEL, flipped(alert, turn.now, turn.rule.damping) if again else alert)


def _at_level(turn: _Turn, level: Level) -> Alert:
    if level is turn.alert.level and turn.alert.phase in _LIVING:
        return turn.alert
    alert = turn.alert if level is turn.alert.level else replace(turn.alert, level=level)
    return relabelled(turn.rule, alert, turn.traits)


def _over(alert: Alert, now: float) -> Alert:
    return replace(
        alert, phase=Phase.RESOLVED, resolved_at=now, recovering_since=None, lowered_at=None, worse_since=None, acknowledgement=None
    )


def _rank_of(trigger: Trigger) -> int:
    return trigger.level.rank
