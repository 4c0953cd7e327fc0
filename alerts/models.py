"""What the parts of this room hand to each other: rules, alerts, what changed, silences, evidence. Frozen values, no services."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from aishell_core.values import NO_LABELS, Labels, TargetId
from alerts.level import Level as Level

Fingerprint = str
"""What an alert is known by for ever: made of its rule's name, its target and its labels, never of a value or a time."""


class Phase(StrEnum):
    """Where an alert is in its life."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"

    @property
    def is_active(self) -> bool:
        """Whether somebody may have been told and was not told of an end."""
        return self in {Phase.FIRING, Phase.RECOVERING}

    @property
    def is_pending(self) -> bool:
        """Whether it is about to fire."""
        return self is Phase.PENDING

    @property
    def is_over(self) -> bool:
        """Whether it has fired and has ended."""
        return self is Phase.RESOLVED


class Health(StrEnum):
    """Whether the last evaluation of an alert could be made."""

    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"


class Absence(StrEnum):
    """What a rule makes of figures that are missing, or of an evaluation that failed."""

    KEEP = "keep"
    OK = "ok"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Traits:
    """What rules may select a target by, and templates may print of it."""

    target: TargetId
    engine: str = ""
    role: str = ""
    environment: str = ""
    tags: tuple[str, ...] = ()
    host: str = ""
    """The machine that the target runs on, "" where that is not known: an alert of the machine may mute its databases."""
    upstream: TargetId | None = None
    """The watched target that this one replicates from, None where there is none or it is not known."""
    is_upstream_known: bool = False
    """Whether the target has said whom it replicates from, if anybody: without it, what was known last stands (`alerts/links.py`)."""


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """One figure of one target that a rule judges: an alert of its own."""

    target: TargetId
    labels: Labels = NO_LABELS


class MatchOperator(StrEnum):
    """How a matcher compares, written as Alertmanager writes it."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label of an alert; a label that is missing is an empty one, a pattern must match the whole value."""

    label: str
    operator: MatchOperator
    value: str


@dataclass(frozen=True, slots=True)
class Silence:
    """No notifications for the alerts that all matchers match, from `starts_at` up to `ends_at` (epoch seconds)."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    author: str
    comment: str
    created_at: float
    ended_by: str = ""
    """Who ended it early; "" for nobody."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has taken an alert on; it ends when the alert is resolved."""

    owner: str
    note: str
    at: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One instance of one rule as it stands. Times are epoch seconds; None is "not yet".

    `labels` are those of the figure, the rule's own and `alertname`, `target`, `engine`, `role`, `environment`, `severity`, sorted by name.
    `value` and `threshold` are in `unit`, as the condition compares them. `since` is when the condition began to hold.
    """

    fingerprint: Fingerprint
    rule: str
    key: InstanceKey
    labels: Labels
    phase: Phase = Phase.INACTIVE
    level: Level = Level.WARNING
    health: Health = Health.OK
    health_reason: str = ""
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    since: float | None = None
    fired_at: float | None = None
    seen_at: float | None = None
    """When it fired, or rose to a worse level, by the clock of that moment: its evidence is kept by that, and a clock that is set
    moves it no more than the evidence."""
    recovering_since: float | None = None
    resolved_at: float | None = None
    unhealthy_since: float | None = None
    evaluated_at: float | None = None
    """The last evaluation that brought anything new; one that only says again what is known here leaves it."""
    lowered_at: float | None = None
    """When its level last fell since it fired: to rise again after that is flapping too."""
    worse_since: float | None = None
    """Since when a worse level's condition holds than the lowest of its rule, while it has not held for as long as the rule asks."""
    flips: tuple[float, ...] = ()
    """When it fired, was resolved, or rose again lately, oldest first: what the damping of flapping goes by."""
    held_since: float | None = None
    held_until: float | None = None
    """A change is told no sooner than this, because the alert flaps; what was put off first was so at `held_since`."""
    peak: Level | None = None
    """The worst level since it began to flap: what is worse is told at once."""
    acknowledgement: Acknowledgement | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    silenced_by: tuple[str, ...] = ()
    """Silences and maintenance windows that hold now, by id."""
    inhibited_by: tuple[Fingerprint, ...] = ()
    configuration: str = ""
    """The file beside one's own configuration that was in force where it was judged last, such as that of a working folder: a rule
    that is missing without that file may stand in it."""

    def is_held(self, now: float) -> bool:
        """Whether its telling is put off at `now` (epoch seconds), because it flaps."""
        return self.held_until is not None and now < self.held_until

    @property
    def evidence_at(self) -> float | None:
        """The moment that its newest evidence is of; None where it has never fired."""
        return self.seen_at if self.seen_at is not None else self.fired_at

    @property
    def is_muted(self) -> bool:
        """Whether nobody is told of it now."""
        return bool(self.silenced_by or self.inhibited_by)


class ChangeKind(StrEnum):
    """What happened to an alert; the value is the word in the history."""

    PENDING = "pending"
    DROPPED = "dropped"
    FIRED = "fired"
    LEVEL = "level"
    RECOVERING = "recovering"
    REFIRED = "refired"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    ERROR = "error"
    HEALTHY = "healthy"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    INHIBITED = "inhibited"
    UNINHIBITED = "uninhibited"


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One step of an alert's life: what it was (None for a new one), what it is now, and why in a few words."""

    at: float
    kind: ChangeKind
    before: Alert | None
    after: Alert
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen when an alert fired, which was at `at`, kept with it. Texts are redacted before they get here."""

    fingerprint: Fingerprint
    at: float
    value: float | None = None
    window: tuple[tuple[float, float], ...] = ()
    """The figure of the last minutes: epoch seconds and values, oldest first."""
    statements: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    lock_tree: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    setting_changes: tuple[str, ...] = ()
    last_backup: str = ""
    causes: tuple[str, ...] = ()
    """What may be behind it, the likeliest first, each a sentence with its number."""
    holders: tuple[str, ...] = ()
    """Who has the connections, idle ones included: how many of whom, from where, and what they do; the most first."""
    is_whole: bool = True
    """False while some of it is still being read: a message waits a moment for that."""
    sessions_at: float | None = None
    """When sessions and holders were read, some seconds before or after the alert fired; None where they were not."""
    locks_at: float | None = None
    statements_at: float | None = None

    @property
    def read_at(self) -> float:
        """When the newest part of it was read; the moment of the alert where no part was read of which that is known."""
        return max((at for at in (self.sessions_at, self.locks_at, self.statements_at) if at is not None), default=self.at)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to look at first: what, and the command or key that shows it."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver one message: what the other side said, in words that hold no secret."""

    channel: str
    group: str
    at: float
    is_delivered: bool
    answer: str = ""
    fingerprints: tuple[Fingerprint, ...] = field(default=())
