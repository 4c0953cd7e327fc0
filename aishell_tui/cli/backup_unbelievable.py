"""Deleting a backup whose manifest cannot be believed: nobody knows what it was, but where it lies and what was decided about it."""

from __future__ import annotations

import asyncio
import time

from aishell_core.errors import RefusedError, UsageError
from aishell_core.safety.audit_entry import Attempt
from aishell_core.safety.decision import Confirmation, Place, decide
from aishell_core.safety.perform import perform
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel
from aishell_core.targets import Environment
from aishell_core.units import format_bytes
from aishell_core.values import TargetId
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.keeping import remove
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.state import records_hold
from aishell_ops.backups.storage.address import StorageAddress
from aishell_tui.backup_desk import BackupDesk
from aishell_tui.cli.acting import answered, how_to_confirm
from aishell_tui.cli.backup_shapes import BackupsDeleted
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import note, printable, say


class Unbelievable:
    """One such backup, in the storages where it is one."""

    def __init__(
        self,
        desk: BackupDesk,
        spot: Spot,
        error: DamagedError,
        addresses: tuple[StorageAddress, ...],
        *,
        force: bool,
        typed: str,
        json: bool,
    ) -> None:
        self._desk, self._spot, self._error, self._addresses = desk, spot, error, addresses
        self._force, self._typed, self._json = force, typed, json

    async def delete(self, *, for_show: bool, asked: bool) -> int:
        """Say what would be deleted, and delete it unless it is for show; raises RefusedError, UsageError, StorageError."""
        where = [address for address in self._addresses if await asyncio.to_thread(self._lies_in, address)]
        if not where:
            raise UsageError(f"{self._spot.id} lies in a cloud alone", "--cloud deletes it there")
        note(printable(f"delete {self._spot.id} of {self._spot.line.target} in {', '.join(map(str, where))}: {self._error.message}"))
        if for_show and asked:
            note("nothing was done, because nobody can be asked here: --force deletes it")
        freed = 0 if for_show else sum([await self._delete(address) for address in where])
        if self._json:
            say(to_json(BackupsDeleted((str(self._spot.id),), tuple(map(str, where)), freed, for_show)))
        elif not for_show:
            say(printable(f"deleted {self._spot.id} in {', '.join(map(str, where))}: {format_bytes(freed)}"))
        return 0

    def _lies_in(self, address: StorageAddress) -> bool:
        with self._desk.repository(address) as repository:
            found = bool(repository.look(self._spot).damaged)
            if found and records_hold(repository.records(self._spot), time.time()):
                hint = f"what cannot be read cannot be released: remove {address}/{self._spot.prefix} by hand when nobody needs it"
                raise RefusedError(f"backup {self._spot.id} is not deleted: it is held", hint)
            return found

    async def _delete(self, address: StorageAddress) -> int:
        desk, target = self._desk, self._spot.line.target
        place = desk.authority.places.get(TargetId(target)) or Place(target, known=False)
        risk = Risk(RiskLevel.HIGH, (ActionClass.ADMIN,), ("a backup is removed for good",))
        decision = decide(desk.authority.actor, desk.authority.policy, place, risk)
        subject, log = f"delete backup {self._spot.id} in {address}", desk.authority.log

        def attempt(*, confirmed: bool) -> Attempt:
            return Attempt(desk.authority.actor, place, "", "", risk, decision, subject, confirmed=confirmed)

        async def act() -> int:
            with desk.repository(address) as repository:
                async with desk.noticed(repository, address):
                    return await asyncio.to_thread(remove, repository, self._spot)

        wanted = Confirmation.NONE if self._force and place.care is not Environment.PRODUCTION else decision.confirmation
        confirmed = decision.allowed and answered(
            wanted,
            place,
            f"delete backup {self._spot.id}",
            yes=False,
            typed=self._typed,
            record_unanswered=lambda: log.record_attempt(attempt(confirmed=False)),
        )
        with how_to_confirm(decision, place):
            return await perform(log, attempt(confirmed=confirmed), act, clock=desk.clock)
