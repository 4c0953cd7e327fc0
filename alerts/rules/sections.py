"""What a document has of rules: which of its keys they stand under, and that it has no others."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.documents.document import Document, KeyPath, Plain
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import nearest
from alerts.rules.book import BrokenRule

ALERTS = "alerts"
RULES = "rules"
OVERRIDE = "override"
MAINTENANCE = "maintenance"
FILE_KEYS = (RULES, OVERRIDE, MAINTENANCE, "tests")


@dataclass(frozen=True, slots=True)
class Section:
    """A set of keys of a document that has rules or overrides in it."""

    document: Document
    path: KeyPath = ()

    def part(self, key: str) -> Plain:
        """What stands under a key, None where the key is missing."""
        value = self.document.content
        for step in (*self.path, key):
            if not isinstance(value, dict) or not isinstance(step, str):
                return None
            value = value.get(step)
        return value


def section_of(document: Document) -> Section | BrokenRule:
    """What stands in a file of rules: its keys at the top, or below `alerts:` as in a configuration file."""
    content = document.content
    path: KeyPath = ()
    if isinstance(content, dict) and isinstance(inner := content.get(ALERTS), dict) and len(content) == 1:
        content, path = inner, (ALERTS,)
    if content is None:
        return Section(document)
    if not isinstance(content, dict):
        hint = "write rules: in the first line, and the list below it"
        return BrokenRule(
            document.source, (document.problem((), f"a file of rules has keys, but {kind_of(content)} was found", hint),), hides_rules=True
        )
    problems = tuple(
        document.problem((*path, key), f"a file of rules has no key {key!r}", nearest(key, FILE_KEYS), of_key=True)
        for key in content
        if key not in FILE_KEYS
    )
    return BrokenRule(document.source, problems, hides_rules=True) if problems else Section(document, path)
