"""A disk that takes nothing: people are told of it all the same, and nothing of it is lost when there is room again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerts.lease import TAKEN_AFTER_SECONDS
from alerts.models import Acknowledgement, AlertChange, ChangeKind, Evidence, Phase
from alerts.store import alert_rows, change_rows
from alerts.store.database import AlertStore
from alerts.store.spare import carry_back, carry_over
from tests.alert_service import Station, usage_rule
from tests.alert_values import NOW, OF_ORDERS, an_alert, key_of
from tests.command_line import run_here
from tests.fake_clock import FakeClock

PATIENCE_SECONDS = 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two mebibytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


async def test_a_full_disk_keeps_nobody_from_being_told(small_disk: Path) -> None:
    clock = FakeClock()
    station = Station(small_disk / "state", usage_rule(), clock=clock)
    await station.watch(3, orders=0.5)
    filler = fill(small_disk)
    seconds = 0
    while "memory alone" not in (await station.watch(orders=0.95)).note:
        seconds += 1
        assert seconds < PATIENCE_SECONDS
    await station.watch(2, orders=0.95)
    assert station.told == ["firing warning"]
    alert = await station.service.acknowledge("pool_full", "ana", "making room")
    silence = await station.service.silence((OF_ORDERS,), clock.now(), clock.now() + 600, "ana")
    view = await station.watch(20, orders=0.95)
    assert (view.alerts[0].acknowledgement, view.silences) == (alert.acknowledgement, (silence,))
    filler.unlink()
    view = await station.watch(10, orders=0.95)
    assert (view.note, view.is_evaluator, view.alerts[0].phase) == ("", True, Phase.FIRING)
    history = await station.service.history(0, clock.now())
    assert [change.kind for change in history] == [ChangeKind.SILENCED, ChangeKind.ACKNOWLEDGED, ChangeKind.FIRED]
    await clock.advance(TAKEN_AFTER_SECONDS)
    later = Station(small_disk / "state", usage_rule(), clock=clock)
    view = await later.watch(2, orders=0.95)
    assert (view.alerts[0].acknowledgement, view.silences, later.told) == (alert.acknowledgement, (silence,), [])


async def test_while_alerts_are_in_memory_alone_the_command_line_does_not_say_that_nobody_evaluates(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AISHELL_HOME", str(small_disk))
    clock = FakeClock(time.time() - 60)
    station = Station(small_disk / "state", usage_rule(), clock=clock)
    await station.watch(3, orders=0.5)
    filler = fill(small_disk)
    seconds = 0
    while "memory alone" not in (await station.watch(orders=0.95)).note:
        seconds += 1
        assert seconds < PATIENCE_SECONDS
    ran = run_here(capsys, "alerts", "list")
    assert (ran.code, "nobody" in ran.out, "unjudged" in ran.out) == (3, False, False), ran.out
    assert "kept in the memory of a dashboard on this machine alone" in ran.out
    evaluation = run_here(capsys, "alerts", "list", "--json").json()["evaluation"]
    assert isinstance(evaluation, dict)
    assert (evaluation["alive"], evaluation["in_memory"], evaluation["unjudged"]) == (True, True, [])
    filler.unlink()
    await station.watch(10, orders=0.95)
    # Back on the disk, where its clock of a minute ago makes it look dead again.
    assert "nobody evaluates alerts now" in run_here(capsys, "alerts", "list").out


async def test_an_evaluator_that_was_replaced_meanwhile_gives_way(small_disk: Path) -> None:
    clock = FakeClock()
    one = Station(small_disk / "state", usage_rule(), clock=clock, holder="one")
    await one.watch(2, orders=0.5)
    filler = fill(small_disk)
    seconds = 0
    while "memory alone" not in (await one.watch(orders=0.95)).note:
        seconds += 1
        assert seconds < PATIENCE_SECONDS
    filler.unlink()
    await clock.advance(TAKEN_AFTER_SECONDS)
    two = Station(small_disk / "state", usage_rule(), clock=clock, holder="two")
    assert (await two.watch(2, orders=0.95)).is_evaluator
    view = await one.watch(2, orders=0.95)
    assert (view.is_evaluator, view.evaluation.holder, view.note) == (False, "two", "")


def test_what_is_known_is_carried_over_and_back_and_what_grows_is_added(tmp_path: Path) -> None:
    old, new, gone = an_alert(), an_alert(key=key_of("pay")), an_alert(key=key_of("gone"))
    fired = [AlertChange(NOW + place, ChangeKind.FIRED, None, alert) for place, alert in enumerate((old, new))]
    with closing(AlertStore.open(tmp_path / "state")) as disk, closing(AlertStore.spare()) as spare:
        disk.transact(lambda connection: alert_rows.save(connection, [old, gone]))
        disk.transact(lambda connection: change_rows.append(connection, fired[:1]))
        spare.transact(lambda target: disk.read(lambda source: carry_over(source, target), None))
        assert set(spare.transact(alert_rows.load)) == {old.fingerprint, gone.fingerprint}
        spare.transact(lambda connection: alert_rows.drop(connection, [gone.fingerprint]))
        spare.transact(lambda connection: alert_rows.save(connection, [new]))
        spare.transact(lambda connection: alert_rows.acknowledge(connection, new.fingerprint, Acknowledgement("ana", "", NOW)))
        spare.transact(lambda connection: change_rows.append(connection, fired[1:]))
        spare.transact(lambda connection: change_rows.keep_evidence(connection, [Evidence(new.fingerprint, NOW, 0.9)]))
        disk.transact(lambda target: spare.read(lambda source: carry_back(source, target), None))
        kept = disk.transact(alert_rows.load)
        assert set(kept) == {old.fingerprint, new.fingerprint}
        assert kept[new.fingerprint].acknowledgement == Acknowledgement("ana", "", NOW)
        assert [change.after for change in disk.transact(lambda connection: change_rows.load(connection, 0, NOW * 2))] == [new, old]
        assert disk.transact(lambda connection: change_rows.evidence(connection, new.fingerprint, NOW)) is not None


async def until_in_memory(station: Station, **values: float) -> None:
    seconds = 0
    while "memory alone" not in (await station.watch(1, **values)).note:
        seconds += 1
        assert seconds < PATIENCE_SECONDS


async def test_the_end_of_what_was_told_from_memory_is_told_by_the_one_who_takes_over(small_disk: Path) -> None:
    clock = FakeClock()
    one = Station(small_disk / "state", usage_rule(), clock=clock, holder="one")
    two = Station(small_disk / "state", usage_rule(), clock=clock, holder="two")
    await one.watch(2, orders=0.5)
    await two.watch(2, orders=0.5)
    filler = fill(small_disk)
    await until_in_memory(one, orders=0.95)
    await one.watch(2, orders=0.95)
    assert one.told == ["firing warning"]
    await clock.advance(TAKEN_AFTER_SECONDS)
    filler.unlink()
    # It is over before the other one, which comes first when there is room again, has ever seen it.
    assert (await two.watch(2, orders=0.5)).is_evaluator
    assert two.told == []
    await one.watch(8, orders=0.5)
    await two.watch(8, orders=0.5)
    assert (set(one.told), two.told) == ({"firing warning"}, ["resolved warning"])
    history = await two.service.history(0, clock.now())
    assert ChangeKind.FIRED in {change.kind for change in history}


async def test_what_another_one_told_meanwhile_of_its_own_targets_is_not_forgotten(small_disk: Path) -> None:
    clock = FakeClock()
    one = Station(small_disk / "state", usage_rule(), clock=clock, holder="one")
    two = Station(small_disk / "state", usage_rule(), clock=clock, holder="two", targets=("pay",))
    await two.watch(2, pay=0.5)
    await one.watch(2, orders=0.5)
    filler = fill(small_disk)
    await until_in_memory(one, orders=0.95)
    filler.unlink()
    await two.watch(2, pay=0.95)
    assert two.told == ["firing warning"]
    view = await one.watch(6, orders=0.95)
    assert (view.note, view.evaluation.holder, [alert.phase for alert in view.alerts]) == ("", "one", [Phase.FIRING] * 2)
    await two.watch(4, pay=0.5)
    await one.watch(4, orders=0.5)
    assert (set(one.told), set(two.told)) == ({"firing warning", "resolved warning"}, {"firing warning", "resolved warning"})
