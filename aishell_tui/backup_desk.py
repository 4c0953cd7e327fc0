"""Backups as people and schedules ask for them: planned, decided on, recorded, made, checked, and old ones let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import AishellError, RefusedError, TargetError
from aishell_core.safety.audit_entry import Attempt, Outcome, Result
from aishell_core.safety.decision import Decision, Place, decide
from aishell_core.safety.perform import perform
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel
from aishell_core.targets import Target
from aishell_core.values import TargetId
from aishell_ops.backups import attempts
from aishell_ops.backups.attempts import What
from aishell_ops.backups.catalogue import expect_present, known_but_gone, refresh
from aishell_ops.backups.copies import annotations_of
from aishell_ops.backups.drill import Drill, drill
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.errors import BackupError, StorageError, UnreadableError
from aishell_ops.backups.exporting import export_backup
from aishell_ops.backups.holder import own_holder
from aishell_ops.backups.ids import new_id
from aishell_ops.backups.importing import import_backup
from aishell_ops.backups.keeping import remove
from aishell_ops.backups.models import Backup, BackupId, Record, RecordKind
from aishell_ops.backups.progress import Tell, nobody
from aishell_ops.backups.registry import driller_of, loader_of, saver_of
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.rows.fidelity import in_short
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.opening import OpenStorage, open_storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.streams.stopping import in_thread
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, Verification, shut_words, unlock, verify
from aishell_tui.authority import Authority
from aishell_tui.backup_aftercare import Copied, Saved, bring_copy, look_after, spot_of_backup
from aishell_tui.backup_chronicle import Chronicle, database_of
from aishell_tui.backup_settings import BackupSettings, Settings, expect_full

T = TypeVar("T")

READING = (ActionClass.READ,)


class BackupDesk:
    """Carries out what is wanted of backups, as one person with their roles."""

    def __init__(self, authority: Authority, settings: BackupSettings, clock: Clock, opens: OpenStorage = open_storage) -> None:
        self.authority = authority
        self.settings = settings
        self.clock = clock
        self._opens = opens
        self._anew: set[str] = set()
        self._chronicle = Chronicle(authority.state_folder, clock)

    @contextmanager
    def repository(self, address: StorageAddress) -> Iterator[Repository]:
        """A storage with its credentials, let go of when the block ends."""
        with closing(self._opens(self.settings.with_secrets(address))) as storage:
            yield Repository(storage, self.clock.now)

    async def plan_create(self, target: Target, settings: Settings, *, anew: bool = False) -> tuple[SavePlan, Decision]:
        """What would be saved and how, and whether it is allowed; raises UsageError, ToolError, UnreadableError.

        Raises StorageError where the storage is gone, unless it is to begin `anew`; of those for copies that is a warning.
        """
        expect_full(settings)
        with _once(_UNMADE):
            plan = await saver_of(target, settings.format).plan_save(target, self._request(settings))
        decision = self._decide(target, _saving_risk(settings))
        if anew or not decision.allowed:
            return plan, decision
        first, *others = settings.storages
        await asyncio.to_thread(expect_present, self.authority.state_folder, str(first))
        for address in others:
            try:
                await asyncio.to_thread(expect_present, self.authority.state_folder, str(address))
            except StorageError as error:
                plan = replace(plan, warnings=(*plan.warnings, f"no copy would be made: {error.message}"))
        return plan, decision

    async def create(self, target: Target, settings: Settings, *, tell: Tell = nobody, by: str = "") -> Saved:
        """Make a backup, copy it, check it, let old ones go.

        Raises UsageError, RefusedError, BackupError and its kin, ConfigError. What goes wrong once it is committed stands
        in `doubts`: a good backup is not called a failed one.
        """
        expect_full(settings)
        risk = _saving_risk(settings)
        decision = self._decide(target, risk)
        subject = f"back up {target.name} to {', '.join(map(str, settings.storages))}"
        attempt = Attempt(
            self.authority.actor, self.authority.place(target), target.engine, "", risk, decision, subject, confirmed=decision.allowed
        )
        with _once(_UNMADE):
            return await perform(self.authority.log, attempt, lambda: self._create(target, settings, tell, by), clock=self.clock)

    async def verify(
        self, address: StorageAddress, backup: Backup, depth: Depth, *, files: tuple[Path, ...] = (), tell: Tell = nobody
    ) -> Verification:
        """Look whether a backup is whole, and record it beside it and in the audit log. Raises BackupError and its kin."""

        async def act() -> Verification:
            with self.repository(address) as repository:
                keys = await self.opening_keys(repository, backup, files)
                who = self.authority.actor.user
                async with self.noticed(repository, address):
                    return await verify(repository, spot_of_backup(backup), depth, self.clock, keys=keys, by=who, tell=tell)

        attempt = self.attempt_on(backup, Risk(RiskLevel.NONE, READING), f"verify backup {backup.id}")
        return await perform(self.authority.log, attempt, act, clock=self.clock)

    async def test(
        self, target: Target, address: StorageAddress, backup: Backup, *, files: tuple[Path, ...] = (), tell: Tell = nobody
    ) -> Drill:
        """Restore a backup into a place of its own, compare it, and record that. Raises BackupError and its kin, TargetError."""

        async def act() -> Drill:
            keys = await asyncio.to_thread(self.settings.keys, files) if backup.manifest.encryption is not None else None
            begun = self._attempt(What.TEST, target, backup.manifest.job, address, backup.id)
            with self.repository(address) as repository:
                who, spot = self.authority.actor.user, spot_of_backup(backup)
                async with self.noticed(repository, address), self._chronicle.trying(begun, tell) as told:
                    return await drill(
                        driller_of(target, backup.manifest), repository, spot, target, self.clock, keys=keys, by=who, tell=told
                    )

        attempt = self.attempt_on(backup, Risk(RiskLevel.LOW, READING, ("a scratch place takes its data",)), f"test backup {backup.id}")
        with _once("it was not tested"):
            return await perform(self.authority.log, attempt, act, clock=self.clock)

    async def plan_restore(
        self, target: Target, backup: Backup, request: LoadRequest, files: tuple[Path, ...] = ()
    ) -> tuple[LoadPlan, Decision]:
        """What a restore would do, and whether it is allowed; raises UsageError, ConfigError, ToolError, TargetError."""
        with _once(_UNRESTORED):
            plan = await plan_restore(loader_of(target, backup.manifest), backup, RestoreOrder(target, request))
        keys = await asyncio.to_thread(self.settings.keys, files) if backup.manifest.encryption is not None else None
        if shut := await asyncio.to_thread(shut_words, backup, keys):
            plan = replace(plan, obstacles=(*plan.obstacles, shut))
        return plan, self._decide(target, loading_risk(plan))

    async def restore(
        self,
        target: Target,
        address: StorageAddress,
        backup: Backup,
        plan: LoadPlan,
        *,
        confirmed: bool,
        files: tuple[Path, ...] = (),
        tell: Tell = nobody,
    ) -> Restored:
        """Carry out a planned restore. Raises RefusedError, BackupError and its kin, TargetError; then what was there is there still."""

        async def act() -> Restored:
            with self.repository(address) as repository:
                spot = spot_of_backup(backup)
                keys = await asyncio.to_thread(self.settings.keys, files) if backup.manifest.encryption is not None else None
                order = RestoreOrder(target, plan.request, keys)
                done = await restore(loader_of(target, backup.manifest), repository, spot, backup, order, plan, self.clock, tell=tell)
                detail = "; ".join((plan.database, *in_short(done.fidelity)))
                record = Record(RecordKind.RESTORED, self.clock.now(), self.authority.actor.user, detail, seconds=done.seconds)
                # It was restored, whether the storage lets that be written down or not.
                with suppress(AishellError):
                    await asyncio.to_thread(repository.record, spot, record)
                return done

        attempt = self.restore_attempt(target, backup, plan, confirmed=confirmed)
        with _once(_UNRESTORED):
            return await perform(self.authority.log, attempt, act, clock=self.clock)

    def restore_attempt(self, target: Target, backup: Backup, plan: LoadPlan, *, confirmed: bool) -> Attempt:
        """A restore as the audit log has it."""
        risk, subject = loading_risk(plan), f"restore backup {backup.id} into {plan.database}"
        place, decision = self.authority.place(target), self._decide(target, risk)
        return Attempt(self.authority.actor, place, target.engine, "", risk, decision, subject, confirmed=confirmed)

    def attempt_on(self, backup: Backup, risk: Risk, subject: str, *, confirmed: bool = False) -> Attempt:
        """Something done to a backup as the audit log has it; it is decided on as on the target that it was made of."""
        source = backup.manifest.source
        place = self.authority.places.get(TargetId(source.target)) or Place(source.target, source.environment)
        decision = decide(self.authority.actor, self.authority.policy, place, risk)
        return Attempt(self.authority.actor, place, source.engine, "", risk, decision, subject, confirmed=confirmed)

    async def mark(self, address: StorageAddress, backup: Backup, mark: Record, subject: str) -> Backup:
        """Write down a decision about a backup beside it; the backup in its light. Raises RefusedError, StorageError."""

        async def act() -> Backup:
            with self.repository(address) as repository:
                async with self.noticed(repository, address):
                    await asyncio.to_thread(repository.record, spot_of_backup(backup), mark)
                    return await asyncio.to_thread(repository.read, spot_of_backup(backup))

        # Keeping a backup harms nobody; letting go of one lets retention remove it.
        keeps = mark.kind in {RecordKind.PINNED, RecordKind.HELD}
        lets_go = "retention may remove older ones" if mark.kind is RecordKind.ACCEPTED else "retention may remove it"
        risk = Risk(RiskLevel.LOW, (ActionClass.CANCEL,) if keeps else (ActionClass.ADMIN,), () if keeps else (lets_go,))
        attempt = self.attempt_on(backup, risk, subject, confirmed=True)
        return await perform(self.authority.log, attempt, act, clock=self.clock)

    async def delete(self, address: StorageAddress, backup: Backup, *, confirmed: bool) -> int:
        """Remove a backup from one storage; how many bytes that freed. Raises RefusedError, BusyError, StorageError."""

        async def act() -> int:
            with self.repository(address) as repository:
                async with self.noticed(repository, address):
                    return await asyncio.to_thread(remove, repository, spot_of_backup(backup))

        return await perform(self.authority.log, self.deletion(backup, address, confirmed=confirmed), act, clock=self.clock)

    def deletion(self, backup: Backup, address: StorageAddress, *, confirmed: bool) -> Attempt:
        """The removal of a backup as the audit log has it."""
        risk = Risk(RiskLevel.HIGH, (ActionClass.ADMIN,), ("a backup is removed for good",))
        return self.attempt_on(backup, risk, f"delete backup {backup.id} in {address}", confirmed=confirmed)

    async def copy(self, origin: StorageAddress, backup: Backup, address: StorageAddress, *, tell: Tell = nobody) -> Copied:
        """Bring a copy of a backup from one storage to another, and read it back. Raises RefusedError, BackupError and its kin."""

        async def act() -> Copied:
            with self.repository(origin) as repository:
                return await bring_copy(self, repository, backup, address, tell, command="copy")

        risk = Risk(RiskLevel.LOW, READING, (f"its data is copied to {address}",))
        attempt = self.attempt_on(backup, risk, f"copy backup {backup.id} to {address}", confirmed=True)
        return await perform(self.authority.log, attempt, act, clock=self.clock)

    async def export(
        self, address: StorageAddress, backup: Backup, path: Path, recipe: Recipe, *, with_records: bool, tell: Tell = nobody
    ) -> Path:
        """Write a backup into a file. Raises UsageError, BackupError and its kin; then no file is there."""
        stop = threading.Event()

        async def act() -> Path:
            with self.repository(address) as repository:
                work = partial(export_backup, repository, spot_of_backup(backup), path, recipe=recipe, tell=tell, stop=stop)
                return await in_thread(stop, partial(work, with_records=with_records))

        risk = Risk(RiskLevel.LOW, READING, ("its data is copied to a file",))
        return await perform(self.authority.log, self.attempt_on(backup, risk, f"export backup {backup.id}"), act, clock=self.clock)

    async def take_in(
        self, source: Path, address: StorageAddress, target: str, *, keys: Keys | None, check: bool, tell: Tell = nobody
    ) -> tuple[Backup, Verification | None]:
        """Bring a carried backup into a storage, and check it where that is wanted. Raises UsageError, BackupError and its kin."""
        stop = threading.Event()

        async def act() -> tuple[Backup, Verification | None]:
            with self.repository(address) as repository:
                work = partial(import_backup, source, repository, target=target, keys=keys, tell=tell, stop=stop)
                async with self.noticed(repository, address, "import"):
                    backup = await in_thread(stop, work)
                    if not check:
                        return backup, None
                    opened = await self.opening_keys(repository, backup)
                    who = self.authority.actor.user
                    found = await verify(repository, spot_of_backup(backup), Depth.DEEP, self.clock, keys=opened, by=who, tell=tell)
                    return found.backup, found

        place, risk = Place(target, known=False), Risk(RiskLevel.LOW, READING, ("a backup comes from elsewhere",))
        decision = decide(self.authority.actor, self.authority.policy, place, risk)
        attempt = Attempt(self.authority.actor, place, "", "", risk, decision, f"import a backup into {address}", confirmed=True)
        return await perform(self.authority.log, attempt, act, clock=self.clock)

    def begin_anew(self, address: StorageAddress) -> int:
        """Let a folder that is gone or empty be a new storage; how many backups were known in it. Raises RefusedError. Blocking.

        They are forgotten when something is written there, and not before: what comes next may fail.
        """

        def allow() -> int:
            self._anew.add(str(address))
            return known_but_gone(self.authority.state_folder, str(address))

        return self.administer(f"begin the storage {address} anew", allow, "backups that were known there are forgotten")

    def administer(
        self, subject: str, work: Callable[[], T], effect: str = "backups are made, and old ones removed, without a person"
    ) -> T:
        """Something done to all backups, such as scheduling them, by whoever may administer; recorded. Blocking."""
        place = Place("", known=False)
        risk = Risk(RiskLevel.MEDIUM, (ActionClass.ADMIN,), (effect,))
        decision = decide(self.authority.actor, self.authority.policy, place, risk)
        log = self.authority.log
        ticket = log.record_attempt(Attempt(self.authority.actor, place, "", "", risk, decision, subject, confirmed=True))
        if not decision.allowed:
            raise RefusedError(decision.message, decision.hint)
        begun = self.clock.steady()
        try:
            done = work()
        except AishellError as error:
            log.record_result(ticket, Outcome(Result.FAILED, self.clock.steady() - begun, error.code))
            raise
        log.record_result(ticket, Outcome(Result.DONE, self.clock.steady() - begun))
        return done

    async def opening_keys(self, repository: Repository, backup: Backup, files: tuple[Path, ...] = ()) -> Keys | None:
        """What opens a backup; None where it is not encrypted, or where no key is at hand, so that its content stays unseen."""
        if backup.manifest.encryption is None:
            return None
        if files:
            at_hand = await asyncio.to_thread(self.settings.keys, files)
            return await asyncio.to_thread(unlock, repository, spot_of_backup(backup), backup, at_hand)
        with suppress(AishellError):
            at_hand = await asyncio.to_thread(self.settings.keys)
            return await asyncio.to_thread(unlock, repository, spot_of_backup(backup), backup, at_hand)
        return None

    async def _create(self, target: Target, settings: Settings, tell: Tell, by: str) -> Saved:
        first, *others = settings.storages
        begun = self._attempt(What.SAVE, target, settings.job, first, new_id(self.clock.now()))
        async with self._chronicle.trying(begun, tell) as told:
            recipe, locked = await asyncio.to_thread(self.settings.recipe, settings)
            notes = (*((("by", by),) if by else ()), *annotations_of(map(str, others)))
            order = Order(target, self._request(settings), settings.job, recipe, settings.proof, notes, locked, begun.backup)
            with self.repository(first) as repository:
                async with self.noticed(repository, first):
                    backup = await take(saver_of(target, settings.format), repository, order, self.clock, tell=told)
                    return await look_after(self, repository, backup, settings, tuple(others), told)

    @asynccontextmanager
    async def copying(self, backup: Backup, address: StorageAddress, tell: Tell) -> AsyncIterator[Tell]:
        """Write down that a copy is tried for as long as the block lasts, and how it ended."""
        source, now = backup.manifest.source, self.clock.now()
        where, job = str(address), backup.manifest.job
        begun = attempts.Attempt(
            What.COPY, source.target, source.engine, source.database, job, where, backup.id, now, own_holder("copying")
        )
        async with self._chronicle.trying(begun, tell) as told:
            yield told

    def _attempt(self, what: What, target: Target, job: str, address: StorageAddress, backup: BackupId) -> attempts.Attempt:
        """Something that is about to be tried, by this process."""
        name, now = database_of(target), self.clock.now()
        holder = own_holder("saving" if what is What.SAVE else "testing")
        return attempts.Attempt(what, str(target.name), target.engine, name, job, str(address), backup, now, holder)

    @asynccontextmanager
    async def noticed(self, repository: Repository, address: StorageAddress, command: str = "create") -> AsyncIterator[None]:
        """What is changed in a storage is in the catalogue afterwards, for all programs that read that alone.

        Raises StorageError where the storage is gone: what were written then would lie on another disk. `command` is the one that
        can begin it anew.
        """
        if str(address) not in self._anew:
            await asyncio.to_thread(expect_present, self.authority.state_folder, str(address), command)
        try:
            yield
        finally:
            with suppress(AishellError):
                await asyncio.to_thread(refresh, repository, self.authority.state_folder, str(address), self.clock.now())

    def _decide(self, target: Target, risk: Risk) -> Decision:
        return decide(self.authority.actor, self.authority.policy, self.authority.place(target), risk)

    def _request(self, settings: Settings) -> SaveRequest:
        return SaveRequest(
            format=settings.format, tables=settings.tables, method=settings.method, jobs=settings.jobs, secret=settings.encrypted
        )


_UNMADE, _UNRESTORED = "no backup was made", "nothing was restored"
_AGAIN = "the next try follows by itself"


@contextmanager
def _once(outcome: str) -> Iterator[None]:
    """Tell of a database that cannot be read as of what was not done with backups: it is no verdict on the database here.

    Hints of engines are written for readings, which follow each other; nothing is tried again by itself here.
    """
    try:
        yield
    except TargetError as error:
        raise UnreadableError(error.message, _hint_once(error.hint, outcome)) from error
    except BackupError as error:
        if _AGAIN in error.hint:
            error.hint = _hint_once(error.hint, outcome)
        raise


def _hint_once(hint: str, outcome: str) -> str:
    words = [part for part in hint.split("; ") if part and part != _AGAIN]
    return "; ".join([*words, f"{outcome}: run it again then"])


def _saving_risk(settings: Settings) -> Risk:
    where = ", ".join(map(str, settings.storages))
    return Risk(RiskLevel.LOW, READING, (f"its data is copied to {where}",))


def pruning_risk() -> Risk:
    """What removing old backups by the rules can do."""
    return Risk(RiskLevel.MEDIUM, (ActionClass.ADMIN,), ("old backups are removed for good",))


def loading_risk(plan: LoadPlan) -> Risk:
    """What a restore can do: a new database is made, or what is there is lost for good."""
    if not plan.losses:
        return Risk(RiskLevel.MEDIUM, (ActionClass.WRITE, ActionClass.SCHEMA), (f"writes {plan.database}",))
    return Risk(
        RiskLevel.CRITICAL, (ActionClass.WRITE, ActionClass.SCHEMA, ActionClass.ADMIN), tuple(f"loses {one}" for one in plan.losses)
    )
