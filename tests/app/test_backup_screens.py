"""The screens of backups, driven by keys: databases in files are really saved, checked, restored and deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from aishell_core.clock import SystemClock
from aishell_core.safety.roles import Grant, Policy, Role
from aishell_core.state.store import Store
from aishell_core.targets import Environment, Location, Target
from aishell_core.values import EventKind, TargetId
from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What, begin_attempt, end_attempt, note_step
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import UnreadableError
from aishell_ops.backups.holder import own_holder
from aishell_ops.backups.ids import new_id
from aishell_ops.backups.models import Format, Holder
from aishell_ops.backups.progress import Stage, Step
from aishell_tui.app import AishellApp
from aishell_tui.backup_settings import Wish
from aishell_tui.backup_tasks import Phase
from aishell_tui.backup_view import BackupsView
from aishell_tui.config.load import load_config
from aishell_tui.places import Places
from aishell_tui.screens.backups import BackupsScreen
from aishell_tui.screens.backups_page import BackupScreen
from aishell_tui.screens.backups_restore import RestoreScreen
from aishell_tui.screens.backups_schedules import SchedulesScreen
from aishell_tui.screens.choices import ChoiceScreen
from aishell_tui.screens.confirm import ConfirmScreen
from tests.app.test_screens import table, text_of, until
from tests.backup_dashboard import House
from tests.servers.sqlite_client import client
from widgets.table import LineTable


async def look(app: AishellApp, pilot: Pilot[int]) -> None:
    """Open screen 5 and wait until the storages were looked into."""
    await pilot.press("5")
    await until(pilot, lambda: isinstance(app.screen, BackupsScreen) and app.backups.view is not None)


async def back_up(app: AishellApp, pilot: Pilot[int]) -> str:
    """Make a backup by the keys; its id."""
    before = {each.backup.id for each in seen(app)}
    await pilot.press("b")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await pilot.press("y")
    await until(pilot, lambda: len(seen(app)) > len(before) and not app.backups.tasks.running)
    await until(pilot, lambda: isinstance(app.screen, BackupsScreen) and len(rows(app)) == len(seen(app)))
    (new,) = {each.backup.id for each in seen(app)} - before
    return str(new)


def seen(app: AishellApp) -> tuple:  # type: ignore[type-arg]
    """What the screens know of backups."""
    view = app.backups.view
    return view.copies if view is not None else ()


def rows(app: AishellApp) -> list[str]:
    return [row.id for row in table(app).shown_rows]


def state_of(app: AishellApp) -> str:
    return table(app).shown_rows[0].cell("state").plain()


def last_job(app: AishellApp) -> tuple[str, Phase]:
    job = app.backups.tasks.over[0]
    return job.what, job.phase


async def until_done(pilot: Pilot[int], app: AishellApp, what: str) -> None:
    await until(pilot, lambda: bool(app.backups.tasks.over) and app.backups.tasks.over[0].what == what)


async def until_question(pilot: Pilot[int], app: AishellApp) -> None:
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))


async def to_restore(pilot: Pilot[int], app: AishellApp) -> None:
    """From the selected backup to what its restore in place would do."""
    await pilot.press("r")
    await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, RestoreScreen) and "goes on with a question" in text_of(app))


async def test_a_backup_is_made_after_a_question_verified_and_listed(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        assert "there are no backups yet: b makes one" in text_of(app)
        assert "no good backup" in text_of(app)
        await pilot.press("b")
        await until_question(pilot, app)
        assert "Back up shop.db of shop by sqlite_backup" in text_of(app)
        assert str(house.backups) in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen))
        assert not house.inventory().backups
        made = await back_up(app, pilot)
        assert rows(app) == [made]
        assert state_of(app) == "verified"
        await until(pilot, lambda: "last good" in text_of(app) and "not scheduled" in text_of(app))
        assert [backup.id for backup in house.inventory().backups] == [made]
        assert house.recorded() == [("back up", "allowed", "done")]
        events = [event for event in app.runtime.known_events() if event.kind is EventKind.BACKUP]
        assert [made in event.text for event in events] == [True]


async def test_enter_shows_what_a_backup_holds_and_what_became_known_of_it(tmp_path: Path) -> None:
    async with House(tmp_path).dashboard() as (app, pilot):
        await look(app, pilot)
        made = await back_up(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BackupScreen) and "goods" in text_of(app))
        text = text_of(app)
        assert made in text
        assert "verified in" in text
        assert "3" in next(line for line in text.splitlines() if "goods" in line)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen))


async def test_a_flipped_bit_is_found_by_verifying_and_the_backup_is_not_good_any_more(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        (part,) = (path for path in house.backups.rglob("parts/*") if path.is_file())
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.chmod(0o600)
        part.write_bytes(content)
        await pilot.press("j", "v")
        await until_done(pilot, app, "verify")
        assert last_job(app) == ("verify", Phase.DOUBTFUL)
        await until(pilot, lambda: state_of(app) == "corrupt" and "no good backup" in text_of(app))
        assert "is DAMAGED" in text_of(app)


async def test_a_test_restore_is_asked_about_and_its_time_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        await pilot.press("j", "T")
        await until_question(pilot, app)
        assert "It is restored into a place of its own" in text_of(app)
        await pilot.press("y")
        await until(pilot, lambda: state_of(app) == "tested")
        assert last_job(app) == ("test", Phase.DONE)
        assert house.recorded()[-1] == ("test backup", "allowed", "done")


async def test_a_restore_shows_what_it_replaces_and_takes_the_right_name_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        saved = house.names()
        house.write("too late")
        await pilot.press("j")
        await to_restore(pilot, app)
        text = text_of(app)
        assert f"LOSES {house.shop}" in text
        assert "of room, and" in text
        await pilot.press("enter")
        await until_question(pilot, app)
        await pilot.press(*"orders", "enter")
        await until(pilot, lambda: "'orders' is not the name" in text_of(app))
        assert house.names() == [*saved, "too late"]
        await pilot.press(*"shop", "enter")
        await until_done(pilot, app, "restore")
        assert last_job(app) == ("restore", Phase.DONE)
        assert house.names() == saved
        assert house.recorded()[-1] == ("restore backup", "allowed", "done")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen) and "restored in" in text_of(app))
        assert app.backups.tasks.over[0].text.endswith("compared with what was saved: the same")


async def test_a_restore_that_is_left_changes_nothing_and_is_written_down(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        house.write("stays")
        await pilot.press("j")
        await to_restore(pilot, app)
        await pilot.press("enter")
        await until_question(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: "left alone" in text_of(app))
        assert house.recorded()[-1][:2] == ("restore backup", "declined")
        assert house.names()[-1] == "stays"


async def test_a_backup_is_restored_beside_the_database_under_another_name(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        saved = house.names()
        house.write("stays")
        await pilot.press("j", "r")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("j", "enter")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press(*"copy.db", "enter")
        await until(pilot, lambda: isinstance(app.screen, RestoreScreen) and "goes on with a question" in text_of(app))
        assert "LOSES" not in text_of(app)
        await pilot.press("enter")
        await until_question(pilot, app)
        await pilot.press("y")
        await until_done(pilot, app, "restore")
        assert house.names(tmp_path / "copy.db") == saved
        assert house.names() == [*saved, "stays"]


async def test_what_cannot_be_restored_says_why_and_asks_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        with client(house.shop) as other:
            assert other.run("SELECT count(*) FROM goods") == [["3"]]
            await pilot.press("j", "r")
            await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, RestoreScreen) and "It cannot be done." in text_of(app))
            assert "NOT POSSIBLE" in text_of(app)
            await pilot.press("enter")
            await until(pilot, lambda: "not possible:" in text_of(app))
            assert isinstance(app.screen, RestoreScreen)


async def test_a_backup_is_deleted_when_the_name_was_typed_and_not_before(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        await pilot.press("j", "d")
        await until_question(pilot, app)
        assert "it is the only backup of this database that can be restored" in text_of(app)
        await pilot.press(*"yes", "enter")
        await until(pilot, lambda: "'yes' is not the name" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "left alone" in text_of(app))
        assert len(house.inventory().backups) == 1
        await pilot.press("d")
        await until_question(pilot, app)
        await pilot.press(*"shop", "enter")
        await until(pilot, lambda: not house.inventory().backups)
        await until(pilot, lambda: app.backups.view is not None and not seen(app) and "deleted" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "there are no backups yet" in text_of(app))
        assert [each[1:] for each in house.recorded()[1:]] == [("declined", ""), ("allowed", "done")]


async def test_a_pin_has_a_note_and_ends_with_the_same_key(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        await pilot.press("j", "p")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press(*"keep", "enter")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen) and table(app).shown_rows[0].cell("notes").plain() == "pinned")
        (backup,) = house.inventory().backups
        assert [(record.kind.value, record.by, record.detail) for record in backup.records[-1:]] == [("pinned", "ada", "keep")]
        await pilot.press("p")
        await until_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen) and table(app).shown_rows[0].cell("notes").plain() == "")


def shrink(house: House) -> None:
    with closing(sqlite3.connect(house.shop)) as connection:
        connection.execute("DELETE FROM goods")
        connection.commit()
        connection.execute("VACUUM")


async def test_a_loss_is_accepted_after_a_note_and_a_question_and_only_where_there_is_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("x" * 200_000)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        await pilot.press("j", "a")
        await until(pilot, lambda: "nothing is to be accepted" in text_of(app))
        shrink(house)
        small = await back_up(app, pilot)
        await until(pilot, lambda: app.backups.view is not None and len(app.backups.view.drops) == 1)
        await pilot.press("j", "a")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press(*"moved", "enter")
        await until_question(pilot, app)
        assert "Retention may remove older backups again" in " ".join(text_of(app).split())
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen))
        assert [each.after.id for each in (app.backups.view or BackupsView(0.0)).drops] == [small]
        await pilot.press("a")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press(*"moved", "enter")
        await until_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: app.backups.view is not None and not app.backups.view.drops)
        (record,) = (one for backup in house.inventory().backups if backup.id == small for one in backup.records[-1:])
        assert (record.kind.value, record.by, record.detail) == ("accepted", "ada", "moved")
        assert house.recorded()[-1] == ("accepted backup", "allowed", "done")


async def test_a_loss_is_not_accepted_by_whoever_may_not_administer(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("x" * 200_000)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        shrink(house)
        await back_up(app, pilot)
    other = replace(house.authority, policy=Policy((Grant(Role.OPERATOR, users=("ada",)),), configured=True, file="/etc/aishell.yaml"))
    house.authority = other
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await until(pilot, lambda: len(rows(app)) == 2)
        await pilot.press("j", "a")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press("enter")
        await until_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: "Not done" in text_of(app))
        assert house.recorded()[-1][:2] == ("accepted backup", "refused")


async def test_what_failed_of_other_configurations_is_counted_and_not_listed(tmp_path: Path) -> None:
    house, now = House(tmp_path), SystemClock().now()
    with closing(Store.open(house.state)) as store:
        for name in ("far", "shop"):
            begun = Attempt(What.SAVE, name, "sqlite", f"{name}.db", "", "/elsewhere", new_id(now), now, own_holder("saving"))
            number = store.transact(partial(begin_attempt, attempt=begun))
            store.transact(partial(end_attempt, number=number, outcome=AttemptOutcome.FAILED, message="no room", now=now))
    async with house.dashboard("shop", "orders") as (app, pilot):
        await look(app, pilot)
        await until(pilot, lambda: "1 failed of other configurations" in text_of(app))
        assert [row.cell("target").plain() for row in table(app).shown_rows] == ["shop"]


async def test_a_job_goes_on_while_another_screen_is_shown_and_says_there_how_it_ended(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        with client(house.shop, timeout=60) as other:
            await pilot.press("b")
            await until_question(pilot, app)
            other.run("BEGIN EXCLUSIVE")
            await pilot.press("y")
            await until(pilot, lambda: "running" in text_of(app) and "back up shop" in text_of(app))
            await pilot.press("8")
            await until(pilot, lambda: app.current_mode == "events")
            assert [job.title for job in app.backups.tasks.running] == ["back up shop"]
            other.run("COMMIT")
            await until(pilot, lambda: "verified" in text_of(app))
        assert app.current_mode == "events"
        assert [backup.state.value for backup in house.inventory().backups] == ["verified"]


async def test_quitting_while_a_backup_runs_asks_and_leaves_nothing_that_looks_like_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        with client(house.shop, timeout=60) as other:
            await pilot.press("b")
            await until_question(pilot, app)
            other.run("BEGIN EXCLUSIVE")
            await pilot.press("y")
            await until(pilot, lambda: bool(house.inventory().unfinished))
            await pilot.press("q")
            await until_question(pilot, app)
            assert "1 job of backups still run" in text_of(app)
            await pilot.press("n")
            await until(pilot, lambda: isinstance(app.screen, BackupsScreen))
            assert app.backups.tasks.running
            await pilot.press("q")
            await until_question(pilot, app)
            await pilot.press("y")
            await until(pilot, lambda: app.return_code == 0)
        assert not app.backups.tasks.running
        found = house.inventory()
        assert (found.backups, found.unfinished, found.damaged) == ((), (), ())
        assert house.recorded()[-1] == ("back up", "allowed", "interrupted")


async def test_what_runs_can_be_cancelled_by_a_key(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await pilot.press("x")
        await until(pilot, lambda: "nothing runs here" in text_of(app))
        with client(house.shop, timeout=60) as other:
            await pilot.press("b")
            await until_question(pilot, app)
            other.run("BEGIN EXCLUSIVE")
            await pilot.press("y")
            await until(pilot, lambda: bool(house.inventory().unfinished))
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
            await pilot.press("enter")
            await until(pilot, lambda: not app.backups.tasks.running)
        assert last_job(app) == ("back up", Phase.CANCELLED)
        assert (house.inventory().backups, house.inventory().unfinished) == ((), ())
        await until(pilot, lambda: "cancelled" in text_of(app))


async def test_schedules_say_when_they_are_due_and_that_nobody_runs_them(tmp_path: Path) -> None:
    house = House(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(
        f"targets: [{{name: shop, url: '{house.shop}'}}]\n"
        'backups:\n  - {name: nightly, databases: [shop], schedule: "0 2 * * *", timezone: UTC}\n'
        '  - {name: off, schedule: "0 3 * * *", enabled: false}\n'
    )
    places = Places(tmp_path, house.state, house.backups)
    async with house.dashboard(reload=lambda: load_config(file, environ={}, working_folder=tmp_path, places=places)) as (app, pilot):
        await look(app, pilot)
        await until(pilot, lambda: "nightly" in text_of(app) and "next in" in text_of(app))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, SchedulesScreen) and "never run" in text_of(app))
        text = text_of(app)
        assert "nobody runs them" in text
        assert "it is switched off" in text
        assert {row.id: row.cell("next").plain() == "–" for row in table(app).shown_rows} == {"nightly": False, "off": True}
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen) and "as the job nightly says" in text_of(app))
        await pilot.press("enter")
        await until_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: [backup.manifest.job for backup in house.inventory().backups] == ["nightly"])
        await until(pilot, lambda: not app.backups.tasks.running)


async def test_backups_of_all_targets_or_of_one_filtered_and_sorted(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard("shop", "orders", size=(160, 45)) as (app, pilot):
        await look(app, pilot)
        for number in (0, 1):
            await pilot.press("b")
            await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
            await pilot.press(*["j"] * number, "enter")
            await until_question(pilot, app)
            await pilot.press("y")
            await until(pilot, lambda wanted=number + 1: len(seen(app)) == wanted)  # type: ignore[misc]
            await until(pilot, lambda: isinstance(app.screen, BackupsScreen) and not app.backups.is_looking)
        targets = [row.cell("target").plain() for row in table(app).shown_rows]
        assert targets == ["orders", "shop"]
        await pilot.press("slash", *"shop")
        await until(pilot, lambda: [row.cell("target").plain() for row in table(app).shown_rows] == ["shop"])
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).shown_rows) == 2)
        table(app).sort_by("target", descending=True)
        assert [row.cell("target").plain() for row in table(app).shown_rows] == ["shop", "orders"]
        app.open_target(house.targets[1].name, "backups")
        await until(pilot, lambda: len(rows(app)) == 1 and "TARGET" not in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: len(rows(app)) == 2)


async def test_a_read_only_session_shows_backups_and_none_of_the_acts(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        made = await back_up(app, pilot)
    async with house.dashboard(read_only=True) as (app, pilot):
        await look(app, pilot)
        assert rows(app) == [made]
        footer = text_of(app).splitlines()[-1]
        assert not {"back up", "restore", "delete"} & set(footer.split("  "))
        await pilot.press("j", *"brvTpd")
        await pilot.pause()
        assert isinstance(app.screen, BackupsScreen)
        assert not app.backups.tasks.running
        assert not app.backups.tasks.over
    assert house.recorded() == [("back up", "allowed", "done")]


async def test_a_role_that_may_not_is_refused_in_words_and_that_is_written_down(tmp_path: Path) -> None:
    house = House(tmp_path, role=Role.ANALYST, environment=Environment.PRODUCTION)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        await pilot.press("j", "d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "may not administer it" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BackupsScreen))
        await to_restore(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "ada is analyst" in text_of(app))
        assert len(house.inventory().backups) == 1
        assert [each[:2] for each in house.recorded()[1:]] == [("delete backup", "refused"), ("restore backup", "refused")]


async def test_a_storage_that_cannot_be_read_is_said_and_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.backups.write_text("a file stands where the folder should be")
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await until(pilot, lambda: "not read:" in text_of(app))
        assert "what lies in a storage that cannot be read is not known" in text_of(app)
        assert "there are no backups yet" not in text_of(app)
        assert table(app).shown_rows == ()


async def test_a_folder_that_is_gone_is_said_and_nothing_is_written_in_its_place(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        await back_up(app, pilot)
        await pilot.press("b")
        await until_question(pilot, app)
        away = house.backups.rename(house.backups.with_name("away"))
        await pilot.press("y")
        await until(pilot, lambda: last_job(app) == ("back up", Phase.FAILED))
        await pilot.press("R")
        await until(pilot, lambda: "is gone or empty, and 1 backup" in " ".join(text_of(app).split()))
        jobs = len(app.backups.tasks.over)
        await pilot.press("b")
        await until(pilot, lambda: any(line.strip().startswith("✖ the folder ") for line in text_of(app).splitlines()))
        assert (isinstance(app.screen, BackupsScreen), len(app.backups.tasks.over), house.backups.exists()) == (True, jobs, False)
        away.rename(house.backups)
        await pilot.press("R")
        await until(pilot, lambda: len(seen(app)) == 1)


async def test_no_next_try_is_promised_of_a_database_that_cannot_be_read(tmp_path: Path) -> None:
    house = House(tmp_path)
    far = Target(TargetId("far"), Location("postgres", host="127.0.0.1", port=1, database="far"))
    async with house.dashboard() as (app, _pilot):
        desk = await app.backups.desk()
        settings = desk.settings.of(Wish())
        for work in (desk.plan_create(far, settings), desk.create(far, settings)):
            with pytest.raises(UnreadableError) as told:
                await work
            assert ("next try" in told.value.hint, "no backup was made: run it again then" in told.value.hint) == (False, True)


async def test_no_next_try_is_promised_of_a_restore_either(tmp_path: Path) -> None:
    house = House(tmp_path)
    far = Target(TargetId("far"), Location("postgres", host="127.0.0.1", port=1, database="far"))
    async with house.dashboard() as (app, _pilot):
        desk = await app.backups.desk()
        settings = desk.settings.of(Wish(format=Format.JSON))
        made = await desk.create(house.targets[0], settings)
        with pytest.raises(UnreadableError) as told:
            await desk.plan_restore(far, made.backup, LoadRequest(database="far"))
        assert ("next try" in told.value.hint, "nothing was restored: run it again then" in told.value.hint) == (False, True)


async def test_half_a_backup_that_nobody_has_signed_counts_as_running_while_it_is_fresh(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.dashboard() as (app, pilot):
        await look(app, pilot)
        made = await back_up(app, pilot)
        (manifest,) = house.backups.rglob("manifest.json")
        started = manifest.with_name("started.json")
        manifest.unlink()
        started.unlink()
        await pilot.press("R")
        await until(pilot, lambda: not seen(app) and len(table(app).shown_rows) == 1)
        row = table(app).shown_rows[0]
        assert row.cell("id").plain() == made
        assert row.cell("state").plain() == "running"
        assert row.note[0][0] == "nobody knows who makes it"


async def test_copy_and_export_give_the_rows_as_values(tmp_path: Path) -> None:
    async with House(tmp_path).dashboard() as (app, pilot):
        await look(app, pilot)
        made = await back_up(app, pilot)
        screen = app.screen
        assert isinstance(screen, BackupsScreen)
        pane = screen.pane_data()
        assert pane is not None
        values = dict(zip(pane.columns, pane.rows[0], strict=True))
        assert values["id"] == made
        assert values["size"] == app.backups.view.copies[0].backup.manifest.plain_bytes  # type: ignore[union-attr]
        app.screen.query_one(LineTable).action_move(0)
        assert made in screen.copy_text()


async def test_what_another_program_makes_is_told_with_its_bytes_and_its_end_is_seen(tmp_path: Path) -> None:
    """A schedule that another process runs: what it notes of its steps stands on the screen."""
    house = House(tmp_path)
    with client(house.orders) as other, closing(Store.open(house.state)) as store:
        holder = Holder("db1", own_holder().machine, other.pid, psutil.Process(other.pid).create_time(), "ops")
        now, storage = SystemClock().now(), str(house.backups)
        begun = Attempt(What.SAVE, "shop", "sqlite", "shop.db", "nightly", storage, new_id(now - 60), now - 60, holder)
        number = store.transact(lambda connection: begin_attempt(connection, begun))
        async with house.dashboard(size=(140, 40)) as (app, pilot):
            await look(app, pilot)
            await until(pilot, lambda: "by nightly, for" in text_of(app))
            assert state_of(app) == "running"
            step = Step(Stage.SAVING, "data", 400 << 20, 90 << 20, 800 << 20)
            store.transact(lambda connection: note_step(connection, number, step, now - 20))
            await until(pilot, lambda: "50%" in text_of(app) and "10 MiB/s" in text_of(app))
            store.transact(lambda connection: end_attempt(connection, number, AttemptOutcome.FAILED, "no room is left", now))
            await until(pilot, lambda: "no room is left" in text_of(app) and "by nightly, for" not in text_of(app))
            assert state_of(app) == "failed"
