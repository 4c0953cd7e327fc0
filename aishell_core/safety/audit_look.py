"""Whether what was written before is still as it was: looked at line by line, again only where a file has changed since."""

from __future__ import annotations

import hmac
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aishell_core.safety.audit_folder import AuditFolder, write_all
from aishell_core.safety.audit_record import Keys
from aishell_core.safety.audit_verify import verify

Stats = list[list[int]]
"""For each file of the log its number, inode, size in bytes, and when its content and its entry were changed (nanoseconds)."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the files were when every line of them was looked at, and what was damaged then ("" for nothing)."""

    stats: Stats
    damage: str = ""


def damage_of(state: Path) -> str:
    """What is damaged in a log, in one line; "" for nothing, and for no log. Raises OSError, and StateError where it cannot be read.

    Costs a look at each file's entry where nothing but we has changed them, else a look at every line.
    """
    folder = AuditFolder(state)
    keys = folder.keys()
    if keys is None:
        return ""
    stats, seen = stats_of(folder), read_look(folder, keys)
    if seen is not None and seen.stats == stats:
        return seen.damage
    found = verify(state).damage
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    look = Look(stats, f"{found[0]}{more}" if found else "")
    write_look(folder, keys, look)
    return look.damage


def stats_of(folder: AuditFolder) -> Stats:
    """The files as they are now; raises OSError."""
    found = ((segment.number, segment.path.lstat()) for segment in folder.segments())
    return [[number, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns] for number, each in found]


def read_look(folder: AuditFolder, keys: Keys) -> Look | None:
    """The last look; None where there is none that is ours."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        text = _path(folder).read_bytes()
        signature, body = text[:64], text[64:]
        if hmac.compare_digest(signature, _signature(body, keys)):
            content = json.loads(body)
            return Look(content["stats"], content["damage"])
    return None


def write_look(folder: AuditFolder, keys: Keys, look: Look) -> None:
    """Keep a look; where there is no room for it, the next one is at every line again."""
    body = json.dumps({"stats": look.stats, "damage": look.damage}, separators=(",", ":")).encode("ascii")
    fresh = _path(folder).with_suffix(f".look.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            write_all(descriptor, _signature(body, keys) + body)
        finally:
            os.close(descriptor)
        fresh.rename(_path(folder))
    except OSError:
        with suppress(OSError):
            fresh.unlink()


def _signature(body: bytes, keys: Keys) -> bytes:
    return hmac.digest(keys.head, b"look" + body, "sha256").hex().encode("ascii")


def _path(folder: AuditFolder) -> Path:
    return folder.state / "audit.look"
