"""From the command line to the screen: the terminal is checked and prepared before the terminal library is imported."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_core.clock import SystemClock
from aishell_core.errors import UsageError
from aishell_core.processes import share_one_heap
from aishell_tui.backup_watch import BackupWatch
from aishell_tui.options import DashboardOptions
from aishell_tui.places import find_places
from aishell_tui.runtime import Beside, Runtime
from collectors.registry import open_collector
from collectors.schedule import Schedule

if TYPE_CHECKING:
    from aishell_core.clock import Clock
    from aishell_core.targets import Target
    from aishell_core.values import Event, TargetId
    from aishell_tui.alert_feed import OpenAlerts
    from aishell_tui.alerting import Witness
    from aishell_tui.authority import Authority
    from aishell_tui.config.load import Configuration
    from aishell_tui.demo.launch import Demo
    from aishell_tui.demo.postgres_programs import Search
    from alerts.models import Alert, Evidence, Traits
    from alerts.ports import RuleSource
    from alerts.service import AlertService

_COLOR_SYSTEMS = {"16": "standard", "256": "256", "true": "truecolor"}
_PLAIN_TERMINALS = {"linux", "dumb", "vt100", "vt220"}
_DEMO_SPAN_SECONDS = 300.0
_SCHEDULES_SECONDS = 5.0
HOW_TO_ADD = "this is a demo; add your own database with: aishell connect URL --save NAME"


def require_terminal(one_shot: str = "aishell status") -> None:
    """Raise UsageError with the command for scripts when there is no terminal to draw on."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    others = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    if others:
        raise UsageError(
            f"the dashboard needs a terminal, and standard {' and '.join(others)} is none",
            f"for scripts there is a one-shot twin: {one_shot} (and --json)",
        )


def prepare_environment(options: DashboardOptions, environ: MutableMapping[str, str]) -> None:
    """Tell the terminal library what this terminal can do; it reads these variables when it is imported.

    No animation: a dashboard over SSH must not spend bytes on movement. The cap on repaints is high because it is what a
    key waits for when it comes right after a tick; there is one repaint per tick anyway.
    """
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    environ.setdefault("TEXTUAL_FPS", "120")
    if options.color == "never":
        environ["NO_COLOR"] = "1"
    elif options.color in _COLOR_SYSTEMS:
        environ["TEXTUAL_COLOR_SYSTEM"] = _COLOR_SYSTEMS[options.color]
    elif environ.get("TERM", "") in _PLAIN_TERMINALS:
        environ.pop("COLORTERM", None)
    if options.glyphs in {"unicode", "ascii"}:
        environ["AISHELL_GLYPHS"] = options.glyphs


def run_dashboard(options: DashboardOptions) -> int:
    """Open the dashboard and return the exit code."""
    require_terminal()
    return _show(options, find_places().state)


def _show(options: DashboardOptions, state: Path, ready: Callable[[], None] | None = None, stop: Callable[[], None] | None = None) -> int:
    """Run the application; `ready` returns when there is something to show, `stop` is called when the terminal goes away."""
    prepare_environment(options, os.environ)
    share_one_heap()
    # Nothing that start-up makes is garbage; what it leaves is then kept out of every later collection.
    gc.disable()
    from aishell_tui.app import AishellApp

    clock = SystemClock()
    runtime = Runtime(
        options.targets,
        clock=clock,
        open_collector=open_collector,
        schedule=Schedule(hot_seconds=options.interval_seconds),
        thresholds=options.thresholds,
        state_folder=state if options.history else None,
        notice=options.notice,
        trouble=options.trouble,
        open_alerts=_alerts(options.rules, state, clock) if options.rules is not None else None,
        backups=_backups(options, state, clock),
        # Whoever may do nothing but read has nothing made, and no old backups removed, by schedule.
        beside=_schedules(options.reload, state, clock) if options.reload is not None and not options.read_only else None,
    )
    if ready is not None:
        ready()
    app = AishellApp(runtime, options, on_end=stop)
    code = app.run(mouse=options.mouse)
    return code if isinstance(code, int) else app.return_code or 0


def _alerts(rules: Callable[[], RuleSource], state: Path, clock: Clock) -> OpenAlerts:
    def opened(traits: Mapping[TargetId, Traits], saw: Callable[[Alert], Evidence | None]) -> tuple[AlertService, Witness]:
        # Half a second of loading, for which no first frame waits.
        from aishell_tui.alerting import open_alerts

        return open_alerts(state, rules(), clock, traits, saw)

    return opened


def _backups(options: DashboardOptions, state: Path, clock: Clock) -> BackupWatch:
    """What is known of the targets' backups, as far as this dashboard's own folders go."""
    environ = dict(os.environ)
    if options.backup_folder is not None:
        environ["AI_SHELL_BACKUP_DIR"] = str(options.backup_folder)
    return BackupWatch(options.targets, state, clock, options.reload, environ)


def _schedules(reload: Callable[[], Configuration], state: Path, clock: Clock) -> Beside:
    async def run(emit: Callable[[Event], None]) -> None:
        # Nobody waits for what a schedule does at the very start.
        await clock.sleep(_SCHEDULES_SECONDS)
        from aishell_tui.backup_host import host_schedules

        await host_schedules(reload, state, clock, emit)

    return run


def run_demo(options: DashboardOptions) -> int:
    """Open the dashboard on an embedded database with a real workload; both are gone when it ends."""
    require_terminal()
    from aishell_tui.demo.launch import start_demo

    demo = start_demo(find_places().state / "demo", wait=False)
    return _show_demo(options, demo, demo.wait_until_ready)


def run_postgres_demo(options: DashboardOptions, tell: Callable[[str], None], search: Search | None = None) -> int:
    """Open the dashboard on two PostgreSQL servers with a real workload; `tell` says what is being done until there are.

    Their programs are looked for where they usually are, or where `search` says. Raises AishellError where there are none, or
    where they do not start.
    """
    require_terminal()
    from aishell_tui.demo.postgres_launch import start_postgres_demo
    from aishell_tui.demo.postgres_programs import Search, find_programs

    programs = find_programs(search or Search.of_machine())
    tell(f"starting PostgreSQL {programs.version} for the demo")
    demo = start_postgres_demo(find_places().state / "demo", programs, wait=False)
    return _show_demo(options, demo, lambda: demo.wait_until_ready(tell))


def _demo_authority(targets: tuple[Target, ...], state: Path, *, read_only: bool) -> Authority:
    """Whoever starts a demo owns it, and its records end with it."""
    from aishell_tui.authority import authority_over

    return authority_over(targets, state, read_only=read_only)


def _demo_rules() -> RuleSource:
    """The rules that ship, whatever is configured: a demo tells nobody anything."""
    from aishell_tui.config.rule_source import shipped_rules

    return shipped_rules()


def _show_demo(options: DashboardOptions, demo: Demo, ready: Callable[[], None]) -> int:
    try:
        state = demo.folder / "state"
        shown = replace(
            options,
            targets=demo.targets,
            span_seconds=_DEMO_SPAN_SECONDS,
            notice=options.notice or HOW_TO_ADD,
            trouble=demo.trouble,
            authorise=partial(_demo_authority, demo.targets, state, read_only=options.read_only),
            rules=_demo_rules,
            # What is configured for one's own databases is not for these.
            reload=None,
            backup_folder=demo.folder / "backups",
        )
        return _show(shown, state, ready, demo.stop)
    finally:
        demo.stop()
