"""What the screens of backups share: what is ordered there, each asked about, recorded, and what takes long done by a task."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aishell_core.errors import AishellError, RefusedError
from aishell_core.targets import Target
from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_tui.backup_text import save_plan_lines, size_text
from aishell_tui.screens.ask import AskScreen
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.choices import ChoiceScreen
from aishell_tui.screens.confirm import Confirmation, ConfirmScreen

if TYPE_CHECKING:
    # Loaded with what works on backups, when a screen of them is opened.
    from aishell_ops.backups.models import RecordKind
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_room import BackupRoom
    from aishell_tui.backup_settings import Settings
    from aishell_tui.backup_shelf import Copies
    from aishell_tui.backup_tasks import Work

ACTS = frozenset({"back_up", "restore", "verify", "test", "pin", "accept", "delete"})
_ANOTHER, _EVERYWHERE = "name:", "everywhere"


class BackupActingScreen(DashboardScreen):
    """A screen of backups on which things can be ordered, unless the session is read-only."""

    TAB = "backups"
    OF_ONE_TARGET = False

    @property
    def room(self) -> BackupRoom:
        """What the screens of backups share."""
        return self.dashboard.backups

    def chosen(self) -> Copies | None:
        """The backup that a key means now."""
        raise NotImplementedError

    def chosen_target(self) -> Target | None:
        """The target that a new backup would be of; None where several could be meant."""
        raise NotImplementedError

    def savable(self) -> tuple[Target, ...]:
        """The targets of which backups can be made."""
        view, targets = self.room.view, self.dashboard.options.targets
        return targets if view is None else tuple(each for each in targets if each.engine in view.engines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What changes or copies something is not offered in a read-only session."""
        return self._may_act if action in ACTS else super().check_action(action, parameters)

    def withheld_actions(self) -> frozenset[str]:
        """The acts that a read-only session does not have."""
        return super().withheld_actions() | (frozenset() if self._may_act else ACTS)

    @property
    def _may_act(self) -> bool:
        return self.dashboard.options.authorise is not None and not self.dashboard.look.read_only

    def on_screen_resume(self) -> None:
        """Look for backups again where that was some time ago."""
        super().on_screen_resume()
        self.look_if_due()

    def look_if_due(self) -> None:
        """Look into the storages where it is time to, while this screen is seen."""
        if self.room.is_due and self.is_current:
            self.run_worker(self._look(), group="backups-look")
        elif self.room.is_follow_due and self.is_current:
            self.run_worker(self._follow(), group="backups-follow")

    async def _follow(self) -> None:
        await self.room.follow()
        self.show(self.dashboard.frame, self.dashboard.look)

    async def _look(self) -> None:
        await self.room.look()
        self.show(self.dashboard.frame, self.dashboard.look)

    def action_look_again(self) -> None:
        """Look into the storages now."""
        self.room.outdate()
        self.look_if_due()
        self.show(self.dashboard.frame, self.dashboard.look)

    def _order(self, work: Coroutine[None, None, None]) -> None:
        self.run_worker(self._ordered(work), group="backups-act")

    async def _ordered(self, work: Awaitable[None]) -> None:
        try:
            await work
        except RefusedError as error:
            self.app.push_screen(ConfirmScreen(Confirmation("Not done", (error.message, *error.hint.splitlines()), refused=True)))
        except AishellError as error:
            self.say_error(error)

    def _expect_chosen(self) -> Copies | None:
        chosen = self.chosen()
        if chosen is None:
            self.say("select a backup first")
        return chosen

    # Backing up.

    def action_back_up(self) -> None:
        """Plan a backup of the target, ask, and make it."""
        target = self.chosen_target()
        if target is not None:
            self._order(self._ask_how(target))
            return
        known = {str(each.name): each for each in self.savable()}
        if not known:
            self.say("no target is configured here that could be saved")
            return
        choices = tuple((name, name) for name in known)
        self.app.push_screen(ChoiceScreen("back up", choices), lambda name: self._order(self._ask_how(known[name])) if name else None)

    async def _ask_how(self, target: Target) -> None:
        """Where jobs of the configuration name the target, ask by which of them."""
        desk = await self.room.desk()
        jobs = [name for name, job in desk.settings.jobs.items() if target.name in (job.spec.databases or ())]
        if not jobs:
            await self._ask_back_up(desk, target, "")
            return
        choices = (*((name, f"as the job {name} says") for name in jobs), ("", "as configured, without a job"))

        def chosen(job: str | None) -> None:
            if job is not None:
                self._order(self._ask_back_up(desk, target, job))

        self.app.push_screen(ChoiceScreen(f"back up {target.name}", choices), chosen)

    async def _ask_back_up(self, desk: BackupDesk, target: Target, job: str) -> None:
        from aishell_tui.backup_settings import Wish

        settings = desk.settings.of(Wish(job=job))
        plan, decision = await desk.plan_create(target, settings)
        if not decision.allowed:
            await desk.create(target, settings)  # which refuses it, and writes that down
            return
        head, *lines = save_plan_lines(str(target.name), plan, settings)
        question = Confirmation(_title(head), tuple(lines))
        self.app.push_screen(ConfirmScreen(question), lambda yes: self._back_up(desk, target, settings) if yes else None)

    def _back_up(self, desk: BackupDesk, target: Target, settings: Settings) -> None:
        from aishell_tui.backup_acts import backing_up

        self._begin("back up", target, str(target.name), backing_up(desk, target, settings))

    def _begin(self, what: str, target: Target, subject: str, work: Work) -> None:
        """Have a task do it; it goes on whatever is shown."""
        job = self.room.tasks.start(what, target.name, subject, work)
        if self.SCREEN == "backups":
            self.show(self.dashboard.frame, self.dashboard.look)
        else:
            self.say(f"{job.title}: begun, screen 5 shows how far it is")

    # Verifying and testing.

    def action_verify(self) -> None:
        """Read the chosen backup back and check every byte, in each storage that has it."""
        chosen = self._expect_chosen()
        if chosen is not None:
            self._order(self._verify(chosen))

    async def _verify(self, chosen: Copies) -> None:
        desk = await self.room.desk()
        from aishell_tui.backup_acts import verifying

        self._begin("verify", self.room.target_of(chosen.backup), str(chosen.backup.id), verifying(desk, chosen.lies))

    def action_test(self) -> None:
        """Ask, then restore the chosen backup into a place of its own and compare it."""
        chosen = self._expect_chosen()
        if chosen is None:
            return
        manifest = chosen.backup.manifest
        expected = self.expected_seconds(chosen)
        takes = f", and takes about {format_duration(expected)}" if expected is not None else ""
        question = Confirmation(
            f"Test backup {chosen.backup.id} of {manifest.source.target}",
            (
                "It is restored into a place of its own on this machine, compared with what was saved, and removed again.",
                f"That needs room for {format_bytes(manifest.plain_bytes)}{takes}.",
            ),
        )
        self.app.push_screen(ConfirmScreen(question), lambda yes: self._order(self._test(chosen)) if yes else None)

    async def _test(self, chosen: Copies) -> None:
        desk = await self.room.desk()
        from aishell_tui.backup_acts import testing

        target = self.room.target_of(chosen.backup)
        self._begin("test", target, str(chosen.backup.id), testing(desk, target, chosen.best))

    def expected_seconds(self, chosen: Copies) -> float | None:
        """How long a restore would take, by those that were measured; None without any."""
        from aishell_ops.backups.restore import expected_seconds

        view = self.room.view
        return expected_seconds(chosen.backup, (each.backup for each in view.copies)) if view is not None else None

    # Restoring.

    def action_restore(self) -> None:
        """Ask where the chosen backup is to go, then show what that would do."""
        chosen = self._expect_chosen()
        if chosen is None:
            return
        source = chosen.backup.manifest.source
        fitting = [each for each in self.dashboard.options.targets if each.engine == source.engine]
        if not fitting:
            self.say(f"no target here takes a backup of {source.engine}: aishell connect URL --save NAME adds one", bad=True)
            return
        fitting.sort(key=lambda each: each.name != source.target)
        choices = [(str(each.name), f"into {each.name}, in place of what is there now") for each in fitting]
        choices.insert(1, (_ANOTHER, f"beside {fitting[0].name}, under another name"))
        known = {str(each.name): each for each in fitting}

        def picked(choice: str | None) -> None:
            if choice == _ANOTHER:
                asked = ("Under which name?", "Of a server it is a database, of SQLite a file beside it, or a whole path.")
                self.app.push_screen(AskScreen(f"restore {chosen.backup.id}", asked), named)
            elif choice is not None:
                self._preview(chosen, known[choice], "")

        def named(name: str | None) -> None:
            if name:
                self._preview(chosen, fitting[0], name)

        self.app.push_screen(ChoiceScreen(f"restore {chosen.backup.id}", tuple(choices)), picked)

    def _preview(self, chosen: Copies, target: Target, name: str) -> None:
        from aishell_tui.screens.backups_restore import RestoreScreen

        self.app.push_screen(RestoreScreen(chosen, target, name))

    # Keeping and deleting.

    def action_pin(self) -> None:
        """Keep the chosen backup whatever retention says, or leave it to retention again."""
        from aishell_ops.backups.models import RecordKind
        from aishell_ops.backups.state import is_pinned

        chosen = self._expect_chosen()
        if chosen is None:
            return
        backup = chosen.backup
        if is_pinned(backup, self.dashboard.runtime.now()):
            question = Confirmation(f"Unpin backup {backup.id}", ("Retention may remove it from then on.",))
            leave = partial(self._mark, chosen, RecordKind.UNPINNED)
            self.app.push_screen(ConfirmScreen(question), lambda yes: leave("") if yes else None)
            return
        asked = ("Retention never removes it until it is unpinned.", "Why? For the others; may be empty:")
        self.app.push_screen(AskScreen(f"pin backup {backup.id}", asked), partial(self._mark, chosen, RecordKind.PINNED))

    def action_accept(self) -> None:
        """Ask, then say that the chosen backup is right though it is much smaller than the one before it."""
        from aishell_ops.backups.models import RecordKind

        chosen, view = self._expect_chosen(), self.room.view
        if chosen is None or view is None:
            return
        drop = next((each for each in view.drops if each.after.id == chosen.backup.id), None)
        if drop is None:
            self.say(f"nothing is to be accepted: {chosen.backup.id} does not stop retention")
            return
        after, before = drop.after.manifest, drop.before.manifest
        sizes = f"It has {format_bytes(after.plain_bytes)}, and the one before it {format_bytes(before.plain_bytes)}."
        effect = "Retention may remove older backups again from then on, those with more in them too."
        question = Confirmation(f"Accept backup {after.id} of {after.source.target}", (sizes, effect))

        def noted(why: str | None) -> None:
            if why is not None:
                accept = partial(self._mark, chosen, RecordKind.ACCEPTED, why)
                self.app.push_screen(ConfirmScreen(question), lambda yes: accept() if yes else None)

        self.app.push_screen(AskScreen(f"accept backup {after.id}", (sizes, "Why is that right? For the others; may be empty:")), noted)

    def _mark(self, chosen: Copies, kind: RecordKind, why: str | None) -> None:
        if why is not None:
            self._order(self._write_mark(chosen, kind, why))

    async def _write_mark(self, chosen: Copies, kind: RecordKind, why: str) -> None:
        from aishell_ops.backups.models import Record

        desk = await self.room.desk()
        record = Record(kind, desk.clock.now(), desk.authority.actor.user, why)
        for one in chosen.lies:
            await desk.mark(one.address, one.backup, record, f"{kind.value} backup {one.backup.id}")
        self.say(f"{chosen.backup.id} is {kind.value}")
        self._changed()

    def action_delete(self) -> None:
        """Ask, with the name typed, then delete the chosen backup in one of its storages or in all."""
        chosen = self._expect_chosen()
        if chosen is None:
            return
        if len(chosen.lies) == 1:
            self._order(self._ask_delete(chosen))
            return
        places = tuple((str(one.address), f"in {one.address}") for one in chosen.lies)
        choices = (*places, (_EVERYWHERE, f"in all {len(places)} storages"))

        def picked(where: str | None) -> None:
            if where is not None:
                lies = tuple(one for one in chosen.lies if where in (_EVERYWHERE, str(one.address)))
                self._order(self._ask_delete(replace(chosen, lies=lies)))

        self.app.push_screen(ChoiceScreen(f"delete {chosen.backup.id}", choices), picked)

    async def _ask_delete(self, chosen: Copies) -> None:
        from aishell_core.safety.decision import Confirmation as Wanted
        from aishell_ops.backups.keeping import removal_of

        desk, view, backup = await self.room.desk(), self.room.view, chosen.backup
        warnings: list[str] = []
        for one in chosen.lies:
            line = [each for copies in (view.copies if view is not None else ()) for each in copies.lies]
            same = [each.backup for each in line if each.address == one.address and each.spot.line == one.spot.line]
            removal = removal_of(one.backup, same, desk.clock.now())
            if removal.obstacles:
                raise RefusedError(f"backup {backup.id} is not deleted: {removal.obstacles[0]}", "\n".join(removal.obstacles[1:]))
            warnings += removal.warnings
        attempt = desk.deletion(backup, chosen.lies[0].address, confirmed=False)
        if not attempt.decision.allowed:
            await self._delete(desk, chosen, confirmed=False)
            return
        sentences = (
            f"{backup.state}, {size_text(backup.manifest)}, in {', '.join(str(one.address) for one in chosen.lies)}",
            *(f"mind: {warning}" for warning in dict.fromkeys(warnings)),
            "It is gone for good.",
        )
        typed = attempt.place.target if attempt.decision.confirmation is Wanted.TYPED_NAME else ""
        question = Confirmation(f"Delete backup {backup.id} of {attempt.place.described}", sentences, typed)
        self.app.push_screen(ConfirmScreen(question), lambda yes: self._order(self._delete(desk, chosen, confirmed=bool(yes))))

    async def _delete(self, desk: BackupDesk, chosen: Copies, *, confirmed: bool) -> None:
        freed = 0
        try:
            for one in chosen.lies:
                freed += await desk.delete(one.address, one.backup, confirmed=confirmed)
        except RefusedError:
            if confirmed or not desk.deletion(chosen.backup, chosen.lies[0].address, confirmed=False).decision.allowed:
                raise
            self.say("left alone")
            return
        finally:
            self._changed()
        where = "" if len(chosen.lies) == 1 else f" in {format_counted(len(chosen.lies), 'storage')}"
        self.say(f"deleted {chosen.backup.id}{where}: {format_bytes(freed)}")

    def _changed(self) -> None:
        self.room.outdate()
        self.look_if_due()


def _title(head: str) -> str:
    return f"{head[:1].upper()}{head[1:]}"
