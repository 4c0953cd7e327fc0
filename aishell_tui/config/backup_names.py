"""Names in the jobs of backups that lead nowhere: databases and channels that no file configures."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.documents.problems import Problem, nearest
from aishell_tui.config.backup_layers import LoadedJob
from aishell_tui.config.load import Configuration


def mail_channel(configuration: Configuration) -> str:
    """The channel over which mails go: the first whose URL is one of mail; "" where there is none."""
    for name, loaded in configuration.alerts.channels.items():
        if loaded.spec.url is not None and loaded.spec.url.text.reveal().startswith("mailto"):
            return name
    return ""


def lost_names(job: LoadedJob, configuration: Configuration) -> Iterator[tuple[str, str]]:
    """What a job names and no file configures, in words, each with a hint."""
    targets, channels = [target.spec.name for target in configuration.targets], sorted(configuration.alerts.channels)
    for name in job.spec.databases or ():
        if name not in targets:
            yield f"the database {name!r} is not configured", nearest(name, targets) if targets else "name it under targets:"
    for name in job.spec.channels:
        if name not in channels:
            yield f"the channel {name!r} is not configured", nearest(name, channels) if channels else "name it under alerts: channels:"
    if job.spec.email and not mail_channel(configuration):
        yield "no channel sends mail", "add one whose url is mailto://... under alerts: channels:"


def unknown_names(configuration: Configuration) -> Iterator[Problem]:
    """A warning for each such name: the job would fail, or tell nobody, when it is due."""
    for name, job in configuration.backups.jobs.items():
        source, _, line = job.origin.rpartition(":")
        for what, hint in lost_names(job, configuration):
            yield Problem(source, f"the job {name}: {what}", hint, int(line) if line.isdecimal() else 0)
