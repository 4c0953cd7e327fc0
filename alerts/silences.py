"""Silences: made, ended early, extended, and who is silenced now. Pure.

A silence stops the telling of alerts and nothing else: they go on living, and one that still fires when the silence ends
is told then. Times are those of the wall clock, because that is what people mean by "until six".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from aishell_core.errors import UsageError
from aishell_core.targets import ENGINES, Environment
from alerts.hours import within
from alerts.matchers import matches, problem_of
from alerts.models import Level, Matcher, MatchOperator, Silence
from alerts.rule import Maintenance, Rule

MAINTENANCE = "maintenance:"
"""What the id of a maintenance window begins with among those that silence an alert; its name follows."""

OUT_OF_HOURS = "hours:"
"""The same for a rule outside of its active hours."""


_EVERYWHERE = frozenset({"alertname", "target", "engine", "environment", "severity"})
_ANYTHING = ("a", "Z9", "7", "orders-eu_1.example:5432", "/srv/data 2", "mysql-replication-lag", "\u00e4\u2603", "x" * 60)
"""Texts that nothing but a pattern for any text matches all of."""
LABEL_VALUES: Mapping[str, Sequence[str]] = {
    "severity": tuple(Level),
    "environment": tuple(Environment),
    "engine": ("host", *(engine.name for engine in ENGINES)),
}
"""All that the labels say of which that is known, where they say anything."""
_SAYS_NOT = frozenset({MatchOperator.NOT_EQUAL, MatchOperator.NOT_MATCHES})


def new_silence(
    identity: str,
    matchers: tuple[Matcher, ...],
    starts_at: float,
    ends_at: float,
    author: str,
    comment: str,
    now: float,
    targets: Collection[str] = (),
) -> Silence:
    """A silence; raises UsageError for one that nobody can have meant: without an end, an author, or for all there is.

    `targets` are those that are known: all but one that is none of them would be all.
    """
    for matcher in matchers:
        problem = problem_of(matcher)
        if problem:
            raise UsageError(f"{matcher.label}{matcher.operator}{matcher.value!r} cannot be used: {problem}")
    if all(_fits_all(matcher, targets) or _fits_what_lacks_it(matcher) for matcher in matchers):
        lacking = next((matcher.label for matcher in matchers if not _fits_all(matcher, targets)), "")
        without = f" without the label {lacking!r}" if lacking else ""
        raise UsageError(
            f"a silence for every alert{without} is refused", "name what to silence, such as target=orders, or severity=warning"
        )
    if not author.strip():
        raise UsageError("a silence needs an author", "run it as a user of the operating system that has a name")
    if not ends_at > max(starts_at, now):
        raise UsageError("the silence would be over before it began", "give an end that lies in the future, such as --for 2h")
    return Silence(identity, matchers, max(starts_at, now), ends_at, author, comment, now)


def _fits_all(matcher: Matcher, targets: Collection[str]) -> bool:
    """Whether a matcher matches whatever the label says that every alert has, or that any may lack."""
    values = targets if matcher.label == "target" and matcher.operator in _SAYS_NOT else LABEL_VALUES.get(matcher.label, ())
    if values and all(matches((matcher,), {matcher.label: value}) for value in values):
        return True
    if matcher.label not in _EVERYWHERE and not matches((matcher,), {}):
        return False
    if matcher.operator is MatchOperator.MATCHES:
        return all(matches((matcher,), {matcher.label: text}) for text in _ANYTHING)
    return matcher.operator is not MatchOperator.EQUAL and not matcher.value


def _fits_what_lacks_it(matcher: Matcher) -> bool:
    """Whether a matcher matches all alerts that do not have its label at all, as with a label that is mistyped: nearly all."""
    if matcher.label in _EVERYWHERE or not matches((matcher,), {}):
        return False
    # Every engine's targets have a role but for some: which one they are not is worth to be said.
    return not (matcher.label == "role" and matcher.operator in _SAYS_NOT and matcher.value)


def is_active(silence: Silence, now: float) -> bool:
    """Whether a silence holds at a moment."""
    return silence.starts_at <= now < silence.ends_at


def ended_early(silence: Silence, by: str, now: float) -> Silence:
    """A silence that ends now; one that has not begun never does. Raises UsageError when it is over already."""
    if silence.ends_at <= now:
        raise UsageError(f"the silence {silence.id} is over already")
    return replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, ended_by=by)


def extended(silence: Silence, ends_at: float, now: float) -> Silence:
    """A silence with a later (or earlier) end; raises UsageError when it is over, or would be."""
    if silence.ends_at <= now:
        raise UsageError(f"the silence {silence.id} is over already", "make a new one")
    if not ends_at > max(now, silence.starts_at):
        raise UsageError("the new end lies in the past", "end the silence instead")
    return replace(silence, ends_at=ends_at)


def silencers(
    labels: Mapping[str, str], rule: Rule | None, silences: Iterable[Silence], windows: Iterable[Maintenance], now: float
) -> tuple[str, ...]:
    """What silences an alert now, sorted: ids of silences, `maintenance:NAME`, and `hours:RULE` outside of the rule's active hours."""
    found = [each.id for each in silences if is_active(each, now) and matches(each.matchers, labels)]
    found += [MAINTENANCE + each.name for each in windows if matches(each.matchers, labels) and within(each.hours, now)]
    if rule is not None and rule.active_hours and not within(rule.active_hours, now):
        found.append(OUT_OF_HOURS + rule.name)
    return tuple(sorted(found))
