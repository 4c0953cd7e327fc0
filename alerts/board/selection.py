"""Which targets a rule is for, and which series a selector lets through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from aishell_core.values import Labels, TargetId
from alerts.language.names import TRAIT_LABELS
from alerts.language.patterns import matches_whole
from alerts.models import Matcher, MatchOperator, Traits
from alerts.rule import Selector

EVERY_TARGET = Selector()


def is_selected(selector: Selector, traits: Traits) -> bool:
    """Whether a rule with this selector is for a target; an empty part lets all through."""
    return (
        (not selector.names or any(fnmatchcase(traits.target, name) for name in selector.names))
        and (not selector.engines or traits.engine in selector.engines)
        and (not selector.roles or traits.role in selector.roles)
        and (not selector.environments or traits.environment in selector.environments)
        and (not selector.tags or any(tag in traits.tags for tag in selector.tags))
    )


def selected_targets(selector: Selector, traits: Mapping[TargetId, Traits]) -> frozenset[TargetId]:
    """The targets that a rule with this selector is for."""
    return frozenset(target for target, own in traits.items() if is_selected(selector, own))


def passes(matchers: Iterable[Matcher], labels: Labels, traits: Traits) -> bool:
    """Whether a series of a target passes a figure's selector; a label that is missing is an empty one."""
    return all(is_matched(matcher, value_of(matcher.label, labels, traits)) for matcher in matchers)


def value_of(name: str, labels: Labels, traits: Traits) -> str:
    """A label of a series, or what its target is by that name."""
    for own, value in labels:
        if own == name:
            return value
    return str(getattr(traits, name)) if name in TRAIT_LABELS else ""


def is_matched(matcher: Matcher, value: str) -> bool:
    """Whether a matcher matches a value."""
    match matcher.operator:
        case MatchOperator.EQUAL:
            return value == matcher.value
        case MatchOperator.NOT_EQUAL:
            return value != matcher.value
        case MatchOperator.MATCHES:
            return matches_whole(matcher.value, value)
        case MatchOperator.NOT_MATCHES:
            return not matches_whole(matcher.value, value)
