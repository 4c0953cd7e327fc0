"""SQLite's SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from aishell_core.safety.language.lists import listed_words
from aishell_core.safety.language.sql_judge import judge_sql
from aishell_core.safety.language.sql_redaction import redacted_sql
from aishell_core.safety.language.sql_rules import (
    ADMIN,
    COMMON,
    CRITICAL,
    HIGH,
    MEDIUM,
    READ,
    READING,
    SCHEMA,
    WRITE,
    Routines,
    SqlRules,
    phrases,
)
from aishell_core.safety.language.sql_words import Kind, Lexis, UnreadableError, scan
from aishell_core.safety.risk import Risk, risk_of
from aishell_core.values import Value

_PHRASES = {
    **COMMON,
    **phrases(
        ("CREATE VIRTUAL TABLE | CREATE TABLE USING", HIGH, SCHEMA, "creates a table that a module of code stands behind"),
        ("ATTACH | DETACH", HIGH, ADMIN, "opens or makes another file"),
        ("VACUUM", MEDIUM, WRITE, "writes the whole file anew, and locks it meanwhile"),
        ("VACUUM INTO", HIGH, ADMIN, "writes a copy of the database into another file"),
        ("REINDEX | ANALYZE", MEDIUM, WRITE, "maintenance: reads and writes whole tables"),
        ("PRAGMA", HIGH, ADMIN, "a PRAGMA that sets something, or that is not known to be harmless"),
    ),
}
_HARMFUL = {
    name: risk
    for names, risk in (
        ("load_extension", Risk(CRITICAL, (ADMIN,), ("load_extension() runs code from a file",))),
        ("fts3_tokenizer", Risk(CRITICAL, (ADMIN,), ("fts3_tokenizer() can be made to run code",))),
        ("writefile edit readfile lsdir fsdir", Risk(HIGH, (ADMIN,), ("reads or writes files",))),
        ("randomblob zeroblob printf format", Risk(MEDIUM, (READ,), ("can take as much memory as it is told",))),
    )
    for name in names.split()
}
_READING_PRAGMAS = frozenset(
    {
        *("collation_list", "compile_options", "data_version", "database_list", "encoding", "freelist_count", "function_list"),
        *("module_list", "page_count", "page_size", "pragma_list", "schema_version", "table_list", "user_version", "application_id"),
        *("journal_mode", "synchronous", "cache_size", "foreign_keys", "auto_vacuum", "busy_timeout", "mmap_size", "query_only"),
    }
)
"""Pragmas that only tell when nothing is given to them."""
_LOOKING_PRAGMAS = frozenset(
    {
        *("foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check", "quick_check"),
        *("table_info", "table_xinfo", "table_list"),
    }
)
"""Pragmas whose argument only says what to look at."""
_WHOLE_FILE = {"integrity_check", "quick_check", "foreign_key_check"}

RULES = SqlRules(
    dialect="sqlite",
    lexis=Lexis(letters="xX", backticks=True, brackets=True, numbered_colons=True),
    functions=("sqlite_functions.txt",),
    phrases=_PHRASES,
    harmful=_HARMFUL,
    explain_runs=False,
    numbers_are_truths=True,
    quoted_may_be_text=True,
    routines=Routines.TRIGGERS,
    system_names=("sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"),
)


_FORMATS = listed_words(("sqlite_formats.txt",))
_RULES_OF_SHORT_FORMATS = replace(
    RULES,
    functions=("sqlite_functions.txt", "sqlite_formats.txt"),
    harmful={name: risk for name, risk in _HARMFUL.items() if name not in _FORMATS},
)
_LONG_FORMAT = re.compile(r"\*|\d{4}")
"""A width that is an argument, or one of thousands."""


def judge(command: str, _parameters: Sequence[Value] = (), _database: str = "") -> Risk:
    """The risk of a statement for SQLite; bound parameters are values and change nothing of it. Never raises."""
    return _pragma(command) or judge_sql(command, _RULES_OF_SHORT_FORMATS if _formats_are_short(command) else RULES)


def _formats_are_short(command: str) -> bool:
    """Whether every printf() has its format written out, without a width that could fill the memory."""
    try:
        pieces = [piece for piece in scan(command, RULES.lexis) if piece.kind is not Kind.COMMENT]
    except UnreadableError:
        return False
    for place, piece in enumerate(pieces):
        if piece.name.lower() in _FORMATS and [each.text for each in pieces[place + 1 : place + 2]] == ["("]:
            arguments = pieces[place + 2 : place + 4]
            written = len(arguments) == 2 and arguments[0].kind is Kind.TEXT and arguments[1].text in {",", ")"}
            if not written or _LONG_FORMAT.search(arguments[0].text):
                return False
    return True


def redacted(command: str, literal_hash: Callable[[str], str], _parameters: Sequence[Value] = ()) -> str | None:
    """The statement without comments, with its literals and its quoted names hashed: SQLite takes some of those for texts."""
    return redacted_sql(command, RULES, literal_hash)


def _pragma(command: str) -> Risk | None:
    """The risk of a PRAGMA that only tells something; None for everything else."""
    try:
        pieces = [piece for piece in scan(command, RULES.lexis) if piece.kind is not Kind.COMMENT]
    except UnreadableError:
        return None
    texts = [piece.text for piece in pieces]
    if texts and texts[-1] == ";":
        texts.pop()
    if not texts or texts[0].upper() != "PRAGMA":
        return None
    rest = texts[3:] if texts[2:3] == ["."] else texts[1:]
    name, argument = rest[0].lower() if rest else "", rest[1:]
    looks = name in _LOOKING_PRAGMAS and (not argument or (argument[0] == "(" and len(argument) == 3 and argument[-1] == ")"))
    if looks or (name in _READING_PRAGMAS and not argument):
        return risk_of(MEDIUM, READ, "reads the whole file") if name in _WHOLE_FILE else READING
    return None
