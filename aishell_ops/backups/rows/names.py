"""Names of tables and columns in another engine, where they must be shorter, or differ in more than capitals; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

_MARK_SIGNS = 8


@dataclass(frozen=True, slots=True)
class NameRules:
    """What an engine allows: so many bytes or signs; `folds` where capitals make no difference; `basic` where no sign is beyond
    U+FFFF and no blank at the end; no name begins as what is `reserved`, or holds a sign of those that are `forbidden`. Only the
    one column of a primary key may be called `key_name`, where there is such a name.
    """

    longest: int
    counts_bytes: bool = False
    folds: bool = False
    basic: bool = False
    reserved: str = ""
    forbidden: str = ""
    key_name: str = ""


def fitted(names: Sequence[str], rules: NameRules, taken: Sequence[str] = ()) -> tuple[str, ...]:
    """The names as an engine takes them, in their order and all different; those that fit stay as they are.

    One that does not fit is cut and gets a mark made of its own letters, so that it is the same at every restore.
    """
    seen = {_folded(name, rules) for name in taken}
    found: dict[int, str] = {}
    # Those that fit come first, so that none of them has to give way to one that is changed anyway.
    for number in sorted(range(len(names)), key=lambda number: not _fits(names[number], rules)):
        name, tries = names[number], 0
        while not _fits(name, rules) or _folded(name, rules) in seen:
            name = _marked(names[number], tries, rules)
            tries += 1
        seen.add(_folded(name, rules))
        found[number] = name
    return tuple(found[number] for number in range(len(names)))


def _size(name: str, rules: NameRules) -> int:
    return len(name.encode("utf-8", "surrogatepass")) if rules.counts_bytes else len(name)


def _fits(name: str, rules: NameRules) -> bool:
    odd = "\0" in name or any("\ud800" <= sign <= "\udfff" for sign in name)
    basic = not rules.basic or (not name.endswith(" ") and all(sign <= "\uffff" for sign in name))
    odd |= bool(rules.reserved) and name.casefold().startswith(rules.reserved)
    odd |= any(sign in rules.forbidden for sign in name)
    return bool(name) and not odd and basic and _size(name, rules) <= rules.longest


def _folded(name: str, rules: NameRules) -> str:
    return name.casefold() if rules.folds else name


def _is_odd(sign: str, rules: NameRules) -> bool:
    return "\ud800" <= sign <= "\udfff" or sign == "\0" or (rules.basic and sign > "\uffff") or sign in rules.forbidden


def _marked(name: str, tries: int, rules: NameRules) -> str:
    mark = hashlib.sha256(f"{tries}:{name}".encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_SIGNS]
    kept = "".join("_" if _is_odd(sign, rules) else sign for sign in name)
    if rules.reserved and kept.casefold().startswith(rules.reserved):
        kept = f"_{kept}"
    while _size(kept, rules) + _MARK_SIGNS + 1 > rules.longest:
        kept = kept[:-1]
    return f"{kept}_{mark}"
