"""Who is saving a database now: exactly one, by an object in the storage itself, wherever the others run."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from aishell_core.clock import SystemClock
from aishell_ops.backups.errors import BackupError, BusyError, DamagedError, StorageError, StorageFault
from aishell_ops.backups.holder import holding, lives
from aishell_ops.backups.layout import Line
from aishell_ops.backups.manifest import decode, encode
from aishell_ops.backups.models import Holder
from aishell_ops.backups.storage.contract import Storage, Tag

BEAT_SECONDS = 30.0
"""How often a holder has to give a sign of life."""
SILENT_SECONDS = 600.0
"""After how long without one a holder on another machine is taken for dead. One on this machine is looked up at once."""

_MARGIN_SECONDS = 60.0
"""So long before others may take it for dead a silent holder stops: what it is at takes a while to end."""
_TRIES = 3

Lives = Callable[[Holder], bool | None]
Steady = Callable[[], float]
_STEADY = SystemClock().steady


class Lease:
    """The right to save one database, until it is released or somebody else has taken it for abandoned.

    `sent_at` is when the sign of life that the storage has was sent, by `steady`: not before it was written there. May be asked from
    several threads.
    """

    def __init__(self, storage: Storage, line: Line, holder: Holder, tag: Tag, sent_at: float, steady: Steady) -> None:
        self._storage, self._line, self._holder, self._tag = storage, line, holder, tag
        self._sent_at, self._steady = sent_at, steady
        self._lock = threading.Lock()

    @property
    def left_seconds(self) -> float:
        """How long nobody else may take it yet, with some time to stop in; 0 and less when it may be gone."""
        return self._sent_at + SILENT_SECONDS - _MARGIN_SECONDS - self._steady()

    def beat(self) -> None:
        """Give a sign of life; one that does not arrive is let pass for as long as nobody else may take the lease.

        Raises BusyError when somebody else has it by now, StorageError when somebody else may have it soon: then nothing more may be
        written.
        """
        with self._lock:
            try:
                self._beat()
            except StorageError as error:
                if self.left_seconds > 0:
                    return
                raise StorageError(
                    error.fault,
                    f"no sign of life could be given for so long that another aishell may take this for abandoned: {error.message}",
                    error.hint,
                ) from error

    def _beat(self) -> None:
        """Give a sign of life, knowing one's own again whose answer was lost."""
        self._holder = replace(self._holder, beat=self._holder.beat + 1)
        sent_at, content = self._steady(), encode(self._holder)
        for _ in range(_TRIES):
            try:
                self._tag = self._storage.replace(self._line.lease_key, content, self._tag)
            except StorageError as error:
                if error.fault is not StorageFault.CHANGED:
                    raise
                found, self._tag = self._found()
                if found != content:
                    # It is of an earlier sign of life, of which nobody was told: this one is still to be given.
                    continue
            self._sent_at = sent_at
            return
        raise StorageError(StorageFault.CHANGED, f"{self._line.lease_key} in {self._storage.address} changes all the time")

    def _found(self) -> tuple[bytes, Tag]:
        """What lies there, when it is of this holder; raises BusyError when it is not."""
        try:
            content, tag = self._storage.get(self._line.lease_key)
        except StorageError as error:
            if error.fault is StorageFault.MISSING:
                raise _taken() from error
            raise
        if not self._is_own(content):
            raise _taken()
        return content, tag

    def _is_own(self, content: bytes) -> bool:
        try:
            return replace(decode(Holder, content, self._line.lease_key), beat=0) == replace(self._holder, beat=0)
        except BackupError:
            # Also what a newer aishell has written, which no holder of this version has.
            return False

    def release(self) -> None:
        """Let others save it; a lease that somebody else has taken meanwhile stays theirs."""
        with self._lock:
            found = self._storage.head(self._line.lease_key)
            if found is not None and (found.tag == self._tag or self._is_own(self._storage.get(self._line.lease_key)[0])):
                self._storage.delete(self._line.lease_key)


def _taken() -> BusyError:
    return BusyError("another aishell has taken this backup for abandoned and goes on itself", "this one keeps nothing")


def take_lease(storage: Storage, line: Line, holder: Holder, alive: Lives = lives, steady: Steady = _STEADY) -> Lease:
    """The right to save a database; raises BusyError naming who has it, StorageError."""
    key, content, sent_at = line.lease_key, encode(holder), steady()
    try:
        return Lease(storage, line, holder, storage.put_new(key, content), sent_at, steady)
    except StorageError as error:
        if error.fault is not StorageFault.EXISTS:
            raise
    try:
        found, tag = storage.get(key)
        _expect_dead(storage, line, found, alive)
        sent_at = steady()
        try:
            return Lease(storage, line, holder, storage.replace(key, content, tag), sent_at, steady)
        except StorageError as refusal:
            if refusal.fault is not StorageFault.CHANGED:
                raise
            found, tag = storage.get(key)
            if found != content or not holder.work:
                raise
            # The answer was lost, and a second request found what the first had written: only this work writes this.
            return Lease(storage, line, holder, tag, sent_at, steady)
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
