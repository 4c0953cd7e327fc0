"""The state database on real files: versions, one writer, faults."""

from __future__ import annotations

import sqlite3
import tempfile
from array import array
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.catalogue import QUERIES_RATE, SQLITE_TABLE_SIZE, SQLITE_WAL_SIZE
from aishell_core.errors import StateError
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state import events as event_rows
from aishell_core.state.codec import encode_keys, encode_rows
from aishell_core.state.database import StateDatabase
from aishell_core.state.upgrade import shipped_steps
from aishell_core.values import Event, EventKind, Severity, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
KEYS = (SeriesKey(SQLITE_WAL_SIZE), SeriesKey(QUERIES_RATE), SeriesKey(SQLITE_TABLE_SIZE, (("table", "o'r[/]ders\n"),)))
EVENT = Event(NOW, APP, EventKind.RESTART, Severity.WARNING, "restarted [/] \x1b")


def batch(first: float, count: int, keys: tuple[SeriesKey, ...] = KEYS, step: float = 10.0, tier: Tier = Tier.HOT) -> RollupBatch:
    rows = tuple(
        RollupRow(
            first + index * step, array("f", [float(index + 4 * column + figure) for column in range(len(keys)) for figure in range(4)])
        )
        for index in range(count)
    )
    return RollupBatch(APP, tier, step, keys, rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_what_is_written_is_read_back_after_a_restart(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 3), batch(NOW + 30, 2)])
        database.append_events([EVENT])
    with closing(StateDatabase.open(folder)) as database:
        history = database.history(APP, NOW - 5, NOW + 100)
        assert list(history.rollups(KEYS[0]).times) == [NOW, NOW + 10, NOW + 20, NOW + 30, NOW + 40]
        assert list(history.rollups(KEYS[2]).mean) == [10, 11, 12, 10, 11]
        assert database.events(NOW - 1, NOW + 1) == (EVENT,)
        assert database.history(TargetId("other"), 0, NOW * 2).series == {}
        assert database.history(TargetId("other"), 0, NOW * 2).begins_at is None


def test_history_says_since_when_there_is_any_also_of_a_span_that_has_none(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 3), batch(NOW - 60, 2, tier=Tier.WARM)])
        for since, until in ((NOW - 9000, NOW - 8000), (NOW, NOW + 10)):
            assert database.history(APP, since, until).begins_at == NOW - 60


def test_files_are_private(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "state.db").stat().st_mode & 0o777 == 0o600
        assert (folder / "state.lock").stat().st_mode & 0o777 == 0o600


def test_a_series_goes_on_when_the_columns_change(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 2), batch(NOW + 20, 2, KEYS[:1])])
        assert list(database.history(APP, NOW, NOW + 60).rollups(KEYS[0]).times) == [NOW, NOW + 10, NOW + 20, NOW + 30]


def test_a_metric_of_another_version_is_left_out(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 2)])
    with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
        raw.execute("UPDATE layout SET keys = replace(keys, 'sqlite.wal.size', 'metric.of.tomorrow')")
    with closing(StateDatabase.open(folder)) as database:
        history = database.history(APP, NOW, NOW + 60)
        assert [key.metric.name for key in history.series] == ["queries.rate", "sqlite.table.size"]
        assert list(history.rollups(KEYS[1]).last) == [7, 8]


def test_a_newer_schema_is_refused_and_the_file_left_alone(folder: Path) -> None:
    StateDatabase.open(folder).close()
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = (folder / "state.db").read_bytes()
    with pytest.raises(StateError, match="schema version 99") as caught:
        StateDatabase.open(folder)
    assert "update aishell" in caught.value.hint
    assert (folder / "state.db").read_bytes() == before


def first_version(folder: Path) -> None:
    """A state folder as the first version of the schema left it, with a row in each table."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        raw.executescript(shipped_steps()[0])
        raw.execute("PRAGMA user_version = 1")
        raw.execute("INSERT INTO layout VALUES (1, 'app', 'hot', ?)", (encode_keys(KEYS),))
        rows = batch(NOW, 3).rows
        raw.execute("INSERT INTO rollup VALUES (1, 1, ?, ?, 10, 3, ?)", (rows[0].at, rows[-1].at, encode_rows(rows)))
        raw.execute("INSERT INTO event VALUES (1, ?, 'app', 'restart', 'warning', ?)", (EVENT.at, EVENT.text))
        raw.commit()


def test_an_older_schema_is_upgraded_after_a_copy_and_its_rows_survive(folder: Path) -> None:
    first_version(folder)
    with closing(StateDatabase.open(folder, now=lambda: NOW)) as database:
        assert database.events(0, NOW * 2) == (EVENT,)
        assert list(database.history(APP, 0, NOW * 2).rollups(KEYS[2]).mean) == [10, 11, 12]
        database.write_rollups([batch(NOW + 60, 1)])
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(shipped_steps()),)
        assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'rollup_by_age'").fetchone() == (1,)
    (copy,) = folder.glob("state.db.v*")
    assert copy.name == "state.db.v1-20270115T080000Z"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)
        assert raw.execute("SELECT count(*) FROM event").fetchone() == (1,)
        assert raw.execute("SELECT count(*) FROM rollup").fetchone() == (1,)


def test_a_database_of_the_newest_version_is_not_copied(folder: Path) -> None:
    StateDatabase.open(folder).close()
    StateDatabase.open(folder).close()
    assert sorted(path.name for path in folder.iterdir()) == ["state.db", "state.lock"]


def test_a_failed_upgrade_leaves_the_old_version(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
    steps = (*shipped_steps(), "ALTER TABLE event ADD COLUMN owner TEXT; SELECT * FROM missing_table;")
    for _ in range(3):
        with pytest.raises(StateError, match="missing_table"):
            StateDatabase.open(folder, steps=steps)
    assert list(folder.glob("state.db.v*")) == []
    with closing(StateDatabase.open(folder)) as database:
        assert database.is_writer
        assert database.events(0, NOW * 2) == (EVENT,)


def test_what_is_too_old_is_dropped(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW - 31 * 86_400, 2), batch(NOW - 100, 2)])
        database.append_events([Event(NOW - 40 * 86_400, APP, EventKind.STATE, Severity.OK, "old"), EVENT])
        database.prune(NOW)
        assert list(database.history(APP, 0, NOW).rollups(KEYS[0]).times) == [NOW - 100, NOW - 90]
        assert database.events(0, NOW) == (EVENT,)


def test_pruning_is_done_in_bounded_steps_until_nothing_is_left(folder: Path) -> None:
    old = [Event(NOW - 40 * 86_400 - second, APP, EventKind.STATE, Severity.OK, "old") for second in range(12_000)]
    with closing(StateDatabase.open(folder)) as database:
        database.append_events(old)
        database.prune(NOW)
        first = len(database.events(0, NOW, 20_000))
        assert 0 < first < 12_000
        database.prune(NOW + 1)
        assert len(database.events(0, NOW, 20_000)) == first
        for minute in range(1, 4):
            database.prune(NOW + 60 * minute)
        assert database.events(0, NOW) == ()


def test_the_newest_events_are_kept_when_there_are_too_many(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([Event(NOW + second, APP, EventKind.STATE, Severity.OK, str(second)) for second in range(20)])
        with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
            event_rows.prune(raw, 0, kept=5)
        assert [event.text for event in database.events(0, NOW * 2)] == ["19", "18", "17", "16", "15"]


def test_columns_that_no_row_uses_any_more_are_dropped(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        for pid in range(50):
            database.write_rollups([batch(NOW - 31 * 86_400, 1, (SeriesKey(SQLITE_TABLE_SIZE, (("table", str(pid)),)),))])
        database.write_rollups([batch(NOW, 1)])
        database.prune(NOW)
        database.write_rollups([batch(NOW + 10, 1)])
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        assert raw.execute("SELECT count(*) FROM layout").fetchone() == (1,)


def test_a_minute_of_a_track_is_one_row_however_often_it_is_written(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        for window in range(12):
            database.write_rollups([batch(NOW + 10 * window, 1)])
        database.write_rollups([batch(NOW + 120, 12)])
        assert len(database.history(APP, 0, NOW * 2).rollups(KEYS[0]).times) == 24
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        assert raw.execute("SELECT windows FROM rollup ORDER BY since").fetchall() == [(6,)] * 4


def test_two_parts_of_a_window_are_put_together(folder: Path) -> None:
    """A run that ended in the middle of a window left a part of it; the next one has the rest."""
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 3)])
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW + 20, 2)])
        found = database.history(APP, 0, NOW * 2).rollups(KEYS[0])
        assert list(found.times) == [NOW, NOW + 10, NOW + 20, NOW + 30]
        assert [list(each) for each in (found.low, found.high, found.mean, found.last)] == [
            [0, 1, 0, 1],
            [1, 2, 3, 2],
            [2, 3, 3, 3],
            [3, 4, 3, 4],
        ]


def test_parts_of_a_window_with_other_columns_are_put_together_too(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 3), batch(NOW + 20, 2, KEYS[:2])])
        found = database.history(APP, 0, NOW * 2)
        assert list(found.rollups(KEYS[0]).times) == [NOW, NOW + 10, NOW + 20, NOW + 30]
        assert list(found.rollups(KEYS[0]).low) == [0, 1, 0, 1]
        assert list(found.rollups(KEYS[2]).times) == [NOW, NOW + 10, NOW + 20]


def test_a_day_in_which_labels_come_and_go_is_read_whole(folder: Path) -> None:
    """Each minute has other columns: a series that stays is one line, one that comes and goes has its windows."""
    with closing(StateDatabase.open(folder)) as database:
        batches = []
        for minute in range(1440):
            passing = SeriesKey(SQLITE_TABLE_SIZE, (("table", str(minute)),))
            back = SeriesKey(SQLITE_TABLE_SIZE, (("table", f"of {minute % 7}"),))
            batches.append(batch(NOW + 60 * minute, 6, (KEYS[0], passing, back)))
        database.write_rollups(batches)
        found = database.history(APP, NOW, NOW + 86_400)
    assert len(found.series) == 1 + 1440 + 7
    assert list(found.rollups(KEYS[0]).times) == [NOW + 10 * window for window in range(8640)]
    assert list(found.rollups(KEYS[0]).mean) == [2, 3, 4, 5, 6, 7] * 1440
    assert len(found.rollups(SeriesKey(SQLITE_TABLE_SIZE, (("table", "77"),))).times) == 6
    assert len(found.rollups(SeriesKey(SQLITE_TABLE_SIZE, (("table", "of 3"),))).times) == 206 * 6


def test_a_change_of_cadence_leaves_gaps_where_they_were(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        slow = [batch(NOW + 300 + 60 * minute, 1, step=60.0) for minute in range(3)]
        database.write_rollups([batch(NOW, 3), batch(NOW + 120, 3), *slow])
        found = database.history(APP, 0, NOW * 2).rollups(KEYS[0])
    assert found.step_seconds == 60
    gaps = [at - NOW for at, mean in zip(found.times, found.mean, strict=True) if mean != mean]
    assert gaps == [45, 165]
    assert len(found.times) == 9 + len(gaps)


def test_times_rise_after_a_clock_that_went_back_while_the_columns_changed(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 6), batch(NOW + 30, 6, KEYS[:1])])
        found = database.history(APP, 0, NOW * 2)
        assert list(found.rollups(KEYS[0]).times) == [NOW + 10 * window for window in range(9)]
        assert list(found.rollups(KEYS[1]).times) == [NOW + 10 * window for window in range(6)]


def test_history_is_cut_to_the_span_that_is_asked_for(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 60)])
        assert list(database.history(APP, NOW + 95, NOW + 120).rollups(KEYS[0]).times) == [NOW + 100, NOW + 110, NOW + 120]
        assert database.history(APP, NOW + 10_000, NOW + 20_000).series == {}


def test_a_series_of_several_tiers_is_read_from_the_most_frequent(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 2, KEYS, 600.0, Tier.COLD), batch(NOW, 3, KEYS[:1])])
        found = database.history(APP, 0, NOW * 2)
        assert len(found.rollups(KEYS[0]).times) == 3
        assert (len(found.rollups(KEYS[1]).times), found.rollups(KEYS[1]).step_seconds) == (2, 600)
        assert found.find("queries.rate") == (KEYS[1],)


def test_text_that_is_no_utf_8_is_kept_in_a_harmless_form(folder: Path) -> None:
    """File names become target names and labels, and Python carries their odd bytes as lone surrogates."""
    odd = "caf\udce9"
    key = SeriesKey(SQLITE_TABLE_SIZE, (("table", odd),))
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([Event(NOW, TargetId(odd), EventKind.STATE, Severity.OK, odd + "\x00")])
        database.write_rollups([RollupBatch(TargetId(odd), Tier.HOT, 10.0, (key,), batch(NOW, 1, (key,)).rows)])
        assert [event.text for event in database.events(0, NOW)] == ["caf\\udce9\x00"]
        assert list(database.history(TargetId(odd), 0, NOW).rollups(key).times) == [NOW]


def test_events_are_the_newest_first_and_no_more_than_asked_for(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([Event(NOW + second, APP, EventKind.STATE, Severity.OK, str(second)) for second in range(5)])
        database.append_events([])
        assert [event.text for event in database.events(NOW + 1, NOW + 9, 2)] == ["4", "3"]


def test_what_another_version_wrote_into_an_event_is_shown_as_an_action(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
        with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
            raw.execute("UPDATE event SET kind = 'of tomorrow', severity = 'odd'")
        (found,) = database.events(0, NOW)
        assert (found.kind, found.severity, found.text) == (EventKind.ACTION, Severity.UNKNOWN, EVENT.text)


figures = st.floats(width=32, allow_infinity=False)


@given(st.lists(st.lists(st.tuples(*[figures] * 12), min_size=1, max_size=8), min_size=1, max_size=8))
def test_whatever_is_written_is_read_back_as_it_was(runs: list[list[tuple[float, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as name, closing(StateDatabase.open(Path(name))) as database:
        expected: dict[float, tuple[float, ...]] = {}
        for run in runs:
            start = NOW + 10 * len(expected)
            rows = tuple(RollupRow(start + 10 * index, array("f", values)) for index, values in enumerate(run))
            expected |= {row.at: tuple(row.values) for row in rows}
            database.write_rollups([RollupBatch(APP, Tier.HOT, 10.0, KEYS, rows)])
        found = database.history(APP, NOW, NOW + 1e6)
        for column, key in enumerate(KEYS):
            series = found.rollups(key)
            assert list(series.times) == list(expected)
            for figure, values in enumerate((series.low, series.high, series.mean, series.last)):
                written = [row[4 * column + figure] for row in expected.values()]
                assert [value if value == value else None for value in values] == [value if value == value else None for value in written]
