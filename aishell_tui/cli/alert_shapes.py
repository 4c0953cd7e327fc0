"""What the commands of alerts print under --json, as types; see `shapes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_tui.cli.shapes import doc


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as it stands."""

    id: str = field(metadata=doc("what it is known by for ever; its beginning is enough for commands"))
    rule: str = field(metadata=doc("its rule"))
    target: str = field(metadata=doc("its target; empty for one across all targets"))
    labels: Mapping[str, str] = field(metadata=doc("all its labels"))
    phase: str = field(metadata=doc("pending, firing, recovering or resolved"))
    level: str = field(metadata=doc("info, warning or critical"))
    health: str = field(metadata=doc("ok, no_data or error: whether the last evaluation could be made"))
    health_reason: str = field(metadata=doc("why it could not; may be empty"))
    value: float | None = field(metadata=doc("the figure; null where the rule compares none, or it is not known"))
    threshold: float | None = field(metadata=doc("what it is compared with"))
    unit: str = field(metadata=doc("the unit of both; may be empty"))
    since: str | None = field(metadata=doc("when the condition began to hold, UTC"))
    fired_at: str | None = field(metadata=doc("when it fired, UTC"))
    resolved_at: str | None = field(metadata=doc("when it ended, UTC"))
    owner: str | None = field(metadata=doc("who has acknowledged it; null for nobody"))
    note: str | None = field(metadata=doc("what that one said"))
    acknowledged_at: str | None = field(metadata=doc("when that was, UTC"))
    silenced_by: tuple[str, ...] = field(metadata=doc("the ids of silences that hold, maintenance:NAME, hours:RULE"))
    inhibited_by: tuple[str, ...] = field(metadata=doc("the ids of alerts that mute it"))
    annotations: Mapping[str, str] = field(metadata=doc("its texts"))


@dataclass(frozen=True, slots=True)
class JudgeRow:
    """One of those who evaluate."""

    holder: str = field(metadata=doc("machine:process:digits of the program"))
    targets: int = field(metadata=doc("how many targets are its share"))
    rules: int = field(metadata=doc("how many rules it evaluates on targets of others, which these do not have"))


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """Who evaluates alerts."""

    alive: bool = field(metadata=doc("whether anybody does; else nothing here is renewed and nobody is told"))
    holder: str = field(metadata=doc("machine:process:digits of the program that does, or did last; may be empty"))
    evaluated_at: str | None = field(metadata=doc("the last evaluation that was written down, UTC"))
    unjudged: tuple[str, ...] = field(metadata=doc("targets that nobody evaluates now: their alerts stand as they were left"))
    judges: tuple[JudgeRow, ...] = field(default=(), metadata=doc("all who evaluate now, with their shares, the largest first"))
    unjudged_rules: tuple[str, ...] = field(
        default=(), metadata=doc("rules of the configuration here that whoever evaluates its targets now does not go by")
    )
    in_memory: bool = field(
        default=False,
        metadata=doc("whether that one keeps alerts in memory alone, because the disk takes nothing: what is here is then behind"),
    )
    overruled_rules: tuple[str, ...] = field(
        default=(),
        metadata=doc("rules of the configuration here that whoever evaluates their targets now has under their names with another content"),
    )


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence."""

    id: str = field(metadata=doc("its id"))
    matchers: tuple[str, ...] = field(metadata=doc("what an alert must match, all of them"))
    starts_at: str = field(metadata=doc("when it begins, UTC"))
    ends_at: str = field(metadata=doc("when it ends, UTC"))
    author: str = field(metadata=doc("who made it"))
    comment: str = field(metadata=doc("why; may be empty"))
    active: bool = field(metadata=doc("whether it holds now"))
    ended_by: str = field(metadata=doc("who ended it early; may be empty"))


@dataclass(frozen=True, slots=True)
class AlertsReport:
    """aishell alerts list --json."""

    generated_at: str = field(metadata=doc("when it was printed, UTC"))
    evaluation: EvaluationRow = field(metadata=doc("who evaluates"))
    state: str = field(
        metadata=doc("the worst of what fires and is not muted, whoever is told: ok, warning, critical; unknown when nobody evaluates")
    )
    alerts: tuple[AlertRow, ...] = field(metadata=doc("the alerts, those that matter most first"))
    silences: tuple[SilenceRow, ...] = field(metadata=doc("the silences that hold, or will"))


@dataclass(frozen=True, slots=True)
class AlertChangeRow:
    """One step of an alert's life."""

    at: str = field(metadata=doc("when it happened, UTC"))
    kind: str = field(metadata=doc("fired, level, resolved, no_data, error, healthy, acknowledged, silenced, inhibited, and their ends"))
    reason: str = field(metadata=doc("why, in a few words; may be empty"))
    alert: AlertRow = field(metadata=doc("what the alert was after it"))


@dataclass(frozen=True, slots=True)
class AlertHistoryReport:
    """aishell alerts history --json."""

    since: str = field(metadata=doc("the beginning of the span, UTC"))
    until: str = field(metadata=doc("its end, UTC"))
    changes: tuple[AlertChangeRow, ...] = field(metadata=doc("what happened, the newest first"))
    truncated: bool = field(metadata=doc("whether older changes of the span were left out"))


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One try to deliver a message."""

    channel: str = field(metadata=doc("the channel"))
    title: str = field(metadata=doc("the message's first line"))
    at: str = field(metadata=doc("when it was tried, UTC"))
    delivered: bool = field(metadata=doc("whether the receiver took it"))
    answer: str = field(metadata=doc("what the other side said"))


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure at a moment."""

    at: str = field(metadata=doc("the moment, UTC"))
    value: float = field(metadata=doc("the figure"))


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """What was seen when an alert fired."""

    at: str = field(metadata=doc("when it fired or rose, UTC"))
    value: float | None = field(metadata=doc("the figure"))
    window: tuple[FigureRow, ...] = field(metadata=doc("the figure that the rule names first, in the minutes before, the oldest first"))
    causes: tuple[str, ...] = field(metadata=doc("what may be behind it, the likeliest first"))
    statements: tuple[str, ...] = field(metadata=doc("the top statements, without literals"))
    sessions: tuple[str, ...] = field(metadata=doc("the longest sessions"))
    holders: tuple[str, ...] = field(metadata=doc("who has the connections, idle ones included, the most first"))
    lock_tree: tuple[str, ...] = field(metadata=doc("who waited behind whom"))
    events: tuple[str, ...] = field(metadata=doc("what happened before"))
    setting_changes: tuple[str, ...] = field(metadata=doc("settings that were changed in the day before"))
    last_backup: str = field(metadata=doc("the last backup; may be empty"))
    sessions_at: str | None = field(metadata=doc("when sessions and holders were read, UTC; null where they were not"))
    locks_at: str | None = field(metadata=doc("when locks were read"))
    statements_at: str | None = field(metadata=doc("when statements were read"))


@dataclass(frozen=True, slots=True)
class StepRow:
    """One of the first things to look at."""

    text: str = field(metadata=doc("what to look at"))
    command: str = field(metadata=doc("the command that shows it; may be empty"))


@dataclass(frozen=True, slots=True)
class AlertReport:
    """aishell alerts show ID --json."""

    alert: AlertRow = field(metadata=doc("the alert as it stands, or as it was last known"))
    evaluation: EvaluationRow = field(metadata=doc("who evaluates"))
    reason: str = field(metadata=doc("why anybody should care, as its rule says; may be empty"))
    runbook: str = field(metadata=doc("where the way out is written down; may be empty"))
    steps: tuple[StepRow, ...] = field(metadata=doc("the first things to look at"))
    evidence: EvidenceRow | None = field(metadata=doc("what was seen when it fired; null when nothing is kept"))
    deliveries: tuple[DeliveryRow, ...] = field(metadata=doc("who was told, the newest first"))
    changes: tuple[AlertChangeRow, ...] = field(metadata=doc("what happened to it in the last 30 days, the newest first"))


@dataclass(frozen=True, slots=True)
class AlertActReport:
    """aishell alerts ack, unack --json."""

    alert: AlertRow = field(metadata=doc("the alert after it"))


@dataclass(frozen=True, slots=True)
class SilenceReport:
    """aishell alerts silence, unsilence, extend --json."""

    silence: SilenceRow = field(metadata=doc("the silence after it"))
    matching: int = field(metadata=doc("how many living alerts it matches now"))


@dataclass(frozen=True, slots=True)
class SilencesReport:
    """aishell alerts silences --json."""

    silences: tuple[SilenceRow, ...] = field(metadata=doc("the silences, the first to end first"))


@dataclass(frozen=True, slots=True)
class BuiltinRuleRow:
    """One rule that ships."""

    name: str = field(metadata=doc("its name"))
    set: str = field(metadata=doc("the set that it is in, which is that of an engine"))
    conditions: Mapping[str, str] = field(metadata=doc("its conditions by their level, and the one that clears it"))
    for_seconds: float = field(metadata=doc("how long a condition holds before it fires"))
    summary: str = field(metadata=doc("what it tells"))
    reason: str = field(metadata=doc("why anybody should care"))
    steps: tuple[StepRow, ...] = field(metadata=doc("the first things to look at"))


@dataclass(frozen=True, slots=True)
class BuiltinRulesReport:
    """aishell alerts builtin --json."""

    rules: tuple[BuiltinRuleRow, ...] = field(metadata=doc("the rules that ship, set by set"))


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel and how it is doing."""

    name: str = field(metadata=doc("its name"))
    kind: str = field(metadata=doc("apprise, webhook or alertmanager; empty where its URL stands elsewhere"))
    scheme: str = field(metadata=doc("the scheme of its URL, where that stands in the file; the rest may be a secret"))
    configured: bool = field(metadata=doc("whether the configuration has it; else only its messages are left"))
    default: bool = field(metadata=doc("whether rules that name no channel go to it"))
    queued: int = field(metadata=doc("messages on their way"))
    dead: int = field(metadata=doc("messages that were given up"))
    failing_since: str | None = field(metadata=doc("since when it fails, UTC; null while it works"))
    last_answer: str = field(metadata=doc("what it said when it failed last, or why it cannot be used; may be empty"))
    missing_since: str | None = field(
        metadata=doc("since when the program that tells people does not have it, as for want of its secret, UTC")
    )
    delivered_at: str | None = field(metadata=doc("when it last took a message, UTC"))


@dataclass(frozen=True, slots=True)
class ChannelsReport:
    """aishell alerts channels --json."""

    channels: tuple[ChannelRow, ...] = field(metadata=doc("the channels, those of the configuration first"))


@dataclass(frozen=True, slots=True)
class ChannelTestRow:
    """What came of a test message."""

    channel: str = field(metadata=doc("the channel"))
    delivered: bool = field(metadata=doc("whether the receiver took it"))
    answer: str = field(metadata=doc("what the other side answered"))
    seconds: float = field(metadata=doc("how long it took"))


@dataclass(frozen=True, slots=True)
class ChannelTestReport:
    """aishell alerts channels test --json."""

    ok: bool = field(metadata=doc("whether all have taken it"))
    tests: tuple[ChannelTestRow, ...] = field(metadata=doc("each channel that was tried"))
