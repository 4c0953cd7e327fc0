"""A sample of the keys: how much memory which sort of key takes, and the largest ones. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from aishell_core.engines.redis_commands import key_shape
from aishell_core.engines.redis_text import Fields, named, number, pairs_in, readable
from aishell_core.engines.statement_text import digest
from aishell_core.units import format_bytes, format_count, format_duration
from aishell_core.values import Relation

LARGEST = 50
_MOST_SORTS = 500
_NAME_CHARACTERS = 160
_MANY_ELEMENTS, _MUCH_BYTES = 100_000.0, 10 * 2.0**20


@dataclass(frozen=True, slots=True)
class Key:
    """A key with the bytes that it takes, and what was asked of the largest ones alone."""

    name: bytes
    size_bytes: float
    kind: str = ""
    elements: float | None = None
    expires_seconds: float | None = None
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Sort:
    """Keys that look alike: how many were seen and what they take together."""

    keys: int = 0
    size_bytes: float = 0.0
    largest_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class KeySample:
    """What was seen of the keys of one database since the walk over them began; `whole` when it saw all of them."""

    keys: int = 0
    size_bytes: float = 0.0
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    largest: tuple[Key, ...] = ()
    seconds: float = 0.0
    whole: bool = False

    def with_keys(self, found: Iterable[Key]) -> KeySample:
        """The sample with further keys in it; sorts beyond the bound are counted together."""
        sorts, keys = dict(self.sorts), tuple(found)
        for key in keys:
            shape = key_shape(readable(key.name))
            if shape not in sorts and len(sorts) >= _MOST_SORTS:
                shape = "?"
            known = sorts.get(shape, Sort())
            sorts[shape] = Sort(known.keys + 1, known.size_bytes + key.size_bytes, max(known.largest_bytes, key.size_bytes))
        candidates = {key.name: key for key in (*self.largest, *keys)}
        largest = tuple(heapq.nlargest(LARGEST, candidates.values(), key=lambda key: (key.size_bytes, key.name)))
        total = self.size_bytes + sum(key.size_bytes for key in keys)
        return replace(self, keys=self.keys + len(keys), size_bytes=total, sorts=sorts, largest=largest)


def relations_of(sample: KeySample, database: str, info: Fields) -> tuple[Relation, ...]:
    """The databases, the sorts of keys and the largest keys; figures of a part of the keys are scaled to all of them."""
    counts = {name: pairs_in(text) for name, text in named(info, "db") if name.isdecimal()}
    total = number(counts.get(database, {}), "keys") or 0.0
    scale = total / sample.keys if sample.keys and not sample.whole and total > sample.keys else 1.0
    databases = [_database(name, fields, sample if name == database else None, scale) for name, fields in counts.items()]
    sorts = [_sort(name, sort, scale, sample) for name, sort in sample.sorts.items()]
    return (*databases, *sorts, *(_key(key) for key in sample.largest))


def sampled_words(sample: KeySample, total: float) -> str:
    """How much of the keys was looked at, and what the last look took."""
    share = "all keys" if sample.whole else f"{sample.keys:,} of {total:,.0f} keys"
    return f"{share}, the last look took {format_duration(sample.seconds)}"


def _database(name: str, fields: Fields, sample: KeySample | None, scale: float) -> Relation:
    keys, expiring, mean = number(fields, "keys"), number(fields, "expires"), number(fields, "avg_ttl")
    details = [("with a time to live", "" if expiring is None else format_count(expiring))]
    if mean:
        details.append(("mean time left", format_duration(mean / 1000)))
    if sample is not None:
        details.append(("looked at", sampled_words(sample, keys or 0.0)))
    return Relation(
        name=f"database {name}",
        kind="database",
        rows=keys,
        size_bytes=None if sample is None or not sample.size_bytes else sample.size_bytes * scale,
        details=tuple(each for each in details if each[1]),
        estimated=("size_bytes",) if scale > 1 and sample is not None else (),
    )


def _sort(name: str, sort: Sort, scale: float, sample: KeySample) -> Relation:
    details = [("bytes per key", format_bytes(sort.size_bytes / sort.keys)), ("largest", format_bytes(sort.largest_bytes))]
    if scale > 1:
        details.append(("estimated from", f"{sort.keys:,} of {sample.keys:,} keys looked at"))
    return Relation(
        name=name,
        kind="keys",
        rows=round(sort.keys * scale),
        size_bytes=sort.size_bytes * scale or None,
        details=tuple(details),
        estimated=("rows", "size_bytes") if scale > 1 else (),
    )


def _key(key: Key) -> Relation:
    remarks = []
    if key.elements is not None and key.elements >= _MANY_ELEMENTS and key.kind != "string":
        remarks.append(f"holds {format_count(key.elements)} elements: whoever reads or deletes all of it stops everybody else")
    elif key.size_bytes >= _MUCH_BYTES:
        remarks.append("is large: reading or deleting all of it stops everybody else")
    lives = "" if key.expires_seconds is None else format_duration(key.expires_seconds) if key.expires_seconds >= 0 else "for ever"
    details = (("lives", lives), ("encoding", key.encoding), ("sort", key_shape(readable(key.name))))
    return Relation(
        name=_shown(key.name),
        kind=key.kind or "key",
        size_bytes=key.size_bytes,
        rows=key.elements,
        details=tuple(each for each in details if each[1]),
        remarks=tuple(remarks),
    )


def _shown(name: bytes) -> str:
    """A key's name on a line; a long one is cut and told apart by a digest of the whole."""
    text = readable(name)
    return text if len(text) <= _NAME_CHARACTERS else f"{text[:_NAME_CHARACTERS]}…{digest(text)[:6]}"
