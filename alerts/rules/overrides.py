"""The rules that ship, with what files lay over them by the names of rules and of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aishell_core.documents.document import Document, KeyPath, Plain
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import nearest
from alerts.rules.book import BrokenRule
from alerts.rules.builtin import builtin_documents
from alerts.rules.drafts import Draft, Sheet
from alerts.rules.place import Place
from alerts.rules.sections import OVERRIDE, RULES, Section


def builtin_drafts(names: Sequence[str], sections: Sequence[Section], sheet: Sheet) -> Iterator[Draft]:
    """The rules of the sets that are named, with what the sections lay over them."""
    overrides = _Overrides(sections, sheet)
    if overrides.are_none and not names:
        return
    for name, document in builtin_documents().items():
        rules = Section(document).part(RULES)
        for number, content in enumerate(rules if isinstance(rules, list) else ()):
            draft = Draft(Place(document, (RULES, number)), content, name)
            laid_over = overrides.over(draft)
            if name in names:
                yield laid_over
            elif laid_over is not draft:
                sheet.unused.append(laid_over)
    overrides.tell_unknown()


class _Overrides:
    """What sections lay over built-in rules, by the name of the rule and its key; of two that are the same the later one counts."""

    def __init__(self, sections: Sequence[Section], sheet: Sheet) -> None:
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
        self._sheet.hides_overrides = True
        problem = document.problem(path, what, 'write {NAME: {for: 5m, warn: "> 70%", enabled: true}}')
        self._sheet.broken.append(BrokenRule(name, (problem,)))

    def over(self, draft: Draft) -> Draft:
        """A built-in rule with what is laid over it."""
        self.seen.append(draft.name)
        found = self._found.get(draft.name)
        if not found or not isinstance(draft.content, dict):
            return draft
        content = {**draft.content, **{key: value for key, (_document, _path, value) in found.items()}}
        laid_over = {key: (document, path) for key, (document, path, _value) in found.items()}
        return Draft(Place(draft.place.document, draft.place.path, laid_over), content, draft.builtin, draft)

    def tell_unknown(self) -> None:
        """Name the overrides of rules that do not ship."""
        for name, (document, path) in self._named.items():
            if name not in self.seen:
                problem = document.problem(path, f"there is no built-in rule {name!r}", nearest(name, self.seen), of_key=True)
                self._sheet.broken.append(BrokenRule(name, (problem,)))
