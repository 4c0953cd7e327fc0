"""What the engines of SQL have in common and where they differ, as data: phrases, functions, lexis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from aishell_core.safety.language.lists import listed_words
from aishell_core.safety.language.sql_words import Lexis
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel, risk_of


class Routines(Enum):
    """Where the code stands that a statement stores to run later."""

    UNREAD = auto()
    """In a language that is not read here, so that it may do anything."""
    BLOCKS = auto()
    """Events, triggers and routines end with a statement or a block of them."""
    TRIGGERS = auto()
    """Triggers alone have code: statements between BEGIN and END."""
    TEXTS = auto()
    """Routines have it as a text, triggers call a routine."""


@dataclass(frozen=True, slots=True)
class SqlRules:
    """An engine's own part. `dialect` is sqlglot's word for it.

    `functions` is the file of the functions that change nothing; `harmful` says what others do. `phrases` are the
    words with which a statement begins, the longest that fits counts. `explain_runs`: EXPLAIN ANALYZE runs the
    statement. `unknown_prefixes`: functions of the engine itself begin so, and one that is not known administers.
    """

    dialect: str
    lexis: Lexis
    functions: tuple[str, ...]
    phrases: Mapping[str, Risk]
    harmful: Mapping[str, Risk] = field(default_factory=dict)
    own_schemas: tuple[str, ...] = ()
    unknown_prefixes: tuple[str, ...] = ()
    explain_runs: bool = True
    analyze_runs: bool = False
    numbers_are_truths: bool = False
    """Whether a number or column alone may stand as a condition."""
    keys_have_lengths: bool = False
    """Whether a column of an index is written as name(10), which calls no function."""
    aimed: frozenset[str] = frozenset()
    """Functions that end or cancel the one session that their first argument names."""
    quoted_may_be_text: bool = False
    """Whether a quoted name is taken for a text where there is no such column."""
    modifiers: frozenset[str] = frozenset()
    """Words behind INSERT, UPDATE, DELETE or REPLACE that change how it waits or what it says, not what it does."""
    rows_are_values: bool = False
    """Whether VALUES at the beginning lists rows, which the parser knows in the place of a table alone."""
    routines: Routines = Routines.UNREAD
    system_schemas: frozenset[str] = frozenset()
    """Schemas of the server itself, in small letters."""
    home: str = ""
    """The schema of the server itself that names without one belong to, in small letters; "" where they belong to another."""
    system_names: tuple[str, ...] = ()
    """What names of the server's own tables begin with."""
    system_views: tuple[str, ...] = ()
    """What names of those begin with through which nothing can be changed."""

    storage_engines: frozenset[str] = frozenset()
    """The engines for tables that keep all of it in the server's own files, in small letters; empty where a table has no choice."""
    external_tables: bool = False
    """Whether a table may be a file, or what a program makes of one (ORGANIZATION EXTERNAL)."""

    def seen_from(self, schema: str) -> SqlRules:
        """The rules for a statement whose names without a schema belong to this one."""
        home = schema.lower() if schema.lower() in self.system_schemas else ""
        return self if home == self.home else replace(self, home=home)


def phrases(*entries: tuple[str, RiskLevel, ActionClass, str]) -> dict[str, Risk]:
    """Risks by the beginnings of statements; an entry may name several, with | between them."""
    return {phrase.strip(): risk_of(level, action, why) for names, level, action, why in entries for phrase in names.split("|")}


NONE, LOW, MEDIUM, HIGH, CRITICAL = RiskLevel
READ, CANCEL, WRITE, TERMINATE, SCHEMA, ADMIN = ActionClass
READING = Risk()

COMMON: Mapping[str, Risk] = {
    **phrases(
        ("CREATE TABLE | CREATE VIEW | CREATE INDEX | CREATE SEQUENCE", MEDIUM, SCHEMA, "changes the schema"),
        ("CREATE", HIGH, ADMIN, "creates something that may run code or give rights"),
        ("CREATE SCHEMA | CREATE DATABASE | CREATE TRIGGER | CREATE FUNCTION | CREATE PROCEDURE", HIGH, SCHEMA, "changes the schema"),
        ("ALTER", HIGH, ADMIN, "alters something that is not known"),
        ("ALTER TABLE | ALTER VIEW | ALTER INDEX | ALTER SEQUENCE", HIGH, SCHEMA, "changes the schema, and waits for locks meanwhile"),
        ("DROP", HIGH, ADMIN, "drops something that is not known"),
        ("DROP INDEX | DROP VIEW | DROP TRIGGER | DROP FUNCTION | DROP PROCEDURE", HIGH, SCHEMA, "drops a part of the schema"),
        ("DROP TABLE | DROP MATERIALIZED VIEW | DROP SEQUENCE", CRITICAL, SCHEMA, "drops data for good"),
        ("DROP DATABASE | DROP SCHEMA", CRITICAL, ADMIN, "drops a whole database or schema for good"),
        ("TRUNCATE", CRITICAL, SCHEMA, "empties a table for good"),
        ("GRANT | REVOKE", HIGH, ADMIN, "changes who may do what"),
        ("CALL | DO | EXECUTE | PREPARE | DEALLOCATE", HIGH, ADMIN, "runs code whose effect nobody can tell from the text"),
        ("SET", MEDIUM, WRITE, "changes a setting of the session"),
        ("SET ROLE | SET SESSION AUTHORIZATION | SET PASSWORD", HIGH, ADMIN, "changes who acts or how one logs in"),
        ("SET GLOBAL | SET PERSIST", HIGH, ADMIN, "changes a setting of the server"),
        (
            "BEGIN | START TRANSACTION | COMMIT | ROLLBACK | SAVEPOINT | RELEASE | END | ABORT",
            MEDIUM,
            WRITE,
            "begins or ends a transaction, and with it the protection of a read-only one",
        ),
        ("LOCK", MEDIUM, WRITE, "locks tables against others"),
        ("COMMENT", LOW, SCHEMA, "changes a description in the schema"),
    ),
}
"""Beginnings of statements that mean the same on several engines."""

PAREN_WORDS = listed_words(("sql_grammar.txt",))
"""Words after which a parenthesis does not call a function."""

READ_FORBIDS = frozenset(
    {
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "REPLACE",
        "DROP",
        "TRUNCATE",
        "ALTER",
        "CREATE",
        "GRANT",
        "REVOKE",
        "CALL",
        "EXECUTE",
        "COPY",
        "INTO",
        "OUTFILE",
        "DUMPFILE",
        "ATTACH",
        "PRAGMA",
        "VACUUM",
        "REINDEX",
        "HANDLER",
        "KILL",
        "NEXTVAL",
        "UPSERT",
        "PROCEDURE",
    }
)
"""Words that do not stand bare in a statement that only reads."""
