"""What an account may do, read from its own SHOW GRANTS; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_GRANT = re.compile(r"^GRANT (?P<rights>.+?) ON (?P<place>\*\.\*|`(?:[^`]|``)*`\.(?:\*|`(?:[^`]|``)*`)) TO ", re.DOTALL)
_COLUMNS = re.compile(r"\([^)]*\)")
ALL = "ALL PRIVILEGES"


def rights_on(grants: Iterable[str], database: str, table: str = "") -> frozenset[str]:
    """The rights that lines of SHOW GRANTS give on all of a database, or on one of its tables; in capitals."""
    found: set[str] = set()
    for line in grants:
        said = _GRANT.match(line)
        if said is None or not _covers(said["place"], database, table):
            continue
        # A right on some columns is none on the table.
        found |= {one.strip().upper() for one in _COLUMNS.sub("()", said["rights"]).split(",") if "()" not in one}
    return frozenset(found)


def lacking(rights: frozenset[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of the wanted rights that are not among them."""
    return () if ALL in rights else tuple(one for one in wanted if one not in rights)


def _covers(place: str, database: str, table: str) -> bool:
    if place == "*.*":
        return True
    name, rest = _name(place)
    if rest == ".*":
        return _pattern(name).fullmatch(database) is not None
    return bool(table) and name == database and _name(rest[1:])[0] == table


def _name(text: str) -> tuple[str, str]:
    """The name in backticks that a text begins with, and what follows."""
    found = re.match(r"`((?:[^`]|``)*)`", text)
    return (found[1].replace("``", "`"), text[found.end() :]) if found is not None else ("", text)


def _pattern(name: str) -> re.Pattern[str]:
    """A database in a grant is a pattern: % and _ stand for others unless they are escaped."""
    pieces = re.findall(r"\\.|.", name, re.DOTALL)
    signs = {"%": ".*", "_": "."}
    return re.compile("".join(signs.get(piece) or re.escape(piece[-1]) for piece in pieces), re.DOTALL)
