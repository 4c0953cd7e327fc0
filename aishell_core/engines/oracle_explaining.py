"""The dialogue with an Oracle server about a statement's plan; one statement only, which is not run."""

from __future__ import annotations

from aishell_core.engines.oracle_errors import OracleError
from aishell_core.engines.oracle_lane import Line
from aishell_core.engines.oracle_plan import plan_of
from aishell_core.engines.oracle_running import first_word
from aishell_core.engines.statement_text import TokenKind, tokens
from aishell_core.values import FailureCode, PlanNode

LONGEST_TEXT = 4000
"""So much of a statement the sessions show: one of just this length was cut off."""

_EXPLAIN = "EXPLAIN PLAN SET STATEMENT_ID = 'aishell' INTO plan_table FOR /* aishell */ "
_STEPS = (
    "SELECT /* aishell */ p.id, p.parent_id, p.operation, p.options, p.object_owner, p.object_name, p.cost, p.cardinality, "
    "p.access_predicates, p.filter_predicates FROM plan_table p WHERE p.statement_id = 'aishell' ORDER BY p.id"
)
_EXPLAINED = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE"})
_END_MILLISECONDS = 1000
_READ_ONLY = frozenset({1456, 16000})
_NO_NAME = 942


class Explaining:
    """Asks for plans over a session's slow connection.

    EXPLAIN PLAN writes the steps into PLAN_TABLE, which is each session's own temporary one unless somebody has made
    another. It commits nothing, and is rolled back here, so that no row stays.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def explain(self, sql: str, container: str, seconds: float) -> tuple[PlanNode, ...]:
        """The plan of a statement as seen in a container, "" for the one we are connected to; raises OracleError."""
        text = checked(sql)
        async with self._line.turn(seconds) as until:
            reached = await self._line.connected(until)
            if container and container != reached.facts.container:
                message = f"the statement belongs to {container}, and this connection to {reached.facts.container}"
                raise OracleError(FailureCode.UNSUPPORTED, message, f"connect to a service of {container}")
            # What a placeholder stands for is not known: the plan is that for a text of unknown length.
            binds = dict.fromkeys(reached.wire.names(_EXPLAIN + text))
            try:
                await self._line.execute(_EXPLAIN + text, binds, until)
                rows = await self._line.fetch(_STEPS, {}, until)
            except OracleError as error:
                raise _reasoned(error) from error
            finally:
                if not reached.wire.lost:
                    await self._line.asked(lambda: reached.wire.end(_END_MILLISECONDS, keep=False), until)
        plan = plan_of(rows)
        if not plan:
            raise OracleError(FailureCode.UNSUPPORTED, "the server gives no plan for this statement")
        return plan


def checked(sql: str) -> str:
    """The text to send; raises OracleError that says why there cannot be a plan."""
    text = sql.strip().rstrip(";").rstrip()
    if "\0" in text or "\ufffd" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise OracleError(FailureCode.UNSUPPORTED, "the text holds bytes that could not be read", "give the statement as it was written")
    if len(text) >= LONGEST_TEXT or text.endswith("..."):
        raise OracleError(FailureCode.UNSUPPORTED, "the text was cut off, so it cannot be explained", "take it from where it was written")
    first = first_word(text)
    if not first:
        raise OracleError(FailureCode.UNSUPPORTED, "there is no statement", "give one")
    if first not in _EXPLAINED:
        hint = "only statements that read or write rows have one"
        raise OracleError(FailureCode.UNSUPPORTED, f"{first} has no plan of its own", hint)
    if any(piece.text == ";" for piece in tokens(text) if piece.kind not in {TokenKind.COMMENT, TokenKind.LITERAL}):
        raise OracleError(
            FailureCode.UNSUPPORTED, "this is more than one statement, and only one can be explained", "explain them one by one"
        )
    return text


def _reasoned(error: OracleError) -> OracleError:
    """The error with what it means for a plan; others as they are."""
    if error.number in _READ_ONLY:
        message = "a plan cannot be had here: EXPLAIN PLAN writes, and the database is open for reading only"
        return OracleError(FailureCode.UNSUPPORTED, message, "explain it on the primary", error.number)
    if error.number == _NO_NAME:
        hint = "write the schema before the names of its tables, or connect as a user who may read them"
        return OracleError(FailureCode.MISSING, error.message, hint, error.number)
    return error
