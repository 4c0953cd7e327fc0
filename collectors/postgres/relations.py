"""Reading tables and indexes of the connected database, seldom enough that it costs the server little."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aishell_core.clock import Clock
from aishell_core.engines.postgres import Row, ServerFacts
from aishell_core.units import format_count
from aishell_core.values import Cost, Failure, FailureCode, Part, Relation
from collectors.postgres.hints import dead_rows_unknown
from collectors.postgres.pieces import Piece
from collectors.postgres.relations_invalid import invalid_indexes_of
from collectors.postgres.relations_rows import LEAST_PAGES, relations_of
from collectors.postgres.slow_questions import Budget, Found, SlowQuestions, quoted

MOST_TABLES = 2000
"""Tables that are listed with all their indexes, the largest."""

_REST_AFTER_READING = 40.0
"""Read again no sooner than so many times as long as it took: 2.5 % of the time at most."""

_LEAST_REST_SECONDS = 10.0
_SOON_AGAIN_SECONDS = 60.0
"""After what time the warm tier tries again what took longer than it has."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, when (steady and epoch seconds), and how long that took."""

    relations: tuple[Relation, ...]
    failures: tuple[Failure, ...]
    at: float
    read_at: float
    seconds: float


class RelationsReader:
    """Reads tables and indexes; one reader serves both tiers, so that what one of them has read the other need not."""

    def __init__(self, clock: Clock, most_tables: int = MOST_TABLES) -> None:
        self._clock = clock
        self._most_tables = most_tables
        self._known: _Known | None = None
        self._soon_after = 0.0
        self._lock = asyncio.Lock()

    async def read_soon(self, questions: SlowQuestions, server: ServerFacts, budget: Budget) -> Piece:
        """As `read`, in the little time of the warm tier; nothing where that is not enough and left to who has more. Raises TargetError."""
        if self._lock.locked() or self._clock.steady() < self._soon_after:
            return Piece()
        piece = await self.read(questions, server, budget)
        if all(failure.code is not FailureCode.TIMEOUT for failure in piece.failures):
            return piece
        # Both tiers ask on one connection, and with very many tables each of them also measures all files of the database.
        self._known, self._soon_after = None, self._clock.steady() + _SOON_AGAIN_SECONDS
        return Piece(cost=piece.cost)

    async def read(self, questions: SlowQuestions, server: ServerFacts, budget: Budget, *, keeps: bool = True) -> Piece:
        """Tables and indexes as they are, or as they were a short while ago; raises TargetError.

        Where nobody looks at them nothing is kept of them (`keeps`).
        """
        async with self._lock:
            known = self._known
            if known is not None:
                rest = max(_LEAST_REST_SECONDS, _REST_AFTER_READING * known.seconds)
                if self._clock.steady() - known.at < rest:
                    return Piece((), (("relations", known.relations),), known.failures, earlier=((Part.RELATIONS, known.read_at),))
            return await self._read(questions, server, budget, keeps=keeps)

    async def _read(self, questions: SlowQuestions, server: ServerFacts, budget: Budget, *, keeps: bool) -> Piece:
        began, read_at = self._clock.steady(), self._clock.now()

        async def ask(name: str, *parameters: object) -> Found:
            return await questions.ask(server, name, Part.RELATIONS, budget, parameters, budget.left)

        tables, measured = await ask("tables", self._most_tables, True), True
        if _locked(tables):
            # Somebody locked a table between our look at the locks and the measuring: sizes of the last vacuum will do.
            tables, measured = await ask("tables", self._most_tables, False), False
        if tables.rows is None:
            return tables.piece()
        ids = [row["id"] for row in tables.rows]
        indexes = await ask("indexes", ids, measured)
        if _locked(indexes):
            indexes = await ask("indexes", ids, False)
        others = await ask("invalid_indexes", ids)
        columns = await ask("columns", [row["id"] for row in tables.rows if row["pages"] >= LEAST_PAGES])
        cost = sum((each.cost for each in (tables, indexes, others, columns)), Cost())
        if indexes.rows is None:
            return Piece((), (), indexes.failures, cost)
        # Thousands of rows take tens of milliseconds to look through: in a thread, so that keys need not wait for it.
        relations = await asyncio.to_thread(relations_of, tables.rows, indexes.rows, columns.rows or ())
        relations += invalid_indexes_of(others.rows or ())
        failures = (*others.failures, *columns.failures, *self._limits(tables.rows, columns, server))
        if keeps:
            self._known = _Known(relations, failures, self._clock.steady(), read_at, self._clock.steady() - began)
        return Piece((), (("relations", relations),), failures, cost)

    def _limits(self, tables: tuple[Row, ...], columns: Found, server: ServerFacts) -> tuple[Failure, ...]:
        """What is left out, and why."""
        at = self._clock.now()
        found = [dead_rows_unknown(at)] if any(not row["counts_rows"] for row in tables) else []
        known = int(tables[0]["known"]) if tables else 0
        if known > len(tables):
            message = f"these are the {len(tables):,} largest of {known:,} tables, as of their last vacuum or analyze"
            found.append(Failure(Part.RELATIONS, FailureCode.UNSUPPORTED, message, "", at))
        unread = _unreadable(columns.rows or ())
        if unread:
            whose = "1 table: its" if unread == 1 else f"{format_count(unread)} tables: their"
            message = f"no bloat is estimated for {whose} statistics may be seen only by who may read the rows"
            hint = f"GRANT pg_read_all_data TO {quoted(server.user)};"
            found.append(Failure("bloat", FailureCode.PRIVILEGE, message, hint, at))
        return tuple(found)


def _locked(found: Found) -> bool:
    return any(failure.code is FailureCode.LOCKED for failure in found.failures)


def _unreadable(rows: tuple[Row, ...]) -> int:
    """How many tables there are whose statistics the role may not see; a table may also have none yet."""
    return sum(1 for row in rows if not row["readable"])
