"""One evaluation of all alerts: what was judged, what people said, what is gone, and who is muted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from aishell_core.values import TargetId
from alerts.annotations import annotated
from alerts.flapping import risen
from alerts.holding import Holding
from alerts.judgement import Judgement
from alerts.lifecycle import aged, broken, ended, fingerprint_of, is_watched, paused, relabelled, step
from alerts.models import Acknowledgement, Alert, AlertChange, ChangeKind, Fingerprint, Health, InstanceKey, Silence, Traits
from alerts.mutes import Mutes, muted
from alerts.rule import Maintenance, Rule

Alerts = Mapping[Fingerprint, Alert]

MOST_RENEWED = 200
"""Of so many alerts the texts follow the figures at each evaluation; of more they do by turns, and those of a message have them anyway."""
TEXTS_SECONDS = 10
"""How often it is an alert's turn then."""
_TURN_SECONDS = 1.5
"""A little longer than evaluations are apart."""

_TOLD_ANEW = frozenset({ChangeKind.FIRED, ChangeKind.LEVEL})
_NOT_JUDGED = "the rule finds no figures for it"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that an evaluation goes by besides judgements. `broken` are rules that cannot be evaluated just now, each with its reason.

    While `is_settling` (the first minute of an evaluator) missing figures say nothing: they are not read yet. `judged` says which
    alerts these are, None for all, with an empty name for the figures across all targets; `others` are the alerts that
    another program judges, which may mute those here.
    """

    rules: Mapping[str, Rule]
    traits: Mapping[TargetId, Traits]
    broken: Mapping[str, str] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    ended: tuple[Silence, ...] = ()
    windows: tuple[Maintenance, ...] = ()
    acknowledgements: Mapping[Fingerprint, Acknowledgement] = field(default_factory=dict)
    is_settling: bool = False
    judged: Holding | None = None
    others: tuple[Alert, ...] = ()
    silent: Mapping[TargetId, float] = field(default_factory=dict)
    """The targets that do not answer, and since when."""
    configuration: str = ""
    """What is noted at each alert that is judged as where its rule was found (`alerts.models.Alert.configuration`)."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation came to: all alerts, those that are new or other than before, and what happened.

    `heard` are changes that people made, which their history has already; the others are new to everybody.
    """

    alerts: Alerts
    changed: tuple[Alert, ...] = ()
    gone: tuple[Fingerprint, ...] = ()
    changes: tuple[AlertChange, ...] = ()
    heard: tuple[AlertChange, ...] = ()


def watched(alerts: Iterable[Alert]) -> dict[str, list[InstanceKey]]:
    """By rule, the instances of which an evaluation must say something even if nothing holds of them."""
    found: dict[str, list[InstanceKey]] = {}
    for alert in alerts:
        if is_watched(alert):
            found.setdefault(alert.rule, []).append(alert.key)
    return found


def evaluated(before: Alerts, judgements: Iterable[Judgement], around: Surroundings, now: float) -> Evaluated:
    """All alerts after an evaluation at `now`."""
    after, heard = _with_words(before, around, now)
    changes: list[AlertChange] = []
    is_few = len(before) <= MOST_RENEWED
    for fingerprint, judgement in _by_alert(after, judgements, around, now):
        traits = around.traits.get(judgement.key.target, Traits(judgement.key.target))
        rule = around.rules[judgement.rule]
        stepped, happened = step(rule, after.get(fingerprint), judgement, now, traits)
        if stepped is not None and happened and happened[-1].kind in _TOLD_ANEW:
            stepped = annotated(rule, relabelled(rule, risen(stepped, now, rule.damping), traits))
            happened = (*happened[:-1], replace(happened[-1], after=stepped))
        elif stepped is not None and _may_be_outdated(stepped, after.get(fingerprint), now, is_few=is_few):
            stepped = annotated(rule, relabelled(rule, stepped, traits))
        if stepped is not None and stepped.configuration != around.configuration:
            stepped = replace(stepped, configuration=around.configuration)
        changes += happened
        _put(after, fingerprint, stepped)
    changes += _without_judge(after, around, now)
    for alert in [alert for alert in after.values() if not is_watched(alert)]:
        _put(after, alert.fingerprint, aged(around.rules.get(alert.rule), alert, now))
    mutes = Mutes(around.rules, around.silences, around.windows, around.traits, around.silent, around.ended)
    quiet, hushed = muted([*after.values(), *(alert for alert in around.others if alert.fingerprint not in after)], mutes, now)
    after |= {alert.fingerprint: alert for alert in quiet if alert.fingerprint in after}
    changes = [*_as_muted(changes, after), *(change for change in hushed if change.after.fingerprint in after)]
    changed = tuple(alert for fingerprint, alert in after.items() if before.get(fingerprint) is not alert)
    return Evaluated(after, changed, tuple(before.keys() - after.keys()), tuple(changes), heard)


def _may_be_outdated(alert: Alert, before: Alert | None, now: float, *, is_few: bool) -> bool:
    """Whether the texts and labels of an alert that goes on firing are to be made anew: of few with their figures, of many by turns.

    Its turn comes to each of few all the same, because its rule may say something else. What has been the same for longer has had its
    turn where there are many.
    """
    if not alert.phase.is_active or alert.health is not Health.OK or alert.evaluated_at is None:
        return False
    if is_few and alert is not before:
        return True
    offset = sum(alert.fingerprint.encode()) % TEXTS_SECONDS
    return (now + offset) % TEXTS_SECONDS < _TURN_SECONDS and (is_few or now - alert.evaluated_at < 2 * TEXTS_SECONDS)


def _put(alerts: dict[Fingerprint, Alert], fingerprint: Fingerprint, alert: Alert | None) -> None:
    if alert is None:
        alerts.pop(fingerprint, None)
    else:
        alerts[fingerprint] = alert


def _with_words(before: Alerts, around: Surroundings, now: float) -> tuple[dict[Fingerprint, Alert], tuple[AlertChange, ...]]:
    """The alerts with what people said since the last evaluation."""
    after = dict(before)
    heard: list[AlertChange] = []
    for fingerprint, alert in before.items():
        said = around.acknowledgements.get(fingerprint) if alert.phase.is_active else None
        if said != alert.acknowledgement:
            after[fingerprint] = replace(alert, acknowledgement=said)
            kind = ChangeKind.ACKNOWLEDGED if said is not None else ChangeKind.UNACKNOWLEDGED
            heard.append(AlertChange(now, kind, alert, after[fingerprint], said.note if said is not None else ""))
    return after, tuple(heard)


def _by_alert(
    alerts: dict[Fingerprint, Alert], judgements: Iterable[Judgement], around: Surroundings, now: float
) -> Iterable[tuple[Fingerprint, Judgement]]:
    """Each judgement that counts with the alert that it is of, and one of missing figures for each alert that none is of.

    While missing figures say nothing yet, an alert without others stays as it is, and the time since its last evaluation counts
    towards nothing.
    """
    known = {(alert.rule, alert.key): fingerprint for fingerprint, alert in alerts.items()}
    unjudged = {fingerprint for fingerprint, alert in alerts.items() if is_watched(alert) and _is_judged(alert, around)}
    found: list[tuple[Fingerprint, Judgement]] = []
    for judgement in judgements:
        target = judgement.key.target
        if judgement.rule not in around.rules or not _is_known(target, around):
            continue
        if around.judged is not None and not around.judged.has(target, judgement.rule):
            continue
        fingerprint = known.get((judgement.rule, judgement.key)) or fingerprint_of(judgement.rule, judgement.key)
        if around.is_settling and judgement.health is Health.NO_DATA:
            continue
        unjudged.discard(fingerprint)
        found.append((fingerprint, judgement))
    for fingerprint in sorted(unjudged):
        alert = alerts[fingerprint]
        if around.is_settling:
            alerts[fingerprint] = paused(alert, now - alert.evaluated_at if alert.evaluated_at is not None else 0.0)
        else:
            missing = Judgement(alert.rule, alert.key, None, is_clear=False, health=Health.NO_DATA, reason=_NOT_JUDGED)
            found.append((fingerprint, missing))
    return found


def _is_judged(alert: Alert, around: Surroundings) -> bool:
    return alert.rule in around.rules and _is_known(alert.key.target, around)


def _is_known(target: TargetId, around: Surroundings) -> bool:
    """Whether a target is watched; a figure across all targets has none."""
    return not target or target in around.traits


def _without_judge(alerts: dict[Fingerprint, Alert], around: Surroundings, now: float) -> list[AlertChange]:
    """What happens to alerts whose rule cannot be evaluated, or whose rule or target is gone."""
    changes: list[AlertChange] = []
    for fingerprint, alert in list(alerts.items()):
        if _is_judged(alert, around):
            continue
        stepped: Alert | None
        problem = around.broken.get(alert.rule)
        if not _is_known(alert.key.target, around):
            stepped, happened = ended(alert, now, "its target is not watched any more")
        elif problem is not None:
            stepped, happened = broken(alert, now, problem)
        else:
            stepped, happened = ended(alert, now, "its rule is gone or switched off")
        changes += happened
        _put(alerts, fingerprint, stepped)
    return changes


def _as_muted(changes: Iterable[AlertChange], alerts: Alerts) -> Iterable[AlertChange]:
    """What just began shows whether it is muted, so that nobody is told of it for one evaluation."""
    for change in changes:
        alert = alerts.get(change.after.fingerprint)
        if alert is not None and alert.is_muted and change.after.phase.is_active:
            after = replace(change.after, silenced_by=alert.silenced_by, inhibited_by=alert.inhibited_by)
            yield replace(change, after=after)
        else:
            yield change
