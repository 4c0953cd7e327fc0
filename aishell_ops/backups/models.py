"""What backups deal in: what was saved, from where, how it is stored, how it is proven; all frozen.

A backup is its manifest: it is written last and never changed. What becomes known later (that it was verified, tested,
pinned) stands beside it in records, each a small object of its own, so that two programs never change one object.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from aishell_core.targets import Environment

BackupId = NewType("BackupId", str)
"""Names a backup for people and in storage; sorts by the time it was begun."""

Position = tuple[tuple[str, str], ...]
"""A place in a server's log, as pairs in the engine's own words, such as (("lsn", "0/3000028"), ("timeline", "1"))."""


class BackupKind(StrEnum):
    """What a backup holds."""

    FULL = "full"
    INCREMENTAL = "incremental"
    LOG = "log"


class Format(StrEnum):
    """In which form the data is saved: the engine's own, or one that other programs read."""

    NATIVE = "native"
    SQL = "sql"
    JSON = "json"
    CSV = "csv"


class Method(StrEnum):
    """What people may ask for where an engine has several ways; each engine takes those that it has.

    logical: a dump, or the export of an engine without one. directory: a dump by several jobs. physical: the files of the
    server. export: our own, through the driver. mongodump: by that program.
    """

    LOGICAL = "logical"
    DIRECTORY = "directory"
    PHYSICAL = "physical"
    EXPORT = "export"
    MONGODUMP = "mongodump"


class Compression(StrEnum):
    """How a stream is made smaller."""

    ZSTD = "zstd"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    NONE = "none"


class ProofLevel(StrEnum):
    """What is kept of the data to prove a restore by, each more than the one before."""

    NONE = "none"
    COUNTS = "counts"
    FULL = "full"

    @property
    def rank(self) -> int:
        """Its place in the order, 0 for none."""
        return tuple(ProofLevel).index(self)


class BackupState(StrEnum):
    """How far a backup has come, and what became of it."""

    RUNNING = "running"
    COMMITTED = "committed"
    VERIFIED = "verified"
    TESTED = "tested"
    FAILED = "failed"
    ABANDONED = "abandoned"
    CORRUPT = "corrupt"
    ORPHAN = "orphan"
    TRASHED = "trashed"

    @property
    def restorable(self) -> bool:
        """Whether a restore may begin from it."""
        return self in (BackupState.COMMITTED, BackupState.VERIFIED, BackupState.TESTED)

    @property
    def proven(self) -> bool:
        """Whether its bytes were read back and found right, so that retention may count on it."""
        return self in (BackupState.VERIFIED, BackupState.TESTED)


@dataclass(frozen=True, slots=True)
class Source:
    """What was saved: the target as it is configured, the database, and the server as it told of itself.

    `address` is the redacted URL. `identity` is what tells this server from every other one in the engine's own words
    (PostgreSQL's system identifier, MySQL's server_uuid, a replica set's id, Redis' run id), "" where it has none.
    """

    target: str
    engine: str
    database: str
    address: str
    server_version: str
    identity: str = ""
    environment: Environment = Environment.DEVELOPMENT


@dataclass(frozen=True, slots=True)
class Part:
    """One stored stream of a backup. Plain is what the engine gave, stored is what lies in the storage."""

    name: str
    plain_bytes: int
    stored_bytes: int
    plain_sha256: str
    stored_sha256: str


@dataclass(frozen=True, slots=True)
class ObjectProof:
    """What is known of a table, collection or keyspace at the moment that the backup shows.

    `content_hash` does not depend on the order of rows, and on the engine's version no more than the engine's own text of
    a value does; None where only rows were counted. `rows` is None where nothing was counted.
    """

    name: str
    rows: int | None = None
    content_hash: str | None = None
    definition_hash: str | None = None
    data_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the parts are encrypted; any program that knows the scheme can open them.

    `recipients` are public keys. With `passphrase` a phrase opens it, which is kept nowhere.
    """

    scheme: str = "age"
    recipients: tuple[str, ...] = ()
    passphrase: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that took part: its name, its version, its arguments without any secret."""

    name: str
    version: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known of a backup when it is committed. Times are seconds since 1970, by this machine's clock.

    `method` is the engine's word for how the data was taken, and the engine alone reads it. `server_time` is what the
    server's clock said at `started_at`. `skipped` names what lies in the database and not in the backup, with the reason.
    `previous_sha256` is the seal of the manifest before it of the same source, so that a removed one is noticed.
    """

    id: BackupId
    job: str
    source: Source
    kind: BackupKind
    method: str
    format: Format
    started_at: float
    finished_at: float
    compression: Compression
    parts: tuple[Part, ...]
    proof: ProofLevel = ProofLevel.NONE
    objects: tuple[ObjectProof, ...] = ()
    tables: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    encryption: Encryption | None = None
    tools: tuple[Tool, ...] = ()
    server_time: float | None = None
    start: Position = ()
    end: Position = ()
    parent_id: BackupId | None = None
    chain_root_id: BackupId | None = None
    sequence: int = 0
    annotations: tuple[tuple[str, str], ...] = ()
    previous_sha256: str = ""

    @property
    def plain_bytes(self) -> int:
        """How much the engine gave."""
        return sum(part.plain_bytes for part in self.parts)

    @property
    def stored_bytes(self) -> int:
        """How much its parts take in the storage."""
        return sum(part.stored_bytes for part in self.parts)

    @property
    def duration_seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.finished_at - self.started_at)


class RecordKind(StrEnum):
    """What is said of a backup after it was committed."""

    VERIFIED = "verified"
    TESTED = "tested"
    TEST_FAILED = "test_failed"
    DAMAGED = "damaged"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    HELD = "held"
    RELEASED = "released"
    TRASHED = "trashed"
    RESTORED = "restored"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Record:
    """Something that became known of a backup, or was decided about it: when, by whom, in what words, how long it took.

    `level` says how deep a verification went. `until` ends a pin, a hold or a stay in the trash; None is without end.
    """

    kind: RecordKind
    at: float
    by: str = ""
    detail: str = ""
    level: str = ""
    seconds: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on something: enough to tell whether that process still lives, on this machine or another.

    `machine` names one start of one machine and, on Linux, its space of process ids. `process_started_at` is the system's
    own time of the process' start, so that a pid that came again is no proof of life. `beat` counts signs of life. `work` names
    one piece of work of that process, which may be over though the process goes on; "" where it is as long as the process.
    """

    host: str
    machine: str
    pid: int
    process_started_at: float
    user: str = ""
    what: str = ""
    beat: int = 0
    work: str = ""

    def __str__(self) -> str:
        who = f"{self.user}@{self.host}" if self.user else self.host
        return f"{who}, process {self.pid}"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as it is found in a storage: its manifest, what was recorded since, and its state in the light of both.

    `unread` are keys of records that cannot be read; what is against the backup, or keeps it, counts by such a record's name.
    """

    manifest: Manifest
    sha256: str
    location: str
    state: BackupState
    records: tuple[Record, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def id(self) -> BackupId:
        """Its id."""
        return self.manifest.id

    def newest(self, kind: RecordKind) -> Record | None:
        """The newest record of a kind."""
        return max((record for record in self.records if record.kind is kind), key=lambda record: record.at, default=None)


class Lack(StrEnum):
    """How a copy is none: it never came about, or what it says of itself cannot be believed."""

    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class LackingCopy:
    """A storage, by its address, that has no copy of a backup to count on and was to have one, and why."""

    storage: str
    lack: Lack
    reason: str
