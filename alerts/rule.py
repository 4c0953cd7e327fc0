"""A rule as it is evaluated: read, checked, and with all that its file left out filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from aishell_core.values import NO_LABELS, Labels
from alerts.language.condition import Condition
from alerts.models import Absence, Level, Matcher, Step

DEFAULT_GROUP_BY = ("alertname", "target")
MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Selector:
    """Which targets a rule is for: those that fit every part that is not empty; names may be patterns such as `orders-*`."""

    names: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """The condition that brings an alert to a level."""

    level: Level
    condition: Condition


@dataclass(frozen=True, slots=True)
class Missing:
    """What is made of missing figures or a failed evaluation, and after how long."""

    policy: Absence = Absence.KEEP
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of the week; an empty part is all of it. `times` are minutes of the day, from (included) to (not included).

    `weekdays` count from 0 for Monday, `days` of the month from 1, or from the end with -1 for the last; `months` from 1.
    """

    times: tuple[tuple[int, int], ...] = ()
    weekdays: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    timezone: str = "UTC"


class Reach(StrEnum):
    """On which targets an alert may mute others, seen from its own target; the value is the word in rules."""

    SAME = "same"
    REPLICAS = "replicas"
    DATABASES = "databases"


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert of this rule fires, those that all `matchers` match and that agree with it in `equal` are not told.

    With `of` replicas they are those of the targets that replicate from the alert's own, directly or through others; with
    databases, those of the other targets on its machine. `target` in `equal` says nothing then.
    """

    matchers: tuple[Matcher, ...]
    equal: tuple[str, ...] = ("target",)
    of: Reach = Reach.SAME


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Times at which nobody is told of the alerts that all `matchers` match: without matchers, of any."""

    name: str
    hours: tuple[Hours, ...]
    matchers: tuple[Matcher, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Escalation:
    """More channels for an alert that nobody has acknowledged in time."""

    after_seconds: float
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Damping:
    """How the telling of a flapping alert is put off: each flip within `window_seconds` multiplies the delay, up to `most_seconds`."""

    first_seconds: float = MINUTE_SECONDS
    factor: float = 2.0
    most_seconds: float = 15 * MINUTE_SECONDS
    window_seconds: float = 30 * MINUTE_SECONDS
    free_flips: int = 4
    """So many flips in the window are told at once: by default two beginnings and their ends."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when it fires, for whom, and who is told. `triggers` stand worst first and are never empty.

    Without `clear` an alert recovers when no trigger holds any more. `annotations` are templates. `origin` is file:line.
    """

    name: str
    triggers: tuple[Trigger, ...]
    clear: Condition | None = None
    for_seconds: float = 0.0
    keep_firing_seconds: float = 0.0
    targets: Selector = Selector()
    labels: Labels = NO_LABELS
    annotations: tuple[tuple[str, str], ...] = ()
    channels: tuple[str, ...] | None = None
    """None: the default channels of the configuration; empty: nobody is told."""
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    repeat_seconds: float | None = None
    no_data: Missing = Missing()
    on_error: Missing = Missing()
    min_samples: int = 1
    inhibits: tuple[Inhibition, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    damping: Damping = Damping()
    active_hours: tuple[Hours, ...] = ()
    runbook: str = ""
    reason: str = ""
    """Why anybody should care, in a sentence or two."""
    steps: tuple[Step, ...] = ()
    """The first things to look at."""
    builtin: str = ""
    """The set that it ships with, "" for a rule of the user."""
    origin: str = field(default="", compare=False)
    """Not compared: a rule that only moved in its file is the same rule."""
