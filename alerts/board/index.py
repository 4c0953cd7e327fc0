"""Which instances a column of values has, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from weakref import WeakValueDictionary

from aishell_core.values import NO_LABELS, Labels, TargetId
from alerts.language.names import TRAIT_LABELS
from alerts.models import InstanceKey, Traits

ACROSS = TargetId("")
"""The target of an instance that was made of several targets."""

_UNKNOWN = Traits(ACROSS)
Names = tuple[str, ...]


class Index:
    """The instances of a column. Columns with the same ones in the same order share one, so that they are matched by identity."""

    __slots__ = ("__weakref__", "_places", "_shapes", "keys")

    def __init__(self, keys: tuple[InstanceKey, ...]) -> None:
        self.keys = keys
        self._places: dict[InstanceKey, int] | None = None
        self._shapes: dict[Names, dict[tuple[str, ...], int]] | None = None

    @property
    def places(self) -> Mapping[InstanceKey, int]:
        """Where each instance is."""
        if self._places is None:
            self._places = {key: place for place, key in enumerate(self.keys)}
        return self._places

    def general(self, key: InstanceKey, of_key: Mapping[str, str]) -> int | None:
        """The most specific other instance that agrees with a key in everything that it says; `of_key` is all that the key says."""
        if self._shapes is None:
            self._shapes = self._by_shape()
        for names, found in self._shapes.items():
            if all(name in of_key for name in names):
                place = found.get(tuple(of_key[name] for name in names))
                if place is not None and self.keys[place] != key:
                    return place
        return None

    def _by_shape(self) -> dict[Names, dict[tuple[str, ...], int]]:
        """Places by the names of what instances say and the values of these, those that say most first."""
        shapes: dict[Names, dict[tuple[str, ...], int]] = {}
        for place, key in enumerate(self.keys):
            said = own_words(key)
            shapes.setdefault(tuple(said), {})[tuple(said.values())] = place
        return {names: shapes[names] for names in sorted(shapes, key=lambda names: (-len(names), names))}


EVERYTHING = Index((InstanceKey(ACROSS),))
"""The index of a plain number: one instance that says nothing and so agrees with all."""


def own_words(key: InstanceKey) -> dict[str, str]:
    """What tells an instance apart: its labels and its target, by name."""
    said = dict(key.labels)
    if key.target:
        said["target"] = key.target
    return dict(sorted(said.items()))


def all_words(key: InstanceKey, traits: Mapping[TargetId, Traits]) -> dict[str, str]:
    """The same with what its target is; a label of the figure itself stands above a trait of the same name."""
    own = traits.get(key.target, _UNKNOWN)
    said = {"engine": own.engine, "role": own.role, "environment": own.environment} if key.target else {}
    return {**said, **own_words(key)}


def label(key: InstanceKey, name: str, traits: Mapping[TargetId, Traits]) -> str:
    """One label of an instance, "" where it has none."""
    for own, value in key.labels:
        if own == name:
            return value
    if name == "target":
        return key.target
    if name in TRAIT_LABELS and key.target in traits:
        return str(getattr(traits[key.target], name))
    return ""


class Indexes:
    """Hands out one index for the same instances in the same order."""

    __slots__ = ("_keys", "_shared")

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[tuple[InstanceKey, ...], Index] = WeakValueDictionary()
        self._keys: dict[tuple[TargetId, Labels], InstanceKey] = {}

    def key(self, target: TargetId, labels: Labels = NO_LABELS) -> InstanceKey:
        """One key for the same instance: columns that share keys are compared by identity."""
        found = self._keys.get((target, labels))
        if found is None:
            found = self._keys[target, labels] = InstanceKey(target, labels)
        return found

    def of(self, keys: Iterable[InstanceKey]) -> Index:
        """The index of these instances."""
        wanted = tuple(keys)
        found = self._shared.get(wanted)
        if found is None:
            found = self._shared[wanted] = Index(wanted)
        return found

    def forget(self, key: InstanceKey) -> None:
        """Let go of an instance that there is no more."""
        self._keys.pop((key.target, key.labels), None)
