"""Who is told of nothing now, and what changed in that since the last evaluation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from aishell_core.values import TargetId
from alerts.inhibition import inhibited
from alerts.models import Alert, AlertChange, ChangeKind, Fingerprint, Silence, Traits
from alerts.rule import Maintenance, Rule
from alerts.silences import silencers


@dataclass(frozen=True, slots=True)
class Mutes:
    """All that may mute alerts. `silent` are the targets that do not answer, and since when; `ended` silences that somebody ended."""

    rules: Mapping[str, Rule]
    silences: tuple[Silence, ...] = ()
    windows: tuple[Maintenance, ...] = ()
    traits: Mapping[TargetId, Traits] = field(default_factory=dict)
    silent: Mapping[TargetId, float] = field(default_factory=dict)
    ended: tuple[Silence, ...] = ()


def muted(alerts: Iterable[Alert], mutes: Mutes, now: float) -> tuple[tuple[Alert, ...], tuple[AlertChange, ...]]:
    """The active alerts whose muting changed, and the changes.

    What is over stays as it was muted when it ended: whoever tells of the end can see whether anybody was told before.
    """
    known = tuple(alerts)
    by = inhibited(known, mutes.rules, mutes.traits, now, mutes.silent)
    # Of a rule that is wrong just now nobody knows what it would mute: what its alerts do mute, they go on to.
    waiting = {
        alert.fingerprint for alert in known if alert.phase.is_active and alert.rule not in mutes.rules and alert.fingerprint not in by
    }
    silences = tuple(each for each in mutes.silences if each.starts_at <= now < each.ends_at)
    enders = {each.id: f"{each.id} ended by {each.ended_by}" for each in mutes.ended}
    changed: list[Alert] = []
    changes: list[AlertChange] = []
    for alert in known:
        if not alert.phase.is_active:
            continue
        rule = mutes.rules.get(alert.rule)
        quiet: tuple[str, ...] = ()
        if silences or mutes.windows or (rule is not None and rule.active_hours):
            quiet = silencers(dict(alert.labels), rule, silences, mutes.windows, now)
        sources = by.get(alert.fingerprint) or tuple(source for source in alert.inhibited_by if source in waiting)
        if (quiet, sources) != (alert.silenced_by, alert.inhibited_by):
            changed.append(replace(alert, silenced_by=quiet, inhibited_by=sources))
            changes += _changes(alert, quiet, sources, enders, now)
    return tuple(changed), tuple(changes)


def _changes(
    alert: Alert, quiet: tuple[str, ...], sources: tuple[Fingerprint, ...], enders: Mapping[str, str], now: float
) -> Iterable[AlertChange]:
    after = replace(alert, silenced_by=quiet)
    if bool(quiet) != bool(alert.silenced_by):
        kind = ChangeKind.SILENCED if quiet else ChangeKind.UNSILENCED
        yield AlertChange(now, kind, alert, after, ", ".join(quiet or (enders.get(each, each) for each in alert.silenced_by)))
    if bool(sources) != bool(alert.inhibited_by):
        kind = ChangeKind.INHIBITED if sources else ChangeKind.UNINHIBITED
        yield AlertChange(now, kind, after, replace(after, inhibited_by=sources), ", ".join(sources or alert.inhibited_by))
