"""The recovery sheet: how to restore a backup with the usual programs alone, for a day without aishell; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from shlex import quote

from aishell_ops.backups.models import Compression, Manifest, Part

_OPENERS = {
    Compression.ZSTD: ("zstd -dc", ".zst"),
    Compression.GZIP: ("gzip -dc", ".gz"),
    Compression.BZIP2: ("bzip2 -dc", ".bz2"),
    Compression.NONE: ("", ""),
}
_LOCKED = ".age"
SHEET_HASH = "recovery_sha256"
"""The annotation of a manifest that has the sheet's hash."""


def plain_name(part: Part, compression: Compression) -> str:
    """The name of a part without the suffixes of encryption and compression."""
    return part.name.removesuffix(_LOCKED).removesuffix(_OPENERS[compression][1])


def opening_command(part: Part, manifest: Manifest) -> str:
    """The shell command that makes of a stored part what the engine gave."""
    steps = []
    if manifest.encryption is not None:
        key = "key.txt" if not manifest.encryption.passphrase else "key.age"
        steps.append(f"age -d -i {key} {quote(f'parts/{part.name}')}")
    if opener := _OPENERS[manifest.compression][0]:
        steps.append(opener if steps else f"{opener} {quote(f'parts/{part.name}')}")
    if not steps:
        steps.append(f"cat {quote(f'parts/{part.name}')}")
    return f"{' | '.join(steps)} > {quote(plain_name(part, manifest.compression))}"


def recovery_sheet(manifest: Manifest, steps: tuple[str, ...]) -> str:
    """The sheet; `steps` are the engine's own commands that restore what was opened, one a line."""
    source = manifest.source
    begun = datetime.fromtimestamp(manifest.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = [
        f"Backup {manifest.id}",
        "",
        f"What       {manifest.kind} backup of {source.database or source.target} ({source.engine} {source.server_version})",
        f"Where from {source.target}, {source.address}",
        f"When       {begun}",
        f"Size       {manifest.plain_bytes} bytes, {manifest.stored_bytes} stored",
        "",
        "To restore it without aishell, in a copy of this folder:",
        "",
        "1. Check the parts:",
        "",
        *(f"     echo '{part.stored_sha256}  parts/{part.name}' | sha256sum -c" for part in manifest.parts),
        "",
        "2. Open them:",
        "",
        *_keys(manifest),
        *(f"     {opening_command(part, manifest)}" for part in manifest.parts),
        "",
        "3. Restore:",
        "",
        *(f"     {step}" for step in steps),
        "",
    ]
    return "\n".join(lines)


def _keys(manifest: Manifest) -> tuple[str, ...]:
    """What is needed to open encrypted parts."""
    if manifest.encryption is None:
        return ()
    if manifest.encryption.passphrase:
        return ("     age asks for the passphrase that the backup was made with; it is kept nowhere.", "")
    return ("     key.txt is the file with the secret key of one of:", *(f"       {one}" for one in manifest.encryption.recipients), "")
