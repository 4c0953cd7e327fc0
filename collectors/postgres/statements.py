"""Reading counted statements: figures often, each text once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aishell_core.clock import Clock
from aishell_core.engines.postgres import Lane, PostgresSession, Row, ServerFacts
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, FailureCode, Part, Statement
from collectors.postgres.hints import forget_unreadable, unreadable, unreadable_databases
from collectors.postgres.hot_questions import is_refusal
from collectors.postgres.slow_questions import QUERIES, Budget
from collectors.postgres.statements_place import StatementPlace, asks_files, missing, place_of
from collectors.postgres.statements_rows import Entry, EntryNames, Meaning, statements_of

MOST_STATEMENTS = 10_000
"""So many are read, those that took most time: twice what a server counts unless it is told to count more."""

_PLACE_SECONDS = 25.0
_NAMES_SECONDS = 60.0
_REFUSED_SECONDS = 300.0
_NO_TEXTS = "the server cannot give the texts of its statements; those that were seen running have theirs"
_UNCONVERTIBLE = frozenset({"22021", "22P05"})
_TEXTS_REST = 20.0
"""Texts are asked for again no sooner than so many times as long as that took: a server reads all of them for any of them."""


@dataclass(frozen=True, slots=True)
class StatementsLook:
    """The statements of one moment; None where the server counts none that we can read, or a reading has not `ended` yet."""

    statements: tuple[Statement, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    ended: bool = True


class StatementsReader:
    """Reads pg_stat_statements on the slow connection, and keeps texts, names and what was not called since."""

    def __init__(self, session: PostgresSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self.place: StatementPlace | None = None
        self.names = EntryNames()
        self._place_until = 0.0
        self._started_at: float | None = None
        self._names_until = 0.0
        self._texts_after = 0.0
        self._roles: dict[str, str] = {}
        self._databases: dict[str, str] = {}
        self._encodings: dict[str, str] = {}
        self._texts: dict[int, str] = {}
        self._seen: dict[int, str] = {}
        self._texts_refused: Failure | None = None
        self._before: dict[Entry, Statement] = {}
        self._cost = Cost()

    @property
    def may_count(self) -> bool:
        """Whether the server counts statements, as far as is known; False before it was asked."""
        return self.place is not None and self.place.counts

    def forget_refusals(self) -> None:
        """Look again where statements are counted, and ask again for texts that were refused."""
        self._place_until = self._texts_after = 0.0

    async def read(self, budget: Budget) -> StatementsLook:
        """The statements; raises TargetError."""
        self._cost = Cost()
        server = await self._session.facts(Lane.SLOW, budget.left)
        place = await self._placed(server, budget)
        if not place.counts:
            return StatementsLook(None, self._shortfall(place, server), self._cost)
        try:
            rows = await self._ask(place.call(QUERIES.text("statements", place.columns_of)), budget, (MOST_STATEMENTS,))
        except TargetError as error:
            self._place_until = 0.0
            if error.reason is not FailureCode.PRIVILEGE:
                raise
            refused = error.failure(Part.STATEMENTS, self._clock.now())
            self.place = None
            return StatementsLook(None, (refused,), self._cost)
        if rows:
            # As of these very rows: what a role sees changes with a GRANT, and then they are others, and not counted anew.
            place = self.place = replace(place, sees_all=bool(rows[0]["sees_all"]))
        failures = self._shortfall(place, server)
        await self._learn(server, place, rows, budget)
        texts = self._texts if self._texts_refused is None else {**self._seen, **self._texts}
        meaning = Meaning(self._roles, self._databases, texts, place.block_bytes, place.io_timed)
        self._before = statements_of(rows, meaning, self.names, self._before)
        self.names.keep({str(entry[0]) for entry in self._before})
        failures += (self._texts_refused,) if self._texts_refused is not None else ()
        return StatementsLook(tuple(self._before.values()), failures, self._cost)

    def _shortfall(self, place: StatementPlace, server: ServerFacts) -> tuple[Failure, ...]:
        """Why statements are not counted, or not all of them are seen."""
        failure = missing(place, server, self._clock.now())
        return (failure,) if failure is not None else ()

    async def _placed(self, server: ServerFacts, budget: Budget) -> StatementPlace:
        """Where statements are counted, asked anew from time to time and after a restart: somebody may install what is missing."""
        now = self._clock.steady()
        if self.place is None or now >= self._place_until or server.started_at != self._started_at:
            self._started_at = server.started_at
            (row,) = await self._ask(QUERIES.text("statement_place", server.version_num), budget)
            files = await self._ask(QUERIES.text("statement_libraries", server.version_num), budget) if asks_files(row) else ()
            self.place, self._place_until = place_of(row, next(iter(files), None)), now + _PLACE_SECONDS
        return self.place

    async def _learn(self, server: ServerFacts, place: StatementPlace, rows: tuple[Row, ...], budget: Budget) -> None:
        """Ask for the names and texts that are not known yet, and forget those that are not needed any more."""
        now = self._clock.steady()
        counted = {row["queryid"] for row in rows if row["queryid"] is not None}
        strange = any(row["dbid"] not in self._databases or row["userid"] not in self._roles for row in rows)
        if strange and now >= self._names_until:
            self._names_until = now + _NAMES_SECONDS
            found = await self._ask(QUERIES.text("statement_names", server.version_num), budget)
            self._databases = {row["id"]: row["name"] for row in found if row["is_database"]}
            self._encodings = {row["id"]: row["encoding"] for row in found if row["is_database"]}
            self._roles = {row["id"]: row["name"] for row in found if not row["is_database"]}
        for gone in self._texts.keys() - counted:
            del self._texts[gone]
        for gone in self._seen.keys() - counted:
            del self._seen[gone]
        unknown = list(counted - self._texts.keys())
        if unknown and now >= self._texts_after:
            counting = {database: self._encodings.get(database, "") for database in sorted({row["dbid"] for row in rows})}
            sql = place.call(QUERIES.text("statement_texts", server.version_num))
            await self._learn_texts(sql, unknown, counting, place.schema, server.database, budget)

    async def _learn_texts(
        self, sql: str, unknown: list[int], counting: Mapping[str, str], schema: str, database: str, budget: Budget
    ) -> None:
        """Ask for texts.

        The server converts all texts into its database's encoding, and a single one that cannot be converted makes it
        refuse all of them, whatever is asked for. `counting` has the encodings of the databases with statements.
        """
        began = self._clock.steady()
        try:
            rows = await self._ask(sql, budget, (unknown,))
        except TargetError as error:
            if not is_refusal(error):
                raise
            self._texts_after = self._clock.steady() + _REFUSED_SECONDS
            hint, why = forget_unreadable(str(error), counting, schema), str(error)
            if getattr(error, "sqlstate", "") in _UNCONVERTIBLE:
                whose = [self._databases.get(each, each) for each in unreadable_databases(why, counting)]
                why = unreadable(why, whose, database)
            self._texts_refused = replace(error.failure(Part.STATEMENTS, self._clock.now()), message=f"{_NO_TEXTS}: {why}", hint=hint)
            return
        self._texts_refused = None
        for row in rows:
            self._texts[row["queryid"]] = _text_of(row)
        self._texts_after = self._clock.steady() + _TEXTS_REST * (self._clock.steady() - began)

    def suggest(self, identifier: str, text: str) -> None:
        """Note the text of a statement that was seen running, for want of the one that the server keeps."""
        if self._texts_refused is not None and identifier.lstrip("-").isdigit() and text:
            self._seen.setdefault(int(identifier), text)

    async def _ask(self, sql: str, budget: Budget, parameters: tuple[object, ...] = ()) -> tuple[Row, ...]:
        answer = await self._session.query(sql, parameters, lane=Lane.SLOW, deadline_seconds=budget.left)
        self._cost += answer.cost
        return answer.rows


def _text_of(row: Row) -> str:
    if row["query"] is not None:
        return str(row["query"])
    return bytes(row["long_query"]).decode("utf-8", "ignore") if row["long_query"] is not None else ""
