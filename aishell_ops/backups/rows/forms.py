"""The forms in which rows are written and read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Format
from aishell_ops.backups.rows.csv_form import CsvReader, CsvWriter
from aishell_ops.backups.rows.form import RowReader, RowWriter
from aishell_ops.backups.rows.json_form import JsonReader, JsonWriter
from aishell_ops.backups.rows.model import Table
from aishell_ops.backups.rows.sql_form import SqlReader, SqlWriter

ReadTable = Callable[[Table], RowReader]


@dataclass(frozen=True, slots=True)
class Form:
    """How the files of a form end, and what writes and reads one."""

    suffix: str
    writer: Callable[[Table], RowWriter]
    reader: ReadTable


FORMS: Mapping[Format, Form] = {
    Format.JSON: Form("jsonl", JsonWriter, JsonReader),
    # Of an engine whose own programs save no rows of a moment.
    Format.NATIVE: Form("jsonl", JsonWriter, JsonReader),
    Format.CSV: Form("csv", CsvWriter, CsvReader),
    Format.SQL: Form("sql", SqlWriter, SqlReader),
}
_OWN = {"documents": ("aishell_ops.backups.rows.engines.mongodb_reading", "DocumentReader")}
"""What reads forms of an engine's own, by the word for it in the manifest; loaded when such a backup is restored."""


def own_reader(form: str) -> ReadTable:
    """What reads the rows of a form that an engine has for itself; raises DamagedError for one that nobody knows."""
    if form not in _OWN:
        raise DamagedError(f"the rows are saved as {form}, which this version cannot read", "use a later version of aishell")
    module, name = _OWN[form]
    reader: ReadTable = getattr(import_module(module), name)
    return reader
