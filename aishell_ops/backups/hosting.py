"""Who runs which schedule: a lease for each, which the system takes back when its program dies. Blocking.

There is one for each and not one for all: programs of different configurations share the state, and the one that came first may
lack the targets that a schedule of another one needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from aishell_core.state.lease import WriterLease


def lock_path(folder: Path, schedule: str) -> Path:
    """The file of a schedule's lease; names of schedules are people's, and no names of files."""
    return folder / f"schedule-{hashlib.sha256(schedule.encode()).hexdigest()[:16]}.lock"


def is_hosted(folder: Path, schedules: Iterable[str]) -> bool:
    """Whether a program, this one or another, runs any of these schedules now."""
    return any(_is_held(lock_path(folder, name)) for name in schedules)


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lease = WriterLease(path)
    with suppress(OSError):
        is_free = lease.acquire()
        lease.release()
        return not is_free
    return False


class Hosting:
    """The leases of one program. For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._leases: dict[str, WriterLease] = {}

    @property
    def held(self) -> frozenset[str]:
        """The schedules that this program runs."""
        return frozenset(self._leases)

    def take(self, schedules: Iterable[str]) -> frozenset[str]:
        """Take what is free of these; what was newly taken. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        taken = set()
        for name in schedules:
            if name not in self._leases:
                lease = WriterLease(lock_path(self._folder, name))
                if lease.acquire():
                    self._leases[name] = lease
                    taken.add(name)
        return frozenset(taken)

    def let_go(self, schedules: Collection[str]) -> None:
        """Give the leases of these back."""
        for name in schedules:
            lease = self._leases.pop(name, None)
            if lease is not None:
                lease.release()

    def close(self) -> None:
        """Give all back; may be called twice."""
        self.let_go(self.held)
