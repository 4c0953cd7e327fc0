"""The dialogue with a PostgreSQL server about a statement's plan; one statement only, and nothing is left of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_explain import plans_of
from aishell_core.engines.postgres_grants import DENIED, WRITING, path_of, rights_for
from aishell_core.engines.postgres_lane import Line, patience_milliseconds
from aishell_core.engines.postgres_refusing import SERVERS_OWN, refuse_lasting, refuse_to_plan, refuse_to_run
from aishell_core.engines.postgres_statement import BLANK, Outline, grammatical, has_backslash_in_literal, is_plain, outline
from aishell_core.values import FailureCode, PlanNode

if TYPE_CHECKING:
    from aishell_core.engines.postgres_route import Reached

_GENERIC_SINCE = 160000
_PREPARED = "aishell_plan"
_HIDDEN = "<insufficient privilege>"
_PLANNED = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "WITH", "TABLE", "CREATE", "DECLARE"}
_READING = {"SELECT", "VALUES", "WITH", "TABLE"}
_UNREADABLE = re.compile("[\0\ufffd\ud800-\udfff]")
_CUT_OFF = "raise track_activity_query_size (needs a restart), or take the text from pg_stat_statements, which keeps all of it"


class Explaining:
    """Asks for plans over a session's slow connection."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def explain(self, sql: str, database: str, seconds: float, *, consent: bool = False) -> tuple[PlanNode, ...]:
        """The plan of a statement, which is not run; raises PostgresError, and PostgresConsentError as the session says."""
        text, seen = checked(sql, self._line.where().role)
        async with self._at(database, seconds) as (reached, until):
            _refuse_other_backslashes(reached, text)
            try:
                async with self._transaction(reached, until):
                    if consent:
                        self._refuse_pooler()
                    else:
                        await refuse_to_plan(self._line, text)
                    return await self._estimated(text, seen, reached)
            except PostgresError as error:
                raise await self._reasoned(error, text, seen, database) from error
            finally:
                if consent:
                    self._line.drop()

    async def _estimated(self, text: str, seen: Outline, reached: Reached) -> tuple[PlanNode, ...]:
        if not self._line.transactions:
            return await self._estimated_at_once(text, seen, reached)
        if not seen.parameters:
            return await self._plan(f"EXPLAIN /* aishell */ (FORMAT JSON) {text}")
        if reached.facts.version_num >= _GENERIC_SINCE:
            return await self._generic(grammatical(text))
        return await self._prepared(grammatical(text), seen.parameters)

    async def _estimated_at_once(self, text: str, seen: Outline, reached: Reached) -> tuple[PlanNode, ...]:
        """The plan through a pooler without transactions: one message is a transaction by itself, and so read-only."""
        if not is_plain(text):
            raise _without_transactions("a text with a backslash, or of several statements, may be read otherwise than it is judged")
        if seen.parameters and reached.facts.version_num < _GENERIC_SINCE:
            raise _without_transactions("a statement with parameters cannot be prepared and forgotten again")
        options = "GENERIC_PLAN, FORMAT JSON" if seen.parameters else "FORMAT JSON"
        asked = f"EXPLAIN /* aishell */ ({options}) {grammatical(text)}"
        lines = await self._line.fetch_message(f"SET /* aishell */ LOCAL transaction_read_only = on; {SERVERS_OWN}; {asked}")
        return plans_of(_read("\n".join(lines)))

    async def _reasoned(self, error: PostgresError, text: str, seen: Outline, database: str, *, measured: bool = False) -> PostgresError:
        """The error with what it means for a plan, and the GRANT for the very thing that the statement's names lead to."""
        if error.sqlstate != DENIED:
            return reasoned(error, seen, measured=measured)
        schemas: Sequence[str] = ()
        with suppress(PostgresError):
            schemas = await path_of(self._line, text)
        exact = await self._line.mend(error, schemas, rights_for(seen))
        found = reasoned(error, seen, exact=exact, measured=measured)
        if database and database != self._line.database and found.hint:
            found.hint += f" -- in database {quoted(database)}"
        return found

    def _refuse_pooler(self) -> None:
        """Raise PostgresError through a pooler: what a function leaves in a connection would stay there for other clients."""
        if self._line.pooled:
            message = "what its functions leave in a connection would meet other clients of the pooler, so its plan is not asked for"
            raise PostgresError(FailureCode.UNSUPPORTED, message, "connect to the server itself")

    async def check_measuring(self, sql: str, database: str, seconds: float) -> None:
        """Raise the PostgresError with which `explain_analyze` would not run a statement; nothing of it is run here."""
        text, seen = self._runnable(sql)
        async with self._at(database, seconds) as (reached, until):
            _refuse_other_backslashes(reached, text)
            try:
                async with self._transaction(reached, until, must=True):
                    await refuse_to_run(self._line, text)
            except PostgresError as error:
                raise await self._reasoned(error, text, seen, database, measured=True) from error

    def _runnable(self, sql: str) -> tuple[str, Outline]:
        """The text to run and its outline; raises PostgresError for one that shows by itself that it must not be run."""
        text, seen = checked(sql, self._line.where().role)
        if seen.parameters:
            message = f"the values of its {_count(seen.parameters, 'parameter')} are not known, so it cannot be run"
            raise PostgresError(FailureCode.UNSUPPORTED, message, "its estimated plan can be shown; write the values in to measure it")
        if seen.first not in _READING or "INTO" in seen.words:
            # A read-only transaction lets EXPLAIN ANALYZE fill a table, which only its end undoes.
            raise _writes()
        refuse_lasting(text)
        return text, seen

    async def explain_analyze(self, sql: str, database: str, seconds: float) -> tuple[PlanNode, ...]:
        """The plan with what its steps took; the statement is run read-only and rolled back. Raises PostgresError."""
        text, seen = self._runnable(sql)
        async with self._at(database, seconds) as (reached, until):
            _refuse_other_backslashes(reached, text)
            try:
                async with self._transaction(reached, until, must=True):
                    await refuse_to_run(self._line, text)
                    return await self._plan(f"EXPLAIN /* aishell */ (ANALYZE, BUFFERS, FORMAT JSON) {text}")
            except PostgresError as error:
                raise await self._reasoned(error, text, seen, database, measured=True) from error
            finally:
                # A function may have left something in the connection that no rollback undoes, such as a session's lock.
                self._line.drop()

    @asynccontextmanager
    async def _at(self, database: str, seconds: float) -> AsyncIterator[tuple[Reached, float]]:
        """The connection to a database for one call: there are never more than two, so the slow one makes room for it."""
        async with self._line.turn(seconds) as until:
            reached = await self._line.connected(until)
            if not database or database == reached.facts.database:
                yield reached, until
                return
            await self._line.leave()
            try:
                yield await self._line.connected(until, database), until
            finally:
                await self._line.leave()

    @asynccontextmanager
    async def _transaction(self, reached: Reached, until: float, *, must: bool = False) -> AsyncIterator[None]:
        milliseconds = patience_milliseconds(until - asyncio.get_running_loop().time())
        if not await self._line.begun(milliseconds, SERVERS_OWN):
            if must:
                raise _without_transactions("a statement cannot be run without a risk")
            await self._line.connected(until, reached.facts.database)
            yield
            return
        try:
            encoding = _encoding(reached)
            if encoding:
                await self._line.execute(f"SET LOCAL client_encoding = '{encoding}'")
            yield
        finally:
            await self._line.roll_back()

    async def _plan(self, sql: str) -> tuple[PlanNode, ...]:
        rows = await self._line.fetch_once(sql)
        (value,) = rows[0].values() if rows else (None,)
        return plans_of(_read(value))

    async def _generic(self, text: str) -> tuple[PlanNode, ...]:
        """The plan for any values, as servers since 16 tell it."""
        lines = await self._line.fetch_unbound(f"EXPLAIN /* aishell */ (GENERIC_PLAN, FORMAT JSON) {text}")
        return plans_of(_read("\n".join(lines)))

    async def _prepared(self, text: str, parameters: int) -> tuple[PlanNode, ...]:
        """The plan of a prepared statement for any values, which is what servers before 16 have."""
        await self._line.fetch_once(f"PREPARE {_PREPARED} /* aishell */ AS {text}")
        await self._line.execute("SAVEPOINT /* aishell */ aishell; SET /* aishell */ LOCAL plan_cache_mode = force_generic_plan")
        values = ", ".join(["NULL"] * parameters)
        try:
            return await self._plan(f"EXPLAIN /* aishell */ (FORMAT JSON) EXECUTE {_PREPARED}({values})")
        finally:
            # A prepared statement outlives its transaction.
            await self._line.execute(f"ROLLBACK /* aishell */ TO aishell; DEALLOCATE /* aishell */ {_PREPARED}")


def _encoding(reached: Reached) -> str:
    """What is to be set for the text to get there in UTF-8 and the plan to come back; "" when it is so already."""
    if reached.facts.encoding == "SQL_ASCII":
        # Such a database takes any bytes, and could not send back those that are no UTF-8.
        return "" if reached.connection.raw else "SQL_ASCII"
    return "UTF8" if reached.connection.raw else ""


def _refuse_other_backslashes(reached: Reached, text: str) -> None:
    """Raise PostgresError where a backslash in the text means an escape to the server's sessions, and to us a sign like others."""
    if reached.connection.parameter("standard_conforming_strings") == "off" and has_backslash_in_literal(text):
        message = "standard_conforming_strings is off, so its backslashes are escapes for its own sessions and would be none here"
        raise PostgresError(FailureCode.UNSUPPORTED, message, "write the literal as E'…', which is read the same everywhere")


def _read(value: object) -> list[Any]:
    """The server's JSON; raises PostgresError for anything else."""
    with suppress(ValueError, RecursionError):
        plans = json.loads(value) if isinstance(value, str) else value
        if isinstance(plans, list) and plans and all(isinstance(plan, Mapping) for plan in plans):
            return plans
    raise PostgresError(FailureCode.UNSUPPORTED, "the server gives no plan for this statement", "it may be a utility statement")


def checked(sql: str, role: str) -> tuple[str, Outline]:
    """The text to send and its outline; raises PostgresError that says why there cannot be a plan. `role` as it is written."""
    text = sql.strip(BLANK).rstrip(";" + BLANK)
    if text == _HIDDEN:
        raise PostgresError(
            FailureCode.PRIVILEGE,
            "the text of other roles' statements is hidden from this role",
            f"GRANT pg_read_all_stats TO {role};",
        )
    if _UNREADABLE.search(text):
        raise PostgresError(FailureCode.UNSUPPORTED, "the text holds bytes that could not be read", "give the statement as it was written")
    seen = outline(text)
    if seen.cut_off:
        raise _cut_off()
    if not seen.first:
        raise PostgresError(FailureCode.UNSUPPORTED, "there is no statement", "")
    if seen.first not in _PLANNED or (seen.first == "CREATE" and not _makes_table(seen)):
        hint = (
            "give the statement inside it"
            if seen.first in {"EXPLAIN", "PREPARE", "COPY"}
            else "only statements that read or write rows have one"
        )
        raise PostgresError(FailureCode.UNSUPPORTED, f"{seen.first} has no plan of its own", hint)
    return text, seen


def _makes_table(seen: Outline) -> bool:
    return "AS" in seen.words and bool({"TABLE", "MATERIALIZED"} & set(seen.words[:6]))


def _cut_off() -> PostgresError:
    return PostgresError(FailureCode.UNSUPPORTED, "the text was cut off, so it cannot be explained", _CUT_OFF)


def _writes(sqlstate: str = "") -> PostgresError:
    message = "the statement writes, so it was not run and nothing has changed"
    return PostgresError(FailureCode.UNSUPPORTED, message, "its estimated plan can be shown", sqlstate)


def _without_transactions(what: str) -> PostgresError:
    return PostgresError(FailureCode.UNSUPPORTED, f"the pooler allows no transactions, so {what}", "connect to the server itself")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def reasoned(error: PostgresError, seen: Outline, *, exact: str = "", measured: bool = False) -> PostgresError:
    """The error with what it means for a plan, `exact` being the GRANT that lifts a refusal; others as they are."""

    def said(reason: FailureCode, message: str, hint: str) -> PostgresError:
        return PostgresError(reason, message, hint, error.sqlstate)

    state, words = error.sqlstate, error.message
    if state == "42601" and "multiple commands" in words:
        return said(FailureCode.UNSUPPORTED, "this is more than one statement, and only one can be explained", "explain them one by one")
    if state == "42601" and ("end of input" in words or "unterminated" in words):
        return _cut_off()
    if state == "42601":
        hint = "constants that the server has replaced may stand where no parameter is allowed" if seen.parameters else ""
        return said(FailureCode.UNSUPPORTED, words, hint)
    if seen.parameters and (state in {"42P18", "42P08", "42725", "42804"} or "operator does not exist" in words):
        return said(
            FailureCode.UNSUPPORTED, f"the type of a parameter cannot be told: {words}", "write the values in, or cast the parameters"
        )
    if state == "25006":
        return _writes(state)
    if state == "57014":
        what = "it ran" if measured else "planning it took"
        return said(
            FailureCode.TIMEOUT, f"{what} longer than its deadline and was stopped", "its estimated plan can be shown" if measured else ""
        )
    if state in {"42P01", "3F000", "42883"}:
        return said(
            FailureCode.MISSING,
            words,
            "it may be in another schema or a temporary table: write the schema, or set the search_path of the role",
        )
    if state == DENIED:
        role = error.hint.rpartition(" TO ")[2].rstrip(";")
        if seen.first in WRITING:
            why = "a write is planned only for who may write, and our own connections stay read-only"
            return said(FailureCode.PRIVILEGE, words, f"{exact or f'GRANT pg_read_all_data, pg_write_all_data TO {role};'} {why}")
        if exact and "SELECT ON" not in exact and " ON SCHEMA " not in exact:
            return said(FailureCode.PRIVILEGE, words, exact)
        return said(FailureCode.PRIVILEGE, words, f"{exact}{' or ' if exact else ''}GRANT pg_read_all_data TO {role};")
    return error
