"""What `aishell alerts show` prints for people: one alert with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aishell_core.units import format_duration
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.alerts import Known, evaluation_text, is_left, name_text, runbook_of, state_text, steps_of
from aishell_tui.cli.terminal import printable
from alerts.models import Alert, Evidence
from alerts.notify.text import value_text
from alerts.silences import OUT_OF_HOURS

_MOST_ROWS = 10


def alert_text(known: Known, now: float) -> str:
    """One alert as people get it."""
    alert = known.alert
    state = state_text(alert, is_judged=not is_left(alert, known.evaluation))
    blocks = [
        [f"{alert.level} {state}: {name_text(alert)} on {alert.key.target or 'all targets'}", *_texts(alert)],
        _rows(_facts(known, now)),
        _section("Why it matters", [known.rule.reason] if known.rule and known.rule.reason else []),
        _section(f"Likely causes, as seen at {utc_text(known.evidence.read_at)}", known.evidence.causes) if known.evidence else [],
        _section("Look closer", _steps(known)),
        *(_evidence(known.evidence) if known.evidence else []),
        _section("Told", (_told(known))),
        _section("What happened", (f"{utc_text(each.at)}  {each.kind.replace('_', ' ')} {each.reason}" for each in known.changes)),
        [evaluation_text(known.evaluation, now)],
    ]
    return "\n\n".join("\n".join(printable(line) for line in block) for block in blocks if block)


def _texts(alert: Alert) -> list[str]:
    return [text for name, text in alert.annotations if name != "runbook"]


def _facts(known: Known, now: float) -> Iterator[tuple[str, str]]:
    alert = known.alert
    yield "id", alert.fingerprint
    yield "labels", ", ".join(f"{name}={text}" for name, text in alert.labels)
    yield "value", value_text(alert)
    yield "health", f"{alert.health}: {alert.health_reason}" if alert.health_reason else ""
    if is_left(alert, known.evaluation):
        yield "unjudged", "it stands as it was left, because nobody evaluates its target now: open a dashboard with it"
    for word, at in (("since", alert.since), ("fired", alert.fired_at), ("resolved", alert.resolved_at)):
        yield word, f"{utc_text(at)} ({format_duration(max(0.0, now - at))} ago)" if at is not None else ""
    if alert.acknowledgement is not None:
        said = alert.acknowledgement
        yield "owner", f"{said.owner} since {utc_text(said.at)}" + (f": {said.note}" if said.note else "")
    if known.rule is not None and known.rule.channels == ():
        yield "told", "nobody: its rule has no channels"
    elif alert.held_until is not None and alert.is_held(now):
        yield "told", f"at {utc_text(alert.held_until)}, as it stands then: it goes up and down"
    yield "silenced", ", ".join("outside its active hours" if each.startswith(OUT_OF_HOURS) else each for each in alert.silenced_by)
    yield "muted by", ", ".join(alert.inhibited_by)
    yield "runbook", runbook_of(known)


def _rows(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{word:<10}{text}" for word, text in pairs if text]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    inside = [f"  {line}" for line in lines if line]
    more = [f"  and {len(inside) - _MOST_ROWS} more"] if len(inside) > _MOST_ROWS else []
    return [title, *inside[:_MOST_ROWS], *more] if inside else []


def _steps(known: Known) -> Iterator[str]:
    for step in steps_of(known):
        yield step.text
        if step.command:
            yield f"  {step.command}"


def _told(known: Known) -> Iterator[str]:
    for each in known.deliveries:
        yield f"{utc_text(each.at)}  {each.channel}: {'delivered' if each.is_delivered else 'failed'}  {each.answer}"


def _course(found: Evidence) -> Iterator[str]:
    """Some points of the kept figure, the last one included."""
    step = max(1, -(-len(found.window) // _MOST_ROWS))
    for at, value in reversed(found.window[::-1][::step]):
        yield f"{utc_text(at)}  {value:g}"


def _evidence(found: Evidence) -> Iterator[list[str]]:
    statements, sessions, locks = (
        f"read at {utc_text(found.at if at is None else at)}" for at in (found.statements_at, found.sessions_at, found.locks_at)
    )
    parts = (
        (f"Top statements, {statements}", found.statements),
        (f"Longest sessions, {sessions}", found.sessions),
        (f"Who had the connections, {sessions}", found.holders),
        (f"Who waited behind whom, {locks}", found.lock_tree),
        ("Events before", found.events),
        ("Settings changed in the day before", found.setting_changes),
        ("Last backup", (found.last_backup,)),
        ("The figure before", tuple(_course(found))),
    )
    for title, lines in parts:
        yield _section(title, lines)
