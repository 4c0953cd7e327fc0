"""Rules for tests, read from YAML as files of rules are."""

from __future__ import annotations

from aishell_core.documents.document import parse_document
from alerts.rules.book import BrokenRule, RuleBook, Settings
from alerts.rules.load import load_book
from alerts.rules.sections import Section, section_of

CHANNELS = frozenset({"slack", "email"})


def section(text: str, source: str = "FILE") -> Section:
    """The section of a file of rules."""
    found = section_of(parse_document(source, text))
    assert isinstance(found, Section), found
    return found


def book(
    *texts: str, builtin: tuple[str, ...] = (), before: RuleBook | None = None, is_enabled: bool = True, hides_files: bool = False
) -> RuleBook:
    """The book of some files of rules; with `hides_files` there are others, which cannot be read."""
    sections = [section(text, f"FILE{number or ''}") for number, text in enumerate(texts)]
    return load_book(sections, Settings(is_enabled=is_enabled), builtin=builtin, channels=CHANNELS, before=before, hides_files=hides_files)


def told(broken: BrokenRule) -> str:
    """What is said about a broken rule."""
    return "\n".join(str(problem) for problem in broken.problems)
