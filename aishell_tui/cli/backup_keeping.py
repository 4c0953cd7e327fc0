"""aishell backup delete, pin, unpin, hold, release, accept and prune: what is kept, and what goes."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import RefusedError, UsageError
from aishell_tui.cli.acting import ConfirmOption, DryRunOption, YesOption, answered, how_to_confirm
from aishell_tui.cli.arguments import ConfigOption, DatabaseOption, JsonOption, ReadOnlyOption, choice, configuration, examples
from aishell_tui.cli.backup_options import IdArgument, StorageOption, desk_of, named_storages, shelf_of
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aishell_ops.backups.keeping import Removal
    from aishell_ops.backups.models import Backup
    from aishell_ops.backups.storage.address import StorageAddress
    from aishell_ops.backups.unmade import Unmade
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Shelf, Shelved

NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.", show_default=False)]
ForOption = Annotated[str, typer.Option("--for", metavar="TIME", help="For so long, such as 90d; else without end.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the group of backups."""
    app.command(
        "delete",
        epilog=examples("aishell backup delete latest --dry-run", "aishell backup delete latest --force --confirm app"),
    )(delete)
    pins = "Keep a backup, whatever retention says.\n\nPeople may still delete it."
    app.command("pin", help=pins, epilog=examples('aishell backup pin latest --for 90d --note "before the migration"'))(_keeping("pinned"))
    app.command("unpin", help="Leave a backup to retention again.", epilog=examples("aishell backup unpin latest"))(_leaving("unpinned"))
    holds = "Keep a backup from being deleted by anybody, until it is released."
    app.command("hold", help=holds, epilog=examples('aishell backup hold latest --note "case 4711"'))(_keeping("held"))
    app.command("release", help="Let a held backup be deleted again.", epilog=examples("aishell backup release latest"))(
        _leaving("released")
    )
    accepts = (
        "Say that a backup is right though it is much smaller than the one before it.\n\nRetention removes old ones again from then on."
    )
    app.command("accept", help=accepts, epilog=examples('aishell backup accept latest --note "archived on purpose"'))(_leaving("accepted"))
    app.command("prune", epilog=examples("aishell backup prune --dry-run", "aishell backup prune -d app"))(prune)


def delete(
    context: typer.Context,
    id: IdArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Delete it without a question, also when it is pinned or the only good one.")
    ] = False,
    cloud: Annotated[bool, typer.Option("--cloud", help="Its copies in clouds too.")] = False,
    storage: StorageOption = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    confirm: ConfirmOption = "",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """Delete a backup.

    Copies in clouds stay unless --cloud is given; a backup that lies in a cloud alone needs it. What is held, or needed by
    another backup, is never deleted; one whose manifest cannot be believed can be. In a script, where nobody can be asked,
    it is only said what would be deleted, unless --force or --confirm is given; in production --force needs --confirm NAME
    beside it.
    """
    del read_only  # `choice` takes it from the context, as what stands before the command's name
    from aishell_tui.oneshot import run

    desk = desk_of(choice(context, config), ())
    shelf = shelf_of(desk, storage)
    unmade = shelf.named_unmade(id)
    addresses = tuple(address for address in named_storages(desk, storage) if cloud or address.path is not None)
    if unmade is not None and unmade.stored_bytes and not shelf.has(id) and not dry_run:
        return _sweep(desk, addresses, unmade)
    for_show = dry_run or not (force or confirm or yes or (sys.stdin is not None and sys.stdin.isatty()))
    if (damaged := shelf.named_damaged(id)) is not None and not shelf.has(id):
        from aishell_tui.cli.backup_unbelievable import Unbelievable

        gone = Unbelievable(desk, *damaged, addresses, force=force, typed=confirm, json=json)
        return run(gone.delete(for_show=for_show, asked=not dry_run))
    found = shelf.named(id)
    copies = [one for one in shelf.backups if one.backup.id == found.backup.id and (cloud or one.address.path is not None)]
    if not copies:
        raise UsageError(f"{found.backup.id} lies in {found.lies[0].address} alone", "--cloud deletes it there")
    deleting = _Deleting(desk, shelf, copies, addresses, force=force, typed=confirm, json=json)
    return run(deleting.carry_out(for_show=for_show, asked=not dry_run))


def _sweep(desk: BackupDesk, addresses: tuple[StorageAddress, ...], unmade: Unmade) -> int:
    """Remove what is left of what is no backup, such as of one whose removal ended half-way."""
    from aishell_core.units import format_bytes
    from aishell_ops.backups.layout import Line
    from aishell_ops.backups.models import BackupState
    from aishell_tui.cli.backup_remains import remove_remains
    from aishell_tui.oneshot import run

    if unmade.state is BackupState.RUNNING:
        raise UsageError(f"{unmade.id} is being made, and no backup yet", "end who makes it: nothing of it stays then")
    line = Line(unmade.target, unmade.database)
    freed = sum(run(remove_remains(desk, address, line)) for address in addresses if str(address) == unmade.storage)
    note(printable(f"{unmade.id} is no backup; what was left of it in {unmade.storage} is gone: {format_bytes(freed)}"))
    return 0


class _Deleting:
    """One backup, in one storage after the other."""

    def __init__(
        self,
        desk: BackupDesk,
        shelf: Shelf,
        copies: list[Shelved],
        addresses: tuple[StorageAddress, ...],
        *,
        force: bool,
        typed: str,
        json: bool,
    ) -> None:
        self._desk, self._shelf, self._copies, self._addresses = desk, shelf, copies, addresses
        self._force, self._typed, self._json = force, typed, json

    async def carry_out(self, *, for_show: bool, asked: bool) -> int:
        for one in self._copies:
            removal = self._removal(one)
            note(_removal_text(one, removal))
            if removal.obstacles:
                raise RefusedError(f"backup {one.backup.id} is not deleted: {removal.obstacles[0]}", "; ".join(removal.obstacles[1:]))
        if for_show:
            if asked:
                note("nothing was done, because nobody can be asked here: --force deletes it")
            if self._json:
                self._say(sum(one.backup.manifest.stored_bytes for one in self._copies), dry_run=True)
            return 0
        freed = 0
        for one in self._copies:
            freed += await self._delete(one)
        freed += await asyncio.to_thread(self._sweep)
        self._say(freed, dry_run=False)
        return 0

    def _sweep(self) -> int:
        """Remove what an earlier removal has left where there is no whole copy any more; how many bytes that freed."""
        freed, done = 0, {one.address for one in self._copies}
        for address in self._addresses:
            if address not in done:
                with self._desk.repository(address) as repository:
                    freed += repository.sweep_line(self._copies[0].spot.line)
        return freed

    def _removal(self, one: Shelved) -> Removal:
        from aishell_ops.backups.keeping import removal_of

        line = [each.backup for each in self._shelf.backups if each.address == one.address and each.spot.line == one.spot.line]
        return removal_of(one.backup, line, time.time())

    async def _delete(self, one: Shelved) -> int:
        from aishell_core.safety.decision import Confirmation
        from aishell_core.targets import Environment

        attempt = self._desk.deletion(one.backup, one.address, confirmed=False)
        decision, place, log = attempt.decision, attempt.place, self._desk.authority.log
        forced = self._force and place.care is not Environment.PRODUCTION
        wanted = Confirmation.NONE if forced else decision.confirmation
        question = f"delete backup {one.backup.id}"
        confirmed = decision.allowed and answered(
            wanted,
            place,
            question,
            yes=False,
            typed=self._typed,
            record_unanswered=lambda: log.record_attempt(attempt),
        )
        with how_to_confirm(decision, place):
            return await self._desk.delete(one.address, one.backup, confirmed=confirmed)

    def _say(self, freed: int, *, dry_run: bool) -> None:
        from aishell_core.units import format_bytes
        from aishell_tui.cli.backup_shapes import BackupsDeleted
        from aishell_tui.cli.encode import to_json

        backup, where = self._copies[0].backup, tuple(str(one.address) for one in self._copies)
        if self._json:
            say(to_json(BackupsDeleted((str(backup.id),), where, freed, dry_run)))
        else:
            say(printable(f"deleted {backup.id} in {', '.join(where)}: {format_bytes(freed)}"))


def _removal_text(one: Shelved, removal: Removal) -> str:
    from aishell_core.units import format_bytes

    manifest = one.backup.manifest
    head = (
        f"delete {one.backup.id} of {manifest.source.target} ({one.backup.state}, {format_bytes(manifest.stored_bytes)}) in {one.address}"
    )
    lines = [head, *(f"  mind: {warning}" for warning in removal.warnings), *(f"  NOT POSSIBLE: {why}" for why in removal.obstacles)]
    return "\n".join(map(printable, lines))


def _keeping(kind: str) -> Callable[..., int]:
    """The command that marks a backup for a while, by the kind of its record."""

    def mark(
        context: typer.Context,
        id: IdArgument,
        lasting: ForOption = "",
        why: NoteOption = "",
        storage: StorageOption = None,
        config: ConfigOption = None,
        json: JsonOption = False,
    ) -> int:
        return _mark(context, config, storage, id, kind, lasting, why, json=json)

    return mark


def _leaving(kind: str) -> Callable[..., int]:
    """The command that takes such a mark back."""

    def mark(
        context: typer.Context,
        id: IdArgument,
        why: NoteOption = "",
        storage: StorageOption = None,
        config: ConfigOption = None,
        json: JsonOption = False,
    ) -> int:
        return _mark(context, config, storage, id, kind, "", why, json=json)

    return mark


def _mark(
    context: typer.Context,
    config: Path | None,
    storage: list[str] | None,
    id_: str,
    word: str,
    lasting: str,
    why: str,
    *,
    json: bool,
) -> int:
    """Say it of the backup in every storage that has it."""
    from aishell_core.units import parse_duration
    from aishell_ops.backups.models import Record, RecordKind
    from aishell_tui.cli.backup_shapes import BackupMarked
    from aishell_tui.cli.encode import to_json
    from aishell_tui.cli.reports.backups import backup_row
    from aishell_tui.oneshot import run

    now, kind = time.time(), RecordKind(word)
    desk = desk_of(choice(context, config), ())
    shelf = shelf_of(desk, storage)
    found = shelf.named(id_)
    record = Record(kind, now, desk.authority.actor.user, why, until=now + parse_duration(lasting) if lasting else None)
    marked: Backup | None = None
    for one in shelf.backups:
        if one.backup.id == found.backup.id:
            after = run(desk.mark(one.address, one.backup, record, f"{kind.value} backup {one.backup.id}"))
            marked = marked or after
    if marked is not None:
        say(
            to_json(BackupMarked(backup_row(marked, now))) if json else f"{marked.id} is {kind.value}{f' for {lasting}' if lasting else ''}"
        )
    return 0


def prune(
    context: typer.Context,
    database: DatabaseOption = None,
    storage: StorageOption = None,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """Remove old backups that the rules of retention do not keep.

    This is done by itself after every good backup. With --dry-run it is said of each backup whether it goes or why it
    stays. Only verified backups count, and the last good one always stays.
    """
    del read_only  # `choice` takes it from the context, as what stands before the command's name
    from aishell_tui.cli.backup_pruning import Pruning
    from aishell_tui.cli.backup_words import expect_names
    from aishell_tui.oneshot import run

    chosen, names = choice(context, config), frozenset(database or ())
    loaded = configuration(chosen)
    desk = desk_of(chosen, (), loaded)
    pruning = Pruning(desk, named_storages(desk, storage), names, lambda found: expect_names(names, loaded, found), json=json)
    return run(pruning.carry_out(dry_run=dry_run))
