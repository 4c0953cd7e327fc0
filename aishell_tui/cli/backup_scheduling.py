"""aishell backup schedule, schedules and unschedule: backups that are to be made by themselves."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import ConfigOption, DatabaseOption, JsonOption, choice, configuration, examples, tell_warnings
from aishell_tui.cli.backup_options import (
    CompressionOption,
    EncryptOption,
    FormatOption,
    IncrementalOption,
    JobsOption,
    LevelOption,
    MethodOption,
    ProofOption,
    TablesOption,
    VerifyOption,
    desk_of,
    words_of,
)
from aishell_tui.cli.backup_running import run_scheduler
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from sqlite3 import Connection

    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_jobs import Timetable
    from aishell_tui.cli.arguments import Choice
    from aishell_tui.cli.backup_shapes import ScheduleRow
    from aishell_tui.config.load import Configuration

CronArgument = Annotated[str, typer.Argument(metavar="[CRON]", help="When: minute hour day month weekday.", show_default=False)]
CronOption = Annotated[str, typer.Option("--cron", metavar="CRON", help="The same as an option.", show_default=False)]
NameOption = Annotated[str, typer.Option("--name", "-n", metavar="NAME", help="Its name.", show_default=False)]
RetentionOption = Annotated[int, typer.Option("--retention", metavar="DAYS", help="Keep its backups so long; else as configured.", min=0)]
EmailOption = Annotated[
    list[str] | None, typer.Option("--email", metavar="ADDRESS", help="Who gets a mail when it ended.", show_default=False)
]
ChannelOption = Annotated[
    list[str] | None, typer.Option("--channel", metavar="NAME", help="An alert channel that is told too.", show_default=False)
]
OutputOption = Annotated[
    str, typer.Option("--output", metavar="FOLDER", help="To this folder, instead of the configured storage.", show_default=False)
]
ZoneOption = Annotated[
    str, typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin; else this machine's.", show_default=False)
]
JitterOption = Annotated[
    str,
    typer.Option("--jitter", metavar="TIME", help="Begin up to so much later, at most half of the time to the next.", show_default=False),
]

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
    expression: CronArgument = "",
    cron: CronOption = "",
    name: NameOption = "",
    database: DatabaseOption = None,
    retention: RetentionOption = 0,
    email: EmailOption = None,
    channel: ChannelOption = None,
    compression: CompressionOption = "",
    format: FormatOption = "",
    level: LevelOption = None,
    proof: ProofOption = "",
    tables: TablesOption = None,
    method: MethodOption = "",
    jobs: JobsOption = None,
    output: OutputOption = "",
    cloud: Annotated[bool, typer.Option("--cloud", help="To the configured cloud; with --output to both.")] = False,
    verify: VerifyOption = None,
    encrypt: EncryptOption = None,
    incremental: IncrementalOption = False,
    timezone: ZoneOption = "",
    jitter: JitterOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Have backups made by themselves.

    The schedule is kept with the state, beside those of the configuration. It is run while a dashboard is open, or by
    aishell backup run-scheduler; what was missed meanwhile is made up for once. Without -d it is of all databases that
    whoever runs it has configured then, whichever these are now.
    """
    if incremental:
        from aishell_tui.backup_settings import NO_INCREMENTS

        raise UsageError(NO_INCREMENTS, "leave --incremental out for full ones")
    options: dict[str, object] = {
        "name": name or None,
        "schedule": _when(expression, cron),
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
    return _schedule(choice(context, config, None, database), tuple(database or ()), given, json=json)


def _when(expression: str, cron: str) -> str:
    if expression and cron and expression != cron:
        raise UsageError("two different times were given", "give one, as an argument or with --cron")
    if not (expression or cron):
        raise UsageError("when?", 'give a cron expression, such as "0 2 * * *" for every night at two')
    return expression or cron


def _schedule(chosen: Choice, databases: tuple[str, ...], options: dict[str, object], *, json: bool) -> int:
    """Keep what was given as a job, under a name of its own where none was given."""
    from aishell_tui.backup_jobs import written_job

    loaded = configuration(chosen)
    names = _known(loaded, databases)
    name = str(options.get("name") or _name_of(names, str(options["schedule"])))
    told = {key: list(names) for key in ("databases",) if names}
    text = written_job({**options, "name": name, **told})
    _expect_told(loaded, _texts(options.get("email")), _texts(options.get("channels")))
    _keep(chosen, loaded, name, text)
    tell_warnings(chosen, loaded)
    return _say(loaded, name, json=json)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


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

    for name in channels:
        if name not in loaded.alerts.channels:
            raise UsageError(f"there is no alert channel {name!r}", nearest(name, sorted(loaded.alerts.channels)))
    for address in email:
        if address.count("@") != 1 or address.startswith("@") or address.endswith("@") or any(c.isspace() or c in ",;<>" for c in address):
            raise UsageError(f"{address!r} is no e-mail address", "write one as in ops@example.org")
    if email and not _sends_mail(loaded):
        hint = "name one under alerts: channels: such as mail: {url: 'mailtos://user:${MAIL_PASSWORD}@mail.example.org'}"
        raise UsageError("no channel sends mail", hint)


def _sends_mail(loaded: Configuration) -> bool:
    """Whether a channel sends mail, or may do so: one whose URL cannot be had just now."""
    from aishell_tui.config.alert_rules import open_channels
    from aishell_tui.config.backup_names import is_mail, mail_channels

    names = mail_channels(loaded)
    usable = open_channels(replace(loaded.alerts, channels={name: loaded.alerts.channels[name] for name in names})).usable
    return any(name not in usable or is_mail(usable[name].url) for name in names)


def _keep(chosen: Choice, loaded: Configuration, name: str, text: str) -> None:
    """Keep a schedule, as an act of a person with its record."""
    from aishell_ops.backups import book
    from aishell_ops.backups.book import KeptSchedule

    desk = desk_of(chosen, (), loaded)
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

    known = tuple(schedule_rows(loaded, _timetable(), time.time()))
    # A program that runs others takes this one on when it looks next.
    rows, hosted = tuple(row for row in known if row.name == name), _is_hosted(known)
    say(to_json(SchedulesReport(rows, hosted)) if json else scheduled_text(rows[0]))
    if not json and rows[0].all_databases:
        note("it names no database: whoever runs it saves all that are in its configuration then; -d keeps it to some")
    if not json and not hosted:
        note("nobody runs schedules now: keep a dashboard open, or aishell backup run-scheduler")
    return 0


def _timetable() -> Timetable:
    from aishell_tui.backup_jobs import read_timetable
    from aishell_tui.places import find_places

    return read_timetable(find_places().state)


def _is_hosted(rows: Iterable[ScheduleRow]) -> bool:
    from aishell_ops.backups.hosting import is_hosted
    from aishell_tui.places import find_places

    return is_hosted(find_places().state, (row.name for row in rows))


def schedules(context: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> int:
    """List what is made by itself, when it is due next, and how it went last.

    The exit code is 0, or 1 when the last run of one failed or nobody runs them.
    """
    from aishell_tui.cli.backup_shapes import SchedulesReport
    from aishell_tui.cli.encode import to_json
    from aishell_tui.cli.reports.backup_schedules import is_wrong, schedule_rows, schedules_text

    chosen = choice(context, config)
    loaded = configuration(chosen)
    now = time.time()
    rows = tuple(schedule_rows(loaded, _timetable(), now))
    hosted = _is_hosted(rows)
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
