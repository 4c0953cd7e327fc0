"""Log, checkpoints and archiver as samples: no reading here."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Sample
from collectors.postgres.figures import samples_of

_WAL = (
    (catalogue.PG_WAL_RECORDS, "records"),
    (catalogue.PG_WAL_FULL_PAGES, "full_pages"),
    (catalogue.PG_WAL_BUFFERS_FULL, "buffers_full"),
    (catalogue.PG_WAL_WRITE_TIME, "write_milliseconds"),
    (catalogue.PG_WAL_SYNC_TIME, "sync_milliseconds"),
)
_CHECKPOINTS = (
    (catalogue.PG_CHECKPOINTS_TIMED, "timed"),
    (catalogue.PG_CHECKPOINTS_REQUESTED, "requested"),
    (catalogue.PG_CHECKPOINT_BUFFERS, "checkpoint_buffers"),
    (catalogue.PG_CLEANER_BUFFERS, "cleaner_buffers"),
    (catalogue.PG_BACKEND_BUFFERS, "backend_buffers"),
)
_CONTROL = ((catalogue.PG_CHECKPOINT_AGE, "age_seconds"),)
_ARCHIVER = (
    (catalogue.PG_ARCHIVE_FAILING, "archive_failing"),
    (catalogue.PG_ARCHIVE_FAILED, "archive_failed"),
    (catalogue.PG_ARCHIVE_AGE, "archive_age_seconds"),
)
_BACKLOG = ((catalogue.PG_ARCHIVE_BACKLOG, "files"),)


def wal_samples(row: Row | None) -> tuple[Sample, ...]:
    """Records, whole pages and times of writing the log; its bytes are told by its position, each second."""
    return samples_of(row, _WAL)


def checkpoint_samples(row: Row | None) -> tuple[Sample, ...]:
    """Checkpoints and who wrote buffers."""
    return samples_of(row, _CHECKPOINTS)


def control_samples(row: Row | None) -> tuple[Sample, ...]:
    """The age of the last checkpoint."""
    return samples_of(row, _CONTROL)


def archives(archive_mode: str, *, in_recovery: bool) -> bool:
    """Whether this server archives its log: a standby does only in the mode `always`."""
    return archive_mode == "always" or (archive_mode == "on" and not in_recovery)


def archiver_samples(row: Row | None) -> tuple[Sample, ...]:
    """Whether the archiver's last try failed, its failures, and the age of its last success."""
    return samples_of(row, _ARCHIVER)


def backlog_samples(row: Row | None) -> tuple[Sample, ...]:
    """Log files that wait to be archived."""
    return samples_of(row, _BACKLOG)
