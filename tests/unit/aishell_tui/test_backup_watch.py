"""Figures of backups beside those of a target: told with its warm readings, shown on Fleet, in a sentence, in evidence."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from aishell_core.catalogue import BACKUP_AGE, BACKUP_OVERDUE, BACKUP_SIZE, CONNECTIONS_USED
from aishell_core.clock import Clock
from aishell_core.errors import ConfigError, TargetError
from aishell_core.series.store import SeriesStore
from aishell_core.state.store import Store
from aishell_core.targets import Location, Target
from aishell_core.values import Ability, FailureCode, PlanNode, Reading, Sample, Severity, TargetId, Tier
from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What, begin_attempt, end_attempt
from aishell_ops.backups.models import BackupId
from aishell_tui.alert_sight import sight_of
from aishell_tui.assess import assess, judged_metrics
from aishell_tui.backup_age import last_backup_text
from aishell_tui.backup_watch import READ_SECONDS, BackupWatch
from aishell_tui.config.load import Configuration
from aishell_tui.frame import Frame, TargetView, absorb
from aishell_tui.screens.fleet_rows import fleet_columns, fleet_data, fleet_row
from aishell_tui.watch import Watch
from alerts.evidence import NO_BACKUP
from alerts.models import Alert, InstanceKey, Level, Phase
from collectors.contract import Demand
from collectors.schedule import Schedule
from tests.fake_clock import FakeClock
from tests.scripted_sessions import NOW
from widgets.glyphs import UNICODE

HOUR = 3600.0
SHOP = Target(TargetId("shop"), Location("sqlite", path=Path("/srv/shop.db")))
APP, BEFORE = (("database", "app"),), (("database", "before"),)


class Steady:
    """A collector of one figure in each tier, but for a warm one that fails for want of rights."""

    def __init__(self, target: Target, clock: Clock, *, refused: bool = False) -> None:
        self.target, self._clock, self._refused = target, clock, refused

    @property
    def abilities(self) -> Ability:
        return Ability.NONE

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        if tier is Tier.WARM and self._refused:
            raise TargetError(FailureCode.PRIVILEGE, "permission denied")
        return Reading(self.target.name, tier, self._clock.now(), (Sample(CONNECTIONS_USED, 1.0),) if tier is not Tier.COLD else ())

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        return ()

    async def close(self) -> None:
        return


async def watched(*, refused: bool) -> TargetView:
    """What is known of a target after a minute, with a figure that something beside it tells."""
    clock = FakeClock()
    beside = (Sample(BACKUP_AGE, 7.0, APP),)
    collector = Steady(SHOP, clock, refused=refused)
    watch = Watch(
        SHOP, SeriesStore(), clock, lambda *_: collector, Schedule(), {}, lambda _event: None, lambda: 0.0, beside=lambda _target: beside
    )
    running = asyncio.create_task(watch.poller.run())
    try:
        await clock.advance(40)
        return watch.current()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_figures_from_beside_are_told_with_the_warm_readings_alone() -> None:
    view = await watched(refused=False)
    (key,) = view.snapshot.find(BACKUP_AGE.name)
    assert view.snapshot.value(key) == 7.0
    assert len(view.snapshot.points(key, 0.0, view.last_ok_at or 0.0).times) <= 4


async def test_a_warm_reading_that_failed_tells_nothing_from_beside() -> None:
    assert (await watched(refused=True)).snapshot.find(BACKUP_AGE.name) == ()


def viewed(*samples: Sample) -> TargetView:
    """A target whose newest readings brought these figures."""
    store = SeriesStore()
    view = TargetView(SHOP, store.snapshot(SHOP.name))
    for tier, brought in ((Tier.HOT, (Sample(CONNECTIONS_USED, 1.0),)), (Tier.WARM, samples)):
        reading = Reading(SHOP.name, tier, NOW, brought)
        store.add(reading, 15.0)
        view = absorb(view, reading, store.snapshot(SHOP.name), 15.0)
    return replace(view, assessment=assess(view, NOW, judged_metrics("sqlite", {})))


GOOD = (Sample(BACKUP_AGE, 2 * HOUR, APP), Sample(BACKUP_OVERDUE, 0.0, APP), Sample(BACKUP_SIZE, 3e9, APP))
LATE = (Sample(BACKUP_AGE, 31 * HOUR, APP), Sample(BACKUP_OVERDUE, 5 * HOUR, APP), Sample(BACKUP_SIZE, 3e9, APP))


def test_the_fleet_tells_how_old_the_last_good_backup_is_where_some_target_has_one() -> None:
    good, late, none = viewed(*GOOD), viewed(*LATE), viewed()
    assert (fleet_row(good, NOW, UNICODE).cells["backup"].plain(), good.assessment.severity) == ("2h00m", Severity.OK)
    assert (fleet_row(late, NOW, UNICODE).cells["backup"].role, late.assessment.severity) == ("warning", Severity.WARNING)
    assert (late.assessment.reasons[0].text, late.assessment.reasons[0].leads_to) == ("app: the next good backup is 5h00m late", "backups")
    assert fleet_row(none, NOW, UNICODE).cells["backup"].plain() == "–"
    assert "backup" not in {column.key for column in fleet_columns(Frame(NOW, (none,)))}
    assert "backup" in {column.key for column in fleet_columns(Frame(NOW, (none, good)))}
    data = fleet_data(Frame(NOW, (good,)))
    assert dict(zip(data.columns, data.rows[0], strict=True))["last_good_backup_seconds"] == 2 * HOUR


def test_a_target_that_should_have_a_backup_and_has_none_says_so() -> None:
    view = viewed(Sample(BACKUP_OVERDUE, 25 * HOUR, APP))
    cell = fleet_row(view, NOW, UNICODE).cells["backup"]
    assert (cell.plain(), cell.role) == ("none", "critical")
    assert last_backup_text(view) == "no good backup, the next one is 1d01h late"


def test_of_several_databases_the_one_that_is_saved_now_is_told() -> None:
    view = viewed(Sample(BACKUP_AGE, 900 * HOUR, BEFORE), Sample(BACKUP_SIZE, 1.0, BEFORE), *GOOD)
    assert last_backup_text(view) == "last good backup 2h00m ago, 2.8 GiB"


def test_the_evidence_of_every_alert_has_the_last_backup() -> None:
    alert = Alert(InstanceKey("busy", SHOP.name), "fp", Phase.FIRING, Level.WARNING, NOW)  # type: ignore[arg-type]
    assert sight_of(viewed(*LATE), alert, None, (), NOW).last_backup == "last good backup 1d07h ago, 2.8 GiB, the next one is 5h00m late"
    assert sight_of(viewed(), alert, None, (), NOW).last_backup == NO_BACKUP


def watch_of(folder: Path, clock: Clock) -> BackupWatch:
    (folder / "backups").mkdir(exist_ok=True)
    return BackupWatch((SHOP,), folder / "state", clock, environ={"AISHELL_HOME": str(folder)})


def test_where_nothing_is_known_nothing_is_told(tmp_path: Path) -> None:
    watch = watch_of(tmp_path, FakeClock())
    watch.read()
    assert watch.samples(SHOP.name) == ()
    assert not (tmp_path / "state").exists()


def test_a_configuration_that_cannot_be_read_has_no_jobs_for_now(tmp_path: Path) -> None:
    def load() -> Configuration:
        raise ConfigError("no", "")

    watch = BackupWatch((SHOP,), tmp_path / "state", FakeClock(), load, {"AISHELL_HOME": str(tmp_path)})
    watch.read()
    assert watch.samples(SHOP.name) == ()


async def test_what_is_noted_by_another_program_is_told_and_the_target_is_read_once_for_it(tmp_path: Path) -> None:
    clock = FakeClock()
    watch, heard = watch_of(tmp_path, clock), list[frozenset[TargetId]]()
    running = asyncio.create_task(watch.run(heard.append))
    try:
        with closing(Store.open(tmp_path / "state")) as store:
            begun = Attempt(What.SAVE, "shop", "sqlite", "shop.db", "", "/srv", BackupId("20261121-000000-aaaa"), clock.now())
            number = store.transact(lambda connection: begin_attempt(connection, begun))
            store.transact(lambda connection: end_attempt(connection, number, AttemptOutcome.FAILED, "no room", clock.now()))
        while not heard:
            await clock.advance(READ_SECONDS)
            await asyncio.sleep(0.01)
        figures = {sample.metric.name: sample.value for sample in watch.samples(SHOP.name)}
        assert figures["backup.failures"] == 1
        assert figures["backup.overdue"] == 0
        for _ in range(5):
            await clock.advance(READ_SECONDS)
            await asyncio.sleep(0.01)
        assert heard == [frozenset({SHOP.name})]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
