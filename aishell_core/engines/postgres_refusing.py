"""What is not done for a plan, because a PostgreSQL statement may do more than its text shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from aishell_core.engines.postgres_behind import Behind, behind_of, may_act_when_planned, may_act_when_run, names_in, told_of
from aishell_core.engines.postgres_behind_sql import PATH, behind_question
from aishell_core.engines.postgres_errors import PostgresConsentError, PostgresError
from aishell_core.engines.postgres_lane import Line
from aishell_core.values import FailureCode

SERVERS_OWN = "SET /* aishell */ LOCAL search_path = DEFAULT; SET /* aishell */ LOCAL standard_conforming_strings = on"
"""A statement is planned as its own sessions would see it, not as we read the server's views; backslashes are what we take them for."""
_CANNOT_TELL = ("42", "0A", "22", "XX")
"""Classes of errors of a server whose catalogs are others or are closed to us."""


async def refuse_to_plan(line: Line, text: str) -> None:
    """Raise PostgresConsentError for a statement whose planning alone may do something."""
    why = await _why(line, text, may_act_when_planned)
    if why:
        message = f"planning this statement may already run what does something: {why}"
        raise PostgresConsentError(FailureCode.UNSUPPORTED, message, "who may write there can have it planned all the same")


async def refuse_to_run(line: Line, text: str) -> None:
    """Raise PostgresError for a statement that may do what no rollback undoes through something that its text does not show."""
    why = await _why(line, text, may_act_when_run)
    if why:
        raise _lasting(f"{why} is not known to change nothing")


def refuse_lasting(text: str) -> None:
    """Raise PostgresError for a statement that may do what no rollback undoes, such as ending sessions or switching the log.

    A read-only transaction lets functions act outside of it; only those that are known to change nothing may run.
    """
    from aishell_core.safety.languages import judge  # it loads a parser, which nobody needs who measures no plan

    risk = judge("postgres", text)
    if not risk.is_read:
        raise _lasting("; ".join(risk.reasons) or "it may change something")


def _lasting(why: str) -> PostgresError:
    message = f"the statement may do what no rollback undoes, so it was not run and nothing has changed: {why}"
    return PostgresError(FailureCode.UNSUPPORTED, message, "its estimated plan can be shown")


async def _why(line: Line, text: str, may_act: Callable[[Behind, frozenset[str]], bool]) -> str:
    """What of all that a statement can lead to may act, in words; "" where nothing does.

    The server's catalogs are asked by its names. Nothing of the statement itself is given to the server before that.
    """
    names = names_in(text, line.encoding)
    if not names.readable:
        return "names in it are written in a way that cannot be looked up"
    try:
        path = await line.fetch_message(PATH)
        found = await line.fetch_message(behind_question(path, names))
    except PostgresError as error:
        if not error.sqlstate.startswith(_CANNOT_TELL):
            raise
        return f"what stands behind it cannot be told ({error.message})"
    await line.execute(SERVERS_OWN)
    return told_of([each for each in behind_of(json.loads(row) for row in found) if may_act(each, _harmless())])


@cache
def _harmless() -> frozenset[str]:
    """The server's own functions that change nothing, by the same lists that judge a statement's text."""
    from aishell_core.safety.language.lists import listed_words
    from aishell_core.safety.language.postgres import RULES

    return listed_words(RULES.functions) | {name for name, risk in RULES.harmful.items() if risk.is_read}
