"""The rollups in the state database: for each minute and track one row that holds its windows."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter, lt
from types import MappingProxyType

from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow, Rollups
from aishell_core.state.codec import Windows, decode_keys, encode_keys, encode_rows, storable
from aishell_core.state.history import History
from aishell_core.values import TargetId, Tier

KEPT_SECONDS = 86_400.0 + 600.0
"""A day, and some minutes so that the longest chart has no hole at its beginning."""

_MINUTE_SECONDS = 60.0
_PRUNED_AT_ONCE = 5_000

_OF_MINUTE = "SELECT id, body FROM rollup WHERE layout = ? AND until >= ? AND since < ? ORDER BY until, id"
_INSERT = "INSERT INTO rollup (since, until, step_seconds, windows, body, layout) VALUES (?, ?, ?, ?, ?, ?)"
_UPDATE = "UPDATE rollup SET since = ?, until = ?, step_seconds = ?, windows = ?, body = ? WHERE id = ?"
_OF_TARGET = """
SELECT layout.tier, rollup.until, rollup.id, layout.id, layout.keys, rollup.step_seconds, rollup.body
FROM layout JOIN rollup ON rollup.layout = layout.id
WHERE layout.target = ? AND rollup.until >= ? AND rollup.since <= ?
"""
_TIERS = {str(tier): place for place, tier in enumerate(Tier)}


def layout_id(connection: sqlite3.Connection, batch: RollupBatch) -> int:
    """The number of a batch's columns, given to them when they are new."""
    named = (storable(batch.target), str(batch.tier), encode_keys(batch.keys))
    connection.execute("INSERT OR IGNORE INTO layout (target, tier, keys) VALUES (?, ?, ?)", named)
    (found,) = connection.execute("SELECT id FROM layout WHERE target = ? AND tier = ? AND keys = ?", named).fetchone()
    return int(found)


def insert(connection: sqlite3.Connection, layout: int, batch: RollupBatch) -> None:
    """Add the windows of a batch to their minutes; one that is there already is replaced."""
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
    by_time = {row.at: row for row in rows}
    return [by_time[at] for at in sorted(by_time)]


def prune(connection: sqlite3.Connection, before: float) -> None:
    """Drop some thousand of the oldest rows that end before a moment, and layouts that have no row left."""
    connection.execute(
        "DELETE FROM rollup WHERE id IN (SELECT id FROM rollup WHERE until < ? ORDER BY until LIMIT ?)", (before, _PRUNED_AT_ONCE)
    )
    connection.execute("DELETE FROM layout WHERE NOT EXISTS (SELECT 1 FROM rollup WHERE rollup.layout = layout.id)")


def read(connection: sqlite3.Connection, target: TargetId, since: float, until: float) -> History:
    """All series of a target over a span; one that several tiers bring is taken from the most frequent."""
    rows = connection.execute(_OF_TARGET, (storable(target), since, until)).fetchall()
    rows.sort(key=lambda row: (_TIERS.get(row[0], len(_TIERS)), row[1], row[2]))
    series: dict[SeriesKey, Rollups] = {}
    for _, of_tier in groupby(rows, key=itemgetter(0)):
        bodies = list(of_tier)
        for key, found in _track(bodies).items():
            series.setdefault(key, found.between(since, until))
    return History(target, MappingProxyType(series))


def _track(bodies: Sequence[tuple[str, float, int, int, str, float, bytes]]) -> dict[SeriesKey, Rollups]:
    """The series of one track, from bodies in order of time whose columns may change now and then."""
    columns: dict[int, tuple[SeriesKey | None, ...]] = {}
    spans: list[Windows] = []
    for layout, of_layout in groupby(bodies, key=itemgetter(3)):
        of_span = list(of_layout)
        if layout not in columns:
            columns[layout] = decode_keys(of_span[0][4])
        span = Windows(columns[layout])
        for body in of_span:
            span.extend(body[6])
        spans.append(span)
    times = array("d")
    for span in spans:
        times += span.times
    joined = _join(spans, bodies[-1][5])
    return joined if all(map(lt, times, times[1:])) else {key: _rising(found) for key, found in joined.items()}


def _join(spans: Sequence[Windows], step_seconds: float) -> dict[SeriesKey, Rollups]:
    joined: dict[SeriesKey, Rollups] = {}
    for span in spans:
        for column, key in enumerate(span.keys):
            if key is None:
                continue
            low, high, mean, last = (span.figure(column, figure) for figure in range(4))
            found = joined.get(key)
            if found is None:
                times = span.times if len(spans) == 1 else span.times[:]
                joined[key] = Rollups(step_seconds, times, low, high, mean, last)
            else:
                pairs = ((found.times, span.times), (found.low, low), (found.high, high), (found.mean, mean), (found.last, last))
                for whole, more in pairs:
                    whole.extend(more)
    return joined


def _rising(found: Rollups) -> Rollups:
    """Each window once and in order, after a clock that went back; of two the later one written stands."""
    rows = {row[0]: row for row in zip(found.times, found.low, found.high, found.mean, found.last, strict=True)}
    columns = zip(*(rows[at] for at in sorted(rows)), strict=True)
    times, *figures = columns
    return Rollups(found.step_seconds, array("d", times), *(array("f", figure) for figure in figures))
