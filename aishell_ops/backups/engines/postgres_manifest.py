"""PostgreSQL's own list of the files of a base backup (backup_manifest), compared with a data folder where pg_verifybackup is missing.

The form of the list: https://www.postgresql.org/docs/current/backup-manifest-format.html
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.stopping import expect_wanted

LIST = "backup_manifest"
_VERSIONS = (1, 2)
_PIECE_BYTES = 1 << 20
_NOT_LISTED = {LIST, "postgresql.auto.conf", "standby.signal", "recovery.signal"}
_LOG = "pg_wal"
_HINT = "restore another backup"


def check_files(data: Path, stop: Stop) -> None:
    """Compare every file of a data folder with the list in it; raises DamagedError when one differs, BackupError when stopped."""
    listed = dict(_listed(_read(data / LIST)))
    for path, (size, digest) in listed.items():
        expect_wanted(stop)
        _check(data / path, path, size, digest, stop)
    for path in _there(data):
        if path not in listed and path not in _NOT_LISTED and PurePosixPath(path).parts[0] != _LOG:
            raise DamagedError(f"{path} is there and was not in the backup", _HINT)


def _read(path: Path) -> dict[str, Any]:
    """The list, when it is as the server wrote it: its last line has the hash of all before."""
    try:
        content = path.read_bytes()
        known: dict[str, Any] = json.loads(content)
        before = content[: content.rstrip(b"\n").rindex(b"\n") + 1]
    except (OSError, ValueError) as error:
        raise DamagedError(f"{LIST} cannot be read: {error}", _HINT) from error
    if known.get("PostgreSQL-Backup-Manifest-Version") not in _VERSIONS:
        raise DamagedError(f"{LIST} is of a later form than is known here", "install pg_verifybackup of the version that it was made by")
    if hashlib.sha256(before).hexdigest() != known.get("Manifest-Checksum"):
        raise DamagedError(f"{LIST} is not as it was written", _HINT)
    return known


def _listed(known: dict[str, Any]) -> Iterator[tuple[str, tuple[int, str]]]:
    for file in known["Files"]:
        path = file["Path"] if "Path" in file else os.fsdecode(bytes.fromhex(file["Encoded-Path"]))
        if file.get("Checksum-Algorithm") != "SHA256" or ".." in PurePosixPath(path).parts or PurePosixPath(path).is_absolute():
            raise DamagedError(f"{LIST} says something of {path} that aishell did not ask for", _HINT)
        yield path, (file["Size"], file["Checksum"])


def _check(place: Path, path: str, size: int, digest: str, stop: Stop) -> None:
    sha256, count = hashlib.sha256(), 0
    try:
        with place.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE_BYTES):
                expect_wanted(stop)
                sha256.update(piece)
                count += len(piece)
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}", _HINT) from error
    if count != size:
        raise DamagedError(f"{path} has {count} bytes, and {size} were saved", _HINT)
    if sha256.hexdigest() != digest:
        raise DamagedError(f"{path} is not what the server gave", _HINT)


def _there(data: Path) -> Iterator[str]:
    """The paths of all files, those of tablespaces too, to which the folder has links."""
    for root, _, names in os.walk(data, followlinks=True):
        for name in names:
            yield str((Path(root) / name).relative_to(data))
