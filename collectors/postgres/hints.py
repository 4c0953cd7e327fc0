"""The statements that would mend what cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from aishell_core.values import Failure, FailureCode
from collectors.postgres.slow_questions import monitor_grant, quoted

__all__ = [
    "CREATE_EXTENSION",
    "dead_rows_unknown",
    "forget_unreadable",
    "libraries_of",
    "monitor_grant",
    "preload_statement",
    "quoted",
    "quoted_text",
    "unreadable",
    "unreadable_databases",
]

CREATE_EXTENSION = "CREATE EXTENSION pg_stat_statements;"


_CONVERTING = re.compile(r"(?:invalid byte sequence|character with byte sequence) .*")
_OF_ENCODING = re.compile(r'encoding "(\w+)"')


def forget_unreadable(message: str, encodings: Mapping[str, str], schema: str) -> str:
    """The statement that makes pg_stat_statements forget what it cannot convert, and as little else as it can tell apart.

    `encodings` of the databases with statements, by object id. Bytes of any kind come from databases that check none; a
    text without an equivalent comes from one with the encoding that the message names first.
    """
    function = "pg_stat_statements_reset" if schema == "public" else f"{quoted(schema)}.pg_stat_statements_reset"
    found = [database for database in unreadable_databases(message, encodings) if database.isdecimal()]
    if not found:
        return f"SELECT {function}(); forgets the statement that cannot be converted, and all others with it"
    return " ".join(f"SELECT {function}(0, {database}, 0);" for database in found) + " -- forgets all that is counted there"


def unreadable_databases(message: str, encodings: Mapping[str, str]) -> tuple[str, ...]:
    """The object ids of the databases that a text which cannot be converted may be from."""
    named = _OF_ENCODING.search(message)
    wanted = named[1] if named is not None and "no equivalent" in message else "SQL_ASCII"
    return tuple(database for database, encoding in encodings.items() if encoding == wanted)


def unreadable(message: str, names: Sequence[str], database: str) -> str:
    """Why there are no texts, from the server's words, what the databases are called that it may be about, and where it was asked."""
    whose = f"of database {' or '.join(names)}" if names else "of another database"
    said = _CONVERTING.search(message)
    return f"a text {whose} cannot be written in the encoding of {database}" + (f" ({said[0]})" if said is not None else "")


def dead_rows_unknown(at: float) -> Failure:
    """Why a standby has no figures of what vacuum has to do: they are counted where rows are changed, and not replicated."""
    message = "a standby does not know how many rows are dead, when tables were vacuumed, or what transactions are prepared"
    return Failure("dead_rows", FailureCode.UNSUPPORTED, message, "watch the primary as a target too: it counts them", at)


def quoted_text(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def preload_statement(library: str, loaded: Sequence[str] | None) -> str:
    """What makes the server load a library at its next start besides those that it loads already; None are not known.

    Each name is a literal of its own: one literal with all of them would be taken for one library's name.
    """
    if loaded is None:
        return f"add {library} to shared_preload_libraries"
    names = ", ".join(quoted_text(name) for name in (*loaded, library))
    return f"ALTER SYSTEM SET shared_preload_libraries = {names};"


def libraries_of(setting: str | None) -> tuple[str, ...] | None:
    """The names in a value of shared_preload_libraries; None for an unknown value."""
    if setting is None:
        return None
    names = (name.strip() for name in setting.split(","))
    return tuple(_unquoted(name) for name in names if name)


def _unquoted(name: str) -> str:
    return json.loads(name) if name.startswith('"') and name.endswith('"') and len(name) > 1 and "\\" not in name else name
