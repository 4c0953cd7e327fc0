"""The rollups in the state database: for each minute and track one row that holds its windows."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import FIGURES, RollupBatch, RollupRow, Rollups, merged, together
from aishell_core.state.codec import Windows, decode_keys, encode_keys, encode_rows, storable
from aishell_core.state.history import History
from aishell_core.values import TargetId, Tier

KEPT_SECONDS = 86_400.0 + 600.0
"""How long windows stay fine: a day, and some minutes so that the longest chart has no coarse windows at its beginning."""

_MINUTE_SECONDS = 60.0
_PRUNED_AT_ONCE = 5_000

_OF_MINUTE = "SELECT id, body FROM rollup WHERE layout = ? AND until >= ? AND since < ? ORDER BY until, id"
_INSERT = "INSERT INTO rollup (since, until, step_seconds, windows, body, layout) VALUES (?, ?, ?, ?, ?, ?)"
_UPDATE = "UPDATE rollup SET since = ?, until = ?, step_seconds = ?, windows = ?, body = ? WHERE id = ?"
_OF_TARGET = """
SELECT layout.tier, rollup.until, rollup.id, layout.id, layout.keys, rollup.step_seconds, rollup.since, rollup.body
FROM layout JOIN rollup ON rollup.layout = layout.id
WHERE layout.target = ? AND rollup.until >= ? AND rollup.since <= ?
"""
_OLDEST = "SELECT min(since) FROM rollup WHERE layout IN (SELECT id FROM layout WHERE target = ?)"
_TIERS = {str(tier): place for place, tier in enumerate(Tier)}


class _Body(NamedTuple):
    """A row of a target's rollups, with its layout."""

    tier: str
    until: float
    id: int
    layout: int
    keys: str
    step_seconds: float
    since: float
    body: bytes


def layout_id(connection: sqlite3.Connection, batch: RollupBatch) -> int:
    """The number of a batch's columns, given to them when they are new."""
    named = (storable(batch.target), str(batch.tier), encode_keys(batch.keys))
    connection.execute("INSERT OR IGNORE INTO layout (target, tier, keys) VALUES (?, ?, ?)", named)
    (found,) = connection.execute("SELECT id FROM layout WHERE target = ? AND tier = ? AND keys = ?", named).fetchone()
    return int(found)


def insert(connection: sqlite3.Connection, layout: int, batch: RollupBatch) -> None:
    """Add the windows of a batch to their minutes; the parts of one are put together."""
    for minute, rows in groupby(batch.rows, key=lambda row: row.at // _MINUTE_SECONDS):
        begin = minute * _MINUTE_SECONDS
        found = connection.execute(_OF_MINUTE, (layout, begin, begin + _MINUTE_SECONDS)).fetchall()
        kept = Windows(batch.keys)
        for _, body in found:
            kept.extend(body)
        windows = _in_order((*kept.rows(), *rows))
        row = (windows[0].at, windows[-1].at, batch.step_seconds, len(windows), encode_rows(windows))
        if found:
            connection.execute(_UPDATE, (*row, found[0][0]))
            connection.executemany("DELETE FROM rollup WHERE id = ?", ((number,) for number, _ in found[1:]))
        else:
            connection.execute(_INSERT, (*row, layout))


def _in_order(rows: Iterable[RollupRow]) -> Sequence[RollupRow]:
    by_time: dict[float, RollupRow] = {}
    for row in rows:
        known = by_time.get(row.at)
        by_time[row.at] = row if known is None else _whole(known, row)
    return [by_time[at] for at in sorted(by_time)]


def _whole(one: RollupRow, other: RollupRow) -> RollupRow:
    """Two parts of a window: a dashboard ended in the midst of it and another one began, or the clock went back."""
    figures = array("f")
    for place in range(0, len(one.values), FIGURES):
        low, high, mean, last = one.values[place : place + FIGURES]
        more_low, more_high, more_mean, more_last = other.values[place : place + FIGURES]
        figures.extend(together((one.at, low, high, mean, last), (one.at, more_low, more_high, more_mean, more_last))[1:])
    return RollupRow(one.at, figures)


def prune(connection: sqlite3.Connection, before: float) -> None:
    """Drop some thousand of the oldest rows that end before a moment, and layouts that have no row left."""
    connection.execute(
        "DELETE FROM rollup WHERE id IN (SELECT id FROM rollup WHERE until < ? ORDER BY until LIMIT ?)", (before, _PRUNED_AT_ONCE)
    )
    connection.execute("DELETE FROM layout WHERE NOT EXISTS (SELECT 1 FROM rollup WHERE rollup.layout = layout.id)")


def targets(connection: sqlite3.Connection) -> tuple[TargetId, ...]:
    """The targets of which anything is kept, by their names."""
    return tuple(TargetId(name) for (name,) in connection.execute("SELECT DISTINCT target FROM layout ORDER BY target"))


def read(connection: sqlite3.Connection, target: TargetId, since: float, until: float) -> History:
    """All series of a target over a span; one that several tiers bring is taken from the most frequent."""
    bodies = [_Body(*row) for row in connection.execute(_OF_TARGET, (storable(target), since, until))]
    bodies.sort(key=lambda body: (_TIERS.get(body.tier, len(_TIERS)), body.until, body.id))
    series: dict[SeriesKey, Rollups] = {}
    for _, of_tier in groupby(bodies, key=attrgetter("tier")):
        for key, found in _track(of_tier).items():
            series.setdefault(key, found.between(since, until))
    (oldest,) = connection.execute(_OLDEST, (storable(target),)).fetchone()
    return History(target, MappingProxyType(series), oldest)


def _track(bodies: Iterable[_Body]) -> dict[SeriesKey, Rollups]:
    """The series of one track, from bodies in order of time whose columns and cadence may change now and then."""
    columns: dict[int, tuple[SeriesKey | None, ...]] = {}
    parts: dict[SeriesKey, list[Rollups]] = {}
    for (layout, step_seconds), of_layout in groupby(bodies, key=attrgetter("layout", "step_seconds")):
        alike = list(of_layout)
        if layout not in columns:
            columns[layout] = decode_keys(alike[0].keys)
        for span in _spans(alike, columns[layout]):
            for column, key in enumerate(span.keys):
                if key is not None:
                    figures = (span.figure(column, figure) for figure in range(FIGURES))
                    parts.setdefault(key, []).append(Rollups(step_seconds, span.times, *figures))
    return {key: merged(found) for key, found in parts.items()}


def _spans(bodies: Iterable[_Body], keys: tuple[SeriesKey | None, ...]) -> Iterator[Windows]:
    """The windows of bodies of one layout, in spans in which time rises."""
    span = Windows(keys)
    for body in bodies:
        if span.times and body.since <= span.times[-1]:
            yield span
            span = Windows(keys)
        span.extend(body.body)
    yield span
