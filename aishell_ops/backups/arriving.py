"""A backup that comes from another storage or from a file: begun here under its own id, and gone again unless it arrives. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aishell_ops.backups.errors import BackupError, BusyError, StorageError, StorageFault
from aishell_ops.backups.holder import holding
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.repository import Repository


@contextmanager
def arriving(goal: Repository, spot: Spot, what: str) -> Iterator[None]:
    """Begin a backup for as long as the block lasts, which has to commit it; what it has written is removed when it fails.

    What dead ones have left of this database is swept first: here nobody else may ever do that. Raises BusyError where somebody
    is at the same backup, StorageError.
    """
    with holding(what) as holder:
        goal.sweep_line(spot.line)
        try:
            goal.begin(spot, holder)
        except StorageError as error:
            if error.fault is StorageFault.EXISTS:
                raise BusyError(
                    f"somebody else brings {spot.id} to {goal.storage.address} already", "try again when that has ended"
                ) from error
            raise
        try:
            yield
        except BaseException:
            # What cannot be removed now is swept by whoever comes next: what is told is why it failed.
            with suppress(BackupError):
                goal.remove(spot)
            raise
