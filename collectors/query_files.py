"""The statements of an engine, one per file, chosen by the server's version."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

TAG = "/* aishell */"


@dataclass(frozen=True, slots=True)
class QueryFile:
    """One statement: its name, the first server version that it fits, and its text."""

    name: str
    since: int
    text: str


class QueryFiles:
    """The statements in a folder: `NAME/VERSION.sql`, where VERSION is the first server version that the text fits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cache  # noqa: B019 - one object per engine, made at import
    def all(self) -> tuple[QueryFile, ...]:
        """Every statement, by name and version."""
        files = sorted(self._folder.glob("*/*.sql"), key=lambda file: (file.parent.name, int(file.stem)))
        return tuple(QueryFile(file.parent.name, int(file.stem), file.read_text(encoding="utf-8")) for file in files)

    @cache  # noqa: B019
    def text(self, name: str, version: int) -> str:
        """The newest text of a statement that fits a server version; raises LookupError where none does."""
        fitting = [each for each in self.all() if each.name == name and each.since <= version]
        if not fitting:
            raise LookupError(f"no statement {name} for server version {version}")
        return fitting[-1].text
