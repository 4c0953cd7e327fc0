"""How well is a target: pure functions from its view and the thresholds to a severity and its reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from aishell_core.catalogue import CATALOGUE
from aishell_core.lock_holders import holder_text
from aishell_core.series.buckets import Points
from aishell_core.series.keys import SeriesKey
from aishell_core.units import format_counted, format_duration, format_limit, format_value
from aishell_core.values import Failure, FailureCode, LockWait, Metric, Part, Session, Severity, Thresholds, worst
from aishell_tui.frame import Assessment, Reason, TargetView
from aishell_tui.lock_tree import lock_tree
from aishell_tui.reason_phrases import PHRASES

# What a failure to read the whole target means: something is certainly broken, or we only cannot tell.
_BROKEN = {FailureCode.MISSING, FailureCode.REFUSED, FailureCode.TRUNCATED, FailureCode.NOT_A_DATABASE, FailureCode.DAMAGED}

# What the matter is with a database whose figures can be read though its content cannot.
_SCHEMA = "schema"
_STATES = {FailureCode.DAMAGED: Severity.CRITICAL, FailureCode.LOCKED: Severity.WARNING, FailureCode.TRUNCATED: Severity.WARNING}

# What keeps clients of a pooler waiting: an administrator, or a server that cannot be had.
_POOL_STATES = {FailureCode.LOCKED: Severity.WARNING, FailureCode.REFUSED: Severity.CRITICAL}

_SHORT_SECONDS = 10.0
_MEASURED_SHARE = 0.9
_WAITING = {"locks.waiting", "locks.wait"}
_IDLE_TRANSACTION = "transaction.idle"
_OF_A_SESSION = {_IDLE_TRANSACTION, "transaction.duration"}
_IDLE_IN_TRANSACTION = "idle in transaction"
_FRESH_INTERVALS = 3.0


def judged_metrics(engine: str, thresholds: Mapping[str, Thresholds]) -> tuple[tuple[Metric, Thresholds], ...]:
    """The metrics of an engine that have a threshold, by default or by configuration."""
    found = []
    for name, metric in CATALOGUE.items():
        limits = thresholds.get(name) or metric.limits_of(engine)
        if engine in metric.engines and (limits.warning is not None or limits.critical is not None):
            found.append((metric, limits))
    return tuple(found)


def _limit_passed(limits: Thresholds, severity: Severity) -> float | None:
    return limits.critical if severity is Severity.CRITICAL else limits.warning


def _metric_reason(key: SeriesKey, value: float, severity: Severity, limits: Thresholds) -> Reason:
    phrase, leads_to = PHRASES.get(key.metric.name, (key.metric.name + " is {value}, limit {limit}", "health"))
    text = phrase.format(value=format_value(value, key.metric.unit), limit=format_limit(_limit_passed(limits, severity), key.metric.unit))
    where = ", ".join(value for _, value in key.labels)
    return Reason(severity, f"{where}: {text}" if where else text, key.metric.name, leads_to)


def sustained(view: TargetView, key: SeriesKey, value: float, limits: Thresholds, now: float) -> Severity:
    """The severity that all values of the last `sustained_seconds` have.

    A long span must have been measured first: the seconds in which a dashboard starts say nothing of a minute. It ends
    with the newest reading and is counted from reading to reading, so that whatever the cadence is, a figure that stays
    beyond its limit is told of until it is not any more.
    """
    severity, seconds = limits.judge(value), limits.sustained_seconds
    if severity is Severity.OK or not seconds:
        return severity
    if seconds <= _SHORT_SECONDS:
        points = view.snapshot.points(key, now - seconds, now)
        return min((limits.judge(each) for each in points.values if not math.isnan(each)), key=_rank, default=severity)
    points = view.snapshot.points(key, now - 3 * seconds, now)
    if points.hold_seconds > seconds:
        points = view.snapshot.points(key, now - seconds - 3 * points.hold_seconds, now)
    return _lasting(points, limits)


def _lasting(points: Points, limits: Thresholds) -> Severity:
    """The mildest severity from the newest reading back to the first one that is old enough; ok where none is known to be."""
    longest_hole = max(points.hold_seconds, limits.sustained_seconds)
    mildest = Severity.CRITICAL
    newest = later = math.nan
    for at, value in zip(reversed(points.times), reversed(points.values), strict=True):
        if math.isnan(value):
            continue
        newest = at if math.isnan(newest) else newest
        if later - at > longest_hole:
            break
        mildest = min(mildest, limits.judge(value), key=_rank)
        if mildest is Severity.OK or newest - at >= _MEASURED_SHARE * limits.sustained_seconds:
            return mildest
        later = at
    return Severity.OK


def _rank(severity: Severity) -> int:
    return severity.rank


def metric_reasons(view: TargetView, now: float, judged: tuple[tuple[Metric, Thresholds], ...]) -> list[Reason]:
    """One reason for every metric that has passed a threshold."""
    reasons = []
    for metric, limits in judged:
        for key in view.snapshot.find(metric.name):
            value = view.snapshot.value(key)
            if value is not None and (severity := sustained(view, key, value, limits, now)) is not Severity.OK:
                reasons.append(_metric_reason(key, value, severity, limits))
    return reasons


def blocking_sentence(lock_waits: tuple[LockWait, ...], sessions: tuple[Session, ...] = ()) -> str:
    """Who holds up how many, in words, with what the one in front does where that is known; empty when nobody waits."""
    tree = lock_tree(sessions, lock_waits)
    if not tree.waiting:
        return ""
    # Heads come first by how many wait behind them.
    head = next(row for row in tree.rows if row.depth == 0)
    longest = tree.longest_wait_seconds
    waited = f", the longest for {format_duration(longest)}" if longest is not None else ""
    noun = format_counted(tree.waiting, "session waits", "sessions wait")
    inferred = all(each.inferred for each in head.holds) and bool(head.holds)
    who = f"{'perhaps ' if inferred and head.id else ''}{holder_text(head.id, head.candidates)}{_doing(head.id, sessions)}"
    if tree.heads > 1 and head.behind == tree.waiting:
        return f"{noun} behind {who} and {tree.heads - 1} more{waited}"
    if tree.heads > 1:
        return f"{noun} for locks{waited}; {head.behind} of them behind {who}, the others behind {tree.heads - 1} more"
    return f"{noun} behind {who}{waited}"


def _doing(who: str, sessions: tuple[Session, ...]) -> str:
    session = next((each for each in sessions if each.id == who), None)
    if session is None:
        return ""
    idle = session.state.startswith(_IDLE_IN_TRANSACTION)
    since = format_duration(round(session.state_seconds)) if idle and session.state_seconds is not None else ""
    words = ", ".join(filter(None, (session.user, f"{session.state} {since}".strip() if idle else session.state)))
    return f" ({words})" if words else ""


def _who(metric: str, sessions: tuple[Session, ...]) -> str:
    """The session that a reason speaks of; empty where that is not known."""
    if metric not in _OF_A_SESSION:
        return ""
    idle = [each for each in sessions if metric != _IDLE_TRANSACTION or each.state.startswith(_IDLE_IN_TRANSACTION)]
    ages = {each.id: each.state_seconds if metric == _IDLE_TRANSACTION else each.transaction_seconds for each in idle}
    oldest = max((each for each in idle if ages[each.id] is not None), key=lambda each: ages[each.id] or 0.0, default=None)
    return "" if oldest is None else f": {' '.join(filter(None, (oldest.id, oldest.user, oldest.application)))}"


def _failure_reason(view: TargetView, failure: Failure, now: float) -> Reason:
    severity = Severity.CRITICAL if failure.code in _BROKEN else Severity.UNKNOWN
    text = failure.message
    if view.last_ok_at is not None and view.is_stale(now):
        text = f"stale {format_duration(now - view.last_ok_at)}: {text}"
    if view.next_try_at is not None and view.next_try_at - now >= 1:
        text = f"{text}; next try in {format_duration(view.next_try_at - now)}"
    return Reason(severity, text, "", "health")


def state_reasons(view: TargetView) -> list[Reason]:
    """What is the matter with the database itself while its figures go on: damaged, locked for good, emptied."""
    found: dict[str, Reason] = {}
    for failure in view.failures:
        if failure.part.startswith(Part.POOLS) and failure.code in _POOL_STATES:
            found[failure.message] = Reason(_POOL_STATES[failure.code], failure.message, "", "pools")
            continue
        severity = _STATES.get(failure.code)
        if severity is not None and (failure.part == _SCHEMA or failure.code is FailureCode.DAMAGED):
            found[failure.message] = Reason(severity, failure.message, "", "health")
    if not found:
        # Nothing is wrong with a database that nobody has filled yet, but whoever looks for its tables wants to know.
        empty = next((failure for failure in view.failures if failure.part == _SCHEMA and failure.code is FailureCode.EMPTY), None)
        return [Reason(Severity.OK, empty.message, "", "health")] if empty is not None else []
    return list(found.values())


def blind_reasons(view: TargetView) -> list[Reason]:
    """What leaves unknown how well a target is: what it is judged by could not be read, so being silent would mean that all is well."""
    found = (failure for _, failures in view.failures_by_tier for failure in failures if failure.essential)
    return [Reason(Severity.UNKNOWN, text, "", "health") for text in dict.fromkeys(f"{each.part}: {each.message}" for each in found)]


def assess(view: TargetView, now: float, judged: tuple[tuple[Metric, Thresholds], ...]) -> Assessment:
    """The severity of a target and its reasons, worst first; old numbers are never judged as if they were fresh."""
    failure = view.target_failure
    if failure is not None:
        reason = _failure_reason(view, failure, now)
        return Assessment(reason.severity, (reason,))
    if view.last_ok_at is None:
        return Assessment(Severity.UNKNOWN, (Reason(Severity.UNKNOWN, "no answer yet"),))
    if view.is_stale(now):
        age = format_duration(now - view.last_ok_at)
        return Assessment(Severity.UNKNOWN, (Reason(Severity.UNKNOWN, f"stale {age}: no answer since then", "", "health"),))
    sessions = (view.sessions or ()) if _is_fresh(view, Part.SESSIONS, now) else ()
    reasons = [*state_reasons(view), *blind_reasons(view), *(_with_who(reason, sessions) for reason in metric_reasons(view, now, judged))]
    waiting = [reason for reason in reasons if reason.metric in _WAITING]
    sentence = blocking_sentence((view.lock_waits or ()) if _is_fresh(view, Part.LOCKS, now) else (), sessions)
    if waiting and sentence:
        told = Reason(worst([reason.severity for reason in waiting]), sentence, "locks.waiting", "sessions")
        reasons = [told, *(reason for reason in reasons if reason not in waiting)]
    reasons.sort(key=lambda reason: -reason.severity.rank)
    return Assessment(worst([reason.severity for reason in reasons]), tuple(reasons))


def _with_who(reason: Reason, sessions: tuple[Session, ...]) -> Reason:
    who = _who(reason.metric, sessions)
    return replace(reason, text=reason.text + who) if who else reason


def _is_fresh(view: TargetView, part: Part, now: float) -> bool:
    """Whether a part was read lately: what was read while another screen was open must not be told as if it were so now."""
    read_at = view.part_at.get(part)
    return read_at is not None and now - read_at <= _FRESH_INTERVALS * view.interval_seconds + 1.0
