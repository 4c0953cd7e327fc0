"""Backups of a database: how old the last good one is, how the newest one compares with those before it, where they lie."""

from __future__ import annotations

from aishell_core.catalogue.declare import DATABASES, gauge, ratio
from aishell_core.values import Unit

BACKUP_AGE = gauge("backup.age", Unit.SECONDS, DATABASES, "Time since the last good backup was begun, by the label `database`.")
BACKUP_OVERDUE = gauge(
    "backup.overdue",
    Unit.SECONDS,
    DATABASES,
    "How long the next good backup has been late: by its schedule and some grace, without one 26 hours after the last. 0 while it is not.",
    1,
    86_400,
)
BACKUP_FAILURES = gauge(
    "backup.failures", Unit.COUNT, DATABASES, "Backups that failed since the last good one, whether a person or a schedule wanted them."
)
BACKUP_UNTESTED = gauge(
    "backup.untested", Unit.SECONDS, DATABASES, "Time since a backup was last restored for a test; since the first one where none ever was."
)
BACKUP_SIZE = gauge("backup.size", Unit.BYTES, DATABASES, "What the newest backup saved, before it was made smaller.")
BACKUP_DROP = ratio(
    "backup.size.drop",
    DATABASES,
    "The share by which the newest backup is smaller than the one before it of the same job; 0 when it is not.",
)
BACKUP_DURATION = gauge("backup.duration", Unit.SECONDS, DATABASES, "How long the newest backup took.")
BACKUP_GROWTH = gauge(
    "backup.duration.growth",
    Unit.COUNT,
    DATABASES,
    "How many times as long the newest backup took as the middle one of up to ten before it.",
)
BACKUP_STORED = gauge("backup.stored", Unit.BYTES, DATABASES, "What all backups take in a storage, by the label `storage`.")
BACKUP_STORAGE_FREE = gauge(
    "backup.storage.free", Unit.BYTES, DATABASES, "Free room where backups lie, by the label `storage`; of folders alone."
)
BACKUP_STORAGE_ROOM = gauge(
    "backup.storage.room", Unit.COUNT, DATABASES, "How many more backups like the newest one fit there, by the label `storage`."
)
