"""Panes as files: CSV and JSON from a table's cells, written to a temporary name and renamed."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aishell_core.errors import StateError
from aishell_core.folders import make_private_folders

_FONT_FACE = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)

CellValue = str | float | int | None


@dataclass(frozen=True, slots=True)
class PaneData:
    """What a pane shows as plain data: a title, column names with units, and rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[CellValue, ...], ...]


def to_csv(pane: PaneData) -> str:
    """RFC 4180 text with a header line.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, since database text is untrusted.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(pane.columns)
    for row in pane.rows:
        writer.writerow([_harmless(value) for value in row])
    return out.getvalue()


def _harmless(value: CellValue) -> CellValue:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def to_json(pane: PaneData, at: float) -> str:
    """An object with the title, the moment and one object per row."""
    rows = [dict(zip(pane.columns, row, strict=True)) for row in pane.rows]
    return (
        json.dumps({"title": pane.title, "generated_at": timestamp(at), "rows": rows}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def offline_svg(svg: str) -> str:
    """A screenshot that fetches nothing from the internet when it is opened: the viewer's own monospaced font is used."""
    return _FONT_FACE.sub("", svg).replace("Fira Code, monospace", "monospace")


def timestamp(at: float) -> str:
    """An epoch second as 2026-01-31T14:02:31Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_file(folder: Path, name: str, suffix: str, text: str) -> Path:
    """Write a new private file and return its path; raises StateError when the folder cannot be written."""
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name).strip("-.") or "pane"
    path = folder / f"{safe}.{suffix}"
    try:
        make_private_folders(folder)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{safe}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}", "choose another folder with AISHELL_HOME, or make room") from error
    return path
