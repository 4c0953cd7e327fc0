"""Names of backups: they sort by time, are short enough to type, and never come twice."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches

from aishell_core.errors import UsageError
from aishell_ops.backups.models import BackupId

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Digits and letters that are not taken for one another."""
_FORM = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-z]{4}")
LATEST = "latest"
"""Stands for the newest backup wherever an id is asked for."""


def new_id(now: float, choose: Callable[[str], str] = secrets.choice) -> BackupId:
    """An id for a backup that begins at `now` (epoch seconds): UTC to the second and four random letters."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    return BackupId(f"{moment}-{''.join(choose(_LETTERS) for _ in range(4))}")


def begun_at(id_: BackupId) -> float:
    """When a backup was begun, in epoch seconds to the second, as its id says; 0.0 where it says no such time."""
    try:
        return datetime.strptime(id_[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _FORM.fullmatch(text) is not None


def find_id(text: str, known: Iterable[BackupId]) -> BackupId:
    """The id that somebody means: a whole one, the beginning or the end of exactly one, or `latest`.

    Raises UsageError naming what it could have been.
    """
    ids = sorted(known)
    if text == LATEST and ids:
        return ids[-1]
    found = [id_ for id_ in ids if id_ == text] or [id_ for id_ in ids if text and (id_.startswith(text) or id_.endswith(f"-{text}"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{text} is the beginning of {len(found)} backups", f"they are {', '.join(found[:5])}{' ...' if found[5:] else ''}"
        )
    if not ids:
        raise UsageError(f"there is no backup {text}: there is none at all", "aishell backup create makes one")
    near = get_close_matches(text, ids, 1, 0.5)
    raise UsageError(f"there is no backup {text}", f"did you mean {near[0]}?" if near else "aishell backup list shows all")
