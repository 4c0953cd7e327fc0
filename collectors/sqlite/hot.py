"""The hot tier: everything that is known without a query to the watched database. Blocks; runs in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import psutil

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.birth import born_at
from aishell_core.engines.descriptors import DESCRIPTORS, OpenFile
from aishell_core.engines.file_holders import FILE_HOLDERS, FileHolders, describe, still_holding
from aishell_core.engines.own_program import is_aishell
from aishell_core.engines.sqlite import facts_of
from aishell_core.engines.sqlite_locks import Lock, active_locks, holders, locks_can_be_seen
from aishell_core.engines.sqlite_reading import Look, SqliteReader
from aishell_core.engines.sqlite_states import emptied, notable
from aishell_core.errors import TargetError
from aishell_core.values import Failure, Part, Reading, Sample, Session, Statement, Tier
from collectors.contract import Demand
from collectors.sqlite.clients import Running, lock_waits_of, sessions_of, waits
from collectors.sqlite.counters import CommitCounter, WriteLockClock
from collectors.sqlite.log import LogLook, StatementLogReader
from collectors.sqlite.place import Place
from collectors.sqlite.rows import Totals, log_samples, look_samples, samples_of

_LOG_SECONDS = 0.5
_SCAN_SECONDS = 10.0


class HotTier:
    """Reads headers, locks and the statement log, and remembers what the next reading needs to compare."""

    def __init__(self, place: Place, clock: Clock, processes: FileHolders = FILE_HOLDERS) -> None:
        self._place = place
        self._clock = clock
        self._processes = processes
        self._reader = SqliteReader(place.path)
        self._log = StatementLogReader(place.log, place.path)
        self._commits = CommitCounter()
        self._write_lock = WriteLockClock()
        self._file: OpenFile | None = None
        self._started_at: float | None = None
        self._totals: Totals | None = None
        self._held_something = False

    def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the file cannot be looked at."""
        now = self._clock.now()
        look = _without_watchers(self._reader.settled_look())
        self._recognise(look.file.file, now)
        seen = locks_can_be_seen()
        commits = self._commits.advance(look.file)
        held_seconds = self._write_lock.advance(look.locks, commits, self._clock.steady())
        log, failures = self._look_into_log(now)
        pids = self._pids(look)
        running = _alive(log.running) if log is not None else ()
        samples = (
            *look_samples(look, commits, held_seconds, locks_seen=seen),
            *self._activity(look, pids, running, log, now),
        )
        return Reading(
            self._place.target,
            Tier.HOT,
            now,
            samples,
            facts_of(look.file, self._started_at),
            sessions=self._sessions(look, pids or frozenset(), running, held_seconds, now) if Part.SESSIONS in demand else None,
            lock_waits=lock_waits_of(running, look.locks, held_seconds, now) if Part.LOCKS in demand and seen else None,
            statements=self._statements() if Part.STATEMENTS in demand and log is not None else None,
            failures=(*self._state(look, now), *(failures if Part.STATEMENTS in demand else ())),
            cost=self._reader.take_cost() + self._log.take_cost(),
        )

    def _state(self, look: Look, now: float) -> tuple[Failure, ...]:
        """What is the matter with the content; an empty file is well unless it held something since the watch began."""
        if look.file.header is not None:
            self._held_something = True
        elif look.obstacle is None and self._held_something:
            return (emptied(look.file, now),)
        return notable(look.file, look.obstacle, now)

    def _recognise(self, file: OpenFile, now: float) -> None:
        """Notice that another file lies at the path: its counters are not those of the one before."""
        before, self._file = self._file, file
        if before is not None and before.identity == file.identity:
            return
        DESCRIPTORS.sweep()
        if before is not None:
            self._processes.forget(before.identity)
        self._started_at = born_at(file.descriptor) or now
        self._totals = None

    def _look_into_log(self, now: float) -> tuple[LogLook | None, tuple[Failure, ...]]:
        try:
            return self._log.look(now, _LOG_SECONDS), ()
        except TargetError as error:
            return None, (error.failure(Part.STATEMENTS, now),)

    def _pids(self, look: Look) -> frozenset[int] | None:
        """The processes that hold the file open: those of the last scan that still do, and all that hold a lock."""
        identity = look.file.file.identity
        scanned = self._processes.of(identity, _SCAN_SECONDS)
        if scanned is None:
            return None
        return still_holding(scanned.pids, identity) | holders(look.locks, *Lock)

    def _activity(
        self, look: Look, pids: frozenset[int] | None, running: tuple[Running, ...], log: LogLook | None, now: float
    ) -> tuple[Sample, ...]:
        active = {held.pid for held in look.locks if held.lock in active_locks(look.file.in_wal_mode)}
        active |= {one.pid for one in running if one.state == "running"}
        known = samples_of(
            (
                (catalogue.CONNECTIONS_USED, len(pids) if pids is not None else None),
                (catalogue.SESSIONS_ACTIVE, len(active) if locks_can_be_seen() else None),
            )
        )
        if log is None:
            return known
        before, self._totals = self._totals, log.totals
        return (*known, *log_samples(before, log.totals, running, waits(running, look.locks), now))

    def _sessions(
        self, look: Look, pids: frozenset[int], running: tuple[Running, ...], held_seconds: float, now: float
    ) -> tuple[Session, ...]:
        return sessions_of(describe(sorted(pids)), look.locks, running, wal=look.file.in_wal_mode, write_lock_seconds=held_seconds, now=now)

    def _statements(self) -> tuple[Statement, ...] | None:
        try:
            return self._log.statements(_LOG_SECONDS)
        except TargetError:  # said once already, when the totals were read
            return None


def _without_watchers(look: Look) -> Look:
    """Without the locks of other dashboards, which read for a moment and are no clients."""
    watchers = {pid for pid in holders(look.locks, *Lock) if is_aishell(pid)}
    return replace(look, locks=frozenset(held for held in look.locks if held.pid not in watchers)) if watchers else look


def _alive(running: Iterable[Running]) -> tuple[Running, ...]:
    """Without the statements of processes that ended before they could take them back."""
    return tuple(one for one in running if psutil.pid_exists(one.pid))
