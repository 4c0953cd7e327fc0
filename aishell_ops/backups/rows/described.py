"""What a manifest tells of the rows in a backup: their tables, and in which part and form those of each are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aishell_core.errors import UsageError
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Manifest, Part
from aishell_ops.backups.rows.fidelity import ColumnFidelity, Fidelity
from aishell_ops.backups.rows.finding import table_named
from aishell_ops.backups.rows.forms import FORMS, ReadTable, own_reader
from aishell_ops.backups.rows.model import Table, table_as_json, table_of_json
from aishell_ops.backups.sheet import plain_name

ROWS = "rows"
"""The annotation in which it stands."""
_PART = re.compile(r"(\d+)-")


@dataclass(frozen=True, slots=True)
class Described:
    """The tables of a backup. With a `form` of their own their rows are in these `files`, one for each table.

    `others` are what no other engine gets. `family` names engines between which declared types mean the same.
    """

    family: str
    tables: tuple[Table, ...]
    form: str = ""
    files: tuple[str, ...] = ()
    others: tuple[ColumnFidelity, ...] = ()

    def wanted(self, names: Sequence[str]) -> tuple[Table, ...]:
        """The tables of these names, all without any; raises UsageError naming the nearest."""
        if not names:
            return self.tables
        return tuple(dict.fromkeys(table_named(name, self.tables) for name in names))

    def number_of(self, part: Part, manifest: Manifest) -> int | None:
        """The table whose rows are in a part, by its number; None for a part without rows. Raises DamagedError."""
        if self.form:
            name = plain_name(part, manifest.compression)
            return self.files.index(name) if name in self.files else None
        found = _PART.match(part.name)
        if found is None:
            raise DamagedError(f"the part {part.name} is not of a table", "restore another backup")
        return int(found[1])

    def reader(self, manifest: Manifest) -> ReadTable:
        """What reads the rows of a table; raises DamagedError for a form that nobody knows."""
        return own_reader(self.form) if self.form else FORMS[manifest.format].reader


def description(
    family: str, tables: Sequence[Table], form: str = "", files: Sequence[str] = (), others: Sequence[tuple[str, str, str]] = ()
) -> str:
    """The text of the annotation; `others` are the name, the sort and the reason of what no other engine gets."""
    own = {"form": form, "files": list(files), "others": [list(each) for each in others]} if form else {}
    return json.dumps({"family": family, "tables": [table_as_json(table) for table in tables], **own})


def is_described(manifest: Manifest) -> bool:
    """Whether a backup tells of its rows, so that other engines can take it."""
    return ROWS in dict(manifest.annotations)


def described(manifest: Manifest) -> Described:
    """What a manifest tells; raises DamagedError where that cannot be read, UsageError where it tells nothing."""
    text = dict(manifest.annotations).get(ROWS)
    if text is None:
        raise UsageError(f"backup {manifest.id} does not tell what its tables are", "restore one that was saved with --format json")
    try:
        given = json.loads(text)
        return Described(
            str(given["family"]),
            tuple(table_of_json(table) for table in given["tables"]),
            str(given.get("form", "")),
            tuple(map(str, given.get("files", ()))),
            tuple(ColumnFidelity(name, sort, sort, "", Fidelity.CANNOT, why) for name, sort, why in given.get("others", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"backup {manifest.id} does not tell what its tables are", "restore another one") from error
