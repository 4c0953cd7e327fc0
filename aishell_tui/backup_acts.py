"""What people order of backups, as work that a task carries out: made at the desk, its end told in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_ops.backups.engines.contract import LoadPlan
from aishell_ops.backups.progress import Tell
from aishell_ops.backups.verify import Depth
from aishell_tui.backup_desk import BackupDesk
from aishell_tui.backup_settings import Settings
from aishell_tui.backup_shelf import Shelved
from aishell_tui.backup_tasks import Ending, Work
from aishell_tui.backup_text import made_lines, restored_lines, saved_doubts, tested_lines, verified_lines


def backing_up(desk: BackupDesk, target: Target, settings: Settings) -> Work:
    """Make a backup, and what follows it."""

    async def work(tell: Tell) -> Ending:
        saved = await desk.create(target, settings, tell=tell)
        doubts = saved_doubts(saved)
        if doubts:
            return _ending([f"{saved.backup.id} is there, but: {doubts[0]}", *doubts[1:]], bad=True)
        made, _where, *more = made_lines(saved)
        return _ending([made, *more])

    return work


def verifying(desk: BackupDesk, copies: Sequence[Shelved]) -> Work:
    """Read every byte of a backup, in each storage that has it."""

    async def work(tell: Tell) -> Ending:
        found = [(await desk.verify(one.address, one.backup, Depth.DEEP, tell=tell), str(one.address)) for one in copies]
        # A narrow terminal cuts the end: what is wrong stands first.
        found.sort(key=lambda each: each[0].is_whole)
        lines = [_without(line, str(each.backup.id)) for each, where in found for line in verified_lines(each, where)]
        return _ending(lines, bad=not found[0][0].is_whole)

    return work


def testing(desk: BackupDesk, target: Target, copy: Shelved) -> Work:
    """Restore a backup into a place of its own and compare it."""

    async def work(tell: Tell) -> Ending:
        done = await desk.test(target, copy.address, copy.backup, tell=tell)
        return _ending([f"it restores in {format_duration(done.seconds)}", *tested_lines(done)[1:]])

    return work


def restoring(desk: BackupDesk, target: Target, copy: Shelved, plan: LoadPlan) -> Work:
    """Carry out a restore that was confirmed."""

    async def work(tell: Tell) -> Ending:
        done = await desk.restore(target, copy.address, copy.backup, plan, confirmed=True, tell=tell)
        found = restored_lines(copy.backup, str(target.name), done)[1:]
        return _ending([f"restored in {format_duration(done.seconds)}", *found], bad=bool(done.comparison.differences))

    return work


def _without(line: str, id_: str) -> str:
    """A line without the id that stands before it anyway."""
    return f"it {line.removeprefix(id_).strip()}" if line.startswith(id_) else line


def _ending(lines: Sequence[str], *, bad: bool = False) -> Ending:
    """A few lines as one sentence."""
    return Ending("; ".join(" ".join(line.split()) for line in lines), bad)
