"""Which instance of one column stands beside which of another.

Two instances match when all that one says of itself (labels, target) the other says too; engine, role and environment of a
target count as said. The more specific one's name is the result's. Of several the most specific is taken; what finds no
partner stays, beside no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import TypeVar

from aishell_core.values import TargetId
from alerts.board.index import EVERYTHING, Index, Indexes, all_words
from alerts.models import InstanceKey, Traits

_T = TypeVar("_T")
MISSING = -1


@dataclass(frozen=True, slots=True)
class Places:
    """Where the values of a result come from: `found` are places (MISSING for none), None for all in their order."""

    found: tuple[int, ...] | None = None
    is_one: bool = False
    """There is one value, and it stands beside all."""

    def gather(self, values: Sequence[_T], missing: _T) -> Iterator[_T]:
        """The values in the order of the result; without an end where there is one for all."""
        if self.is_one:
            return repeat(values[0])
        if self.found is None:
            return iter(values)
        # MISSING is the last place of the longer list.
        longer = [*values, missing]
        return iter(itemgetter(*self.found)(longer)) if len(self.found) > 1 else iter([longer[place] for place in self.found])

    def at(self, place: int) -> int:
        """Where the value of one place of the result is; MISSING for nowhere."""
        return 0 if self.is_one else place if self.found is None else self.found[place]

    def through(self, outer: Places) -> Places:
        """The places of a result that is made of another one, in which these are."""
        if self.is_one or outer.found is None:
            return self
        return Places(tuple(MISSING if place == MISSING else self.at(place) for place in outer.found))


SAME = Places()
ONE = Places(is_one=True)
Pair = tuple[Index, Places, Places]


def matched(left: Index, right: Index, traits: Mapping[TargetId, Traits], indexes: Indexes) -> Pair:
    """The instances of two columns together, and where each finds its value."""
    if right is EVERYTHING:
        return left, SAME, SAME if left is EVERYTHING else ONE
    if left is EVERYTHING:
        return right, ONE, SAME
    if left is right:
        return left, SAME, SAME
    keys, ones, others = _joined(left, right, traits)
    return indexes.of(keys), Places(tuple(ones)), Places(tuple(others))


def _joined(left: Index, right: Index, traits: Mapping[TargetId, Traits]) -> tuple[list[InstanceKey], list[int], list[int]]:
    keys: list[InstanceKey] = []
    ones: list[int] = []
    others: list[int] = []
    alone: list[int] = []
    used_left, used_right = set[int](), set[int]()

    def take(key: InstanceKey, one: int, other: int) -> None:
        keys.append(key)
        ones.append(one)
        others.append(other)

    for place, key in enumerate(left.keys):
        exact = right.places.get(key)
        partner = exact if exact is not None else right.general(key, all_words(key, traits))
        if partner is None:
            alone.append(place)
        else:
            take(key, place, partner)
            used_right.add(partner)
    for place, key in enumerate(right.keys):
        if key not in left.places:
            partner = left.general(key, all_words(key, traits))
            if partner is not None:
                take(key, partner, place)
                used_left.add(partner)
            elif place not in used_right:
                take(key, MISSING, place)
    for place in alone:
        if place not in used_left:
            take(left.keys[place], place, MISSING)
    return keys, ones, others
