"""aishell backup run-scheduler: the program in which schedules are run."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_tui.cli.arguments import ConfigOption, choice, configuration
from aishell_tui.cli.backup_options import opens_of
from aishell_tui.cli.terminal import note, printable

if TYPE_CHECKING:
    from aishell_core.values import Event
    from aishell_tui.cli.arguments import Choice

_WRONG = 1


def run_scheduler(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make what is due now, and end.")] = False,
    config: ConfigOption = None,
) -> int:
    """Run the schedules, until it is ended.

    One program runs each at a time: another one waits for it, and takes it over when that has ended. A service of the system can
    run it; every run is a line on standard error. What runs when it is ended leaves no half of a backup.

    With --once the exit code is 1 when one of the runs did not go well; what failed waits for its next time.
    """
    from aishell_tui.oneshot import run

    chosen = choice(context, config)
    configuration(chosen)
    return run(_run(chosen, once=once))


async def _run(chosen: Choice, *, once: bool) -> int:
    from aishell_core.clock import SystemClock
    from aishell_core.values import Severity
    from aishell_ops.backups.scheduler import OTHER_PROGRAM
    from aishell_tui.backup_runs import BackupRuns
    from aishell_tui.places import find_places

    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        _print(event)

    emit, changed = (tell, lambda _fault: None) if once else (_print, _say_change)
    runs = BackupRuns(lambda: configuration(chosen), find_places().state, SystemClock(), emit, opens_of(chosen), changed)
    for name, missing in (await asyncio.to_thread(runs.left_alone)).items():
        note(printable(f"{name} is left alone: it is of another configuration; this one has no target {', '.join(missing)}"))
    scheduler = runs.scheduler
    if not once:
        await scheduler.run()
    try:
        await scheduler.look()
        await scheduler.settle()
    finally:
        scheduler.close()
    if scheduler.fault:
        from aishell_ops.backups.errors import BackupError, BusyError

        kind = BusyError if scheduler.fault == OTHER_PROGRAM else BackupError
        raise kind(scheduler.fault, "aishell backup schedules says how things stand")
    return _WRONG if any(event.severity is not Severity.OK for event in told) else 0


def _say_change(fault: str) -> None:
    # Of a configuration that cannot be read the place is told; its lines are shown by every other command.
    why = fault.partition("\n")[0]
    note(printable(f"no schedules are run here: {why}; trying again") if fault else "schedules are run from now on")


def _print(event: Event) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
    note(printable(f"{moment} {event.severity} {event.target} {event.text}"))
