"""The exact GRANT that lifts a refusal of a PostgreSQL server, which names what it refuses without its schema and arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aishell_core.engines.postgres_behind import qualifiers
from aishell_core.engines.postgres_errors import PostgresError, ServerError, quoted
from aishell_core.engines.postgres_statement import Outline
from aishell_core.engines.postgres_text import text_literal

if TYPE_CHECKING:
    from aishell_core.engines.postgres_lane import Line

DENIED = "42501"
"""The SQLSTATE of a missing privilege (insufficient_privilege)."""

WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
Ask = Callable[[str], Awaitable[Sequence[str]]]
"""Sends statements of our own in one message and gives the first column of the rows that they bring."""

_REFUSAL = re.compile(
    r"permission denied for (?P<kind>[a-z- ]*?) ?\b(?P<what>function|procedure|aggregate|table|view|sequence|relation) (?P<name>.+)",
    re.DOTALL,
)
_OF_EXTENSION = "pg_stat_statements"
"""What our own questions read outside of pg_catalog."""
_ROUTINES = {"function": "FUNCTION", "aggregate": "FUNCTION", "procedure": "PROCEDURE"}
# pg_monitor is named where our role is none of its members yet.
_ROUTINE = """
SELECT format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS name,
    coalesce(array_position({schemas}, n.nspname::text), 1000) AS rank,
    coalesce(has_function_privilege(m.rolname, p.oid, 'EXECUTE'), false) AS monitor
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_roles m ON m.rolname = 'pg_monitor' AND NOT pg_has_role(current_user, m.oid, 'USAGE')
WHERE p.proname = {name} AND NOT has_function_privilege(p.oid, 'EXECUTE')
"""
_RELATION = """
SELECT format('%I.%I', n.nspname, c.relname) AS name,
    coalesce(array_position({schemas}, n.nspname::text), 1000) AS rank,
    coalesce(has_table_privilege(m.rolname, c.oid, 'SELECT'), false) AS monitor
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_roles m ON m.rolname = 'pg_monitor' AND NOT pg_has_role(current_user, m.oid, 'USAGE')
WHERE c.relname = {name} AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S') AND ({lacks})
"""
_ASKED = "SET /* aishell */ LOCAL search_path = pg_catalog; SELECT /* aishell */ to_json(found)::text FROM ({question}) found"


@dataclass(frozen=True, slots=True)
class Denied:
    """What a server's message refuses: a routine or a relation, by its bare name."""

    kind: str
    name: str

    @property
    def is_routine(self) -> bool:
        """Whether it is called rather than read."""
        return self.kind in _ROUTINES


def denied_of(error: PostgresError) -> Denied | None:
    """What an error refuses; None where it is no such refusal, names nothing of this kind, or is written in another language."""
    if error.sqlstate != DENIED:
        return None
    said = error.__cause__.message if isinstance(error.__cause__, ServerError) else error.message
    found = _REFUSAL.search(said)
    return Denied(found["what"], found["name"]) if found is not None else None


def rights_for(seen: Outline) -> tuple[str, ...]:
    """What a statement needs of the relations that it names: locking rows takes the right to change them."""
    if seen.first in WRITING:
        return ("SELECT", *(("INSERT", "UPDATE", "DELETE") if seen.first == "MERGE" else (seen.first,)))
    locks = any(pair in {("FOR", "UPDATE"), ("FOR", "SHARE"), ("KEY", "UPDATE"), ("KEY", "SHARE")} for pair in pairwise(seen.words))
    return ("SELECT", "UPDATE") if locks else ("SELECT",)


async def path_of(line: Line, text: str) -> tuple[str, ...]:
    """The schemas in which a statement's names are looked up: those that it names itself first. Raises PostgresError."""
    own = await line.fetch_message(
        "SET /* aishell */ LOCAL search_path = DEFAULT; SELECT pg_catalog.unnest(pg_catalog.current_schemas(true))"
    )
    return tuple(dict.fromkeys((*qualifiers(text), *own)))


async def grant_of(error: PostgresError, ask: Ask, user: str, schemas: Iterable[str] = (), rights: Sequence[str] = ("SELECT",)) -> str:
    """The statement that lifts a refusal, "" where it cannot be told; raises PostgresError.

    `schemas` in the order in which the refused statement's names are looked up; `rights` are those that a relation is
    asked for. The role of monitors is named where being one of its members would do.
    """
    denied = denied_of(error)
    if denied is None:
        return ""
    found = [json.loads(row) for row in await ask(_question(denied, list(schemas) or ["pg_catalog"], rights))]
    if not found:
        return ""
    first = min(int(each["rank"]) for each in found)
    return _grant(denied, [each for each in found if int(each["rank"]) == first], quoted(user), rights)


def catalog_grant(error: PostgresError, user: str) -> str:
    """The statement that lifts the refusal of a question of our own, which looks into pg_catalog alone, "" where none can be told.

    For servers whose catalogs are closed to the role, so that nobody can look up arguments or what pg_monitor would bring.
    """
    denied = denied_of(error)
    if denied is None or denied.name.startswith(_OF_EXTENSION):
        return ""
    right = f"EXECUTE ON {_ROUTINES[denied.kind]}" if denied.is_routine else "SELECT ON"
    return f"GRANT {right} pg_catalog.{denied.name} TO {quoted(user)};"


def _question(denied: Denied, schemas: Sequence[str], rights: Sequence[str]) -> str:
    written = {
        "schemas": "ARRAY[" + ", ".join(map(text_literal, schemas)) + "]::text[]",
        "name": text_literal(denied.name),
        "lacks": " OR ".join(f"NOT has_table_privilege(c.oid, '{right}')" for right in rights),
    }
    return _ASKED.format(question=(_ROUTINE if denied.is_routine else _RELATION).format(**written))


def _grant(denied: Denied, found: Sequence[Mapping[str, Any]], role: str, rights: Sequence[str]) -> str:
    if all(each["monitor"] for each in found) and tuple(rights) == ("SELECT",):
        return f"GRANT pg_monitor TO {role};"
    names = ", ".join(sorted(str(each["name"]) for each in found))
    if denied.is_routine:
        return f"GRANT EXECUTE ON {_ROUTINES[denied.kind]} {names} TO {role};"
    return f"GRANT {', '.join(rights)} ON {names} TO {role};"
