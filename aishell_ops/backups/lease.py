"""Who is saving a database now: exactly one, by an object in the storage itself, wherever the others run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from aishell_ops.backups.errors import BusyError, DamagedError, StorageError, StorageFault
from aishell_ops.backups.holder import holding, lives
from aishell_ops.backups.layout import Line
from aishell_ops.backups.manifest import decode, encode
from aishell_ops.backups.models import Holder
from aishell_ops.backups.storage.contract import Storage, Tag

BEAT_SECONDS = 30.0
"""How often a holder has to give a sign of life."""
SILENT_SECONDS = 600.0
"""After how long without one a holder on another machine is taken for dead. One on this machine is looked up at once."""

Lives = Callable[[Holder], bool | None]


class Lease:
    """The right to save one database, until it is released or somebody else has taken it for abandoned."""

    def __init__(self, storage: Storage, line: Line, holder: Holder, tag: Tag) -> None:
        self._storage = storage
        self._line = line
        self._holder = holder
        self._tag = tag

    def beat(self) -> None:
        """Give a sign of life; raises BusyError when somebody else has it by now: then nothing more may be written."""
        self._holder = replace(self._holder, beat=self._holder.beat + 1)
        try:
            self._tag = self._storage.replace(self._line.lease_key, encode(self._holder), self._tag)
        except StorageError as error:
            if error.fault is StorageFault.CHANGED:
                raise BusyError(
                    "another aishell has taken this backup for abandoned and goes on itself", "this one keeps nothing"
                ) from error
            raise

    def release(self) -> None:
        """Let others save it; a lease that somebody else has taken meanwhile stays theirs."""
        found = self._storage.head(self._line.lease_key)
        if found is not None and found.tag == self._tag:
            self._storage.delete(self._line.lease_key)


def take_lease(storage: Storage, line: Line, holder: Holder, alive: Lives = lives) -> Lease:
    """The right to save a database; raises BusyError naming who has it, StorageError."""
    key, content = line.lease_key, encode(holder)
    try:
        return Lease(storage, line, holder, storage.put_new(key, content))
    except StorageError as error:
        if error.fault is not StorageFault.EXISTS:
            raise
    try:
        found, tag = storage.get(key)
        _expect_dead(storage, line, found, alive)
        return Lease(storage, line, holder, storage.replace(key, content, tag))
    except StorageError as error:
        if error.fault in (StorageFault.MISSING, StorageFault.CHANGED):
            raise BusyError(
                f"{line.database or line.target} has been taken by another aishell at this moment", "try again later"
            ) from error
        raise


@contextmanager
def held_line(storage: Storage, line: Line, what: str) -> Iterator[Lease]:
    """The right to save a database for as long as the block lasts, short enough to go without signs of life; raises as `take_lease`."""
    with holding(what) as holder:
        lease = take_lease(storage, line, holder)
        try:
            yield lease
        finally:
            # It ends by itself too, with the work of its holder.
            with suppress(StorageError):
                lease.release()


def _expect_dead(storage: Storage, line: Line, content: bytes, alive: Lives) -> None:
    """Raise BusyError unless whoever holds the lease is dead."""
    try:
        holder: Holder | None = decode(Holder, content, line.lease_key)
    except DamagedError:
        holder = None
    living = None if holder is None else alive(holder)
    if living is False:
        return
    silent = _silent_seconds(storage, line)
    if living is None and silent >= SILENT_SECONDS:
        return
    who = "another aishell, whose note cannot be read," if holder is None else str(holder)
    watched = f"; it runs elsewhere and is taken for dead after {SILENT_SECONDS / 60:.0f} minutes of silence (now {silent:.0f} s)"
    hint = f"try again when it has ended{watched if living is None else ''}"
    raise BusyError(f"{line.database or line.target} of {line.target} is being saved by {who} already", hint)


def _silent_seconds(storage: Storage, line: Line) -> float:
    """How long ago the holder gave a sign of life, by the storage's own clock, which both times are of."""
    probe = f"{line.prefix}clock-{secrets.token_hex(6)}"
    storage.put_new(probe, b"")
    try:
        now, beaten = storage.head(probe), storage.head(line.lease_key)
    finally:
        storage.delete(probe)
    return 0.0 if now is None or beaten is None else max(0.0, now.changed_at - beaten.changed_at)
