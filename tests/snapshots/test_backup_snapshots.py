"""Pictures of screen 5 at a fixed size and moment; look at the report before updating them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aishell_core.safety.roles import Actor, Policy
from aishell_core.targets import Target
from aishell_core.values import TargetId
from aishell_ops.backups.attempts import GONE as ENDED
from aishell_ops.backups.book import Run, RunOutcome
from aishell_ops.backups.errors import DamagedError, StorageError, StorageFault
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import (
    Backup,
    BackupId,
    BackupKind,
    BackupState,
    Compression,
    Encryption,
    Format,
    Holder,
    Lack,
    LackingCopy,
    Manifest,
    ObjectProof,
    Part,
    ProofLevel,
    Record,
    RecordKind,
    Source,
)
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_ops.backups.unmade import Unmade
from aishell_tui.app import AishellApp
from aishell_tui.authority import Authority
from aishell_tui.backup_keeps import Keeps
from aishell_tui.backup_room import BackupRoom
from aishell_tui.backup_schedules import Scheduled
from aishell_tui.backup_shelf import Copies, Shelved
from aishell_tui.backup_tasks import BackupTasks, Job, Phase
from aishell_tui.backup_view import BackupsView
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.schedule import Schedule
from tests.fake_clock import FakeClock
from tests.scripted_sessions import NOW, SessionScript, scripted_sessions, server
from widgets.glyphs import ASCII, UNICODE, Glyphs

SnapCompare = Callable[..., bool]
SIZES = [(80, 24), (160, 45)]
ORDERS, SHOP = TargetId("orders-eu"), TargetId("shop")
DISK = StorageAddress(StorageKind.FOLDER, path=Path("/srv/backups"))
CLOUD = StorageAddress(StorageKind.S3, bucket="db-backups")
HOUR, DAY, MIB = 3600.0, 86_400.0, 1 << 20


def copies(
    target: str,
    ago: float,
    state: BackupState,
    plain_bytes: int,
    *,
    lies: tuple[StorageAddress, ...] = (DISK,),
    lacking: tuple[LackingCopy, ...] = (),
    **fields: object,
) -> Copies:
    """One backup as it was found."""
    known = {
        "id": BackupId(f"20231114-{int(ago) % 1_000_000:06d}-k3f9"),
        "job": "nightly",
        "source": Source(target, "postgres", target.partition("-")[0], f"postgresql://db1/{target}", "16.4"),
        "kind": BackupKind.FULL,
        "method": "pg_dump",
        "format": Format.NATIVE,
        "started_at": NOW - ago,
        "finished_at": NOW - ago + 71,
        "compression": Compression.ZSTD,
        "parts": (Part("data.dump", plain_bytes, plain_bytes // 5, "a" * 64, "b" * 64),),
        "proof": ProofLevel.COUNTS,
        "objects": (ObjectProof("public.orders", 120_000),),
    }
    records = fields.pop("records", ())
    manifest = Manifest(**(known | fields))  # type: ignore[arg-type]
    found = tuple(Shelved(Backup(manifest, "c" * 64, str(place), state, records), place) for place in lies)  # type: ignore[arg-type]
    return Copies(found, lacking)


UNTAKEN = LackingCopy(str(CLOUD), Lack.MISSING, "access is denied")
TESTED = Record(RecordKind.TESTED, NOW - 5 * HOUR, "ada", "12 compared: the same", seconds=251.0)
PINNED = Record(RecordKind.PINNED, NOW - 6 * HOUR, "ada", "before the migration")
GONE = Holder("db1", "here", 4711, NOW, "ops")
VIEW = BackupsView(
    at=NOW,
    storages=(DISK, CLOUD),
    copies=(
        copies(ORDERS, 2 * HOUR + 840, BackupState.VERIFIED, 3100 * MIB, lies=(DISK, CLOUD)),
        copies(SHOP, 9 * HOUR, BackupState.CORRUPT, 812 * MIB),
        copies(ORDERS, 26 * HOUR, BackupState.TESTED, 3000 * MIB, lies=(DISK, CLOUD), records=(PINNED, TESTED)),
        copies(
            ORDERS, 50 * HOUR, BackupState.COMMITTED, 2990 * MIB, lacking=(UNTAKEN,), encryption=Encryption(recipients=("age1",)), job=""
        ),
        copies(SHOP, 3 * DAY, BackupState.VERIFIED, 799 * MIB, tables=("carts", "orders")),
    ),
    damaged=((Spot(Line(SHOP, "shop"), BackupId("20231113-020000-aaaa")), DamagedError("manifest.json: its seal is broken")),),
    unmade=(
        Unmade(
            BackupId("20231114-220800-cccc"),
            SHOP,
            "shop",
            BackupState.RUNNING,
            str(DISK),
            NOW - 300,
            job="often",
            stored_bytes=90 * MIB,
            holder=GONE,
            step=Step(Stage.SAVING, "data.dump", 410 * MIB, 90 * MIB, 800 * MIB),
            stepped_at=NOW - 1,
        ),
        Unmade(BackupId("20231114-213000-dddd"), SHOP, "shop", BackupState.FAILED, str(DISK), NOW - 2600, reason="pg_dump is not there"),
        Unmade(
            BackupId("20231114-200000-bbbb"),
            SHOP,
            "shop",
            BackupState.ABANDONED,
            str(DISK),
            NOW - 8000,
            stored_bytes=51 * MIB,
            reason=ENDED,
            holder=GONE,
        ),
    ),
    schedules=(
        Scheduled("nightly", "0 2 * * *", "Europe/Berlin", (ORDERS,), "/etc/aishell/config.yaml:12", NOW + 3 * HOUR),
        Scheduled(
            "often",
            "*/30 * * * *",
            "",
            (SHOP,),
            "aishell backup schedule",
            NOW + 900,
            Run(7, "often", SHOP, NOW - 900, NOW - 899, NOW - 880, RunOutcome.FAILED, "", "pg_dump is not there"),
        ),
        Scheduled("weekly", "0 3 * * 0", "", (ORDERS, SHOP), "/etc/aishell/config.yaml:20", note="it is switched off"),
    ),
    is_hosted=True,
    faults=(StorageError(StorageFault.REFUSED, "s3://archive: access is denied", "grant s3:ListBucket on archive"),),
    engines=("postgres",),
    keeps={ORDERS: Keeps("30d", 34), SHOP: Keeps("", 2)},
)


class StillTasks(BackupTasks):
    """One job in the middle of its work, and one that has ended."""

    @property
    def running(self) -> tuple[Job, ...]:
        step = Step(Stage.SAVING, "data.dump", 1900 * MIB, 380 * MIB, 3100 * MIB)
        return (Job(3, "back up", ORDERS, ORDERS, step=step, stage_seconds=24.0, seconds=25.0),)

    @property
    def over(self) -> tuple[Job, ...]:
        return (Job(2, "verify", SHOP, "20231114-032400-k3f9", Phase.DOUBTFUL, text="is DAMAGED (deep, 3.1s)"),)


class StillRoom(BackupRoom):
    """What was found stands still."""

    async def follow(self) -> None:
        self._followed_at = self._clock.steady()

    async def look(self) -> None:
        self.view, self.is_looking, self._is_outdated = VIEW, False, False
        self._asked_at = self._clock.steady()


def app_of(*, theme: str = "night", glyphs: Glyphs = UNICODE, **changes: object) -> AishellApp:
    """The application at a moment that stands still."""
    targets: tuple[Target, ...] = (server(ORDERS), server(SHOP))
    clock = FakeClock(NOW)
    runtime = Runtime(
        targets,
        clock=clock,
        open_collector=scripted_sessions({ORDERS: SessionScript(), SHOP: SessionScript()}),
        schedule=Schedule(hot_seconds=1.0),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    authority = Authority(Actor("ada", 1000), Policy(), Path("/nonexistent"))
    options = replace(DashboardOptions(targets=targets, theme=theme, authorise=lambda: authority), **changes)  # type: ignore[arg-type]
    app = AishellApp(runtime, options)
    app.backups = StillRoom(options, clock, lambda job: None)
    app.backups.tasks = StillTasks(clock, lambda job: None)
    app.glyphs = glyphs
    return app


def after(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Wait until both servers were read, then press keys."""

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, AishellApp)
        clock = app.runtime._clock
        assert isinstance(clock, FakeClock)
        await clock.advance(1.5)
        for _ in range(500):
            app.tick()
            await pilot.pause()
            if all(view.sessions or view.last_ok_at for view in app.frame.targets):
                break
        for key in keys:
            await pilot.press(key)
            for worker in [each for each in app.workers if each.group == "backups-look"]:
                await worker.wait()
            await pilot.pause()
        app.tick()
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_backups(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see how both targets stand, a job with its bar, what could not be read, and the catalogue with states in colours."""
    assert snap_compare(app_of(), terminal_size=size, run_before=after("5", "j"))


def test_schedules(snap_compare: SnapCompare) -> None:
    """You should see what is due when, how it went last, and under two of them why something is wrong."""
    assert snap_compare(app_of(), terminal_size=(80, 24), run_before=after("5", "S"))


def test_read_only_in_ascii_without_colours(snap_compare: SnapCompare) -> None:
    """You should see the same in letters and figures alone, and no acts in the footer."""
    app = app_of(theme="mono", glyphs=ASCII, read_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("5", "j"))


def test_leaving_while_something_runs(snap_compare: SnapCompare) -> None:
    """You should see what would be cancelled, and that no is the answer unless somebody means yes."""
    assert snap_compare(app_of(), terminal_size=(80, 24), run_before=after("5", "q"))
