"""Pictures of every engine's screens at 80x24 and 160x45, from readings that real servers gave; look before updating them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Environment, Target, parse_location
from aishell_core.values import Ability, Event, TargetId
from aishell_tui.app import AishellApp
from aishell_tui.assess import assess, judged_metrics
from aishell_tui.changes import view_events
from aishell_tui.frame import Frame, OwnCost, TargetView, absorb
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.schedule import Schedule
from tests.app.test_screens import text_of, until
from tests.reading_files import Recording, decode
from tests.scripted_server import NOW, scripted_servers

SnapCompare = Callable[..., bool]
SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
FOLDER = Path(__file__).parents[1] / "data" / "readings"
NAMES = ("postgres", "pgbouncer", "mariadb", "mongodb", "ferretdb", "redis", "sqlite")
"""One of each engine, as they stand side by side."""
ALONE = ("mysql",)
"""Others, whose questions and columns differ."""
SCREENS: tuple[tuple[str, str, Ability], ...] = (
    ("health", "2", Ability.NONE),
    ("queries", "3tt", Ability.STATEMENTS),
    ("sessions", "4i", Ability.SESSIONS),
    ("locks", "4t", Ability.LOCKS),
    ("tables", "2b", Ability.RELATIONS),
    ("replication", "2r", Ability.REPLICATION),
    ("maintenance", "2v", Ability.PROGRESS),
    ("pools", "2o", Ability.POOLS),
    ("waits", "4w", Ability.WAITS),
    ("session", "4i\r", Ability.SESSIONS),
    ("metrics", "2m", Ability.NONE),
)
"""Each with the keys that lead to it and what an engine must be able to tell to have it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A target as it was at the end of its recording, and what happened meanwhile."""

    view: TargetView
    events: tuple[Event, ...]


@cache
def recording(name: str) -> Recording:
    return decode(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


@cache
def seen(name: str) -> Seen:
    """All readings of a server, taken in as the program takes them in."""
    found = recording(name)
    target = Target(TargetId(name), parse_location(found.url), environment=Environment.PRODUCTION)
    store = SeriesStore()
    view = TargetView(target, store.snapshot(target.name), abilities=found.abilities)
    slow = sorted(found.slow, key=lambda reading: reading.at)
    for reading in sorted((*found.hot, *slow), key=lambda reading: reading.at):
        store.add(reading, 1.0)
        view = absorb(view, reading, store.snapshot(target.name), Schedule().interval(reading.tier))
    before = TargetView(target, view.snapshot, abilities=found.abilities)
    at = found.hot[-1].at
    view = replace(view, assessment=assess(view, at, judged_metrics(target.engine, {})))
    return Seen(view, tuple(view_events(before, view, at)))


class PlayedRuntime(Runtime):
    """Shows one frame for ever."""

    shown: Frame

    def frame(self) -> Frame:
        """The frame."""
        return self.shown


def app_of(*names: str) -> AishellApp:
    """The whole application over servers that stand still at the end of their recordings."""
    found = [seen(name) for name in names]
    targets = tuple(each.view.target for each in found)
    runtime = PlayedRuntime(
        targets, clock=SystemClock(), open_collector=scripted_servers({}), schedule=Schedule(), thresholds={}, state_folder=None
    )
    events = tuple(event for each in found for event in each.events)
    for name in names:
        for reading in recording(name).hot:
            if reading.waits is not None:
                runtime.waits(TargetId(name)).add(reading.at, reading.waits)
    runtime.shown = Frame(at=NOW, targets=tuple(each.view for each in found), own=OwnCost(0.009, 58 * 2**20), events=events)
    return AishellApp(runtime, DashboardOptions(targets=targets))


def after(keys: str, words: str = "") -> Callable[[Pilot[int]], object]:
    """Press keys and wait until words are on the screen."""

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, AishellApp)
        await until(pilot, lambda: bool(app.frame.targets))
        for key in keys:
            await pilot.press("enter" if key == "\r" else key)
            await pilot.pause()
            app.tick()
            await pilot.pause()
        await until(pilot, lambda: words in text_of(app))
        app.tick()
        await pilot.pause()

    return run


def pictures() -> Iterator[tuple[str, str, str]]:
    for name in (*NAMES, *ALONE):
        for screen, keys, ability in SCREENS:
            if ability in recording(name).abilities:
                yield name, screen, keys


@SIZES
@pytest.mark.parametrize(("name", "keys"), [pytest.param(name, keys, id=f"{name}-{screen}") for name, screen, keys in pictures()])
def test_screen(snap_compare: SnapCompare, size: tuple[int, int], name: str, keys: str) -> None:
    """You should see what this engine tells, in its own words, with a reason for what it does not tell."""
    assert snap_compare(app_of(name), terminal_size=size, run_before=after(keys))


@SIZES
def test_fleet(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see one row per server, whatever its engine, the worst first, and nothing made up where one tells nothing."""
    assert snap_compare(app_of(*NAMES), terminal_size=size, run_before=after("1", "sqlite"))


@SIZES
def test_events(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see what happened to servers of all engines in one list."""
    assert snap_compare(app_of(*NAMES), terminal_size=size, run_before=after("8"))
