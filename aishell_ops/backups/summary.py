"""What a list and retention need of a backup, as one short JSON text, so that ten thousand are read in a moment; pure.

A backup that comes out of a summary has no parts, objects or tools of its own: one part stands for the sizes of all.
Whoever acts on a backup reads the backup itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from aishell_core.state.forms import Form
from aishell_ops.backups.copies import COPY_IN
from aishell_ops.backups.models import (
    Backup,
    BackupId,
    BackupKind,
    Compression,
    Encryption,
    Format,
    Manifest,
    Part,
    ProofLevel,
    Record,
    Source,
)
from aishell_ops.backups.state import backup_of


@dataclass(frozen=True, slots=True)
class Summary:
    """A backup in short; `stored_bytes` and `plain_bytes` are those of all its parts, `annotations` name the storages of its copies."""

    id: str
    sha256: str
    location: str
    job: str
    source: Source
    kind: BackupKind
    method: str
    format: Format
    started_at: float
    finished_at: float
    compression: Compression
    plain_bytes: int
    stored_bytes: int
    proof: ProofLevel
    tables: tuple[str, ...]
    encryption: Encryption | None
    parent_id: str | None
    records: tuple[Record, ...]
    unread: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


@cache
def _form() -> Form[Summary]:
    return Form(Summary)


def summary_of(backup: Backup) -> str:
    """A backup in short."""
    manifest = backup.manifest
    return _form().encode(
        Summary(
            id=manifest.id,
            sha256=backup.sha256,
            location=backup.location,
            job=manifest.job,
            source=manifest.source,
            kind=manifest.kind,
            method=manifest.method,
            format=manifest.format,
            started_at=manifest.started_at,
            finished_at=manifest.finished_at,
            compression=manifest.compression,
            plain_bytes=manifest.plain_bytes,
            stored_bytes=manifest.stored_bytes,
            proof=manifest.proof,
            tables=manifest.tables,
            encryption=manifest.encryption,
            parent_id=manifest.parent_id,
            records=backup.records,
            unread=backup.unread,
            annotations=tuple(one for one in manifest.annotations if one[0] == COPY_IN),
        )
    )


def backup_from(text: str, now: float) -> Backup | None:
    """The backup in short, its state as of now; None for a text that this version cannot read."""
    found = _form().decode(text)
    if found is None:
        return None
    manifest = Manifest(
        id=BackupId(found.id),
        job=found.job,
        source=found.source,
        kind=found.kind,
        method=found.method,
        format=found.format,
        started_at=found.started_at,
        finished_at=found.finished_at,
        compression=found.compression,
        parts=(Part("", found.plain_bytes, found.stored_bytes, "", ""),),
        proof=found.proof,
        tables=found.tables,
        encryption=found.encryption,
        parent_id=None if found.parent_id is None else BackupId(found.parent_id),
        annotations=found.annotations,
    )
    return replace(backup_of(manifest, found.sha256, found.location, found.records, now), unread=found.unread)
