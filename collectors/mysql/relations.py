"""Reading tables and indexes from InnoDB's dictionary, seldom enough that it costs the server little, and opening no table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.mysql import Row, ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, Part, Relation, Sample
from collectors.budget import Budget
from collectors.mysql.auto_increment_rows import auto_increment_samples
from collectors.mysql.relations_dictionary import IndexPart, Lists, Table, TableName, tables_of
from collectors.mysql.relations_indexes import may_repeat
from collectors.mysql.relations_rows import relations_of
from collectors.mysql.slow_questions import Found, SlowQuestions, grant
from collectors.mysql.warm_rows import ServerState
from collectors.pieces import Piece

MOST_TABLES = 2000
"""Tables that are listed with all their indexes, the largest. With more, InnoDB's own estimates are left alone: that loads every table."""

_REST_AFTER_READING = 40.0
"""Read again no sooner than so many times as long as it took: 2.5 % of the time at most."""

_LEAST_REST_SECONDS = 10.0
_MOST_LOOKS = 20
"""Tables whose indexes are looked at closely in one reading, because by their names some may repeat others."""

_STATISTICS, _TABLE_STATISTICS = "mysql.innodb_index_stats", "mysql.innodb_table_stats"
_USES = "performance_schema.table_io_waits_summary_by_index_usage"


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, when (steady seconds, and begun at epoch seconds), and how long that took."""

    relations: tuple[Relation, ...]
    failures: tuple[Failure, ...]
    at: float
    read_at: float
    seconds: float


@dataclass(slots=True)
class _Asked:
    """The lists of one reading as they come in."""

    questions: SlowQuestions
    server: ServerFacts
    budget: Budget
    clock: Clock
    failures: list[Failure] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)

    async def rows(self, name: str, *parameters: object, hint: str = "", told: bool = True) -> tuple[Row, ...] | None:
        """The rows of a statement, None where it failed; the failure is kept unless it is not `told`."""
        found = await self.found(name, *parameters, hint=hint)
        if told:
            self.failures += found.failures
        return found.rows

    async def found(self, name: str, *parameters: object, hint: str = "") -> Found:
        """All that a statement brought."""
        found = await self.questions.ask(
            self.server, name, Part.RELATIONS, self.budget, parameters, seconds=self.budget.at_least(0.0), hint=hint
        )
        self.cost += found.cost
        return found


class RelationsReader:
    """Reads tables and indexes; one reader serves both tiers, so that what one of them has read the other need not."""

    def __init__(self, clock: Clock, most_tables: int = MOST_TABLES) -> None:
        self._clock = clock
        self._most_tables = most_tables
        self._known: _Known | None = None
        self._lock = asyncio.Lock()
        self._parts: dict[tuple[int, ...], Mapping[str, tuple[IndexPart, ...]]] = {}

    async def read(self, questions: SlowQuestions, server: ServerFacts, budget: Budget, *, state: ServerState) -> Piece:
        """Tables and indexes as they are, or as they were a short while ago; raises TargetError."""
        async with self._lock:
            known = self._known
            if known is not None:
                rest = max(_LEAST_REST_SECONDS, _REST_AFTER_READING * known.seconds)
                if self._clock.steady() - known.at < rest:
                    return Piece((), (("relations", known.relations),), known.failures, earlier=((Part.RELATIONS, known.read_at),))
            return await self._read(_Asked(questions, server, budget, self._clock), state)

    async def auto_increments(self, questions: SlowQuestions, server: ServerFacts, budget: Budget) -> Piece:
        """How full the numbers of AUTO_INCREMENT columns are; raises TargetError."""
        asked = _Asked(questions, server, budget, self._clock)
        locked = await _in_the_way(asked)
        if locked is not None:
            return Piece((), (), (replace(locked, part="auto-increment"),), asked.cost)
        lists, known = await self._dictionary(asked, numbers_alone=True)
        samples: tuple[Sample, ...] = ()
        if known > self._most_tables:
            message = f"the next numbers of {known:,} tables are not read, because that loads every table"
            asked.failures.append(Failure(Part.RELATIONS, FailureCode.UNSUPPORTED, message, "", self._clock.now()))
        elif lists is not None and lists.figures:
            samples = auto_increment_samples(await asyncio.to_thread(tables_of, lists))
        return Piece(samples, (), tuple(replace(each, part="auto-increment") for each in asked.failures), asked.cost)

    async def _read(self, asked: _Asked, state: ServerState) -> Piece:
        began, read_at = self._clock.steady(), self._clock.now()
        locked = await _in_the_way(asked)
        if locked is not None:
            return await self._by_files(asked, locked)
        lists, known = await self._dictionary(asked)
        if lists is None:
            return Piece((), (), tuple(asked.failures), asked.cost)
        # Thousands of rows take tens of milliseconds to look through: in a thread, so that keys need not wait for it.
        tables = await asyncio.to_thread(tables_of, lists)
        names = tuple({table.key for table in tables})
        lists = replace(
            lists,
            foreign_keys=await asked.rows("foreign_keys") or (),
            pages=await self._pages(asked, tables),
            uses=await self._uses(asked, names, userstat=state.userstat),
            parts=await self._looked_at(asked, tables),
        )
        few = known <= self._most_tables and not state.counts_when_asked
        others = await asked.rows("other_tables", self._most_tables) if few else ()
        tables = await asyncio.to_thread(tables_of, lists)
        relations = await asyncio.to_thread(relations_of, tables, others or (), asked.server.started_at)
        failures = (*asked.failures, *self._limits(known, len(tables)))
        self._known = _Known(relations, failures, self._clock.steady(), read_at, self._clock.steady() - began)
        return Piece((), (("relations", relations),), failures, asked.cost)

    async def _by_files(self, asked: _Asked, locked: Failure) -> Piece:
        """What can be known while InnoDB's lists would wait for a lock: the tables as they were before, else their files alone."""
        if self._known is not None:
            return Piece((), (), (locked, *asked.failures), asked.cost)
        spaces = await asked.rows("tablespaces", self._most_tables) or ()
        # The numbers of tables are in the lists that cannot be read: those of their files stand for them, and are no table's.
        tables = tables_of(Lists(spaces, [{**row, "id": -int(row["space"]), "row_format": ""} for row in spaces]))
        relations = await asyncio.to_thread(relations_of, tables, (), asked.server.started_at)
        return Piece((), (("relations", relations),), (locked, *asked.failures), asked.cost)

    async def _dictionary(self, asked: _Asked, *, numbers_alone: bool = False) -> tuple[Lists | None, int]:
        """InnoDB's own lists of tables, figures, indexes and columns, and how many files of tables there are.

        With `numbers_alone` only of tables that have given numbers by AUTO_INCREMENT.
        """
        spaces = await asked.rows("tablespaces", self._most_tables)
        if spaces is None:
            return None, 0
        known = int(spaces[0]["known"]) if spaces else 0
        if numbers_alone and known > self._most_tables:
            return None, known
        # No table has the number -1: a list must not be empty.
        tables = await asked.rows("tables", _listed(row["space"] for row in spaces))
        if tables is None:
            return None, known
        ids = _listed(row["id"] for row in tables)
        figures = await asked.rows("table_figures", ids) if known <= self._most_tables else ()
        if not numbers_alone:
            figures = await _with_kept(asked, tables, figures or ())
        counting = _listed(row["id"] for row in figures or () if row["next_number"] and row["next_number"] > 1)
        indexes = await asked.rows("indexes", counting if numbers_alone else ids) or ()
        fields = await asked.rows("index_fields", _listed(row["id"] for row in indexes)) or ()
        numbers = await asked.rows("whole_numbers", counting) or ()
        return Lists(spaces, tables, figures or (), indexes, fields, numbers=numbers), known

    async def _pages(self, asked: _Asked, tables: Sequence[Table]) -> tuple[Row, ...]:
        names = _named(table.key for table in tables)
        return await asked.rows("index_pages", names, hint=grant(asked.server, "SELECT", _STATISTICS)) or ()

    async def _uses(self, asked: _Asked, names: Sequence[TableName], *, userstat: bool) -> tuple[Row, ...] | None:
        """How often indexes were used: by the performance schema, else by the statistics of users; None where neither counts."""
        if asked.server.performance_schema:
            return await asked.rows("index_uses", _named(names), hint=grant(asked.server, "SELECT", _USES))
        return await asked.rows("index_reads") if userstat else None

    async def _looked_at(self, asked: _Asked, tables: Sequence[Table]) -> Mapping[TableName, Mapping[str, tuple[IndexPart, ...]]]:
        """The parts of indexes of tables where some may repeat others; a dictionary's index never changes, so they are kept."""
        found: dict[TableName, Mapping[str, tuple[IndexPart, ...]]] = {}
        kept: dict[tuple[int, ...], Mapping[str, tuple[IndexPart, ...]]] = {}
        looks = hidden = 0
        for table in tables:
            if not may_repeat(table):
                continue
            ids = tuple(index.id for index in table.indexes)
            parts = self._parts.get(ids)
            if parts is None and looks < _MOST_LOOKS:
                looks += 1
                parts = _parts_of(await asked.rows("index_parts", table.schema, table.name) or ())
            if parts:
                found[table.key] = kept[ids] = parts
            elif parts is not None:
                hidden += 1
        self._parts = kept
        if hidden:
            message = f"whether indexes of {hidden} tables repeat others is not known: their parts are shown to who has any right on them"
            hint = grant(asked.server, "REFERENCES")
            asked.failures.append(Failure(Part.RELATIONS, FailureCode.PRIVILEGE, message, hint, self._clock.now()))
        return found

    def _limits(self, known: int, listed: int) -> tuple[Failure, ...]:
        """What is left out, and why."""
        if known <= self._most_tables:
            return ()
        message = f"these are the {listed:,} largest of {known:,} tables; their rows are those of the last time they were analyzed"
        return (Failure(Part.RELATIONS, FailureCode.UNSUPPORTED, message, "", self._clock.now()),)


async def _in_the_way(asked: _Asked) -> Failure | None:
    """Why InnoDB's lists of tables are not asked for now: MySQL takes a lock on each table for them, and so would wait for it."""
    rows = await asked.rows("table_in_the_way", told=False)
    if not rows:
        return None
    name = f"{rows[0]['schema_name']}.{rows[0]['name']}"
    message = f"a session has {name} for itself alone, or waits for that: rows and indexes of tables are read once that is over"
    return Failure(Part.RELATIONS, FailureCode.UNSUPPORTED, message, "the Sessions screen shows who waits for whom", asked.clock.now())


async def _with_kept(asked: _Asked, tables: Sequence[Row], figures: Sequence[Row]) -> tuple[Row, ...]:
    """The figures, with rows and pages as the server has them kept for tables that InnoDB has not in its memory."""
    known = {row["id"]: row for row in figures}
    ids = {
        (str(row["schema_name"]), f"{row['name']}{row['piece']}"): row["id"]
        for row in tables
        if not known.get(row["id"], {}).get("counted")
    }
    if not ids:
        return tuple(figures)
    kept = await asked.rows("table_statistics", _named(ids), hint=grant(asked.server, "SELECT", _TABLE_STATISTICS)) or ()
    for row in kept:
        number = ids.get((str(row["schema_name"]), str(row["name"])))
        if number is not None:
            known[number] = {"next_number": None, **known.get(number, {}), **row, "id": number, "counted": 1}
    return tuple(known.values())


def _listed(numbers: Iterable[Any]) -> tuple[int, ...]:
    found = tuple(int(each) for each in numbers)
    return found or (-1,)


def _named(names: Iterable[TableName]) -> tuple[TableName, ...]:
    found = tuple(names)
    return found or (("", ""),)


def _parts_of(rows: Sequence[Row]) -> Mapping[str, tuple[IndexPart, ...]]:
    found: dict[str, list[IndexPart]] = {}
    for row in rows:
        prefix = "" if row["prefix"] is None else f"{row['prefix']}"
        # An expression has no column: it is like no other part.
        name = str(row["name"]) if row["name"] is not None else f"({row['index_name']} {row['position']})"
        found.setdefault(str(row["index_name"]), []).append(IndexPart(name, prefix, str(row["direction"] or "A")))
    return {name: tuple(parts) for name, parts in found.items()}
