"""From documents to a rule book. Pure: the same documents make the same book, and what did not change keeps its identity.

Others call `load_book`, with documents that `files.read_rule_files` and the configuration have read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from aishell_core.documents.document import Document, KeyPath, Plain
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import Problem, nearest
from alerts.language.checker import KEPT, Kept
from alerts.models import MatchOperator
from alerts.rule import Maintenance
from alerts.rules.book import BrokenRule, RuleBook, Settings, same_rules
from alerts.rules.builtin import builtin_documents
from alerts.rules.maintenance import read_maintenance
from alerts.rules.place import Place
from alerts.rules.read import ReadRule, Surroundings, read_rule

MOST_RULES = 10_000
"""More rules than anybody writes; a file that makes them is a mistake or worse."""

ALERTS = "alerts"
RULES = "rules"
OVERRIDE = "override"
MAINTENANCE = "maintenance"
_FILE_KEYS = (RULES, OVERRIDE, MAINTENANCE, "tests")


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


@dataclass(frozen=True, slots=True)
class _Draft:
    """A rule before it is read: where it stands, its keys, the set that it ships with, and itself before anything was laid over it."""

    place: Place
    content: Plain
    builtin: str = ""
    shipped: _Draft | None = None

    @property
    def name(self) -> str:
        """Its name, "" where it has none that could be one."""
        name = self.content.get("name") if isinstance(self.content, dict) else None
        return name if isinstance(name, str) else ""


@dataclass(slots=True)
class _Sheet:
    """What a book is made of, as it is read."""

    read: list[ReadRule] = field(default_factory=list)
    broken: list[BrokenRule] = field(default_factory=list)
    unused: list[_Draft] = field(default_factory=list)
    """Built-in rules of sets that are not switched on, with something laid over them."""


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
        document.problem((*path, key), f"a file of rules has no key {key!r}", nearest(key, _FILE_KEYS), of_key=True)
        for key in content
        if key not in _FILE_KEYS
    )
    return BrokenRule(document.source, problems, hides_rules=True) if problems else Section(document, path)


def load_book(
    sections: Sequence[Section],
    settings: Settings = Settings(),  # noqa: B008 - a frozen value
    *,
    builtin: Sequence[str] = (),
    kept: Kept = KEPT,
    channels: frozenset[str] | None = None,
    before: RuleBook | None = None,
) -> RuleBook:
    """The book of all sections, the strongest last, and of the built-in sets that are named.

    `channels` are the names that rules may use, by default those of the settings. Rules that are as in the book `before`
    are the same objects. A name that two rules have is the first one's; a rule that is wrong is in `broken` and nowhere else.
    """
    around = Surroundings(kept, frozenset(settings.channels) if channels is None else channels)
    sheet = _Sheet()
    drafts = [*_builtin_drafts(builtin, sections, sheet), *_own_drafts(sections, sheet)]
    if len(drafts) > MOST_RULES:
        place = drafts[MOST_RULES].place
        what = f"{len(drafts):,} rules are more than {MOST_RULES:,}; this one and those behind it are left out"
        sheet.broken.append(BrokenRule(place.origin, (place.problem((), what, "one rule can be for many targets"),), hides_rules=True))
    for draft in _with_names_of_their_own(drafts[:MOST_RULES], sheet):
        _read(draft, around, sheet)
    for draft in sheet.unused:
        # What is written must be right before it is switched on, and a slip in it seen.
        if isinstance(found := read_rule(draft.place, draft.content, around, draft.builtin), BrokenRule):
            sheet.broken.append(found)
    settings = replace(settings, maintenance=(*settings.maintenance, *_maintenance(sections, sheet)))
    rules = same_rules((read.rule for read in sheet.read if read.is_enabled), before) if settings.is_enabled else ()
    disabled = tuple(read.rule.name for read in sheet.read if not read.is_enabled)
    warnings = tuple(warning for read in sheet.read for warning in read.warnings)
    warnings += tuple(_unknown_inhibited(sheet))
    return RuleBook(rules, tuple(sheet.broken), disabled, warnings=warnings, settings=settings)


def _unknown_inhibited(sheet: _Sheet) -> Iterator[Problem]:
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


def _maintenance(sections: Sequence[Section], sheet: _Sheet) -> Iterator[Maintenance]:
    for section in sections:
        entries = section.part(MAINTENANCE)
        path: KeyPath = (*section.path, MAINTENANCE)
        if entries is None:
            continue
        if not isinstance(entries, list):
            what = f"a list is wanted here, but {kind_of(entries)} was found"
            sheet.broken.append(BrokenRule(MAINTENANCE, (section.document.problem(path, what, "write - name: and hours: below it"),)))
            continue
        for number, content in enumerate(entries):
            read = read_maintenance(section.document, (*path, number), content)
            if isinstance(read, BrokenRule):
                sheet.broken.append(read)
            else:
                yield read


def _read(draft: _Draft, around: Surroundings, sheet: _Sheet) -> None:
    """Read a rule; a built-in one that an override would break is in force as it ships."""
    found = read_rule(draft.place, draft.content, around, draft.builtin)
    if not isinstance(found, BrokenRule):
        sheet.read.append(found)
        return
    sheet.broken.append(found)
    if draft.shipped is not None:
        _read(draft.shipped, around, sheet)


def _with_names_of_their_own(drafts: Sequence[_Draft], sheet: _Sheet) -> Iterator[_Draft]:
    """The rules whose name no rule before them has."""
    first: dict[str, _Draft] = {}
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


def _own_drafts(sections: Sequence[Section], sheet: _Sheet) -> Iterator[_Draft]:
    for section in sections:
        rules = section.part(RULES)
        path: KeyPath = (*section.path, RULES)
        if isinstance(rules, list):
            for number, content in enumerate(rules):
                yield _Draft(Place(section.document, (*path, number)), content)
        elif rules is not None:
            problem = section.document.problem(path, f"a list is wanted here, but {kind_of(rules)} was found", "write - name: below it")
            sheet.broken.append(BrokenRule(section.document.source, (problem,), hides_rules=True))


def _builtin_drafts(names: Sequence[str], sections: Sequence[Section], sheet: _Sheet) -> Iterator[_Draft]:
    """The rules of the sets that are named, with what the sections lay over them."""
    overrides = _Overrides(sections, sheet)
    if overrides.are_none and not names:
        return
    for name, document in builtin_documents().items():
        rules = Section(document).part(RULES)
        for number, content in enumerate(rules if isinstance(rules, list) else ()):
            draft = _Draft(Place(document, (RULES, number)), content, name)
            laid_over = overrides.over(draft)
            if name in names:
                yield laid_over
            elif laid_over is not draft:
                sheet.unused.append(laid_over)
    overrides.tell_unknown()


class _Overrides:
    """What sections lay over built-in rules, by the name of the rule and its key; of two that are the same the later one counts."""

    def __init__(self, sections: Sequence[Section], sheet: _Sheet) -> None:
        self._sheet = sheet
        self._found: dict[str, dict[str, tuple[Document, KeyPath, Plain]]] = {}
        self._named: dict[str, tuple[Document, KeyPath]] = {}
        self.seen: list[str] = []
        for section in sections:
            self._collect(section)

    @property
    def are_none(self) -> bool:
        """Whether no section has any."""
        return not self._named

    def _collect(self, section: Section) -> None:
        overrides = section.part(OVERRIDE)
        if overrides is None:
            return
        path: KeyPath = (*section.path, OVERRIDE)
        if not isinstance(overrides, dict):
            self._break(section.document, path, OVERRIDE, f"a set of names is wanted here, but {kind_of(overrides)} was found")
            return
        for name, keys in overrides.items():
            if not isinstance(keys, dict):
                self._break(section.document, (*path, name), name, f"a set of keys is wanted here, but {kind_of(keys)} was found")
            elif "name" in keys:
                self._break(section.document, (*path, name, "name"), name, "a built-in rule keeps its name")
            else:
                self._named[name] = section.document, (*path, name)
                of_rule = self._found.setdefault(name, {})
                of_rule.update({key: (section.document, (*path, name, key), value) for key, value in keys.items()})

    def _break(self, document: Document, path: KeyPath, name: str, what: str) -> None:
        problem = document.problem(path, what, 'write {NAME: {for: 5m, warn: "> 70%", enabled: true}}')
        self._sheet.broken.append(BrokenRule(name, (problem,)))

    def over(self, draft: _Draft) -> _Draft:
        """A built-in rule with what is laid over it."""
        self.seen.append(draft.name)
        found = self._found.get(draft.name)
        if not found or not isinstance(draft.content, dict):
            return draft
        content = {**draft.content, **{key: value for key, (_document, _path, value) in found.items()}}
        laid_over = {key: (document, path) for key, (document, path, _value) in found.items()}
        return _Draft(Place(draft.place.document, draft.place.path, laid_over), content, draft.builtin, draft)

    def tell_unknown(self) -> None:
        """Name the overrides of rules that do not ship."""
        for name, (document, path) in self._named.items():
            if name not in self.seen:
                problem = document.problem(path, f"there is no built-in rule {name!r}", nearest(name, self.seen), of_key=True)
                self._sheet.broken.append(BrokenRule(name, (problem,)))
