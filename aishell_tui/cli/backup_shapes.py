"""What the commands of backups print under --json, as types; see `shapes`."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_tui.cli.shapes import doc


@dataclass(frozen=True, slots=True)
class BackupCopy:
    """A backup in one storage."""

    storage: str = field(metadata=doc("the folder or the bucket"))
    state: str = field(
        metadata=doc("as that of a backup; missing where the copy was to be made and was not, damaged where it cannot be believed")
    )
    reason: str = field(metadata=doc("why it is missing or damaged; else empty"))


@dataclass(frozen=True, slots=True)
class BackupRow:
    """One backup."""

    id: str = field(metadata=doc("its id; its beginning is enough for commands"))
    target: str = field(metadata=doc("the target that was saved, by its configured name"))
    database: str = field(metadata=doc("the database on it; of SQLite the file's name"))
    engine: str = field(metadata=doc("postgres, mysql, mongodb, redis, sqlite or oracle; empty where another machine makes it"))
    kind: str = field(metadata=doc("full, incremental or log"))
    format: str = field(metadata=doc("native, sql, json or csv"))
    state: str = field(metadata=doc("running, committed, verified, tested, failed, abandoned, corrupt, orphan or trashed"))
    started_at: str = field(metadata=doc("when it was begun, UTC"))
    finished_at: str | None = field(metadata=doc("when it was committed, UTC; null where it never was"))
    size_bytes: int | None = field(metadata=doc("what the engine gave"))
    stored_bytes: int = field(metadata=doc("what it takes in the storage"))
    sha256: str = field(metadata=doc("of its manifest, which holds the hashes of all its parts; empty where there is none"))
    compression: str = field(metadata=doc("zstd, gzip, bzip2 or none; empty where there is no manifest"))
    encrypted: bool = field(metadata=doc("whether its parts are encrypted"))
    location: str = field(metadata=doc("where it lies, without any secret"))
    parent_id: str | None = field(metadata=doc("the backup that it needs; null for a full one"))
    proof: str = field(metadata=doc("what is kept to prove a restore by: none, counts or full"))
    verified_at: str | None = field(metadata=doc("when it was last found whole, UTC"))
    tested_at: str | None = field(metadata=doc("when it was last restored for a test, UTC"))
    restore_seconds: float | None = field(metadata=doc("how long the last test restore took"))
    job: str = field(metadata=doc("the job that made it; may be empty"))
    pinned: bool = field(metadata=doc("whether retention leaves it"))
    held: bool = field(metadata=doc("whether nobody may remove it"))
    reason: str = field(metadata=doc("why it failed, was abandoned, or is no backup yet; empty for a backup"))
    copies: tuple[BackupCopy, ...] = field(
        metadata=doc("the storages that have it, and those that were to; told by list and info, else empty")
    )


@dataclass(frozen=True, slots=True)
class BackupsReport:
    """aishell backup list --json."""

    generated_at: str = field(metadata=doc("the moment of the report, UTC"))
    backups: tuple[BackupRow, ...] = field(metadata=doc("the backups that were asked for"))
    faults: tuple[str, ...] = field(metadata=doc("storages that could not be read, and backups that cannot be believed"))
    stopped: tuple[str, ...] = field(metadata=doc("backups that have lost so much that nothing old is removed, and what to do"))


@dataclass(frozen=True, slots=True)
class BackupPart:
    """One stored stream of a backup."""

    name: str = field(metadata=doc("its name in the folder parts"))
    size_bytes: int = field(metadata=doc("what the engine gave"))
    stored_bytes: int = field(metadata=doc("what it takes"))
    sha256: str = field(metadata=doc("of what the engine gave"))
    stored_sha256: str = field(metadata=doc("of what lies in the storage, as sha256sum prints it"))


@dataclass(frozen=True, slots=True)
class BackupObject:
    """A table, collection or keyspace at the moment that the backup shows."""

    name: str = field(metadata=doc("its name"))
    rows: int | None = field(metadata=doc("rows, documents or keys; null where they were not counted"))
    content_hash: str | None = field(metadata=doc("of all rows, whatever their order; null where only rows were counted"))


@dataclass(frozen=True, slots=True)
class BackupEvent:
    """Something that became known of a backup after it was made, or was decided about it."""

    kind: str = field(
        metadata=doc("verified, tested, test_failed, damaged, pinned, unpinned, held, released, trashed, restored or accepted")
    )
    at: str = field(metadata=doc("when, UTC"))
    by: str = field(metadata=doc("who; may be empty"))
    detail: str = field(metadata=doc("in words; may be empty"))
    seconds: float | None = field(metadata=doc("how long it took"))


@dataclass(frozen=True, slots=True)
class BackupReport:
    """aishell backup info ID --json."""

    backup: BackupRow = field(metadata=doc("the backup"))
    address: str = field(metadata=doc("the URL that it was saved from, without its password"))
    server_version: str = field(metadata=doc("the server's version then"))
    method: str = field(metadata=doc("how the data was taken, in the engine's words"))
    parts: tuple[BackupPart, ...] = field(metadata=doc("its parts, in the order of a restore"))
    objects: tuple[BackupObject, ...] = field(metadata=doc("what it holds, as far as it was counted"))
    skipped: dict[str, str] = field(metadata=doc("what lies in the database and not in the backup, with the reason"))
    events: tuple[BackupEvent, ...] = field(metadata=doc("what became known of it since, the oldest first"))
    unread: tuple[str, ...] = field(metadata=doc("records of such that cannot be read, by where they lie"))
    stopped: str = field(metadata=doc("why nothing old is removed on its account, and what to do; may be empty"))


@dataclass(frozen=True, slots=True)
class BackupStep:
    """How far a backup, a restore or a check has come: one object on one line, several times a second at most."""

    stage: str = field(metadata=doc("planning, saving, proving, committing, copying, checking, loading, finishing, publishing or done"))
    part: str = field(metadata=doc("the part that is worked on; may be empty"))
    size_bytes: int = field(metadata=doc("read from or given to the engine until now"))
    stored_bytes: int = field(metadata=doc("written to or read from the storage until now"))
    expected_bytes: int | None = field(metadata=doc("about how many the engine will give in the end; null where nobody knows"))
    elapsed_seconds: float = field(metadata=doc("since the begin"))


@dataclass(frozen=True, slots=True)
class CopyRetained:
    """What retention did in the storage of a copy."""

    storage: str = field(metadata=doc("where the copy lies"))
    removed: tuple[str, ...] = field(metadata=doc("ids of old backups that retention removed there"))
    kept_because: str = field(metadata=doc("why retention removed nothing there although it might have; may be empty"))


@dataclass(frozen=True, slots=True)
class BackupCopied:
    """A copy that was made; aishell backup copy ID --json: a line for each, behind those of its steps."""

    id: str = field(metadata=doc("the backup"))
    storage: str = field(metadata=doc("where its copy lies now"))


@dataclass(frozen=True, slots=True)
class BackupMade:
    """aishell backup create --json: the last line, behind those of the steps."""

    backup: BackupRow = field(metadata=doc("what was made"))
    copies: tuple[str, ...] = field(metadata=doc("other storages that have it too"))
    removed: tuple[str, ...] = field(metadata=doc("ids of old backups that retention removed"))
    kept_because: str = field(metadata=doc("why retention removed nothing although it might have; may be empty"))
    copies_retained: tuple[CopyRetained, ...] = field(metadata=doc("what retention did where its copies lie"))
    doubts: tuple[str, ...] = field(metadata=doc("what went wrong after it was committed: copies, verification, retention"))
    made_up: tuple[BackupCopied, ...] = field(metadata=doc("copies of earlier backups that had not come about, and are there now"))


@dataclass(frozen=True, slots=True)
class BackupPlanned:
    """aishell backup create --dry-run --json."""

    target: str = field(metadata=doc("what would be saved"))
    allowed: bool = field(metadata=doc("whether a role allows it"))
    method: str = field(metadata=doc("how, in the engine's words"))
    storages: tuple[str, ...] = field(metadata=doc("where it would go; copies from the second on"))
    steps: tuple[str, ...] = field(metadata=doc("what would be done"))
    warnings: tuple[str, ...] = field(metadata=doc("what should be known before"))
    expected_bytes: int | None = field(metadata=doc("about how much the engine would give"))


@dataclass(frozen=True, slots=True)
class BackupVerified:
    """aishell backup verify ID --json: a line for each copy, behind those of its steps."""

    backup: BackupRow | None = field(metadata=doc("the backup in the light of it; null where its manifest cannot be believed"))
    whole: bool = field(metadata=doc("whether nothing wrong was found"))
    depth: str = field(metadata=doc("fast (what is there, sizes), stored (every byte, not opened) or deep (every byte, opened)"))
    faults: tuple[str, ...] = field(metadata=doc("what is wrong"))
    remarks: tuple[str, ...] = field(metadata=doc("what could not be looked at, and what is wrong beside the data"))
    seconds: float = field(metadata=doc("how long it took"))


@dataclass(frozen=True, slots=True)
class BackupTested:
    """aishell backup test ID --json: the last line, behind those of the steps."""

    backup: BackupRow = field(metadata=doc("the backup in the light of it"))
    place: str = field(metadata=doc("where it was restored for the test; it is gone now"))
    compared: int = field(metadata=doc("how many tables were compared with what was saved"))
    hashed: int = field(metadata=doc("how many of them by their content"))
    seconds: float = field(metadata=doc("how long the restore took"))


@dataclass(frozen=True, slots=True)
class BackupFidelity:
    """What becomes of a column, or of something else that belongs to a table, in another engine."""

    table: str = field(metadata=doc("the table that was saved"))
    column: str = field(metadata=doc("its column, or what else belongs to it, such as its primary key or a trigger"))
    source_type: str = field(metadata=doc("the type that it was declared with"))
    target_type: str = field(metadata=doc("the type there; empty where it is left out"))
    fidelity: str = field(metadata=doc("exact, widened, represented otherwise, or cannot"))
    words: str = field(metadata=doc("how it is represented, or why it cannot be; may be empty"))
    values: int = field(metadata=doc("how many values have no place there; 0 in a plan, which only knows types"))
    example: str = field(metadata=doc("why the first of them has none; may be empty"))


@dataclass(frozen=True, slots=True)
class RestorePlanned:
    """aishell backup restore ID --dry-run --json."""

    backup: BackupRow = field(metadata=doc("what would be restored"))
    target: str = field(metadata=doc("into which target"))
    database: str = field(metadata=doc("into which database"))
    allowed: bool = field(metadata=doc("whether a role allows it"))
    writes: tuple[str, ...] = field(metadata=doc("what would be written"))
    losses: tuple[str, ...] = field(metadata=doc("what would be lost"))
    obstacles: tuple[str, ...] = field(metadata=doc("what forbids it"))
    warnings: tuple[str, ...] = field(metadata=doc("what should be known before"))
    needed_bytes: int | None = field(metadata=doc("room that it needs"))
    free_bytes: int | None = field(metadata=doc("room that there is; null where nobody knows"))
    expected_seconds: float | None = field(metadata=doc("how long it would take, by earlier restores; null where nobody knows"))
    fidelity: tuple[BackupFidelity, ...] = field(metadata=doc("what becomes of columns by their types; empty for an engine's own format"))
    saved_version: str = field(metadata=doc("the version of the server that was saved"))
    server_version: str = field(metadata=doc('the version of the server that takes it; "" where none does'))
    tools: tuple[str, ...] = field(metadata=doc("the programs that restore it, with their versions"))


@dataclass(frozen=True, slots=True)
class BackupRestored:
    """aishell backup restore ID --json: the last line, behind those of the steps."""

    backup: BackupRow = field(metadata=doc("what was restored"))
    target: str = field(metadata=doc("into which target"))
    database: str = field(metadata=doc("into which database"))
    compared: int = field(metadata=doc("how many tables were compared with what was saved"))
    differences: tuple[str, ...] = field(metadata=doc("what is not as it was saved; empty unless --continue-on-error let it pass"))
    seconds: float = field(metadata=doc("how long it took"))
    fidelity: tuple[BackupFidelity, ...] = field(metadata=doc("what has become of columns; empty for an engine's own format"))
    warnings: tuple[str, ...] = field(metadata=doc("newer backups that are damaged or were not seen, and copies that are not good"))


@dataclass(frozen=True, slots=True)
class BackupsDeleted:
    """aishell backup delete ID --json."""

    ids: tuple[str, ...] = field(metadata=doc("what was deleted, or would be"))
    storages: tuple[str, ...] = field(metadata=doc("where"))
    freed_bytes: int = field(metadata=doc("the room that it took"))
    dry_run: bool = field(metadata=doc("whether nothing was deleted, because it was only asked for or nobody can be asked"))


@dataclass(frozen=True, slots=True)
class BackupMarked:
    """aishell backup pin, unpin, hold, release and accept ID --json, and the last line of import."""

    backup: BackupRow = field(metadata=doc("the backup in the light of it"))


@dataclass(frozen=True, slots=True)
class BackupExported:
    """aishell backup export ID PATH --json: the last line, behind those of the steps."""

    id: str = field(metadata=doc("what was exported"))
    path: str = field(metadata=doc("the file"))
    size_bytes: int = field(metadata=doc("its size"))


@dataclass(frozen=True, slots=True)
class BackupConfigured:
    """aishell backup config --set --json."""

    file: str = field(metadata=doc("the file that was written"))
    keys: tuple[str, ...] = field(metadata=doc("what was set"))
    changed: bool = field(metadata=doc("whether that changed anything"))


@dataclass(frozen=True, slots=True)
class PruneRow:
    """What retention says of one backup."""

    id: str = field(metadata=doc("its id"))
    target: str = field(metadata=doc("the target that was saved"))
    database: str = field(metadata=doc("the database on it"))
    job: str = field(metadata=doc("the job that made it; may be empty"))
    storage: str = field(metadata=doc("where it lies"))
    goes: bool = field(metadata=doc("whether it goes, or has gone"))
    reasons: tuple[str, ...] = field(metadata=doc("why"))


@dataclass(frozen=True, slots=True)
class PruneReport:
    """aishell backup prune --json."""

    dry_run: bool = field(metadata=doc("whether nothing was removed, because it was only asked for"))
    backups: tuple[PruneRow, ...] = field(metadata=doc("every backup that was looked at"))
    refused: tuple[str, ...] = field(metadata=doc("databases of which nothing is removed now, and why"))
    freed_bytes: int = field(metadata=doc("the room that was made"))


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One schedule."""

    name: str = field(metadata=doc("its name"))
    schedule: str = field(metadata=doc("when, as a cron expression"))
    timezone: str = field(metadata=doc("in which time zone"))
    databases: tuple[str, ...] = field(metadata=doc("of which targets"))
    all_databases: bool = field(metadata=doc("whether it names none: then it is of all that whoever runs it has configured"))
    enabled: bool = field(metadata=doc("whether it is in force"))
    origin: str = field(metadata=doc("the file and line that has it, or the command"))
    next_at: str | None = field(metadata=doc("when it begins next, UTC; null where it is not in force"))
    last_at: str | None = field(metadata=doc("when its last run began, UTC"))
    last_outcome: str = field(metadata=doc("running, done, doubtful, failed or interrupted; empty before the first"))
    last_backup: str = field(metadata=doc("the id of what it made last; may be empty"))
    last_message: str = field(metadata=doc("why it failed or is doubtful; may be empty"))
    note: str = field(metadata=doc("why it is not in force; may be empty"))


@dataclass(frozen=True, slots=True)
class SchedulesReport:
    """aishell backup schedules --json."""

    schedules: tuple[ScheduleRow, ...] = field(metadata=doc("the schedules, of the configuration and of commands"))
    hosted: bool = field(metadata=doc("whether a program runs them now"))
