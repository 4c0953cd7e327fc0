"""aishell backup schedule, schedules, unschedule and run-scheduler: backups that are made by themselves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import ConfigOption, DatabaseOption, JsonOption, choice, configuration, examples, tell_warnings
from aishell_tui.cli.backup_options import JobsOption, LevelOption, MethodOption, ProofOption, TablesOption, desk_of, opens_of, words_of
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from aishell_core.values import Event
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_jobs import Timetable
    from aishell_tui.cli.arguments import Choice
    from aishell_tui.config.load import Configuration

_WRONG = 1


def register(app: typer.Typer) -> None:
    """Add the commands to the group of backups."""
    app.command(
        "schedule",
        epilog=examples(
            'aishell backup schedule "0 2 * * *" --name nightly -d app --retention 30',
            'aishell backup schedule --cron "*/30 * * * *" -n often -d app --no-verify',
            'aishell backup schedule "0 3 * * 0" -n weekly -d app --proof full',
        ),
    )(schedule)
    app.command("schedules", epilog=examples("aishell backup schedules", "aishell backup schedules --json"))(schedules)
    app.command("unschedule", epilog=examples("aishell backup unschedule nightly"))(unschedule)
    app.command("run-scheduler", epilog=examples("aishell backup run-scheduler --once"))(run_scheduler)


def schedule(
    context: typer.Context,
    expression: Annotated[str, typer.Argument(metavar="[CRON]", help="When: minute hour day month weekday.", show_default=False)] = "",
    cron: Annotated[str, typer.Option("--cron", metavar="CRON", help="The same as an option.", show_default=False)] = "",
    name: Annotated[str, typer.Option("--name", "-n", metavar="NAME", help="Its name.", show_default=False)] = "",
    database: DatabaseOption = None,
    retention: Annotated[int, typer.Option("--retention", metavar="DAYS", help="Keep its backups so long; else as configured.", min=0)] = 0,
    email: Annotated[
        list[str] | None, typer.Option("--email", metavar="ADDRESS", help="Who gets a mail when it ended.", show_default=False)
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", metavar="NAME", help="An alert channel that is told too.", show_default=False)
    ] = None,
    compression: Annotated[
        str, typer.Option("--compression", "-c", metavar="WAY", help="zstd, gzip, bzip2 or none.", show_default=False)
    ] = "",
    format: Annotated[str, typer.Option("--format", metavar="FORM", help="native, sql, json or csv.", show_default=False)] = "",
    level: LevelOption = None,
    proof: ProofOption = "",
    tables: TablesOption = None,
    method: MethodOption = "",
    jobs: JobsOption = None,
    output: Annotated[
        str, typer.Option("--output", metavar="FOLDER", help="To this folder, instead of the configured storage.", show_default=False)
    ] = "",
    cloud: Annotated[bool, typer.Option("--cloud", help="To the configured cloud.")] = False,
    verify: Annotated[
        bool | None, typer.Option("--verify/--no-verify", help="Read it back and check it; else as configured.", show_default=False)
    ] = None,
    encrypt: Annotated[
        bool | None, typer.Option("--encrypt/--no-encrypt", help="Encrypt it; else as configured.", show_default=False)
    ] = None,
    incremental: Annotated[bool, typer.Option("--incremental", help="Only what changed since the last one.")] = False,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin; else this machine's.", show_default=False)
    ] = "",
    jitter: Annotated[str, typer.Option("--jitter", metavar="TIME", help="Begin up to so much later.", show_default=False)] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Have backups made by themselves.

    The schedule is kept with the state, beside those of the configuration. It is run while a dashboard is open, or by
    aishell backup run-scheduler; what was missed meanwhile is made up for once.
    """
    from aishell_tui.backup_jobs import written_job

    if expression and cron and expression != cron:
        raise UsageError("two different times were given", "give one, as an argument or with --cron")
    when = expression or cron
    if not when:
        raise UsageError("when?", 'give a cron expression, such as "0 2 * * *" for every night at two')
    if incremental:
        raise UsageError("incremental backups cannot be made by this version", "leave --incremental out for full ones")
    chosen = choice(context, config, None, database)
    loaded = configuration(chosen)
    names = _known(loaded, tuple(database or ()))
    options: dict[str, object] = {
        "name": name or _name_of(names, when),
        "schedule": when,
        "databases": list(names) or None,
        "retention": f"{retention}d" if retention else None,
        "email": list(email or ()) or None,
        "channels": list(channel or ()) or None,
        "compression": compression.lower() or None,
        "format": format.lower() or None,
        "level": level,
        "proof": proof.lower() or None,
        "tables": list(words_of(tables)) or None,
        "method": method.lower() or None,
        "jobs": jobs,
        "storage": str(Path(output).expanduser().absolute()) if output else None,
        "cloud": cloud or None,
        "verify": verify,
        "encrypt": encrypt,
        "timezone": timezone or None,
        "jitter": jitter or None,
    }
    given = {key: value for key, value in options.items() if value is not None}
    text = written_job(given)
    _expect_told(loaded, tuple(email or ()), tuple(channel or ()))
    _keep(context, loaded, str(options["name"]), text)
    tell_warnings(chosen, loaded)
    return _say(loaded, str(options["name"]), json=json)


def _known(loaded: Configuration, names: tuple[str, ...]) -> tuple[str, ...]:
    from aishell_tui.config.command_line import unknown_name

    known = tuple(target.spec.name for target in loaded.targets)
    for name in names:
        if name not in known:
            raise unknown_name(name, known)
    return names


def _name_of(names: tuple[str, ...], when: str) -> str:
    """A name for a schedule that was given none: the same for the same databases and time, so that a second call is noticed."""
    import hashlib

    return f"{'-'.join(names) or 'all'}-{hashlib.sha256(when.encode()).hexdigest()[:4]}"[:64]


def _expect_told(loaded: Configuration, email: tuple[str, ...], channels: tuple[str, ...]) -> None:
    from aishell_core.documents.problems import nearest
    from aishell_tui.backup_runs import mail_channel

    for name in channels:
        if name not in loaded.alerts.channels:
            raise UsageError(f"there is no alert channel {name!r}", nearest(name, sorted(loaded.alerts.channels)))
    for address in email:
        if address.count("@") != 1 or address.startswith("@") or address.endswith("@") or any(c.isspace() or c in ",;<>" for c in address):
            raise UsageError(f"{address!r} is no e-mail address", "write one as in ops@example.org")
    if email and not mail_channel(loaded):
        hint = "name one under alerts: channels: such as mail: {url: 'mailtos://user:${MAIL_PASSWORD}@mail.example.org'}"
        raise UsageError("no channel sends mail", hint)


def _keep(context: typer.Context, loaded: Configuration, name: str, text: str) -> None:
    """Keep a schedule, as an act of a person with its record."""
    from aishell_ops.backups import book
    from aishell_ops.backups.book import KeptSchedule

    desk = desk_of(choice(context), (), loaded)
    if name in loaded.backups.jobs:
        raise UsageError(f"the configuration has a job {name!r} already", "give another name with --name")
    kept = KeptSchedule(name, text, time.time(), desk.authority.actor.user)

    def work() -> bool:
        return _transact(desk, lambda connection: book.add_schedule(connection, kept))

    if not desk.administer(f"schedule backup {name}", work):
        raise UsageError(f"there is a schedule {name!r} already", f"aishell backup unschedule {name} removes it")


def _transact(desk: BackupDesk, work: Callable[[Connection], bool]) -> bool:
    from contextlib import closing

    from aishell_core.state.store import Store

    with closing(Store.open(desk.authority.state_folder)) as store:
        return store.transact(work)


def _say(loaded: Configuration, name: str, *, json: bool) -> int:
    from aishell_tui.cli.backup_shapes import SchedulesReport
    from aishell_tui.cli.encode import to_json
    from aishell_tui.cli.reports.backup_schedules import schedule_rows, scheduled_text

    rows = [row for row in schedule_rows(loaded, _timetable(), time.time()) if row.name == name]
    say(to_json(SchedulesReport(tuple(rows), _is_hosted())) if json else scheduled_text(rows[0]))
    if not json and not _is_hosted():
        note("nobody runs schedules now: keep a dashboard open, or aishell backup run-scheduler")
    return 0


def _timetable() -> Timetable:
    from aishell_tui.backup_jobs import read_timetable
    from aishell_tui.places import find_places

    return read_timetable(find_places().state)


def _is_hosted() -> bool:
    from aishell_tui.backup_schedules import is_hosted
    from aishell_tui.places import find_places

    return is_hosted(find_places().state)


def schedules(context: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> int:
    """List what is made by itself, when it is due next, and how it went last.

    The exit code is 0, or 1 when the last run of one failed or nobody runs them.
    """
    from aishell_tui.cli.backup_shapes import SchedulesReport
    from aishell_tui.cli.encode import to_json
    from aishell_tui.cli.reports.backup_schedules import is_wrong, schedule_rows, schedules_text

    chosen = choice(context, config)
    loaded = configuration(chosen)
    now, hosted = time.time(), _is_hosted()
    rows = tuple(schedule_rows(loaded, _timetable(), now))
    tell_warnings(chosen, loaded)
    if json:
        say(to_json(SchedulesReport(rows, hosted)))
    elif rows:
        say(schedules_text(rows, now))
    else:
        note("nothing is scheduled: aishell backup schedule, or schedule: under backups: in the configuration")
    if rows and not hosted and not json:
        note("nobody runs schedules now: keep a dashboard open, or aishell backup run-scheduler")
    return _WRONG if any(map(is_wrong, rows)) or (rows and not hosted) else 0


def unschedule(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    config: ConfigOption = None,
) -> int:
    """Remove a schedule that a command made.

    Backups that it has made stay, and so does what is known of its runs.
    """
    from aishell_core.documents.problems import nearest
    from aishell_ops.backups import book

    chosen = choice(context, config)
    loaded = configuration(chosen)
    names = [one.name for one in _timetable().kept]
    if name not in names:
        if name in loaded.backups.jobs:
            raise UsageError(f"{name} is a job of the configuration", f"remove it from {loaded.backups.jobs[name].origin}")
        raise UsageError(f"there is no schedule {name!r}", nearest(name, names) if names else "aishell backup schedules lists them")
    desk = desk_of(chosen, (), loaded)
    desk.administer(f"unschedule backup {name}", lambda: _transact(desk, lambda connection: book.remove_schedule(connection, name)))
    say(printable(f"{name} is removed"))
    return 0


def run_scheduler(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make what is due now, and end.")] = False,
    config: ConfigOption = None,
) -> int:
    """Run the schedules, until it is ended.

    One program runs them at a time: another one waits, and takes over when that has ended. A service of the system can
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

    runs = BackupRuns(lambda: configuration(chosen), find_places().state, SystemClock(), tell if once else _print, opens_of(chosen))
    scheduler = runs.scheduler
    if not once:
        note("schedules are run from now on")
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


def _print(event: Event) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
    note(printable(f"{moment} {event.severity} {event.target} {event.text}"))
