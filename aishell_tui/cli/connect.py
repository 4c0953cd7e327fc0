"""aishell connect: try a database, say what works and what is missing, and keep it in the configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_core.targets import Environment
from aishell_core.values import Part, Severity, Tier
from aishell_tui.cli.arguments import Choice, ConfigOption, JsonOption, choice, configuration, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say, speaks_unicode

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_core.targets import Location
    from aishell_tui.frame import TargetView


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

    The exit code is 0 when all that the server has can be read, 1 when a part of it cannot, 2 or 3 when nothing can.
    """
    from aishell_tui.cli.reports.connect import connect_report, connect_text, readiness
    from aishell_tui.cli.reports.looked import exit_code
    from aishell_tui.config.command_line import named_location

    location = named_location(url, Path.cwd())
    if environment is not None and save is None:
        raise UsageError("--environment goes with --save", "aishell connect URL --save NAME --environment production")
    chosen = choice(context, config)
    view = _read(chosen, url) if test or save is None else None
    state = Severity.OK if view is None else readiness(view)
    readable = state in {Severity.OK, Severity.WARNING}
    saved = _save(chosen, save, url, location, environment) if save is not None and readable else None
    report = connect_report(view, location, state, saved)
    say(to_json(report) if json else connect_text(report, save, unicode=speaks_unicode()))
    return exit_code(state)


def _read(chosen: Choice, url: str) -> TargetView:
    from aishell_tui.cli.looking import look

    looked = look(Choice(_existing(chosen.config), (url,)), "0", tiers=(Tier.WARM, Tier.COLD), demand=frozenset(Part))
    return looked.views[0]


def _existing(config: Path | None) -> Path | None:
    """The file that --config names, unless --save is yet to make it."""
    return config if config is not None and config.exists() else None


def _save(chosen: Choice, name: str, url: str, location: Location, environment: Environment | None) -> Saved:
    from aishell_tui.config.locate import named_file
    from aishell_tui.config.save import add_target, new_target
    from aishell_tui.places import find_places

    path = named_file(Path.cwd(), chosen.config, os.environ) or find_places().config_file
    target = new_target(name, url, location, environment)
    taken = next((other for other in configuration(Choice(_existing(chosen.config))).targets if other.spec.name == name), None)
    if taken is not None:
        raise UsageError(f"a target named {name!r} is configured already, in {taken.origin}", "choose another name")
    add_target(path, target, os.environ)
    return Saved(name, path, target.password_variable)
