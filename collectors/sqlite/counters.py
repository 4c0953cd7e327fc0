"""What has to be remembered between two looks at a file: its commits as one growing count, and who held the write lock."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.engines.sqlite_file import FileLook
from aishell_core.engines.sqlite_locks import WRITING, HeldLock, Lock


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a count comes from; a count of another source goes on from 0."""

    file: tuple[int, int]
    index: tuple[int, int] | None


class CommitCounter:
    """The commits of a database as one count that never falls while the file stays the same one.

    With a write-ahead log the index counts them, from 0 again each time it is made anew: by the first connection after
    the last one closed, or after a crash. Without a log the file's header counts them.
    """

    def __init__(self) -> None:
        self._source: _Source | None = None
        self._last = 0
        self._total = 0
        self._modified: int | None = None

    def advance(self, look: FileLook) -> int | None:
        """The count after this look; None while it is not known, as before anybody opened a database with a log."""
        counted = _counted(look)
        before, self._modified = self._modified, look.file.modified_nanoseconds
        if counted is None:
            # Somebody wrote and closed again since the last look, and the index that counted it is gone.
            unseen = self._modified != before
            return None if unseen or self._source is None else self._total
        return self._add(*counted)

    def _add(self, source: _Source, value: int) -> int:
        before, self._source = self._source, source
        if before is None or before.file != source.file:
            self._total = value
        elif before == source and value >= self._last:
            self._total += value - self._last
        elif source.index is not None:
            # A new index counts from 0, so all that it counted came after the look before.
            self._total += value
        self._last = value
        return self._total


def _counted(look: FileLook) -> tuple[_Source, int] | None:
    if look.header is None:
        return None
    if not look.header.wal:
        return _Source(look.file.identity, None), look.header.change_counter
    if look.index is None or look.index_file is None:
        return None
    return _Source(look.file.identity, look.index_file.identity), look.index.commits


class WriteLockClock:
    """For how long one process has been seen to hold the write lock without a commit in between."""

    def __init__(self) -> None:
        self._holder: int | None = None
        self._commits: int | None = None
        self._since: float | None = None

    def advance(self, locks: frozenset[HeldLock], commits: int | None, now: float) -> float:
        """Seconds of the steady clock since the lock was first seen held like this; 0 when it is free."""
        held = [lock for lock in locks if lock.lock in WRITING]
        if not held:
            self._since = None
            return 0.0
        holder = next((lock.pid for lock in held if lock.pid is not None), None)
        if self._since is None or holder != self._holder or commits != self._commits:
            self._holder, self._commits, self._since = holder, commits, now
        return now - self._since


def writer(locks: frozenset[HeldLock]) -> int | None:
    """The process that holds the write lock; None when it is free or its holder cannot be seen."""
    return next((held.pid for held in locks if held.lock in WRITING and held.pid is not None), None)


def readers(locks: frozenset[HeldLock], wal: bool) -> int:
    """How many processes read now: with a log those with a read mark, without one those with a shared lock."""
    return len({held.pid for held in locks if held.lock is (Lock.READ if wal else Lock.SHARED)})
