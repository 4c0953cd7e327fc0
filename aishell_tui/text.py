"""Sentences and words that several screens and commands share. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from aishell_core.errors import AishellError
from aishell_core.targets import ENGINES
from aishell_core.units import format_duration
from aishell_core.values import Facts, Failure, Severity, TargetId
from aishell_tui.frame import Frame, TargetView

SHORT_ENGINES = {"postgres": "pg"}
WORDS = {Severity.OK: "ok", Severity.WARNING: "warn", Severity.CRITICAL: "critical", Severity.UNKNOWN: "unknown"}
_TITLES = {engine.name: engine.title for engine in ENGINES}


def clock_text(at: float) -> str:
    """An epoch second as 14:02:31Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")


def moment_text(at: float, now: float) -> str:
    """An epoch second as a time of day, with the date in front when it is not today's (UTC)."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    return moment.strftime("%H:%M:%S" if moment.date() == today.date() else "%m-%d %H:%M")


def span_text(seconds: float) -> str:
    """A span of the charts: 15 m, 6 h."""
    for size, letter in ((3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f} {letter}"
    return f"{seconds:.0f} s"


def engine_text(engine: str, facts: Facts | None) -> str:
    """The engine with its version as far as it is known: pg 16.4, sqlite 3.40.1, mariadb 10.11.6."""
    short = SHORT_ENGINES.get(engine, engine)
    return f"{product_text(facts) or short} {facts.version}".rstrip() if facts is not None else short


def product_text(facts: Facts) -> str:
    """What the server says that it is, in one lower-case word: mariadb; "" where it does not say."""
    return dict(facts.details).get("product", "").partition(" ")[0].lower()


def engine_title(engine: str) -> str:
    """The engine's name for people."""
    return _TITLES.get(engine, engine)


def server_text(view: TargetView) -> str:
    """What the server says that it is, as FerretDB does behind MongoDB's protocol, else the engine's name for people."""
    details = dict(view.facts.details) if view.facts is not None else {}
    return details.get("server") or engine_title(view.target.engine)


def answering_server(view: TargetView) -> str:
    """Which of the several servers that a target may be answers; "" where there is one alone, or none says."""
    if len(view.target.location.servers) < 2 or view.facts is None or view.target_failure is not None:
        return ""
    details = dict(view.facts.details)
    return details.get("address") or details.get("host", "")


def severity_counts(frame: Frame) -> dict[Severity, int]:
    """How many targets have each severity, the worst severity first; those with none are left out."""
    counts = dict.fromkeys(sorted(Severity, key=lambda each: -each.rank), 0)
    for view in frame.targets:
        counts[view.assessment.severity] += 1
    return {severity: count for severity, count in counts.items() if count}


def worst_first(frame: Frame) -> list[TargetView]:
    """The targets in the order of badness, then by name."""
    return sorted(frame.targets, key=lambda view: (-view.assessment.severity.rank, view.name))


def without_path(view: TargetView, text: str) -> str:
    """A sentence with the file's name instead of its whole path, where the target is named beside it anyway."""
    path = view.target.location.path
    return text.replace(str(path), path.name) if path is not None else text


def data_age_text(view: TargetView, now: float) -> str:
    """How fresh the numbers are: live 0s, or stale 12s with the reason; where there are none the pane says why."""
    age = view.age_seconds(now)
    failure = view.target_failure
    if age is None:
        return "no data" if failure is not None else "no data yet"
    if view.is_stale(now):
        return f"stale {format_duration(round(age))}" + (f": {without_path(view, failure.message)}" if failure is not None else "")
    return f"live {round(age)}s"


def why_unknown(failure: Failure | AishellError) -> str:
    """Why something is not known and, on a line of its own so that it can be copied as it stands, what would mend it."""
    return "\n".join(filter(None, (f"n/a: {failure.message}.", failure.hint)))


def next_target(frame: Frame, current: TargetId | None, steps: int) -> TargetId | None:
    """The target that many places further in the configured order, around the end; None without targets."""
    names = [view.name for view in frame.targets]
    if frame.host is not None and frame.host.name not in names:
        names.append(frame.host.name)
    if not names:
        return None
    index = names.index(current) if current in names else 0
    return names[(index + steps) % len(names)]
