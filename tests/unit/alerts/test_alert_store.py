"""Alerts in the state database, on real files."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.errors import StateError
from aishell_core.state.database import StateDatabase
from aishell_core.state.upgrade import shipped_steps
from aishell_core.values import Event, EventKind, Severity, TargetId
from alerts.models import Acknowledgement, Alert, AlertChange, ChangeKind, Evidence, Level, Matcher, MatchOperator, Phase, Silence
from alerts.silences import new_silence
from alerts.store import alert_rows, change_rows, silence_rows
from alerts.store.database import AlertStore
from tests.alert_values import NOW, OF_ORDERS, an_alert, key_of

EVENT = Event(NOW, TargetId("app"), EventKind.RESTART, Severity.WARNING, "restarted")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def alerts_in(store: AlertStore) -> dict[str, Alert]:
    return store.read(alert_rows.load, {})


def changes_in(store: AlertStore, since: float, until: float, limit: int = 1000, fingerprint: str | None = None) -> tuple[AlertChange, ...]:
    return store.read(lambda connection: change_rows.load(connection, since, until, limit, fingerprint), ())


def silences_in(store: AlertStore, after: float) -> tuple[Silence, ...]:
    return store.read(lambda connection: silence_rows.load(connection, after), ())


def save_silence(store: AlertStore, silence: Silence) -> None:
    store.transact(lambda connection: silence_rows.save(connection, silence))


def test_alerts_are_read_back_as_they_were_after_a_restart(folder: Path) -> None:
    full = an_alert(
        level=Level.CRITICAL,
        phase=Phase.RECOVERING,
        value=0.93,
        unit="ratio",
        recovering_since=NOW + 0.125,
        flips=(NOW, NOW + 1),
        held_since=NOW,
        held_until=NOW + 60,
        annotations=(("summary", "o'r[/]ders\n\x1b"),),
        silenced_by=("s1",),
        inhibited_by=("abc",),
    )
    plain = an_alert(key=key_of("pay", (("x", "1"),)))
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: alert_rows.save(connection, [full, plain]))
    with closing(AlertStore.open(folder)) as store:
        assert alerts_in(store) == {full.fingerprint: full, plain.fingerprint: plain}
        store.transact(lambda connection: alert_rows.drop(connection, [full.fingerprint]))
        assert alerts_in(store) == {plain.fingerprint: plain}


def test_an_evaluation_never_overwrites_what_people_said(folder: Path) -> None:
    alert, said = an_alert(), Acknowledgement("ana", "on it", NOW)
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: alert_rows.acknowledge(connection, alert.fingerprint, said))
        store.transact(lambda connection: alert_rows.save(connection, [replace(alert, acknowledgement=Acknowledgement("bob", "", 0.0))]))
        assert alerts_in(store)[alert.fingerprint].acknowledgement == said
        store.transact(lambda connection: alert_rows.save(connection, [replace(alert, phase=Phase.RESOLVED)]))
        assert alerts_in(store)[alert.fingerprint].acknowledgement is None


def test_names_with_bytes_that_are_no_text_are_kept_in_a_harmless_form(folder: Path) -> None:
    alert = an_alert(key=key_of("caf\udce9", (("x", "\udce9\x00"),)), value=float("nan"), silenced_by=("maintenance:\udce9",))
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: alert_rows.save(connection, [alert]))
        (found,) = alerts_in(store).values()
    assert (found.key.target, found.key.labels, found.value) == ("caf\\udce9", (("x", "\\udce9\x00"),), None)


def test_rows_that_cannot_be_read_are_left_out(folder: Path) -> None:
    good, bad = an_alert(), an_alert(key=key_of("pay"))
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: alert_rows.save(connection, [good, bad]))
        store.transact(lambda connection: change_rows.append(connection, [AlertChange(NOW, ChangeKind.FIRED, None, bad)]))
        with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
            raw.execute('UPDATE alert SET body = \'{"phase": "of tomorrow"}\' WHERE fingerprint = ?', (bad.fingerprint,))
            raw.execute("UPDATE alert_change SET kind = 'of tomorrow'")
        assert alerts_in(store) == {good.fingerprint: good}
        assert changes_in(store, 0, NOW * 2) == ()


def test_silences_are_kept_until_long_after_their_end(folder: Path) -> None:
    pattern = Matcher("table", MatchOperator.NOT_MATCHES, "o'r.*")
    first = new_silence("s1", (OF_ORDERS, pattern), NOW, NOW + 10, "ana", "upgrade", NOW)
    second = new_silence("s2", (OF_ORDERS,), NOW + 50, NOW + 60, "bob", "", NOW)
    with closing(AlertStore.open(folder)) as store:
        for each in (second, first):
            save_silence(store, each)
        assert silences_in(store, NOW) == (first, second)
        assert silences_in(store, NOW + 10) == (second,)
        store.transact(lambda connection: silence_rows.prune(connection, NOW + 30 * 86_400 + 11))
        assert silences_in(store, 0) == (second,)


def test_the_history_is_read_newest_first_of_all_alerts_or_of_one(folder: Path) -> None:
    one, other = an_alert(), an_alert(key=key_of("pay"))
    changes = [
        AlertChange(NOW, ChangeKind.FIRED, None, one),
        AlertChange(NOW, ChangeKind.SILENCED, one, replace(one, silenced_by=("s1",)), "s1"),
        AlertChange(NOW + 1, ChangeKind.RESOLVED, other, replace(other, phase=Phase.RESOLVED), "its rule is gone"),
    ]
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: change_rows.append(connection, changes))
        found = changes_in(store, NOW, NOW + 1)
        assert found == tuple(replace(change, before=None) for change in reversed(changes))
        of_one = changes_in(store, NOW, NOW + 1, 1, one.fingerprint)
        assert [change.kind for change in of_one] == [ChangeKind.SILENCED]


def test_history_and_evidence_are_kept_for_a_month_and_not_without_end(folder: Path) -> None:
    alert = an_alert()
    changes = [AlertChange(NOW + day * 86_400, ChangeKind.FIRED, None, alert) for day in range(40)]
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: change_rows.append(connection, changes))
        store.transact(lambda connection: change_rows.keep_evidence(connection, [Evidence(alert.fingerprint, each.at) for each in changes]))
        store.transact(lambda connection: change_rows.prune(connection, changes[-1].at))
        kept = changes_in(store, 0, NOW * 2)
        assert kept[-1].at == changes[9].at
        assert store.read(lambda connection: change_rows.evidence(connection, alert.fingerprint, changes[8].at), None) is None
        store.transact(lambda connection: change_rows.prune(connection, NOW, kept=5))
        assert len(changes_in(store, 0, NOW * 2)) == 5


def test_evidence_is_that_of_the_moment_and_of_no_other(folder: Path) -> None:
    found = [Evidence("f1", NOW + after, 0.9, ((NOW, 0.5),), ("SELECT ?",), causes=("a lock",)) for after in (0, 10)]
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: change_rows.keep_evidence(connection, found))
        assert store.read(lambda connection: change_rows.evidence(connection, "f1", NOW + 10), None) == found[1]
        assert store.read(lambda connection: change_rows.evidence(connection, "f1", NOW), None) == found[0]
        assert store.read(lambda connection: change_rows.evidence(connection, "f1", NOW + 9), None) is None
        assert store.read(lambda connection: change_rows.evidence(connection, "f1", None), None) is None
        assert store.read(lambda connection: change_rows.evidence(connection, "f2", NOW), None) is None


def test_what_was_seen_wholly_is_not_lost_to_what_was_seen_at_first(folder: Path) -> None:
    first, whole, other = Evidence("f1", NOW, is_whole=False), Evidence("f1", NOW, causes=("a lock",)), Evidence("f2", NOW)
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: change_rows.keep_evidence(connection, [whole]))
        store.transact(lambda connection: change_rows.begin_evidence(connection, [first, other]))
        assert store.read(lambda connection: change_rows.evidence(connection, "f1", NOW), None) == whole
        assert store.read(lambda connection: change_rows.evidence(connection, "f2", NOW), None) == other


def test_what_was_written_under_a_clock_that_was_ahead_is_in_the_history_where_it_happened(folder: Path) -> None:
    ahead = AlertChange(NOW + 7200, ChangeKind.FIRED, None, an_alert())
    after = AlertChange(NOW, ChangeKind.RESOLVED, None, an_alert(phase=Phase.RESOLVED))
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: change_rows.append(connection, [ahead]))
        store.transact(lambda connection: change_rows.append(connection, [after]))
        assert changes_in(store, NOW - 60, math.inf) == (after, ahead)
        store.transact(lambda connection: change_rows.prune(connection, NOW, kept=1))
        assert changes_in(store, NOW - 60, math.inf) == (after,)


def test_what_raises_leaves_the_database_as_it_was(folder: Path) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        alert_rows.save(connection, [an_alert()])
        raise KeyError

    with closing(AlertStore.open(folder)) as store:
        with pytest.raises(KeyError):
            store.transact(fails)
        assert alerts_in(store) == {}
        store.transact(lambda connection: alert_rows.save(connection, [an_alert()]))
        assert len(alerts_in(store)) == 1


def test_alerts_are_written_beside_a_dashboard_that_writes_its_figures(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as figures, closing(AlertStore.open(folder)) as one, closing(AlertStore.open(folder)) as two:
        assert figures.is_writer
        one.transact(lambda connection: alert_rows.save(connection, [an_alert()]))
        figures.append_events([EVENT])
        two.transact(lambda connection: alert_rows.save(connection, [an_alert(key=key_of("pay"))]))
        assert len(alerts_in(one)) == 2
        assert figures.events(0, NOW * 2) == (EVENT,)


def test_an_older_schema_is_upgraded_after_a_copy_and_the_figures_survive(folder: Path) -> None:
    with closing(StateDatabase.open(folder, steps=shipped_steps()[:2])) as figures:
        figures.append_events([EVENT])
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: alert_rows.save(connection, [an_alert()]))
    (copy,) = folder.glob("state.db.v2-*")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(StateDatabase.open(folder)) as figures:
        assert figures.is_writer
        assert figures.events(0, NOW * 2) == (EVENT,)


def test_a_newer_schema_is_refused_and_the_file_left_alone(folder: Path) -> None:
    AlertStore.open(folder).close()
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = (folder / "state.db").read_bytes()
    with pytest.raises(StateError, match="schema version 99"):
        AlertStore.open(folder)
    with pytest.raises(StateError, match="schema version 99"):
        AlertStore.open_to_read(folder)
    assert (folder / "state.db").read_bytes() == before


def test_one_that_only_reads_makes_nothing_and_writes_nothing(folder: Path) -> None:
    with closing(AlertStore.open_to_read(folder)) as reader:
        assert alerts_in(reader) == {}
        with pytest.raises(StateError, match="opened to read"):
            reader.transact(lambda connection: alert_rows.save(connection, [an_alert()]))
    assert not folder.exists()
    StateDatabase.open(folder, steps=shipped_steps()[:2]).close()
    with closing(AlertStore.open_to_read(folder)) as reader:
        assert alerts_in(reader) == {}
    assert list(folder.glob("state.db.v*")) == []
    with closing(AlertStore.open(folder)) as store, closing(AlertStore.open_to_read(folder)) as reader:
        store.transact(lambda connection: alert_rows.save(connection, [an_alert()]))
        assert len(alerts_in(reader)) == 1
        with pytest.raises(StateError):
            reader.transact(lambda connection: alert_rows.save(connection, [an_alert()]))


def test_a_file_that_is_no_database_is_named_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "state.db").write_bytes(b"this is somebody's file" * 100)
    with pytest.raises(StateError, match="damaged"):
        AlertStore.open(folder)
    assert (folder / "state.db").read_bytes().startswith(b"this is somebody's")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot open"):
        AlertStore.open(tmp_path / "file" / "state")


def test_files_are_private(folder: Path) -> None:
    with closing(AlertStore.open(folder)):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "state.db").stat().st_mode & 0o777 == 0o600
