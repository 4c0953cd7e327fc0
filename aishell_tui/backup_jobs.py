"""The jobs that are in force: those of the configuration, and those that commands keep in the state database."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from aishell_core.errors import AishellError, ConfigError, UsageError
from aishell_core.state.store import Store
from aishell_ops.backups import book
from aishell_ops.backups.book import KeptSchedule, Mark, Run
from aishell_ops.backups.schedule import zone_of
from aishell_ops.backups.scheduler import Planned
from aishell_tui.config.backup_layers import LoadedBackups, LoadedJob
from aishell_tui.config.backups import JobSpec
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.load import Configuration

KEPT_ORIGIN = "aishell backup schedule"


@dataclass(frozen=True, slots=True)
class Timetable:
    """What the state database knows of schedules."""

    kept: tuple[KeptSchedule, ...] = ()
    marks: Mapping[str, Mark] = ()  # type: ignore[assignment]
    runs: tuple[Run, ...] = ()


def read_timetable(state_folder: Path, most_runs: int = 200) -> Timetable:
    """What is kept, changing nothing; raises StateError. Blocking."""
    store = Store.open_to_read(state_folder)
    try:
        return store.read(
            lambda connection: Timetable(book.schedules(connection), book.marks(connection), book.last_runs(connection, most_runs)),
            Timetable((), {}, ()),
        )
    finally:
        store.close()


def written_job(options: Mapping[str, object]) -> str:
    """The options of a job as they are kept; raises UsageError where they do not fit together."""
    text = json.dumps(options)
    _checked(text)
    return text


def _checked(options: str) -> JobSpec:
    around = Surroundings(Path.cwd(), os.environ)
    try:
        return JobSpec.model_validate(json.loads(options), context=around)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        context = detail.get("ctx", {})
        what = str(context.get("what") or detail["msg"])
        raise UsageError(what, str(context.get("hint", ""))) from error


def with_kept(loaded: LoadedBackups, kept: Sequence[KeptSchedule]) -> LoadedBackups:
    """The jobs of the configuration and the kept ones; one of the configuration goes before one that is kept under its name.

    A kept one that this version cannot read is left out.
    """
    jobs: dict[str, LoadedJob] = {}
    for one in kept:
        try:
            jobs[one.name] = LoadedJob(_checked(one.options), KEPT_ORIGIN, Surroundings(Path.cwd(), os.environ))
        except (AishellError, ValueError):
            continue
    return replace(loaded, jobs={**jobs, **loaded.jobs})


def targets_of(job: LoadedJob, configuration: Configuration, saved: Sequence[str]) -> tuple[str, ...]:
    """The targets of a job, by name: those that it names, else all configured ones of an engine that can be saved."""
    if job.spec.databases is not None:
        return job.spec.databases
    return tuple(
        target.spec.name for target in configuration.targets if target.spec.url is None or target.spec.url.location.engine in saved
    )


def strangers(jobs: Mapping[str, LoadedJob], configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """The kept schedules that name targets which this configuration does not have, each with these.

    The state is that of all configurations of a user: whoever has all of the targets runs them.
    """
    known = {target.spec.name for target in configuration.targets}
    kept = {name: job.spec.databases or () for name, job in jobs.items() if job.origin == KEPT_ORIGIN}
    lacking = {name: tuple(each for each in databases if each not in known) for name, databases in kept.items()}
    return {name: missing for name, missing in lacking.items() if missing}


def planned(jobs: Mapping[str, LoadedJob], configuration: Configuration, saved: Sequence[str]) -> tuple[Planned, ...]:
    """The schedules that are in force here; left out is one whose time cannot be read any more, and one of another configuration."""
    found, strange = [], strangers(jobs, configuration)
    for name, job in jobs.items():
        if not job.runs_by_itself or job.spec.schedule is None or name in strange:
            continue
        try:
            zone = zone_of(job.spec.timezone)
        except ConfigError:
            continue
        found.append(Planned(name, job.spec.schedule, zone, targets_of(job, configuration, saved), job.spec.jitter))
    return tuple(found)
