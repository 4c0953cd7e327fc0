"""aishell connect: try a database, say what works and what is missing, and keep it in the configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_core.targets import Environment
from aishell_core.values import Ability, Part, Severity, Tier
from aishell_tui.cli.arguments import Choice, ConfigOption, JsonOption, choice, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.looking import Looked, exit_code, glyph, look
from aishell_tui.cli.shapes import AbilityRow, ConnectReport
from aishell_tui.cli.terminal import printable, say, speaks_unicode

if TYPE_CHECKING:
    from aishell_core.targets import Location
    from aishell_tui.frame import TargetView

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


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a target was written, and the variable that must hold its password."""

    name: str
    path: Path
    password_variable: str


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "connect",
        epilog=examples(
            "aishell connect sqlite:///srv/app/app.db --test",
            "aishell connect sqlite:///srv/app/app.db --save app --environment production",
            "aishell connect host://localhost --save this-machine",
        ),
    )(connect)


def connect(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the database is: a URL, or the path of an SQLite file.")],
    test: Annotated[bool, typer.Option("--test", help="Read it once and list what works; the default without --save.")] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Write it to the configuration under this name.", show_default=False)
    ] = None,
    environment: Annotated[
        Environment | None, typer.Option("--environment", help="With --save: how careful one has to be with it.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Try a database, and keep it.

    Says ability by ability what works, what is missing, why, and what to do about it.

    With --save the database is added to the configuration file; comments and formatting stay. A password is never
    written there: the entry names an environment variable. With --test as well, it is saved only if it can be read.

    The exit code is 0 when all works, 1 when something is missing, 2 or 3 when it cannot be read.
    """
    from aishell_core.targets import parse_location

    location = parse_location(url)
    if environment is not None and save is None:
        raise UsageError("--environment goes with --save", "aishell connect URL --save NAME --environment production")
    chosen = choice(context, config)
    view = _read(chosen, url) if test or save is None else None
    state = Severity.OK if view is None else readiness(view)
    readable = state in {Severity.OK, Severity.WARNING}
    saved = _save(chosen, save, url, location, environment) if save is not None and readable else None
    report = _report(view, location, state, saved)
    say(to_json(report) if json else _text(report, save, unicode=speaks_unicode()))
    return exit_code(state)


def _read(chosen: Choice, url: str) -> TargetView:
    looked: Looked = look(Choice(chosen.config, (url,)), "0", tiers=(Tier.WARM, Tier.COLD), demand=frozenset(Part))
    return looked.views[0]


def readiness(view: TargetView) -> Severity:
    """Whether a target can be read: how badly not, a warning when a part is missing, ok when nothing is.

    Its health does not count here: a database with a long query is well connected.
    """
    if view.target_failure is not None:
        return view.assessment.severity
    return Severity.WARNING if view.failures else Severity.OK


def ability_rows(view: TargetView) -> Iterator[AbilityRow]:
    """What a target delivers, one row per ability."""
    failure = view.target_failure
    if failure is not None:
        yield AbilityRow("connect", False, failure.message, failure.hint)
        return
    facts = view.facts
    told = " ".join(part for part in (view.target.engine, facts.version if facts else "", facts.role if facts else "") if part)
    yield AbilityRow("connect", True, told, "")
    yield AbilityRow("metrics", True, f"{len(view.snapshot.keys())} figures", "")
    for ability, part, name in _PARTS:
        yield _part_row(view, ability, part, name)
    for ability, name, detail in _ON_DEMAND:
        works = ability in view.abilities
        yield AbilityRow(name, works, detail if works else _absent(view), "")
    named = {part.value for _, part, _ in _PARTS}
    for other in view.failures:
        if other.part not in named:
            yield AbilityRow(other.part, False, other.message, other.hint)


def _part_row(view: TargetView, ability: Ability, part: Part, field: str) -> AbilityRow:
    failure = view.failure_of(part.value)
    if failure is not None:
        return AbilityRow(part.value, False, failure.message, failure.hint)
    if ability not in view.abilities:
        return AbilityRow(part.value, False, _absent(view), "")
    found = getattr(view, field)
    if found is None:
        return AbilityRow(part.value, False, "was not delivered", "")
    return AbilityRow(part.value, True, f"{len(found)} read", "")


def _absent(view: TargetView) -> str:
    return f"{view.target.engine} does not offer it"


def _save(chosen: Choice, name: str, url: str, location: Location, environment: Environment | None) -> Saved:
    from aishell_tui.config.save import add_target, new_target
    from aishell_tui.places import find_places

    path = chosen.config or find_places().config_file
    target = new_target(name, url, location, environment)
    add_target(path, target, os.environ)
    return Saved(name, path, target.password_variable)


def _report(view: TargetView | None, location: Location, state: Severity, saved: Saved | None) -> ConnectReport:
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


def _text(report: ConnectReport, wanted: str | None, *, unicode: bool) -> str:
    lines = []
    if report.abilities:
        lines.append(f"{glyph(Severity(report.state), unicode)} {printable(report.url)}")
    for row in report.abilities:
        sign = ("✓" if unicode else "+") if row.works else ("–" if unicode else "-")
        lines.append(printable(f"  {sign} {row.ability:<12} {row.detail}"))
        if row.hint:
            lines.append(printable(f"    {'':<12} {row.hint}"))
    if report.saved_as is not None:
        lines.append(f"saved as {report.saved_as} in {report.saved_to}")
        if report.password_variable:
            lines.append(f"the password was not saved: set {report.password_variable} in the environment before aishell starts")
    elif wanted is not None:
        lines.append("not saved, because it cannot be read; without --test it is saved unseen")
    return "\n".join(lines)
