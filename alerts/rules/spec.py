"""The shape of a rule in YAML: every key is declared here once, with the help that schema and docs print."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from aishell_core.documents.fields import Flag, as_text, fault
from aishell_core.documents.spec import Spec
from alerts.language.problems import ConditionError
from alerts.models import Absence, Level, Matcher, Step
from alerts.rule import DEFAULT_GROUP_BY, Damping, Escalation, Hours, Inhibition, Maintenance, Missing, Reach, Selector
from alerts.rules.fields import (
    AbsenceWord,
    Days,
    Engines,
    Environments,
    LabelNames,
    LabelPairs,
    LevelWord,
    Line,
    Months,
    Names,
    Pause,
    ReachWord,
    Roles,
    RuleName,
    Runbook,
    Samples,
    Selection,
    Span,
    TextPairs,
    Timezone,
    Weekdays,
)
from alerts.rules.hours import Week, parse_times
from alerts.rules.matchers import parse_matcher

_Times = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


def _as_list(value: object) -> object:
    """One entry instead of a list of one."""
    return [value] if isinstance(value, dict) else value


def _matchers(value: object) -> tuple[Matcher, ...]:
    found = []
    for word in value if isinstance(value, list) else [value]:
        try:
            found.append(parse_matcher(as_text(word, "a matcher or a list of matchers")))
        except ConditionError as error:
            raise fault(f"{word!r}: {error.message}", error.hint) from error
    if not found:
        raise fault("without a matcher nothing is meant", 'write severity="warning", or target=~".*" for all')
    return tuple(found)


Matchers = Annotated[
    tuple[Matcher, ...],
    PlainValidator(_matchers),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Times = Annotated[
    _Times,
    PlainValidator(parse_times),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class TargetsSpec(Spec):
    """Which targets a rule is for; what is left out means all. A word or a list alone means names."""

    name: Selection = Field(default=(), description="Names, or patterns such as orders-*.", examples=["orders-*"])
    engine: Engines = Field(default=(), description="Engines.", examples=["postgres"])
    role: Roles = Field(default=(), description="Roles, such as primary and replica.", examples=["primary"])
    environment: Environments = Field(default=(), description="Environments.", examples=["production"])
    tags: Selection = Field(default=(), description="Tags of which a target has one at least.", examples=[["shop"]])

    @property
    def selector(self) -> Selector:
        """The part of a rule that it says."""
        return Selector(self.name, self.engine, self.role, self.environment, self.tags)


class MissingSpec(Spec):
    """What is made of figures that are missing. A word alone is the policy."""

    policy: AbsenceWord = Field(default=Absence.KEEP, description="keep the state, take it for ok, or alert.", examples=["alert"])
    after: Span = Field(default=0.0, description="How long they are missing before that.", examples=["3m"])

    @property
    def missing(self) -> Missing:
        """The part of a rule that it says."""
        return Missing(self.policy, self.after)


class HoursSpec(Spec):
    """Times of the week. What is left out means all."""

    days: Weekdays = Field(default=(), description="Days of the week.", examples=["mon-fri"])
    times: Times = Field(default=((), ()), description="Times of day; a night may go over midnight.", examples=["08:00-18:00"])
    days_of_month: Days = Field(default=(), description="Days of the month, -1 for the last.", examples=["1-7"])
    months: Months = Field(default=(), description="Months.", examples=["jan-nov"])
    timezone: Timezone = Field(default="UTC", description="The time zone of all of it.", examples=["Europe/Berlin"])

    @model_validator(mode="after")
    def _nights_have_weekdays(self) -> Self:
        if self.times[1] and (self.days_of_month or self.months):
            raise fault("a night over midnight cannot be bound to days of the month", "write two entries, up to 24:00 and from 00:00 on")
        return self

    @property
    def hours(self) -> tuple[Hours, ...]:
        """The part of a rule that it says."""
        return Week(self.days, *self.times, self.days_of_month, self.months, self.timezone).hours


def _somebody(channels: tuple[str, ...]) -> tuple[str, ...]:
    if not channels:
        raise fault("nobody would be told", "write channels: [phone], or leave escalate out")
    return channels


class EscalationSpec(Spec):
    """More channels for an alert that nobody has acknowledged in time."""

    after: Pause = Field(description="How long after it fired.", examples=["15m"])
    channels: Annotated[Names, AfterValidator(_somebody)] = Field(description="The channels that are told then.", examples=[["phone"]])

    @property
    def escalation(self) -> Escalation:
        """The part of a rule that it says."""
        return Escalation(self.after, self.channels)


class InhibitSpec(Spec):
    """Which other alerts are not told while this one fires."""

    match: Matchers = Field(description="What they look like.", examples=[['severity="warning"']])
    equal: Names = Field(default=("target",), description="The labels in which they agree with this one.", examples=[["target"]])
    of: ReachWord = Field(
        default=Reach.SAME,
        description="On which targets: the same, the replicas of the alert's target, or the databases of its machine.",
        examples=["replicas"],
    )

    @property
    def inhibition(self) -> Inhibition:
        """The part of a rule that it says."""
        return Inhibition(self.match, self.equal, self.of)


class DampingSpec(Spec):
    """How the telling of a flapping alert is put off."""

    first: Span = Field(default=Damping().first_seconds, description="The first delay.")
    factor: float = Field(default=2, ge=1, le=10, description="What each further flip multiplies it by.")
    most: Span = Field(default=Damping().most_seconds, description="The longest delay.")
    window: Pause = Field(default=Damping().window_seconds, description="The time in which flips are counted.")
    free_flips: int = Field(default=Damping().free_flips, ge=0, le=1000, description="So many flips are told at once.")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if {"first", "most"} <= self.model_fields_set and self.first > self.most:
            raise fault("the first delay is longer than the longest", "write as in {first: 1m, most: 15m}")
        return self

    @property
    def damping(self) -> Damping:
        """The part of a rule that it says."""
        return Damping(self.first, self.factor, self.most, self.window, self.free_flips)


class StepSpec(Spec):
    """One of the first things to look at. A text alone has no command."""

    text: Line = Field(description="What to look at.", examples=["Which session holds the lock?"])
    command: Line | None = Field(default=None, description="The command that shows it.", examples=["aishell sessions orders"])

    @property
    def step(self) -> Step:
        """The part of a rule that it says."""
        return Step(self.text, self.command or "")


class RuleSpec(Spec):
    """One rule: when it fires, for whom, and who is told."""

    name: RuleName = Field(description="What the alert is called; unique among all rules.", examples=["Pool is nearly full"])
    enabled: Flag = Field(default=True, description="Whether the rule is evaluated.")
    condition: Line | None = Field(
        default=None,
        description="What must hold, or the figure alone where warn and crit say what it is compared with.",
        examples=["avg(pool.usage, 5m) > 90%"],
    )
    severity: LevelWord = Field(default=Level.WARNING, description="The level of `condition`: info, warning or critical.")
    warn: Line | None = Field(
        default=None, description='The condition for a warning, or a comparison of the same figure such as "> 80%".', examples=["> 80%"]
    )
    crit: Line | None = Field(default=None, description="The same for critical.", examples=["> 95%"])
    clear: Line | None = Field(
        default=None,
        description="What ends it, whole or as a comparison; else it ends when no condition holds any more.",
        examples=["< 75%"],
    )
    for_: Span = Field(
        default=0.0, alias="for", description="How long the condition holds before it fires, that of each level by itself.", examples=["2m"]
    )
    keep_firing_for: Span = Field(default=0.0, description="How long it fires on after its end.", examples=["5m"])
    min_samples: Samples = Field(default=1, description="So many readings a window needs at least, else it has no data.")
    targets: Annotated[TargetsSpec, BeforeValidator(lambda value: {"name": value} if isinstance(value, str | list) else value)] = Field(
        default=TargetsSpec(), description="Which targets it is for.", examples=[{"engine": "postgres", "environment": "production"}]
    )
    labels: LabelPairs = Field(default=(), description="Labels that its alerts have besides their own.", examples=[{"team": "shop"}])
    annotations: TextPairs = Field(
        default=(),
        description="Texts of its alerts; {{ value }}, {{ labels.x }} and the like are filled in.",
        examples=[{"summary": "{{ target }} has {{ value }} of its connections in use"}],
    )
    channels: Names | None = Field(
        default=None,
        description="Who is told; else default_channels. An empty list: nobody; it is listed and counts as others do.",
        examples=[["slack", "email"]],
    )
    group_by: LabelNames = Field(
        default=DEFAULT_GROUP_BY, description="Alerts that agree in these labels share a message; ... for all labels."
    )
    repeat: Pause | None = Field(
        default=None, description="How often it is told again while it fires; else the channel's.", examples=["4h"]
    )
    escalate: Annotated[
        tuple[EscalationSpec, ...],
        BeforeValidator(_as_list),
        Field(strict=False),
    ] = Field(default=(), description="Who is told as well when nobody acknowledges.", examples=[[{"after": "15m", "channels": ["phone"]}]])
    no_data: Annotated[MissingSpec, BeforeValidator(lambda value: {"policy": value} if isinstance(value, str) else value)] = Field(
        default=MissingSpec(), description="What is made of missing figures: keep, ok or alert.", examples=["alert"]
    )
    on_error: Annotated[MissingSpec, BeforeValidator(lambda value: {"policy": value} if isinstance(value, str) else value)] = Field(
        default=MissingSpec(), description="The same for an evaluation that fails.", examples=["keep"]
    )
    inhibits: Annotated[tuple[InhibitSpec, ...], BeforeValidator(_as_list), Field(strict=False)] = Field(
        default=(), description="Alerts that are not told while this one fires.", examples=[[{"match": ['severity="warning"']}]]
    )
    damping: DampingSpec = Field(
        default=DampingSpec(), description="How the telling is put off when it flaps.", examples=[{"first": "1m", "most": "15m"}]
    )
    active_hours: Annotated[tuple[HoursSpec, ...], BeforeValidator(_as_list), Field(strict=False)] = Field(
        default=(), description="When people are told; it is judged at all hours.", examples=[{"days": "mon-fri", "times": "08:00-18:00"}]
    )
    runbook: Runbook | None = Field(default=None, description="Where the way out is written down.", examples=["https://wiki.example/pool"])
    reason: Line | None = Field(default=None, description="Why anybody should care.", examples=["New connections are refused soon."])
    steps: Annotated[
        tuple[Annotated[StepSpec, BeforeValidator(lambda value: {"text": value} if isinstance(value, str) else value)], ...],
        BeforeValidator(_as_list),
        Field(strict=False),
    ] = Field(default=(), description="The first things to look at.", examples=[["Who holds the connections?"]])
    tests: object = Field(default=None, description="Tests of the rule, which `aishell alerts test` runs.")


class MaintenanceSpec(Spec):
    """Times at which nobody is told of some alerts."""

    name: RuleName = Field(description="What it is called.", examples=["nightly load"])
    hours: Annotated[tuple[HoursSpec, ...], BeforeValidator(_as_list), Field(strict=False, min_length=1)] = Field(
        description="When: one entry or a list.", examples=[{"days": "sun", "times": "22:00-04:00"}]
    )
    match: Matchers = Field(description="Which alerts; all matchers must fit.", examples=[['environment="staging"']])
    comment: Line | None = Field(default=None, description="Why.", examples=["Reports are made then."])

    @property
    def maintenance(self) -> Maintenance:
        """What it says."""
        hours = tuple(entry for spec in self.hours for entry in spec.hours)
        return Maintenance(self.name, hours, self.match, self.comment or "")
