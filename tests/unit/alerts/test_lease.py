"""Who evaluates: one of several, by signs of life and a steady clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from alerts.lease import BEAT_SECONDS, TAKEN_AFTER_SECONDS, Lease, LeaseLostError, own_boot, own_name
from alerts.store import alert_rows
from alerts.store.database import AlertStore
from tests.alert_values import an_alert
from tests.fake_clock import FakeClock


class SkewedClock(FakeClock):
    """The same machine seen from another start of it: its steady clock says something else."""

    def __init__(self, clock: FakeClock, ahead: float) -> None:
        super().__init__(clock.now(), clock.steady() + ahead)


@contextmanager
def opened(folder: Path, clock: FakeClock, holder: str, boot: str = "b") -> Iterator[Lease]:
    with closing(AlertStore.open(folder)) as store:
        yield Lease(store, clock, holder=holder, boot=boot)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def nothing(_connection: sqlite3.Connection) -> None:
    """Only a sign of life."""


async def test_the_first_one_has_it_and_keeps_it_while_it_lives(folder: Path) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one, opened(folder, clock, "two") as two:
        assert (one.contend(), two.contend(), one.contend()) == (True, False, True)
        for _ in range(20):
            await clock.advance(BEAT_SECONDS)
            assert one.needs_beat
            one.write(nothing)
            assert not two.contend()
        assert (one.is_held, two.is_held) == (True, False)


async def test_one_that_gives_no_sign_of_life_loses_it_within_fifteen_seconds(folder: Path) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one, opened(folder, clock, "two") as two:
        assert one.contend()
        seconds = 0
        while not two.contend():
            await clock.advance(1.0)
            seconds += 1
        assert TAKEN_AFTER_SECONDS <= seconds <= 15


async def test_one_that_was_stopped_writes_nothing_and_knows_it_before_it_sends(folder: Path) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one, opened(folder, clock, "two") as two:
        assert one.contend()
        await clock.advance(TAKEN_AFTER_SECONDS)
        assert not one.is_held
        assert two.contend()
        with pytest.raises(LeaseLostError):
            one.write(lambda connection: alert_rows.save(connection, [an_alert()]))
        assert two.write(lambda connection: alert_rows.load(connection)) == {}
        assert not one.is_claimed
        assert not one.contend()


async def test_it_is_surely_held_for_less_time_than_it_takes_another_one_to_take_it(folder: Path) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one, opened(folder, clock, "two") as two:
        assert one.contend()
        while one.is_held:
            assert not two.contend()
            await clock.advance(0.25)
        assert not two.contend()


async def test_one_that_is_late_but_was_not_replaced_goes_on(folder: Path) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one:
        assert one.contend()
        await clock.advance(100 * TAKEN_AFTER_SECONDS)
        one.write(nothing)
        assert one.is_held


def test_one_that_ends_in_peace_gives_it_back_at_once(folder: Path) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one, opened(folder, clock, "two") as two:
        assert one.contend()
        one.give_back()
        assert two.contend()
        one.give_back()
        assert two.write(nothing) is None


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_a_wall_clock_that_is_set_has_no_say(folder: Path, jump: float) -> None:
    clock = FakeClock()
    with opened(folder, clock, "one") as one, opened(folder, clock, "two") as two:
        assert one.contend()
        clock.jump(jump)
        assert not two.contend()
        assert one.is_held


@pytest.mark.parametrize("ahead", [-900.0, 500_000.0])
async def test_after_a_new_start_of_the_machine_an_old_holder_is_watched_and_then_replaced(folder: Path, ahead: float) -> None:
    old = FakeClock()
    new = SkewedClock(old, ahead)
    with opened(folder, old, "one", "old boot") as one, opened(folder, new, "two", "new boot") as two:
        assert one.contend()
        assert not two.contend()
        await new.advance(TAKEN_AFTER_SECONDS - 1)
        assert not two.contend()
        await new.advance(1)
        assert two.contend()


async def test_a_holder_elsewhere_that_lives_is_left_alone(folder: Path) -> None:
    here = FakeClock()
    there = SkewedClock(here, 500_000.0)
    with opened(folder, here, "one", "here") as one, opened(folder, there, "two", "there") as two:
        assert one.contend()
        for _ in range(20):
            one.write(nothing)
            assert not two.contend()
            await there.advance(BEAT_SECONDS)


def test_what_fails_is_no_sign_of_life(folder: Path) -> None:
    def fails(_connection: sqlite3.Connection) -> None:
        raise KeyError

    clock = FakeClock()
    with opened(folder, clock, "one") as one:
        with pytest.raises(LeaseLostError):
            one.write(nothing)
        assert one.contend()
        with pytest.raises(KeyError):
            one.write(fails)
        assert one.is_held


def test_each_program_has_a_name_of_its_own_and_one_boot() -> None:
    assert own_name() != own_name()
    assert own_boot()
