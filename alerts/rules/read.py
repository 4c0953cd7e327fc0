"""From the mapping of one rule to the rule, or to everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from pydantic import ValidationError

from aishell_core.documents.document import KeyPath, Plain
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import Problem, nearest
from aishell_core.units import format_duration
from alerts.language.checker import KEPT, Kept, check_condition
from alerts.language.plan import Figure, every_plan
from alerts.models import Level
from alerts.rule import Rule
from alerts.rules.book import BrokenRule
from alerts.rules.builtin import engines_of
from alerts.rules.conditions import CONDITION_KEYS, Conditions, Fault, read_conditions
from alerts.rules.fields import ENGINES, EVERY_LABEL, OWN_LABELS
from alerts.rules.place import Place
from alerts.rules.spec import RuleSpec
from alerts.templates import template_problems, unknown_labels

_SHORTEST_INTERVAL_SECONDS = 0.1
"""Nothing is read more often."""

_MOST_TOLD = 100
"""So many problems of a kind are told of one rule: more of them is a mistake made once."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules are read against: how long figures are kept, and the channels that there are."""

    kept: Kept = KEPT
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule that is right, whether it is switched on, and what is worth a warning in it."""

    rule: Rule
    is_enabled: bool = True
    warnings: tuple[Problem, ...] = ()


def read_rule(place: Place, content: Plain, around: Surroundings, builtin: str = "") -> ReadRule | BrokenRule:
    """The rule that a mapping says; `builtin` is the set that it ships with, which says of which engines."""
    if not isinstance(content, dict):
        what = f"a rule is a set of keys, but {kind_of(content)} was found"
        return BrokenRule(place.origin, (place.problem((), what, "write - name: and condition: below it"),), hides_rules=True)
    name = content.get("name")
    problems, spec = _modelled(place, content)
    engines = tuple(_engines(content)) or engines_of(builtin)
    conditions = _conditions(content, engines, around)
    problems += [_fault_problem(place, content, fault) for fault in conditions.faults]
    problems += islice(_template_problems(place, content), _MOST_TOLD)
    problems += _sample_problems(place, spec, conditions)
    if problems or spec is None:
        if isinstance(name, str):
            return BrokenRule(name, _sorted(problems))
        return BrokenRule(place.origin, _sorted(problems), hides_rules=True)
    return ReadRule(
        _rule(place, spec, conditions, builtin),
        spec.enabled,
        tuple(islice(_warnings(place, content, spec, conditions, around), _MOST_TOLD)),
    )


def _fault_problem(place: Place, content: Mapping[str, Plain], fault: Fault) -> Problem:
    if fault.key not in content:
        return place.problem((), fault.message, fault.hint)
    if fault.key not in CONDITION_KEYS:
        return place.problem((fault.key,), fault.message, fault.hint)
    return place.problem_in_text((fault.key,), fault.span, fault.message, fault.hint)


def _sorted(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.source, problem.line, problem.column)))


def _modelled(place: Place, content: Mapping[str, Plain]) -> tuple[list[Problem], RuleSpec | None]:
    try:
        return [], RuleSpec.model_validate(content)
    except ValidationError as error:
        return [problem for detail in error.errors(include_url=False)[:_MOST_TOLD] for problem in place.model_problems(detail)], None


def _conditions(content: Mapping[str, Plain], engines: tuple[str, ...], around: Surroundings) -> Conditions:
    """The conditions, read from what can be made out, so that their errors come together with all others."""
    texts = {key: text for key in CONDITION_KEYS if isinstance(text := content.get(key), str) and text.strip()}
    severity = content.get("severity")
    level = Level(severity) if isinstance(severity, str) and severity in set(Level) else None
    if any(key in content and key not in texts for key in CONDITION_KEYS):
        # A condition that is no text is told by the model; what depends on it cannot be judged.
        return Conditions()
    return read_conditions(texts, level, engines, around.kept)


def _engines(content: Mapping[str, Plain]) -> Iterator[str]:
    targets = content.get("targets")
    chosen = targets.get("engine") if isinstance(targets, dict) else None
    for engine in chosen if isinstance(chosen, list) else [chosen]:
        if isinstance(engine, str) and engine in ENGINES:
            yield engine


def _sample_problems(place: Place, spec: RuleSpec | None, conditions: Conditions) -> Iterator[Problem]:
    """More readings than a window can hold would keep the rule silent for ever."""
    spans = [
        figure.window.span_seconds
        for trigger in conditions.triggers
        for figure in every_plan(check_condition(trigger.condition).plan)
        if isinstance(figure, Figure) and figure.window is not None and figure.window.span_seconds
    ]
    if spec is None or not spans or spec.min_samples <= min(spans) / _SHORTEST_INTERVAL_SECONDS:
        return
    what = f"a window of {format_duration(min(spans))} never has {spec.min_samples:,} readings"
    yield place.problem(("min_samples",), what, "targets are read once a second or less often")


def _template_problems(place: Place, content: Mapping[str, Plain]) -> Iterator[Problem]:
    for inside, text in _templates(content):
        for problem in template_problems(text):
            yield place.problem_in_text(inside, problem.span, problem.message, problem.hint)


def _templates(content: Mapping[str, Plain]) -> Iterator[tuple[KeyPath, str]]:
    """The texts of a rule in which values are filled in: its annotations and its steps."""
    annotations = content.get("annotations")
    for name, text in (annotations if isinstance(annotations, dict) else {}).items():
        if isinstance(text, str):
            yield ("annotations", name), text
    steps = content.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, str):
            yield ("steps", number), step
        parts = step if isinstance(step, dict) else {}
        for key in ("text", "command"):
            if isinstance(text := parts.get(key), str):
                yield ("steps", number, key), text


def _rule(place: Place, spec: RuleSpec, conditions: Conditions, builtin: str) -> Rule:
    selector = spec.targets.selector
    return Rule(
        name=spec.name,
        triggers=conditions.triggers,
        clear=conditions.clear,
        for_seconds=spec.for_,
        keep_firing_seconds=spec.keep_firing_for,
        targets=replace(selector, engines=selector.engines or engines_of(builtin)),
        labels=spec.labels,
        annotations=spec.annotations,
        channels=spec.channels,
        group_by=spec.group_by,
        repeat_seconds=spec.repeat,
        no_data=spec.no_data.missing,
        on_error=spec.on_error.missing,
        min_samples=spec.min_samples,
        inhibits=tuple(part.inhibition for part in spec.inhibits),
        escalations=tuple(part.escalation for part in spec.escalate),
        damping=spec.damping.damping,
        active_hours=tuple(hours for part in spec.active_hours for hours in part.hours),
        runbook=spec.runbook or "",
        reason=spec.reason or "",
        steps=tuple(part.step for part in spec.steps),
        builtin=builtin,
        origin=place.origin,
    )


def _warnings(
    place: Place, content: Mapping[str, Plain], spec: RuleSpec, conditions: Conditions, around: Surroundings
) -> Iterator[Problem]:
    labels = {*OWN_LABELS, *dict(spec.labels), *conditions.labels}
    for inside, text in _templates(content):
        for problem in unknown_labels(text, labels):
            yield place.problem_in_text(inside, problem.span, problem.message, problem.hint)
    if unknown := [label for label in spec.group_by if label not in labels and spec.group_by != EVERY_LABEL]:
        what = f"no alert of this rule is known to have the label {unknown[0]!r}"
        yield place.problem(("group_by",), what, nearest(unknown[0], sorted(labels)))
    yield from _channel_warnings(place, ("channels",), spec.channels or (), around.channels)
    for number, escalation in enumerate(spec.escalate):
        yield from _channel_warnings(place, ("escalate", number, "channels"), escalation.channels, around.channels)


def _channel_warnings(place: Place, where: tuple[str | int, ...], names: tuple[str, ...], channels: Collection[str]) -> Iterator[Problem]:
    """A channel that is not there keeps no rule from running: it is told on the screen, and through its other channels."""
    for number, name in enumerate(names):
        if name not in channels:
            hint = nearest(name, sorted(channels)) if channels else "name it under alerts: channels: in your own config.yaml"
            yield place.problem((*where, number), f"the channel {name!r} is not configured", hint)
