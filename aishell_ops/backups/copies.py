"""Copies that a backup was to have: kept in its manifest, so that one which is not there is known to be missing, and why; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What
from aishell_ops.backups.models import Lack, LackingCopy, Manifest

COPY_IN = "copy_in"
"""The annotation of a manifest that names a storage which was to get a copy; there may be several."""

_UNTRIED = "the program ended before it was made"


def annotations_of(storages: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What a manifest says of the storages that get copies."""
    return tuple((COPY_IN, storage) for storage in storages)


def wanted_in(manifest: Manifest) -> tuple[str, ...]:
    """The storages that were to get a copy of a backup."""
    return tuple(dict.fromkeys(value for key, value in manifest.annotations if key == COPY_IN))


def missing_copies(
    wanted: Iterable[str], there: Collection[str], tried: Sequence[Attempt], unseen: Collection[str] = ()
) -> tuple[LackingCopy, ...]:
    """Which of the wanted copies of a backup never came about, as far as this machine knows.

    `there` are the storages that have one, `tried` the attempts at this backup in the light of who lives, the oldest first. A copy
    that was there and is not any more was removed by somebody or by retention, and is not missing; of what was made on another
    machine, or longer ago than attempts are kept, nobody here knows that. Of the storages that could not be looked into, `unseen`, a
    copy is missing when making it has failed here.
    """
    if not tried or any(one.outcome is AttemptOutcome.RUNNING and one.what is not What.TEST for one in tried):
        return ()
    found = []
    for storage in wanted:
        copied = [one for one in tried if one.what is What.COPY and one.storage == storage]
        if storage in unseen and not copied:
            continue
        if storage not in there and not any(one.outcome is AttemptOutcome.DONE for one in copied):
            found.append(LackingCopy(storage, Lack.MISSING, copied[-1].message if copied else _UNTRIED))
    return tuple(found)
