"""Names in the jobs of backups that lead nowhere: databases and channels that no file configures."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.documents.problems import Problem, nearest
from aishell_core.targets import Secret
from aishell_tui.config.backup_layers import LoadedJob
from aishell_tui.config.load import Configuration


def mail_channels(configuration: Configuration) -> tuple[str, ...]:
    """The channels over which mails may go, best first: whose URL is written as one of mail, then whose URL is kept elsewhere."""
    written = {name: loaded.spec.url for name, loaded in configuration.alerts.channels.items()}
    sure = [name for name, url in written.items() if url is not None and is_mail(url.text)]
    return (*sure, *(name for name, url in written.items() if url is None or url.text.reveal().startswith("$")))


def is_mail(url: Secret) -> bool:
    """Whether what is sent to a URL goes by mail."""
    return url.reveal().startswith("mailto")


def lost_names(job: LoadedJob, configuration: Configuration) -> Iterator[tuple[str, str]]:
    """What a job names and no file configures, in words, each with a hint."""
    targets, channels = [target.spec.name for target in configuration.targets], sorted(configuration.alerts.channels)
    for name in job.spec.databases or ():
        if name not in targets:
            yield f"the database {name!r} is not configured", nearest(name, targets) if targets else "name it under targets:"
    for name in job.spec.channels:
        if name not in channels:
            yield f"the channel {name!r} is not configured", nearest(name, channels) if channels else "name it under alerts: channels:"
    if job.spec.email and not mail_channels(configuration):
        yield "no channel sends mail", "add one whose url is mailto://... under alerts: channels:"


def unknown_names(configuration: Configuration) -> Iterator[Problem]:
    """A warning for each such name: the job would fail, or tell nobody, when it is due."""
    for name, job in configuration.backups.jobs.items():
        source, _, line = job.origin.rpartition(":")
        for what, hint in lost_names(job, configuration):
            yield Problem(source, f"the job {name}: {what}", hint, int(line) if line.isdecimal() else 0)
