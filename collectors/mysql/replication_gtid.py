"""Sets of transactions by their global identifiers, as MySQL and as MariaDB write them: what one has that another lacks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SHOWN = 3
"""So many gaps are written out; how many there are besides is said."""

_MARIADB = re.compile(r"(\d+)-(\d+)-(\d+)")
_INTERVAL = re.compile(r"(\d+)(?:-(\d+))?")

Intervals = tuple[tuple[int, int], ...]
"""First and last number of each run of transactions, sorted, without overlaps."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Transactions that one set has and another lacks: how many, and which in the server's own notation, shortened."""

    transactions: int
    text: str = ""


def missing(wanted: str, held: str) -> Missing | None:
    """What `wanted` has and `held` lacks; None where `wanted` is empty, as without global identifiers."""
    if not wanted.strip():
        return None
    if _MARIADB.fullmatch(wanted.split(",")[0].strip()):
        return _missing_positions(mariadb_positions(wanted), mariadb_positions(held))
    return _missing_intervals(mysql_sets(wanted), mysql_sets(held))


def mariadb_positions(text: str) -> Mapping[int, tuple[int, int]]:
    """Server and sequence number by domain of a MariaDB position such as `0-1-100,7-3-4`; the furthest of each domain."""
    found: dict[int, tuple[int, int]] = {}
    for domain, server, sequence in _MARIADB.findall(text):
        if int(sequence) >= found.get(int(domain), (0, -1))[1]:
            found[int(domain)] = (int(server), int(sequence))
    return found


def _missing_positions(wanted: Mapping[int, tuple[int, int]], held: Mapping[int, tuple[int, int]]) -> Missing:
    """A position stands for all numbers up to it in its domain."""
    gaps = []
    for domain, (server, last) in sorted(wanted.items()):
        done = held.get(domain, (0, 0))[1]
        if last > done:
            gaps.append((last - done, f"{domain}-{server}-{done + 1}" + (f"..{last}" if last > done + 1 else "")))
    return Missing(sum(count for count, _ in gaps), _shortened([text for _, text in gaps]))


def mysql_sets(text: str) -> Mapping[str, Intervals]:
    """Runs of numbers by source (and tag, since MySQL 8.3) of a set such as `uuid:1-5:7, uuid:1-3:tag:1-2`."""
    found: dict[str, list[tuple[int, int]]] = {}
    for each in text.replace("\n", "").split(","):
        source, *parts = [part.strip() for part in each.split(":")]
        key = source.lower()
        for part in parts:
            interval = _INTERVAL.fullmatch(part)
            if interval is None:
                key = f"{source.lower()}:{part}"
                continue
            first = int(interval[1])
            found.setdefault(key, []).append((first, int(interval[2] or first)))
    return {key: _merged(intervals) for key, intervals in found.items()}


def _merged(intervals: Iterable[tuple[int, int]]) -> Intervals:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _missing_intervals(wanted: Mapping[str, Intervals], held: Mapping[str, Intervals]) -> Missing:
    gaps = [
        (last - first + 1, f"{key}:{first}" + (f"-{last}" if last > first else ""))
        for key, intervals in sorted(wanted.items())
        for first, last in subtracted(intervals, held.get(key, ()))
    ]
    return Missing(sum(count for count, _ in gaps), _shortened([text for _, text in gaps]))


def subtracted(wanted: Intervals, held: Intervals) -> Intervals:
    """The numbers of `wanted` that are not in `held`."""
    left: list[tuple[int, int]] = []
    for first, last in wanted:
        start = first
        for low, high in held:
            if high < start or low > last:
                continue
            if low > start:
                left.append((start, low - 1))
            start = high + 1
        if start <= last:
            left.append((start, last))
    return tuple(left)


def own_transactions(executed: str, own_source: str) -> int:
    """How many transactions of a MySQL set were first written on the server of this UUID itself."""
    own = own_source.lower()
    sets = mysql_sets(executed).items()
    return sum(last - first + 1 for key, intervals in sets if own and key.split(":")[0] == own for first, last in intervals)


def _shortened(texts: list[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
