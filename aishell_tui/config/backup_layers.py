"""The `backup:` and `backups:` sections of all files as one: what is said later wins, and trust stays with each job."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol

from aishell_core.documents.document import Document
from aishell_tui.config.backups import BackupSpec, JobSpec
from aishell_tui.config.fields import Surroundings


@dataclass(frozen=True, slots=True)
class LoadedJob:
    """A job of the configuration, its file and line, and what its values are read against."""

    spec: JobSpec
    origin: str
    around: Surroundings

    @property
    def runs_by_itself(self) -> bool:
        """Whether a scheduler may run it: a job that came with a checkout would send databases where its author wants."""
        return self.spec.schedule is not None and self.spec.enabled and self.around.trusted


@dataclass(frozen=True, slots=True)
class LoadedBackups:
    """What all files say of backups: the defaults, what those are read against by key, and the jobs by name."""

    spec: BackupSpec = field(default=BackupSpec())
    around: Mapping[str, Surroundings] = field(default_factory=dict)
    jobs: Mapping[str, LoadedJob] = field(default_factory=dict)


class _Sections(Protocol):
    """The part of a configuration file that is about backups."""

    @property
    def backup(self) -> BackupSpec: ...

    @property
    def backups(self) -> tuple[JobSpec, ...]: ...


@dataclass(frozen=True, slots=True)
class BackupsLayer:
    """The sections of one file."""

    spec: _Sections
    document: Document
    around: Surroundings

    def origin(self, *path: str | int) -> str:
        """A part of the file as file:line."""
        span = self.document.span(path, of_key=True)
        return f"{self.document.source}:{span.line}" if span else self.document.source


def merge_backups(layers: tuple[BackupsLayer, ...], origins: MutableMapping[str, str]) -> LoadedBackups:
    """All sections as one; `origins` is told where each option came from.

    A job of a file that came with a checkout does not take the place of one of the user's own: their retention, which
    removes backups, goes by the job's name.
    """
    values: dict[str, object] = {}
    around: dict[str, Surroundings] = {}
    jobs: dict[str, LoadedJob] = {}
    for layer in layers:
        for key in layer.spec.backup.model_fields_set:
            values[key], around[key] = getattr(layer.spec.backup, key), layer.around
            origins[f"backup.{key}"] = layer.origin("backup", key)
        for number, spec in enumerate(layer.spec.backups):
            before = jobs.get(spec.name)
            if before is not None and before.around.trusted and not layer.around.trusted:
                continue
            jobs[spec.name] = LoadedJob(spec, layer.origin("backups", number, "name"), layer.around)
            origins[f"backups.{spec.name}"] = jobs[spec.name].origin
    return LoadedBackups(BackupSpec().model_copy(update=values), around, jobs)
