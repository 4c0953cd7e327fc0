"""What people do with alerts, with or without an evaluator running: list, acknowledge, silence, and look back.

Blocking, over an open store; a dashboard calls these through `AlertService`, the command line directly. All times are epoch
seconds of the wall clock. An alert is named by its fingerprint or the beginning of it that no other one has, or by its rule
where that has one alert alone, or one alone that fires.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase

from aishell_core.clock import Clock
from aishell_core.errors import UsageError
from alerts.holding import Share
from alerts.lease import is_alive
from alerts.models import Acknowledgement, Alert, AlertChange, ChangeKind, Evidence, Fingerprint, Matcher, Phase, Silence
from alerts.notify import group_rows
from alerts.rule import Rule
from alerts.silences import ended_early, extended, new_silence
from alerts.store import alert_rows, change_rows, lease_rows, silence_rows
from alerts.store.database import AlertStore

_SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class Judge:
    """One who lives and evaluates: how many targets it has, and how many rules on targets of others that these do not have."""

    holder: str
    targets: int
    rules: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Who evaluates, as machine:process:digits, and when it last did; `is_alive` is False when nobody gives signs of life.

    Of several, each with targets of its own, it is the one that watches most. `unjudged` are the targets that files configure, or that
    have an alert, and that nobody who lives evaluates.
    """

    holder: str = ""
    evaluated_at: float | None = None
    is_alive: bool = False
    unjudged: tuple[str, ...] = ()
    rules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By target, the rules of whoever lives and evaluates it, where that is known."""
    shares: frozenset[Share] = frozenset()
    """What others evaluate there besides."""
    is_in_memory: bool = False
    """Whether nobody seems to live because the disk takes nothing: somebody on this machine evaluates and tells from memory."""
    judges: tuple[Judge, ...] = ()
    """All who live and evaluate, the one with most targets first."""

    def lacking(self, rules: Iterable[Rule], targets: Iterable[str]) -> tuple[str, ...]:
        """Which of these rules are not evaluated for some of these targets that they are for, because whoever has it goes by others."""
        judged = {target: self.rules[target] for target in targets if target in self.rules}
        known = frozenset[str].intersection(*judged.values()) if judged else None
        missing = [rule for rule in rules if known is not None and rule.name not in known]
        return tuple(rule.name for rule in missing if any(self._lacks(rule, each) for each in judged))

    def _lacks(self, rule: Rule, target: str) -> bool:
        return rule.name not in self.rules[target] and (target, rule.name) not in self.shares and _is_for(rule, target)


def _is_for(rule: Rule, target: str) -> bool:
    names = rule.targets.names
    return not names or any(fnmatchcase(target, name) for name in names)


@dataclass(frozen=True, slots=True)
class Standing:
    """All alerts as they were last evaluated, the worst first, the silences that hold or will, and who evaluates."""

    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    evaluation: Evaluation = Evaluation()


def standing(store: AlertStore, clock: Clock, boot: str) -> Standing:
    """How everything stands; raises StateError. `boot` names this start of this machine (`alerts.lease.own_boot`)."""

    def read(connection: sqlite3.Connection) -> Standing:
        found = in_order([*alert_rows.load(connection).values(), *group_rows.own_alerts(connection)])
        return Standing(found, silence_rows.load(connection, clock.now()), evaluation(connection, clock, boot))

    return store.read(read, Standing())


def holders_text(holders: Iterable[str]) -> str:
    """Those who evaluate, as people name them: process 12 on db1, of several the first and how many more."""
    first, *others = dict.fromkeys(holders)
    machine, _, rest = first.partition(":")
    more = f" and {len(others)} more" if others else ""
    return f"process {rest.partition(':')[0]} on {machine}{more}"


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """The alerts that people see, in the order of how much they matter: active, told, level, and the newest first."""
    shown = [alert for alert in alerts if alert.phase is not Phase.INACTIVE]
    return tuple(sorted(shown, key=_order))


def named(alerts: Mapping[Fingerprint, Alert], name: str) -> Alert:
    """The alert that a name means; raises UsageError when it means none or several."""
    wanted = name.strip()
    if wanted in alerts:
        return alerts[wanted]
    found = [alert for alert in alerts.values() if alert.phase is not Phase.INACTIVE and alert.rule == wanted]
    if not found and len(wanted) >= _SHORTEST_PREFIX:
        found = [alert for alert in alerts.values() if alert.fingerprint.startswith(wanted.lower())]
    active = [alert for alert in found if alert.phase.is_active]
    if len(found) == 1 or len(active) == 1:
        return (active or found)[0]
    if found:
        several = ", ".join(f"{alert.fingerprint} ({alert.key.target})" for alert in found[:5])
        raise UsageError(f"{name!r} means {len(found)} alerts", f"name one of them: {several}")
    if wanted and len(wanted) < _SHORTEST_PREFIX and any(each.startswith(wanted.lower()) for each in alerts):
        raise UsageError(f"{name!r} is too short for an id", f"give {_SHORTEST_PREFIX} characters of it at least")
    known = {alert.rule for alert in alerts.values()} | set(alerts)
    near = get_close_matches(wanted, sorted(known), n=1)
    raise UsageError(f"there is no alert {name!r}", f"did you mean {near[0]}?" if near else "aishell alerts list shows all of them")


def acknowledge(store: AlertStore, name: str, owner: str, note: str, now: float) -> Alert:
    """Take an alert on; it stays so until it is resolved, and the same owner's note until there is another one.

    Raises UsageError for an alert that does not fire, and StateError.
    """
    if not owner.strip():
        raise UsageError("an acknowledgement needs an owner", "run it as a user of the operating system that has a name")

    def write(connection: sqlite3.Connection) -> Alert:
        _refuse_own(connection, name)
        alert = named(alert_rows.load(connection), name)
        if not alert.phase.is_active:
            raise UsageError(f"{alert.rule} on {alert.key.target} is {alert.phase}", "only an alert that fires can be acknowledged")
        before, text = alert.acknowledgement, note.strip()
        if before is not None and before.owner == owner.strip():
            text = text or before.note  # who says it again takes nothing back
        said = Acknowledgement(owner.strip(), text, now)
        alert_rows.acknowledge(connection, alert.fingerprint, said)
        return _noted(connection, alert, replace(alert, acknowledgement=said), ChangeKind.ACKNOWLEDGED, said.note, now)

    return store.transact(write)


def _refuse_own(connection: sqlite3.Connection, name: str) -> None:
    """Raise UsageError for an alert about a channel: it is not judged, and told to all others until that channel works."""
    for alert in group_rows.own_alerts(connection):
        if name.strip() in {alert.rule, alert.fingerprint}:
            channel = alert.fingerprint.removeprefix(group_rows.OWN_PREFIX)
            raise UsageError(
                f"{alert.rule} is about the channel {channel} and cannot be acknowledged",
                f"it ends when the channel takes a message: aishell alerts channels test {channel}",
            )


def unacknowledge(store: AlertStore, name: str, by: str, now: float) -> Alert:
    """Give an alert back, as `by` does; raises UsageError when nobody has it, and StateError."""

    def write(connection: sqlite3.Connection) -> Alert:
        alert = named(alert_rows.load(connection), name)
        if alert.acknowledgement is None:
            raise UsageError(f"nobody has acknowledged {alert.rule} on {alert.key.target}")
        alert_rows.unacknowledge(connection, [alert.fingerprint])
        return _noted(connection, alert, replace(alert, acknowledgement=None), ChangeKind.UNACKNOWLEDGED, f"by {by}" if by else "", now)

    return store.transact(write)


def silence(
    store: AlertStore,
    identity: str,
    matchers: tuple[Matcher, ...],
    starts_at: float,
    ends_at: float,
    *,
    author: str,
    comment: str,
    now: float,
) -> Silence:
    """Silence the alerts that all matchers match, living and to come; raises UsageError and StateError."""

    def write(connection: sqlite3.Connection) -> Silence:
        targets = lease_rows.targets(connection)
        made = new_silence(identity, matchers, starts_at, ends_at, author.strip(), comment.strip(), now, targets)
        silence_rows.save(connection, made)
        return made

    return store.transact(write)


def end_silence(store: AlertStore, identity: str, by: str, now: float) -> Silence:
    """End a silence now; raises UsageError for one that is unknown or over, and StateError."""
    return _changed_silence(store, identity, now, lambda found: ended_early(found, by, now))


def extend_silence(store: AlertStore, identity: str, ends_at: float, by: str, now: float) -> Silence:
    """Give a silence another end, as `by` does, which the history of what it silences tells.

    Raises UsageError for one that is unknown or over, and StateError.
    """
    return _changed_silence(store, identity, now, lambda found: extended(found, ends_at, now), by)


def history(
    store: AlertStore, since: float, until: float, *, limit: int = 1000, fingerprint: Fingerprint | None = None
) -> tuple[AlertChange, ...]:
    """What happened to alerts in a span, the newest first; `before` is not kept. Raises StateError."""
    return store.read(lambda connection: change_rows.load(connection, since, until, limit, fingerprint), ())


def kept_targets(store: AlertStore) -> frozenset[str]:
    """The targets of which anything is kept, as they are stored, configured or not; raises StateError."""

    def read(connection: sqlite3.Connection) -> frozenset[str]:
        found = lease_rows.targets(connection) | alert_rows.targets(connection) | change_rows.targets(connection)
        return found - {lease_rows.ALL_TARGETS}

    return store.read(read, frozenset())


def kept_rules(store: AlertStore) -> frozenset[str]:
    """The names of rules that whoever evaluates goes by, here or elsewhere, as they are stored; raises StateError."""
    nothing: dict[int, frozenset[str]] = {}
    return frozenset[str]().union(*store.read(lease_rows.rules, nothing).values())


def evidence(store: AlertStore, alert: Alert) -> Evidence | None:
    """What was seen when an alert fired, or rose, the last time; raises StateError."""
    return store.read(lambda connection: change_rows.evidence_of(connection, alert), None)


def _noted(connection: sqlite3.Connection, before: Alert, after: Alert, kind: ChangeKind, reason: str, now: float) -> Alert:
    change_rows.append(connection, [AlertChange(now, kind, before, after, reason)])
    return after


def _changed_silence(store: AlertStore, identity: str, now: float, change: Callable[[Silence], Silence], extended_by: str = "") -> Silence:
    def write(connection: sqlite3.Connection) -> Silence:
        kept = {found.id: found for found in silence_rows.load(connection, now - silence_rows.KEPT_SECONDS)}
        found = [kept[identity]] if identity in kept else [kept[each] for each in kept if each.startswith(identity) and identity]
        if len(found) != 1:
            near = get_close_matches(identity, sorted(kept), n=1)
            hint = f"did you mean {near[0]}?" if near else "aishell alerts silences lists them"
            raise UsageError(f"{identity!r} means {len(found)} silences" if found else f"there is no silence {identity!r}", hint)
        changed = change(found[0])
        silence_rows.save(connection, changed)
        if extended_by:
            _note_extension(connection, changed, extended_by, now)
        return changed

    return store.transact(write)


def _note_extension(connection: sqlite3.Connection, silence: Silence, by: str, now: float) -> None:
    """That nobody is told for longer, or shorter, in the history of each alert that the silence holds now."""
    until = datetime.fromtimestamp(silence.ends_at, UTC).strftime("%Y-%m-%d %H:%MZ")
    reason = f"{silence.id} extended by {by} until {until}"
    for alert in alert_rows.load(connection).values():
        if alert.phase.is_active and silence.id in alert.silenced_by:
            _noted(connection, alert, alert, ChangeKind.SILENCED, reason, now)


def evaluation(connection: sqlite3.Connection, clock: Clock, boot: str) -> Evaluation:
    """Who evaluates, by a look at an open database."""
    found = lease_rows.load(connection)
    living = {judge.fence: judge for judge in found.judges if is_alive(judge, clock, boot)}
    idle = [ward for ward in found.wards if ward.fence not in living and ward.target]
    active = alert_rows.active_targets(connection) if any(not ward.origin for ward in idle) else frozenset()
    unjudged = tuple(ward.target for ward in idle if ward.origin or ward.target in active)
    first = max(living.values() or found.judges, key=lambda judge: (judge.targets, -judge.fence), default=None)
    if first is None:
        last = max((at for ward in found.wards if (at := ward.evaluated_at) is not None), default=None)
        return Evaluation(evaluated_at=last, unjudged=unjudged)
    rules = {ward.target: found.rules[ward.fence] for ward in found.wards if ward.fence in living and ward.fence in found.rules}
    shares = frozenset(share for share, fence in found.shares.items() if fence in living)
    return Evaluation(first.holder, first.evaluated_at, bool(living), unjudged, rules, shares, judges=tuple(_judges(found, living)))


def _judges(found: lease_rows.Tenures, living: Mapping[int, lease_rows.Tenure]) -> list[Judge]:
    targets = Counter(ward.fence for ward in found.wards if ward.target)
    rules = Counter(fence for _rule, fence in {(rule, fence) for (_target, rule), fence in found.shares.items()})
    judges = (Judge(judge.holder, targets[fence], rules[fence]) for fence, judge in living.items())
    return sorted(judges, key=lambda judge: (-judge.targets, -judge.rules))


_PHASES = {Phase.FIRING: 0, Phase.RECOVERING: 0, Phase.PENDING: 1, Phase.RESOLVED: 2}


def _order(alert: Alert) -> tuple[int, bool, int, float, str]:
    begun = alert.resolved_at if alert.phase is Phase.RESOLVED else alert.fired_at if alert.fired_at is not None else alert.since
    return _PHASES.get(alert.phase, 3), alert.is_muted, -alert.level.rank, -(begun or 0.0), alert.fingerprint
