"""The warm and the cold tier: what needs queries or a walk through the file. Blocks; each runs in a thread of its own."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.base import Cell
from aishell_core.engines.file_holders import FILE_HOLDERS, FileHolders, Scan
from aishell_core.engines.sqlite_cache import resident_ratio
from aishell_core.engines.sqlite_locks import locks_can_be_seen
from aishell_core.engines.sqlite_reading import Look, Queries, SqliteReader, Stamp, stamp_of
from aishell_core.engines.sqlite_states import notable
from aishell_core.errors import TargetError
from aishell_core.processes import process_samples
from aishell_core.values import Failure, FailureCode, Part, Reading, Relation, Sample, Setting, Statement, Tier
from collectors.contract import Demand
from collectors.schedule import may_pass
from collectors.sqlite.log import StatementLogReader
from collectors.sqlite.place import Place
from collectors.sqlite.queries import query
from collectors.sqlite.relations import RelationsFound, read_relations
from collectors.sqlite.rows import page_samples, samples_of, settings_of, statement_samples, table_samples

_QUERY_SECONDS = 1.5
_SCAN_SECONDS = 10.0
_UNASKED_BYTES = 256 * 2**20
"""Sizes of tables in a larger file are read only while somebody looks at them: it means to read the whole file."""

_REST_AFTER_MEASURING = 20.0
"""Sizes are read again no sooner than so many times as long as that took: it costs 5 % of the time at most."""

_PRAGMAS = (
    *("page_size", "encoding", "auto_vacuum", "user_version", "application_id"),
    *("synchronous", "cache_size", "mmap_size", "wal_autocheckpoint", "journal_size_limit", "foreign_keys", "secure_delete", "temp_store"),
)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Tables and indexes with their sizes as they were at a state of the file."""

    stamp: Stamp
    found: RelationsFound
    at: float


class SlowTier:
    """Reads what is asked for, part by part: a part that fails is a Failure and the others go on."""

    def __init__(self, place: Place, clock: Clock, tier: Tier, relations_seconds: float, processes: FileHolders = FILE_HOLDERS) -> None:
        self._place = place
        self._clock = clock
        self._tier = tier
        self._relations_seconds = relations_seconds
        self._processes = processes
        self._reader = SqliteReader(place.path)
        self._log = StatementLogReader(place.log, place.path)
        self._measured: _Measured | None = None

    def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the file cannot be looked at."""
        now = self._clock.now()
        look = self._reader.settled_look()
        failures = list(notable(look.file, look.obstacle, now))
        samples: list[Sample] = []
        settings: tuple[Setting, ...] | None = None
        statements: tuple[Statement, ...] | None = None
        relations: tuple[Relation, ...] | None = None
        if self._tier is Tier.WARM:
            samples += self._processes_and_memory(look, demand, now, failures)
            statements = self._statements(now, failures)
            samples += statement_samples(statements or ())
        if look.obstacle is not None:
            failures += [look.obstacle.failure(part, now) for part in (Part.SETTINGS, Part.RELATIONS) if part in demand]
        else:
            samples += self._pages(now, failures) if self._tier is Tier.WARM else ()
            settings = self._settings(look, now, failures) if self._tier is Tier.COLD or Part.SETTINGS in demand else None
            relations = self._relations(look, now, failures) if self._wants_relations(look, demand) else None
            samples += table_samples(relations or ()) if self._tier is Tier.COLD else ()
        return Reading(
            self._place.target,
            self._tier,
            now,
            tuple(samples),
            settings=settings,
            statements=statements,
            relations=relations,
            failures=tuple(failures),
            cost=self._reader.take_cost() + self._log.take_cost(),
        )

    def _wants_relations(self, look: Look, demand: Demand) -> bool:
        if Part.RELATIONS in demand:
            return True
        return self._tier is Tier.COLD and look.file.file.size_bytes <= _UNASKED_BYTES

    def _processes_and_memory(self, look: Look, demand: Demand, now: float, failures: list[Failure]) -> tuple[Sample, ...]:
        found = self._processes.of(look.file.file.identity, _SCAN_SECONDS)
        samples = process_samples(tuple(sorted(found.pids))) if found is not None else ()
        if Part.SESSIONS in demand and (reason := _unseen_holders(look, found, now)) is not None:
            failures.append(reason)
        if Part.LOCKS in demand and not locks_can_be_seen():
            failures.append(Failure(Part.LOCKS, FailureCode.UNSUPPORTED, "who holds a lock is known on 64-bit Linux only", "", now))
        try:
            return (*samples, *samples_of(((catalogue.SQLITE_RESIDENT_RATIO, resident_ratio(look.file.file)),)))
        except TargetError as error:
            failures.append(error.failure("memory", now))
            return samples

    def _statements(self, now: float, failures: list[Failure]) -> tuple[Statement, ...] | None:
        try:
            return self._log.statements(_QUERY_SECONDS)
        except TargetError as error:
            failures.append(error.failure(Part.STATEMENTS, now))
            return None

    def _pages(self, now: float, failures: list[Failure]) -> tuple[Sample, ...]:
        try:
            return page_samples(self._reader.read(lambda queries: queries.rows(query("pragmas")), _QUERY_SECONDS))
        except TargetError as error:
            failures.append(error.failure("pages", now))
            return ()

    def _settings(self, look: Look, now: float, failures: list[Failure]) -> tuple[Setting, ...] | None:
        try:
            pragmas, options = self._reader.read(_pragmas, _QUERY_SECONDS)
        except TargetError as error:
            failures.append(error.failure(Part.SETTINGS, now))
            return None
        return settings_of(look.file, pragmas, options)

    def _relations(self, look: Look, now: float, failures: list[Failure]) -> tuple[Relation, ...] | None:
        stamp, steady, known = stamp_of(look.file), self._clock.steady(), self._measured
        # A lock that came in the way leaves no trace in the file: the same state may be readable by now.
        old = known is None or known.stamp != stamp or may_pass(known.found.failures)
        if known is None or (old and steady - known.at >= _REST_AFTER_MEASURING * known.found.seconds):
            try:
                known = _Measured(stamp, read_relations(self._reader, self._relations_seconds, now), steady)
            except TargetError as error:
                failures.append(error.failure(Part.RELATIONS, now))
                return None
            self._measured = known
        failures += known.found.failures
        return known.found.relations


def _pragmas(queries: Queries) -> tuple[tuple[tuple[str, Cell], ...], tuple[str, ...]]:
    values = tuple((name, rows[0][0]) for name in _PRAGMAS if (rows := queries.rows(f"PRAGMA {name}")))
    return values, tuple(str(row[0]) for row in queries.rows(query("compile_options")))


def _unseen_holders(look: Look, found: Scan | None, at: float) -> Failure | None:
    """Why the list of processes that hold the file open may lack some; None when it is complete."""
    if found is None:
        return Failure(Part.SESSIONS, FailureCode.UNSUPPORTED, "this system does not tell which processes hold a file open", "", at)
    # With a write-ahead log every connection holds a lock, and those can be seen whoever has them.
    if found.hidden == 0 or (look.file.in_wal_mode and locks_can_be_seen()):
        return None
    message = f"{found.hidden} processes of other users cannot be looked into: they may hold the file open too"
    return Failure(Part.SESSIONS, FailureCode.PRIVILEGE, message, "run aishell as the application's user", at)
