"""What `aishell backup prune` does: retention over every database and job of the storages, told backup by backup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aishell_core.errors import RefusedError
from aishell_core.safety.perform import perform
from aishell_core.units import format_bytes, format_counted
from aishell_ops.backups.catalogue import expect_present
from aishell_ops.backups.layout import Line
from aishell_ops.backups.models import Backup
from aishell_ops.backups.retain import Retained, retain, retention_of
from aishell_ops.backups.retention import Policy, RetentionPlan
from aishell_ops.backups.storage.address import StorageAddress
from aishell_tui.backup_desk import BackupDesk, pruning_risk
from aishell_tui.backup_settings import Wish
from aishell_tui.cli.backup_remains import remove_remains
from aishell_tui.cli.backup_shapes import PruneReport, PruneRow
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import note, printable, say, table

Expect = Callable[[frozenset[Line]], None]
"""Raises UsageError when names that were given are none in the light of all databases that backups are of."""


@dataclass(frozen=True, slots=True)
class _Group:
    """The backups that one policy is for."""

    address: StorageAddress
    line: Line
    job: str
    policy: Policy
    backups: tuple[Backup, ...]


class Pruning:
    """One run of retention, for show or in earnest."""

    def __init__(
        self, desk: BackupDesk, addresses: tuple[StorageAddress, ...], names: frozenset[str], expect: Expect, *, json: bool
    ) -> None:
        self._desk, self._addresses, self._names, self._expect, self._json = desk, addresses, names, expect, json
        self._left: list[tuple[StorageAddress, Line]] = []
        self._lines: set[Line] = set()

    async def carry_out(self, *, dry_run: bool) -> int:
        """Plan or remove, and tell; raises what `expect` and the storages raise."""
        rows: list[PruneRow] = []
        refused: list[str] = []
        freed = 0
        groups = await asyncio.to_thread(lambda: list(self._groups()))
        self._expect(frozenset(self._lines))
        for group in groups:
            done = Retained(await self._plan(group)) if dry_run else await self._remove(group)
            rows += _rows(group, done.plan)
            freed += done.freed_bytes
            if done.plan.refused and len(group.backups) > 1:
                refused.append(f"{group.line.database or group.line.target}: {done.plan.refused}")
        for address, line in () if dry_run else self._left:
            freed += await remove_remains(self._desk, address, line)
        self._say(rows, refused, freed, dry_run=dry_run)
        return 0

    def _groups(self) -> Iterator[_Group]:
        for address in self._addresses:
            expect_present(self._desk.authority.state_folder, str(address))
            with self._desk.repository(address) as repository:
                scanned = repository.scan()
            found = scanned.backups
            left = dict.fromkeys(one.spot.line for one in scanned.unfinished)
            self._left += [(address, line) for line in left if not self._names or line.target in self._names]
            keys = dict.fromkeys((Line(one.manifest.source.target, one.manifest.source.database), one.manifest.job) for one in found)
            self._lines |= {*left, *(line for line, _ in keys), *(spot.line for spot, _ in scanned.damaged)}
            for line, job in keys:
                if not self._names or line.target in self._names:
                    mine = tuple(
                        one
                        for one in found
                        if (one.manifest.source.target, one.manifest.source.database, one.manifest.job) == (line.target, line.database, job)
                    )
                    yield _Group(address, line, job, self._desk.settings.of(Wish(job=job)).policy, mine)

    async def _plan(self, group: _Group) -> RetentionPlan:
        def plan() -> RetentionPlan:
            with self._desk.repository(group.address) as repository:
                return retention_of(repository, group.line, group.job, group.policy, self._desk.clock.now())

        return await asyncio.to_thread(plan)

    async def _remove(self, group: _Group) -> Retained:
        plan = await self._plan(group)
        if not plan.removed:
            return Retained(plan)

        async def act() -> Retained:
            with self._desk.repository(group.address) as repository:
                async with self._desk.noticed(repository, group.address):
                    return await asyncio.to_thread(retain, repository, group.line, group.job, group.policy, self._desk.clock.now())

        subject = f"remove {format_counted(len(plan.removed), 'old backup')} of {group.line.target} in {group.address}"
        attempt = self._desk.attempt_on(group.backups[0], pruning_risk(), subject, confirmed=True)
        if not attempt.decision.allowed:
            self._desk.authority.log.record_attempt(attempt)
            raise RefusedError(attempt.decision.message, attempt.decision.hint)
        return await perform(self._desk.authority.log, attempt, act, affected=lambda done: len(done.removed), clock=self._desk.clock)

    def _say(self, rows: list[PruneRow], refused: list[str], freed: int, *, dry_run: bool) -> None:
        going = sum(row.goes for row in rows)
        if self._json:
            say(to_json(PruneReport(dry_run, tuple(rows), tuple(refused), freed)))
            return
        shown = [
            (row.id, row.target, row.job, ("goes" if dry_run else "gone") if row.goes else "stays", ", ".join(row.reasons)) for row in rows
        ]
        if shown:
            say(table(("ID", "TARGET", "JOB", "WHAT", "WHY"), shown, uncut=(0, 3)))
        for why in refused:
            note(printable(f"nothing is removed of {why}"))
        verb = "would go" if dry_run else "removed"
        note(f"{format_counted(going, 'backup')} {verb}{'' if dry_run else f', {format_bytes(freed)}'}")


def _rows(group: _Group, plan: RetentionPlan) -> Iterator[PruneRow]:
    reasons = {kept.id: kept.reasons for kept in plan.kept}
    for backup in sorted(group.backups, key=lambda one: one.manifest.started_at, reverse=True):
        goes = backup.id in plan.removed
        why = ("no rule keeps it",) if goes else reasons.get(backup.id) or ((plan.refused,) if plan.refused else ())
        yield PruneRow(str(backup.id), group.line.target, group.line.database, group.job, str(group.address), goes, tuple(why))
