"""Who evaluates and tells, when several programs run on one state: exactly one, known by signs of life in the state database.

The holder gives a sign of life with every write, at least every `BEAT_SECONDS`. One that gave none for `TAKEN_AFTER_SECONDS`
is taken for dead and another one takes its place, within 15 s of its end. No wall clock has a say: on one machine the
age of a beat is read from the steady clock, which all programs share until it starts again (the boot's id tells); a beat
of anywhere else is watched for as long.

A holder that was stopped and wakes up is no longer the holder: each write names its fence, and a higher one in the database
refuses it. Before it sends anything it asks `is_held`, which is True only for a time after the last beat in which nobody
else can have taken over.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import StateError
from alerts.store import lease_rows
from alerts.store.database import AlertStore
from alerts.store.lease_rows import Tenure

T = TypeVar("T")

BEAT_SECONDS = 2.0
TAKEN_AFTER_SECONDS = 10.0
_HELD_SECONDS = 8.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LeaseLostError(StateError):
    """Another program evaluates by now; nothing was written."""

    def __init__(self) -> None:
        super().__init__("another aishell evaluates the alerts by now", "this one takes over when that one ends")


def own_name() -> str:
    """A name for this program as a holder, that no other one has: machine, process, and some random digits."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def own_boot() -> str:
    """What names this start of this machine; a random one where the system has none, so that beats of others are watched."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return uuid.uuid4().hex


class Lease:
    """One program's claim to evaluate. Blocking but for `is_held`; the calls come from the store's thread."""

    def __init__(self, store: AlertStore, clock: Clock, *, holder: str, boot: str) -> None:
        self._store = store
        self._clock = clock
        self._holder = holder
        self._boot = boot
        self._fence: int | None = None
        self._beaten = 0.0
        self._watched: tuple[int, int, float] | None = None

    @property
    def is_held(self) -> bool:
        """Whether this program surely holds it now; may be asked from any thread."""
        return self._fence is not None and self._clock.steady() - self._beaten < _HELD_SECONDS

    @property
    def is_claimed(self) -> bool:
        """Whether this program took it and has not noticed that it lost it; a write would tell."""
        return self._fence is not None

    @property
    def needs_beat(self) -> bool:
        """Whether a sign of life is due."""
        return self._clock.steady() - self._beaten >= BEAT_SECONDS

    def contend(self) -> bool:
        """Take it where nobody holds it; whether this program holds it now. Raises StateError."""
        if self._fence is not None:
            return True
        if not self._is_free(self._store.read(lease_rows.load, None)):
            return False
        steady = self._clock.steady()
        fence = self._store.transact(lambda connection: self._take(connection, steady))
        if fence is not None:
            self._fence, self._beaten, self._watched = fence, steady, None
        return fence is not None

    def write(self, work: Callable[[sqlite3.Connection], T], *, evaluated_at: float | None = None, is_durable: bool = True) -> T:
        """The result of `work` in one transaction, which is a sign of life too; raises LeaseLostError before `work` is called."""
        fence = self._fence
        if fence is None:
            raise LeaseLostError
        steady, at = self._clock.steady(), self._clock.now()

        def fenced(connection: sqlite3.Connection) -> T:
            if not lease_rows.beat(connection, fence, steady, at, evaluated_at):
                raise LeaseLostError
            return work(connection)

        try:
            result = self._store.transact(fenced, is_durable=is_durable)
        except LeaseLostError:
            self._fence = None
            raise
        self._beaten = max(self._beaten, steady)
        return result

    def give_back(self) -> None:
        """Let another one take over at once; raises StateError."""
        fence, self._fence = self._fence, None
        if fence is not None:
            self._store.transact(lambda connection: lease_rows.give_back(connection, fence), is_durable=False)

    def _take(self, connection: sqlite3.Connection, steady: float) -> int | None:
        if not self._is_free(lease_rows.load(connection)):
            return None
        return lease_rows.take(connection, self._holder, self._boot, steady, self._clock.now())

    def _is_free(self, tenure: Tenure | None) -> bool:
        if tenure is None or not tenure.holder:
            return True
        steady = self._clock.steady()
        if self._watched is None or self._watched[:2] != (tenure.fence, tenure.beat):
            self._watched = tenure.fence, tenure.beat, steady
        watched_seconds = steady - self._watched[2]
        known_seconds = steady - tenure.steady if tenure.boot == self._boot else 0.0
        return max(watched_seconds, known_seconds) >= TAKEN_AFTER_SECONDS
