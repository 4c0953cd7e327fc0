"""What of a silence can be a slip: a label that nothing has, or a name that nothing bears. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from alerts.language.names import figure_labels
from alerts.matchers import matches
from alerts.models import Alert, Matcher, MatchOperator
from alerts.rule import Rule
from alerts.rules.fields import OWN_LABELS
from alerts.rules.matchers import format_matcher
from alerts.silences import LABEL_VALUES

_SAYS_NOT = frozenset({MatchOperator.NOT_EQUAL, MatchOperator.NOT_MATCHES})


@dataclass(frozen=True, slots=True)
class Known:
    """What there is: the labels that an alert can have, and all values of those of which that is known."""

    labels: frozenset[str]
    values: Mapping[str, frozenset[str]]


def known_of(rules: Iterable[Rule], rule_names: Iterable[str], targets: Iterable[str], alerts: Iterable[Alert]) -> Known:
    """What is known: rules, the names of further ones and of targets, and the alerts that there are."""
    labels, names = {*OWN_LABELS, *figure_labels()}, set(rule_names)
    for rule in rules:
        names.add(rule.name)
        labels.update(dict(rule.labels))
    for alert in alerts:
        names.add(alert.rule)
        labels.update(dict(alert.labels))
    values = {label: frozenset(map(str, texts)) for label, texts in LABEL_VALUES.items()}
    return Known(frozenset(labels), values | {"alertname": frozenset(names), "target": frozenset(targets)})


def doubts(matchers: Iterable[Matcher], known: Known) -> Iterator[tuple[str, str]]:
    """What cannot have been meant, each with a hint: a matcher that matches nothing that there is, or keeps nothing out."""
    for matcher in matchers:
        if matcher.label not in known.labels:
            yield _unknown_label(matcher, known.labels)
        elif matcher.value and matcher.label in known.values and not _names_any(matcher, known.values[matcher.label]):
            yield _unknown_value(matcher, known.values[matcher.label])


def _names_any(matcher: Matcher, values: Collection[str]) -> bool:
    """Whether what a matcher names, or keeps out, is among the values."""
    is_named = matcher.operator not in _SAYS_NOT
    return any(matches((matcher,), {matcher.label: value}) is is_named for value in values)


def _unknown_label(matcher: Matcher, labels: Collection[str]) -> tuple[str, str]:
    near = get_close_matches(matcher.label, sorted(labels), n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "aishell alerts show prints the labels of an alert"
    return f"no figure, rule or alert that is known here has the label {matcher.label!r}, so {_outcome(matcher)}", hint


def _unknown_value(matcher: Matcher, values: Collection[str]) -> tuple[str, str]:
    near = get_close_matches(matcher.value, sorted(values), n=1, cutoff=0.5)
    what = {"alertname": "rule", "severity": "level"}.get(matcher.label, matcher.label)
    listed = f"valid: {', '.join(sorted(values))}" if matcher.label in LABEL_VALUES else ""
    hint = f"did you mean {near[0]}?" if near else listed
    return f"there is no {what} {matcher.value!r}, so {_outcome(matcher)}", hint


def _outcome(matcher: Matcher) -> str:
    said = format_matcher(matcher)
    if matches((matcher,), {}) or matcher.operator in _SAYS_NOT:
        return f"{said} keeps no alert out"
    return f"{said} matches no alert for now"
