"""Oracle's SQL; blocks of PL/SQL are code, whose effect nobody can tell from the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aishell_core.safety.language.sql_judge import judge_sql
from aishell_core.safety.language.sql_redaction import redacted_sql
from aishell_core.safety.language.sql_rules import (
    ADMIN,
    CANCEL,
    COMMON,
    CRITICAL,
    HIGH,
    MEDIUM,
    SCHEMA,
    TERMINATE,
    WRITE,
    SqlRules,
    phrases,
)
from aishell_core.safety.language.sql_words import Lexis
from aishell_core.safety.risk import Risk
from aishell_core.values import Value

_PHRASES = {
    **COMMON,
    **phrases(
        ("BEGIN | DECLARE | EXEC", HIGH, ADMIN, "runs a block of code whose effect nobody can tell from the text"),
        ("ALTER SYSTEM", HIGH, ADMIN, "changes the server"),
        ("ALTER SYSTEM CANCEL SQL", MEDIUM, CANCEL, "cancels a statement"),
        ("ALTER SYSTEM KILL SESSION | ALTER SYSTEM DISCONNECT SESSION", MEDIUM, TERMINATE, "ends a session"),
        ("ALTER SESSION", HIGH, ADMIN, "changes the session, its rights to write too"),
        ("ALTER MATERIALIZED VIEW | ALTER TRIGGER | ALTER TYPE", HIGH, SCHEMA, "changes the schema"),
        ("CREATE MATERIALIZED VIEW | CREATE SYNONYM | CREATE TYPE | CREATE PACKAGE", HIGH, SCHEMA, "changes the schema"),
        ("DROP PACKAGE | DROP TYPE | DROP SYNONYM", HIGH, SCHEMA, "drops a part of the schema"),
        ("DROP TABLESPACE | DROP PLUGGABLE DATABASE | DROP USER", CRITICAL, ADMIN, "drops data for good"),
        ("PURGE", CRITICAL, SCHEMA, "deletes for good what was dropped"),
        ("FLASHBACK", CRITICAL, ADMIN, "takes tables or the database back to an earlier state"),
        ("RENAME", HIGH, SCHEMA, "changes the schema"),
        ("ANALYZE | AUDIT | NOAUDIT | ADMINISTER | ASSOCIATE | DISASSOCIATE", HIGH, ADMIN, "administers the server"),
        ("EXPLAIN PLAN", MEDIUM, WRITE, "writes the plan into a table"),
    ),
}
_HARMFUL = {
    name: risk
    for names, risk in (
        ("sleep", Risk(MEDIUM, (WRITE,), ("holds a connection and does nothing",))),
        ("nextval", Risk(MEDIUM, (WRITE,), ("NEXTVAL moves a sequence, which no rollback undoes",))),
    )
    for name in names.split()
}

RULES = SqlRules(
    dialect="oracle",
    lexis=Lexis(letters="nN", chosen_quotes=True, numbered_colons=True),
    functions=("oracle_functions.txt",),
    phrases=_PHRASES,
    harmful=_HARMFUL,
    unknown_prefixes=("dbms_", "utl_"),
    external_tables=True,
    system_schemas=frozenset({"sys", "system", "audsys", "dvsys", "lbacsys", "xdb", "outln", "dbsnmp"}),
)


def judge(command: str, _parameters: Sequence[Value] = (), database: str = "") -> Risk:
    """The risk of a statement for Oracle; bound parameters are values and change nothing of it. Never raises.

    `database` is the schema that names without one belong to.
    """
    return judge_sql(command, RULES.seen_from(database))


def redacted(command: str, literal_hash: Callable[[str], str], _parameters: Sequence[Value] = ()) -> str | None:
    """The statement without comments, with its literals hashed."""
    return redacted_sql(command, RULES, literal_hash)
