"""Where the objects of a backup lie in a storage; pure.

<target>/<database>/lease.json                  who is saving this database now
<target>/<database>/<id>/started.json           who began this backup; its first object
<target>/<database>/<id>/parts/<part>           the streams
<target>/<database>/<id>/RECOVERY.txt           how to restore with the usual programs alone
<target>/<database>/<id>/manifest.json          its last object: without it there is no backup
<target>/<database>/<id>/records/<time>-<kind>.json   what became known later
"""

from __future__ import annotations

from dataclasses import dataclass

from aishell_ops.backups.ids import is_id
from aishell_ops.backups.models import BackupId, Record, RecordKind
from aishell_ops.backups.storage.keys import as_part, from_part

MANIFEST = "manifest.json"
STARTED = "started.json"
RECOVERY = "RECOVERY.txt"
LOCKED_KEY = "key.age"
_LEASE = "lease.json"
_PARTS = "parts"
_RECORDS = "records"


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One database of one target, whose backups follow one another."""

    target: str
    database: str

    @property
    def prefix(self) -> str:
        """What the keys of all its objects begin with."""
        return f"{as_part(self.target)}/{as_part(self.database)}/"

    @property
    def lease_key(self) -> str:
        """The object that says who is saving it."""
        return f"{self.prefix}{_LEASE}"


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Where one backup lies."""

    line: Line
    id: BackupId

    @property
    def prefix(self) -> str:
        """What the keys of all its objects begin with."""
        return f"{self.line.prefix}{self.id}/"

    @property
    def manifest_key(self) -> str:
        """The object without which there is no backup."""
        return f"{self.prefix}{MANIFEST}"

    @property
    def started_key(self) -> str:
        """The object that says who began it."""
        return f"{self.prefix}{STARTED}"

    @property
    def recovery_key(self) -> str:
        """The object that people read when there is no aishell."""
        return f"{self.prefix}{RECOVERY}"

    @property
    def key_key(self) -> str:
        """The object with the secret key behind a passphrase, where there is one."""
        return f"{self.prefix}{LOCKED_KEY}"

    def part_key(self, name: str) -> str:
        """The object of a part."""
        return f"{self.prefix}{_PARTS}/{name}"

    def record_key(self, record: Record) -> str:
        """The object of a record: two of one kind in one microsecond do not both fit, and the second is refused."""
        return f"{self.prefix}{_RECORDS}/{record.at * 1e6:018.0f}-{record.kind.value}.json"


_COUNTING = frozenset({RecordKind.DAMAGED, RecordKind.PINNED, RecordKind.HELD})


def record_named(key: str) -> Record | None:
    """What the name alone tells of a record that cannot be read: that it was found damaged, or is to be kept.

    None for all others: what speaks for a backup, or lets go of it, has to be readable.
    """
    at, _, kind = key.rpartition("/")[2].removesuffix(".json").partition("-")
    if kind not in _COUNTING or not at.isdecimal():
        return None
    return Record(RecordKind(kind), int(at) / 1e6, detail="its record cannot be read")


def spot_of(key: str) -> Spot | None:
    """The backup that an object belongs to; None where it belongs to none."""
    parts = key.split("/")
    if len(parts) < 4 or not is_id(parts[2]):
        return None
    return Spot(Line(from_part(parts[0]), from_part(parts[1])), BackupId(parts[2]))


def is_record(key: str) -> bool:
    """Whether an object of a backup is a record."""
    parts = key.split("/")
    return len(parts) == 5 and parts[3] == _RECORDS


def is_manifest(key: str) -> bool:
    """Whether an object of a backup is its manifest."""
    parts = key.split("/")
    return len(parts) == 4 and parts[3] == MANIFEST
