"""Which functions may stand behind a PostgreSQL statement, and which of them may do more than look: pure.

Views, policies, domains, casts, operators and indexes call functions that the statement's text does not show. What is
found is all that its names can lead to, whichever of several things of one name the server would take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aishell_core.engines.postgres_statement import Piece, outline, pieces

_NAME_BYTES = 63
"""What the server keeps of a name (NAMEDATALEN - 1)."""
_SIGNS = frozenset("+-*/<>=~!@#%^&|`?")
_LONGEST_RUN = 24
_OPERATORS_OF_WORDS = ("=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*", "~>=~", "~<~", "~<=~", "~>~")
"""Those that IN, BETWEEN, LIKE, ORDER BY and others stand for; a statement needs no sign for them."""
_SHOWN = 3
_BY_NAME = frozenset({"pg_input_is_valid", "pg_input_error_info"})
"""They hold a text against the rules of a type that a literal names."""
_SHIPPED = {"citext": ("internal", "sql"), "isn": ("internal",), "intagg": ("internal",), "lo": ("sql",)}
"""PostgreSQL's own extensions with functions that are not in C and only compute, and the languages of these."""
_KNOWN_WRAPPERS = frozenset({"postgres_fdw", "file_fdw"})


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a statement: all of them, those with a parenthesis behind them, and its operators."""

    all: tuple[str, ...]
    called: tuple[str, ...]
    operators: tuple[str, ...]
    readable: bool = True
    """Whether every name can be read here as the server reads it: one that is written by code points (U&"…") cannot."""


def names_in(sql: str, encoding: str = "UTF8") -> Names:
    """The names of a statement, as the catalogs of a database have them; `encoding` is the database's.

    In another one than UTF-8 the server's locale says how letters beyond ASCII are folded, and names are cut elsewhere.
    """
    names: set[str] = set()
    called: set[str] = set()
    operators = set(_OPERATORS_OF_WORDS)
    readable = not outline(sql).doubtful
    latest: tuple[str, ...] = ()
    for piece in pieces(sql):
        if piece.text == "(":
            called.update(latest)
        latest = tuple(_spellings(piece.text)) if piece.kind in {"WORD", "QUOTED"} else ()
        names.update(latest)
        readable = readable and _is_readable(piece, encoding)
    for run in _runs_of_signs(sql):
        operators.update(_readings(run[:_LONGEST_RUN]))
        readable = readable and len(run) <= _LONGEST_RUN
    return Names(tuple(sorted(names)), tuple(sorted(called)), tuple(sorted(operators)), readable)


def _is_readable(piece: Piece, encoding: str) -> bool:
    if piece.kind == "QUOTED" and not piece.text.startswith('"'):
        return False
    if piece.kind in {"WORD", "QUOTED"}:
        return piece.text.isascii() or encoding == "UTF8"
    return piece.kind != "CUT"


def qualifiers(sql: str) -> tuple[str, ...]:
    """The names that stand before a point: schemas among them."""
    found: dict[str, None] = {}
    latest: tuple[str, ...] = ()
    for piece in pieces(sql):
        if piece.text == ".":
            found.update(dict.fromkeys(latest))
        latest = tuple(_spellings(piece.text)) if piece.kind in {"WORD", "QUOTED"} else ()
    return tuple(found)


def _spellings(written: str) -> Iterator[str]:
    """A name as the catalogs may have it: folded unless it is quoted, and cut to the length that they keep."""
    if written.endswith('"'):
        found = {written[written.index('"') + 1 : -1].replace('""', '"')}
    else:
        found = {written.lower(), re.sub("[A-Z]+", lambda part: part[0].lower(), written)}
    for name in found:
        yield name.encode("utf-8", "replace")[:_NAME_BYTES].decode("utf-8", "ignore")


def _runs_of_signs(sql: str) -> Iterator[str]:
    """The signs of operators that stand side by side."""
    run, end = "", -1
    for piece in pieces(sql):
        if piece.kind != "SIGN" or piece.text not in _SIGNS:
            continue
        if piece.at != end:
            yield run
            run = ""
        run += piece.text
        end = piece.at + 1
    yield run


def _readings(run: str) -> Iterator[str]:
    """Every operator that signs side by side may hold: where one ends depends on which there are."""
    for start in range(len(run)):
        for stop in range(start + 1, len(run) + 1):
            yield run[start:stop]


@dataclass(frozen=True, slots=True)
class Behind:
    """A function, or a foreign table, that a statement can lead to."""

    name: str
    signature: str
    way: str
    """How: `called`, as a `field` of a row, by an `operator` (or what an index or a range needs), by a `cast`, by the rule of
    a `type`, or `foreign`."""
    about: str
    """The view, table or type that leads to it, "" for the statement itself."""
    made: bool
    """Whether somebody made it, and not the server's own installation."""
    volatile: bool
    immutable: bool
    rows: bool
    folds: bool
    language: str
    extension: str
    by_superuser: bool = False
    """Whether a superuser owns it, so that nobody else can have given it another body."""


def behind_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Behind, ...]:
    """What the server has found."""
    return tuple(
        Behind(
            name=str(row["name"]),
            signature=str(row["signature"]),
            way=str(row["way"]),
            about=str(row["about"]),
            made=bool(row["made"]),
            volatile=bool(row["volatile"]),
            immutable=bool(row["immutable"]),
            rows=bool(row["rows"]),
            folds=bool(row["folds"]),
            language=str(row["language"]),
            extension=str(row["extension"]),
            by_superuser=bool(row["by_superuser"]),
        )
        for row in rows
    )


def may_act_when_planned(found: Behind, harmless: frozenset[str]) -> bool:
    """Whether planning alone may run this and so do something.

    The planner calls what is stable or immutable to learn its value, calls operators to look at the statistics, and puts
    the bodies of SQL functions in their place; a literal is held against its type's rule before there is a plan at all
    (https://www.postgresql.org/docs/current/xfunc-volatility.html).
    """
    if found.way == "foreign":
        return found.volatile or found.extension not in _KNOWN_WRAPPERS
    if not found.made:
        runs = found.way == "type" or not (found.volatile or found.rows)
        return runs and not _is_harmless(found, harmless)
    if found.folds or (found.language == "c" and found.extension) or _is_shipped(found):
        return False
    return found.language == "sql" or found.way in {"operator", "type"} or not (found.volatile or found.rows)


def may_act_when_run(found: Behind, harmless: frozenset[str]) -> bool:
    """Whether running a statement may do something through this, in a read-only transaction too."""
    if found.way == "foreign":
        return True
    if not found.made:
        return not _is_harmless(found, harmless)
    trusted = (found.language == "c" and bool(found.extension)) or _is_shipped(found)
    return not (trusted and (found.immutable or (found.way in {"operator", "cast"} and not found.volatile)))


def _is_shipped(found: Behind) -> bool:
    """Whether it came with PostgreSQL's own extensions: they hold nothing that looks at the names of a session's schemas."""
    return found.by_superuser and found.language in _SHIPPED.get(found.extension, ())


def _is_harmless(found: Behind, harmless: frozenset[str]) -> bool:
    """Whether a function of the server itself only looks: those of its operators do, others are listed."""
    return found.way == "operator" or (found.name in harmless and found.name not in _BY_NAME)


def told_of(found: Sequence[Behind]) -> str:
    """The functions in words, the first few of them."""
    words = list(dict.fromkeys(_told(each) for each in found))
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _told(each: Behind) -> str:
    if each.way == "foreign":
        return f"foreign table {each.signature}"
    return f"{each.signature}{f' behind {each.about}' if each.about else ''}"
