"""Rules before they are read, and the sheet on which a book comes together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from aishell_core.documents.document import Plain
from aishell_core.documents.spec import keys_of
from alerts.rules.book import BrokenRule, RuleBook
from alerts.rules.place import Place
from alerts.rules.read import ReadRule, Surroundings, read_rule
from alerts.rules.spec import RuleSpec

_FOR_WHOM = frozenset({"enabled", "targets", "labels", "channels", "escalate", "active_hours"})
"""The keys of a rule that say for whom it is and who is told: without one of them others would be told."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule before it is read: where it stands, its keys, the set that it ships with, and itself before anything was laid over it."""

    place: Place
    content: Plain
    builtin: str = ""
    shipped: Draft | None = None

    @property
    def name(self) -> str:
        """Its name, "" where it has none that could be one."""
        name = self.content.get("name") if isinstance(self.content, dict) else None
        return name if isinstance(name, str) else ""


@dataclass(slots=True)
class Sheet:
    """What a book is made of, as it is read."""

    read: list[ReadRule] = field(default_factory=list)
    broken: list[BrokenRule] = field(default_factory=list)
    unused: list[Draft] = field(default_factory=list)
    """Built-in rules of sets that are not switched on, with something laid over them."""
    before: RuleBook = field(default_factory=RuleBook)
    hides_overrides: bool = False
    """Whether something may be laid over built-in rules that could not be read."""
    hides_maintenance: bool = False


def read_draft(draft: Draft, around: Surroundings, sheet: Sheet) -> None:
    """Read a rule; one that ships is in force without those values of an override that are wrong."""
    found = read_rule(draft.place, draft.content, around, draft.builtin)
    if not isinstance(found, BrokenRule):
        is_plain = draft.builtin and draft.shipped is None
        sheet.read.append(_as_before(found, sheet.before) if is_plain and sheet.hides_overrides else found)
        return
    sheet.broken.append(found)
    if draft.shipped is not None and (right := _without_what_is_wrong(draft, draft.shipped, around)) is not None:
        sheet.read.append(right)


def _without_what_is_wrong(draft: Draft, shipped: Draft, around: Surroundings) -> ReadRule | None:
    """A built-in rule with all that is laid over it and right; None where what says for whom it is is wrong."""
    if not isinstance(draft.content, dict) or not isinstance(shipped.content, dict):
        return None
    content, left = dict(shipped.content), list(draft.place.laid_over)
    found = read_rule(draft.place, content, around, draft.builtin)
    while right := [key for key in left if not isinstance(_with(draft, content, key, around), BrokenRule)]:
        # One at a time: two that are right may not go together.
        content[right[0]] = draft.content[right[0]]
        left.remove(right[0])
        found = read_rule(draft.place, content, around, draft.builtin)
    return None if isinstance(found, BrokenRule) or any(map(_may_say_for_whom, left)) else found


def _may_say_for_whom(key: str) -> bool:
    """Whether a key says for whom a rule is, or may be meant to: it is misspelt, and nearest to one that does or to none at all."""
    known = keys_of(RuleSpec)
    if key in known:
        return key in _FOR_WHOM
    near = get_close_matches(key, known, n=1)
    return not near or near[0] in _FOR_WHOM


def _with(draft: Draft, content: dict[str, Plain], key: str, around: Surroundings) -> ReadRule | BrokenRule:
    value = draft.content[key] if isinstance(draft.content, dict) else None
    return read_rule(draft.place, {**content, key: value}, around, draft.builtin)


def _as_before(read: ReadRule, before: RuleBook) -> ReadRule:
    """A built-in rule that something unread may be laid over, as it was in force before."""
    if read.rule.name in before.disabled:
        return replace(read, is_enabled=False)
    return replace(read, rule=next((rule for rule in before.rules if rule.name == read.rule.name), read.rule))
