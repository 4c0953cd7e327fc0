"""From documents to a rule book. Pure: the same documents make the same book, and what did not change keeps its identity.

Others call `load_book`, with documents that `files.read_rule_files` and the configuration have read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from aishell_core.documents.document import KeyPath
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import Problem, nearest
from alerts.language.checker import KEPT, Kept
from alerts.models import MatchOperator
from alerts.rule import Maintenance
from alerts.rules.book import BrokenRule, RuleBook, Settings, same_rules
from alerts.rules.builtin import builtin_documents
from alerts.rules.drafts import Draft, Sheet, read_draft
from alerts.rules.maintenance import read_maintenance
from alerts.rules.overrides import builtin_drafts
from alerts.rules.place import Place
from alerts.rules.read import Surroundings, read_rule
from alerts.rules.sections import MAINTENANCE, OVERRIDE, RULES, Section

MOST_RULES = 10_000
"""More rules than anybody writes; a file that makes them is a mistake or worse."""


def load_book(
    sections: Sequence[Section],
    settings: Settings = Settings(),  # noqa: B008 - a frozen value
    *,
    builtin: Sequence[str] = (),
    kept: Kept = KEPT,
    channels: frozenset[str] | None = None,
    before: RuleBook | None = None,
    hides_files: bool = False,
) -> RuleBook:
    """The book of all sections, the strongest last, and of the built-in sets that are named.

    `channels` are the names that rules may use, by default those of the settings. Rules that are as in the book `before`
    are the same objects. A name that two rules have is the first one's; a rule that is wrong is in `broken` and nowhere else.
    With `hides_files` some file could not be read: what it laid over built-in rules before, and its maintenance, goes on to hold.
    """
    around = Surroundings(kept, frozenset(settings.channels) if channels is None else channels)
    before = before if before is not None else RuleBook()
    sheet = Sheet(before=before, hides_overrides=hides_files, hides_maintenance=hides_files)
    drafts = [*builtin_drafts(builtin, sections, sheet), *_own_drafts(sections, sheet)]
    if len(drafts) > MOST_RULES:
        place = drafts[MOST_RULES].place
        what = f"{len(drafts):,} rules are more than {MOST_RULES:,}; this one and those behind it are left out"
        sheet.broken.append(BrokenRule(place.origin, (place.problem((), what, "one rule can be for many targets"),), hides_rules=True))
    for draft in _with_names_of_their_own(drafts[:MOST_RULES], sheet):
        read_draft(draft, around, sheet)
    for draft in sheet.unused:
        # What is written must be right before it is switched on, and a slip in it seen.
        if isinstance(found := read_rule(draft.place, draft.content, around, draft.builtin), BrokenRule):
            sheet.broken.append(found)
    windows = tuple(_maintenance(sections, sheet))
    if sheet.hides_maintenance:
        named = {window.name for window in windows}
        windows += tuple(window for window in before.settings.maintenance if window.name not in named)
    settings = replace(settings, maintenance=(*settings.maintenance, *windows))
    rules = same_rules((read.rule for read in sheet.read if read.is_enabled), before) if settings.is_enabled else ()
    disabled = tuple(read.rule.name for read in sheet.read if not read.is_enabled)
    warnings = tuple(warning for read in sheet.read for warning in read.warnings)
    warnings += tuple(_unknown_inhibited(sheet))
    return RuleBook(rules, tuple(sheet.broken), disabled, warnings=warnings, settings=settings)


def _unknown_inhibited(sheet: Sheet) -> Iterator[Problem]:
    """A warning for each name of a rule that is to be muted and that no rule has; built-in ones need not be switched on."""
    known = {read.rule.name for read in sheet.read} | {each.name for each in sheet.broken}
    muted = [
        (read.rule, matcher.value)
        for read in sheet.read
        for part in read.rule.inhibits
        for matcher in part.matchers
        if matcher.label == "alertname" and matcher.operator is MatchOperator.EQUAL and matcher.value not in known
    ]
    if muted:
        known |= set(_builtin_names())
    for rule, name in muted:
        if name not in known:
            source, _, line = rule.origin.rpartition(":")
            what = f"{rule.name!r} mutes {name!r}, which is no rule"
            yield Problem(source, what, nearest(name, sorted(known)), int(line) if line.isdecimal() else 0)


def _builtin_names() -> Iterator[str]:
    for document in builtin_documents().values():
        rules = Section(document).part(RULES)
        for content in rules if isinstance(rules, list) else ():
            if isinstance(content, dict) and isinstance(name := content.get("name"), str):
                yield name


def _maintenance(sections: Sequence[Section], sheet: Sheet) -> Iterator[Maintenance]:
    for section in sections:
        entries = section.part(MAINTENANCE)
        path: KeyPath = (*section.path, MAINTENANCE)
        if entries is None:
            continue
        if not isinstance(entries, list):
            what = f"a list is wanted here, but {kind_of(entries)} was found"
            sheet.broken.append(BrokenRule(MAINTENANCE, (section.document.problem(path, what, "write - name: and hours: below it"),)))
            sheet.hides_maintenance = True
            continue
        for number, content in enumerate(entries):
            read = read_maintenance(section.document, (*path, number), content)
            if isinstance(read, BrokenRule):
                sheet.broken.append(read)
                sheet.hides_maintenance = True
            else:
                yield read


def _with_names_of_their_own(drafts: Sequence[Draft], sheet: Sheet) -> Iterator[Draft]:
    """The rules whose name no rule before them has."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        taken = first.setdefault(draft.name, draft) if draft.name else draft
        if taken is draft:
            yield draft
            continue
        what = f"another rule is named {draft.name!r}; the first is in {taken.place.origin}"
        hint = f"change it under {OVERRIDE}: instead, or give this one another name" if taken.builtin else "give each its own name"
        if taken.builtin:
            what = f"a built-in rule is named {draft.name!r}"
        sheet.broken.append(BrokenRule(draft.name, (draft.place.problem(("name",), what, hint),)))


def _own_drafts(sections: Sequence[Section], sheet: Sheet) -> Iterator[Draft]:
    for section in sections:
        rules = section.part(RULES)
        path: KeyPath = (*section.path, RULES)
        if isinstance(rules, list):
            for number, content in enumerate(rules):
                yield Draft(Place(section.document, (*path, number)), content)
        elif rules is not None:
            problem = section.document.problem(path, f"a list is wanted here, but {kind_of(rules)} was found", "write - name: below it")
            sheet.broken.append(BrokenRule(section.document.source, (problem,), hides_rules=True))
