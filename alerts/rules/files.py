"""Finding and reading files of rules: single ones and folders of them, within limits.

Others call `find_rule_files` and `read_rule_files`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aishell_core.documents.document import leads_out_of, read_document
from aishell_core.documents.problems import InvalidConfigError, Problem
from alerts.rules.book import BrokenRule
from alerts.rules.sections import Section, section_of

SUFFIXES = (".yaml", ".yml")
MOST_FILES = 500
_HINT = "write rules: in the first line, and - name: and condition: below it"


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """A file of rules or a folder of them, where the configuration names it, and the folder that it must not lie outside of."""

    path: Path
    named_in: str = ""
    line: int = 0
    confined_to: Path | None = None


def find_rule_files(entries: Iterable[RuleFiles]) -> tuple[tuple[RuleFiles, ...], tuple[BrokenRule, ...]]:
    """The single files of all entries, each once, those of a folder by their names; and what of it cannot be used.

    Of a folder that is every file in it that ends in .yaml or .yml and is not hidden, without those of folders in it.
    """
    found: dict[str, RuleFiles] = {}
    broken: list[BrokenRule] = []
    for entry in entries:
        try:
            inside = _inside(entry)
        except OSError as error:
            broken.append(_broken(entry, f"{entry.path} cannot be read: {error.strerror or error}", "check the path and its mode"))
            continue
        if len(inside) > MOST_FILES:
            broken.append(_broken(entry, f"{entry.path} holds more than {MOST_FILES} files of rules", "name a folder of rules alone"))
            continue
        for path in inside:
            single = RuleFiles(path, entry.named_in, entry.line, entry.confined_to)
            if refusal := _refusal(single):
                broken.append(_broken(entry, *refusal))
            else:
                found.setdefault(os.path.realpath(path), single)
    return tuple(found.values()), tuple(broken)


def _inside(entry: RuleFiles) -> list[Path]:
    if not entry.path.is_dir():
        return [entry.path]
    if leads_out_of(entry.path, entry.confined_to):
        return [entry.path]
    return sorted(path for path in entry.path.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".") and not path.is_dir())


def _refusal(entry: RuleFiles) -> tuple[str, str] | None:
    """Why a file is not even opened, and what to do: its lines would be shown in errors, whatever it is."""
    real = Path(os.path.realpath(entry.path))
    if leads_out_of(entry.path, entry.confined_to):
        hint = "a file in the working folder may only name files below it; name this one in your own config.yaml"
        return f"{entry.path} leads out of {entry.confined_to}", hint
    if real.suffix not in SUFFIXES and not os.path.lexists(entry.path):
        return f"there is no file or folder {entry.path}", "check the path, or take it out of the configuration"
    if real.suffix not in SUFFIXES:
        where = f"{entry.path} leads to {real}, which" if entry.path.is_symlink() else str(entry.path)
        return f"{where} is no file of rules: it does not end in {' or '.join(SUFFIXES)}", "give the file of rules such a name"
    return None


def _broken(entry: RuleFiles, what: str, hint: str) -> BrokenRule:
    return BrokenRule(str(entry.path), (Problem(entry.named_in or str(entry.path), what, hint, entry.line),), hides_rules=True)


def read_rule_files(files: Sequence[RuleFiles]) -> tuple[tuple[Section, ...], tuple[BrokenRule, ...]]:
    """The rules of files as they stand there; a file that cannot be read or understood is one broken rule with all its errors."""
    sections: list[Section] = []
    broken: list[BrokenRule] = []
    for file in files:
        try:
            # Nothing but a regular file: a pipe or a device in a folder would be read without end.
            section = section_of(read_document(file.path, only_regular=True, hint=_HINT))
        except InvalidConfigError as error:
            broken.append(BrokenRule(str(file.path), error.problems, hides_rules=True))
            continue
        if isinstance(section, BrokenRule):
            broken.append(section)
        else:
            sections.append(section)
    return tuple(sections), tuple(broken)


def rule_paths(entries: Iterable[RuleFiles]) -> Iterator[Path]:
    """The files that a change can come from, by the entries as they stand now."""
    yield from (file.path for file in find_rule_files(entries)[0])
