"""What `aishell connect` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aishell_core.targets import Location
from aishell_core.values import Ability, Failure, FailureCode, Part, Severity
from aishell_tui.cli.connect import Saved
from aishell_tui.cli.reports.looked import glyph, told_once
from aishell_tui.cli.setup_shapes import AbilityRow, ConnectReport
from aishell_tui.cli.terminal import printable
from aishell_tui.frame import TargetView
from aishell_tui.text import server_text

_PARTS: tuple[tuple[Ability, Part, str], ...] = (
    (Ability.SESSIONS, Part.SESSIONS, "sessions"),
    (Ability.LOCKS, Part.LOCKS, "lock_waits"),
    (Ability.STATEMENTS, Part.STATEMENTS, "statements"),
    (Ability.RELATIONS, Part.RELATIONS, "relations"),
    (Ability.SETTINGS, Part.SETTINGS, "settings"),
    (Ability.REPLICATION, Part.REPLICATION, "replication"),
)
_ON_DEMAND: tuple[tuple[Ability, str, str], ...] = (
    (Ability.EXPLAIN, "explain", "plans of statements can be shown"),
    (Ability.INTEGRITY, "integrity", "can be checked on demand"),
    (Ability.PROGRESS, "progress", "long operations can be followed"),
)
# The parts that are read from the content of a file, and the reasons for which nothing else can be read from it either.
_CONTENT = ("schema", "pages", Part.RELATIONS.value)
_CLOSED = frozenset({FailureCode.LOCKED, FailureCode.PRIVILEGE, FailureCode.ENCRYPTED})
# What a server is without, or has nothing of yet, says nothing against the connection to it.
_WELL = frozenset({FailureCode.EMPTY, FailureCode.UNSUPPORTED})


def readiness(view: TargetView) -> Severity:
    """Whether a target can be read: how badly not, a warning when a part could not be, ok when all that it has was.

    Its health does not count here: a database with a long query is well connected. Nor does what its server lacks.
    """
    if view.target_failure is not None:
        return view.assessment.severity
    return Severity.WARNING if any(failure.code not in _WELL for failure in view.failures) else Severity.OK


def ability_rows(view: TargetView) -> Iterator[AbilityRow]:
    """What a target delivers, one row per ability."""
    failure = view.target_failure
    if failure is not None:
        # That nothing answers, or that the URL asks for what there is not, is always a fault of the connection.
        yield replace(_failed_row("connect", failure), absent=False)
        return
    facts = view.facts
    told = " ".join(part for part in (view.target.engine, facts.version if facts else "", facts.role if facts else "") if part)
    yield AbilityRow("connect", True, told, "")
    yield AbilityRow("metrics", True, f"{len(view.snapshot.keys())} figures", "")
    for ability, part, name in _PARTS:
        yield _part_row(view, ability, part, name)
    for ability, name, detail in _ON_DEMAND:
        yield _demanded_row(view, ability, name, detail)
    named = {part.value for _, part, _ in _PARTS} | {name for _, name, _ in _ON_DEMAND}
    for other in told_once(view.failures):
        if other.part not in named:
            yield _failed_row(other.part, other)


def _failed_row(name: str, failure: Failure) -> AbilityRow:
    return AbilityRow(name, failure.code is FailureCode.EMPTY, failure.message, failure.hint, failure.code is FailureCode.UNSUPPORTED)


def _demanded_row(view: TargetView, ability: Ability, name: str, detail: str) -> AbilityRow:
    """What can be asked on demand, unless what this look could not read would be in its way as well.

    That is so for a file, which is open or closed as a whole and can be checked as one; a server has a right of its own for each part.
    """
    if ability not in view.abilities:
        return _absent_row(view, name)
    failure = view.failure_of(name)
    if failure is not None:
        return _failed_row(name, failure)
    # A check of a damaged database is what shows the damage, so that is in the way of plans only.
    in_the_way = _CLOSED | {FailureCode.DAMAGED} if ability is Ability.EXPLAIN else _CLOSED
    closed = (failure for failure in view.failures if failure.part in _CONTENT and failure.code in in_the_way)
    barrier = next(closed, None) if Ability.INTEGRITY in view.abilities else None
    if barrier is not None:
        return AbilityRow(name, False, f"cannot be asked now: {barrier.message}", barrier.hint)
    return AbilityRow(name, True, detail, "")


def _part_row(view: TargetView, ability: Ability, part: Part, field: str) -> AbilityRow:
    failure = view.failure_of(part.value)
    if failure is not None:
        return _failed_row(part.value, failure)
    if ability not in view.abilities:
        return _absent_row(view, part.value)
    found = getattr(view, field)
    if found is None:
        return AbilityRow(part.value, False, "was not delivered", "")
    return AbilityRow(part.value, True, f"{len(found)} read", "")


def _absent_row(view: TargetView, name: str) -> AbilityRow:
    return AbilityRow(name, False, f"{server_text(view)} does not offer it", "", absent=True)


def connect_report(view: TargetView | None, location: Location, state: Severity, saved: Saved | None) -> ConnectReport:
    """The report as scripts get it."""
    return ConnectReport(
        url=location.redacted(),
        engine=location.engine,
        version=view.facts.version if view and view.facts and view.facts.version else None,
        state=state.value,
        abilities=tuple(ability_rows(view)) if view else (),
        saved_as=saved.name if saved else None,
        saved_to=str(saved.path) if saved else None,
        password_variable=saved.password_variable or None if saved else None,
    )


def connect_text(report: ConnectReport, wanted: str | None, *, unicode: bool) -> str:
    """The report as people get it."""
    lines = []
    if report.abilities:
        lines.append(f"{glyph(Severity(report.state), unicode)} {printable(report.url)}")
    names = max((len(row.ability) for row in report.abilities), default=0)
    for row in report.abilities:
        sign = ("✓" if unicode else "+") if row.works else ("–" if unicode else "-")
        lines.append(printable(f"  {sign} {row.ability:<{names}}  {row.detail}"))
        if row.hint:
            lines.append(printable(f"    {'':<{names}}  {row.hint}"))
    absent = [row.ability for row in report.abilities if row.absent]
    if absent:
        lines.append(printable(f"n/a here, which is no fault of the connection: {', '.join(absent)}"))
    if report.saved_as is not None:
        lines.append(f"saved as {report.saved_as} in {report.saved_to}")
        if report.password_variable:
            lines.append(f"the password was not saved: set {report.password_variable} in the environment before aishell starts")
    elif wanted is not None:
        lines.append("not saved, because it cannot be read; without --test it is saved unseen")
    return "\n".join(lines)
