"""aishell backup copy: a copy that did not come about, or one more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import AishellError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, examples
from aishell_tui.cli.backup_options import IdArgument, NewStorageOption, StorageOption, VerboseOption, begin_anew, desk_of, shelf_of
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from aishell_ops.backups.storage.address import StorageAddress
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Copies


def register(app: typer.Typer) -> None:
    """Add the command to the group of backups."""
    app.command("copy", epilog=examples("aishell backup copy latest", "aishell backup copy latest --output far"))(copy)


def copy(
    context: typer.Context,
    id: IdArgument,
    cloud: Annotated[bool, typer.Option("--cloud", help="To the configured cloud.")] = False,
    output: Annotated[Path | None, typer.Option("--output", metavar="FOLDER", help="To this folder.", show_default=False)] = None,
    new_storage: NewStorageOption = False,
    storage: StorageOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    json: JsonOption = False,
) -> int:
    """Bring a backup to another storage.

    Without --cloud and --output the copies are made that were to be made and did not come about. The first good copy is
    read, each part is compared with what was written on the way, and the new copy is read back. One that is there stays.

    The exit code is 0 when each copy is there, and 64 or more when one is not.
    """
    from aishell_tui.backup_settings import Wish
    from aishell_tui.oneshot import run

    desk = desk_of(choice(context, config), ())
    copies = shelf_of(desk, storage).named(id)
    if cloud or output is not None:
        goals = desk.settings.of(Wish(folder=output, cloud=cloud)).storages
    else:
        goals = _owed(desk, copies)
    if new_storage:
        begin_anew(desk, goals)
    return run(_copied(desk, copies, goals, json=json, verbose=verbose))


def _owed(desk: BackupDesk, copies: Copies) -> tuple[StorageAddress, ...]:
    """The storages whose copies never came about; that there is none of them is said."""
    from aishell_ops.backups.models import Lack

    missing = {one.storage for one in copies.lacking if one.lack is Lack.MISSING}
    if not missing:
        note(f"no copy of {copies.backup.id} is missing: --cloud or --output FOLDER makes one more")
    return tuple(address for address in desk.settings.known_storages() if str(address) in missing)


async def _copied(desk: BackupDesk, copies: Copies, goals: tuple[StorageAddress, ...], *, json: bool, verbose: bool) -> int:
    """One copy after the other, whatever becomes of those before it; raises what the last one failed by."""
    from aishell_tui.cli.backup_progress import Teller
    from aishell_tui.cli.backup_shapes import BackupCopied
    from aishell_tui.cli.encode import to_json_line

    failed: AishellError | None = None
    for goal in goals:
        teller = Teller(json=json, verbose=verbose)
        try:
            made = await desk.copy(copies.best.address, copies.best.backup, goal, tell=teller)
        except AishellError as error:
            if failed is not None:
                note(f"aishell: {printable(failed.message)}")
            failed = error
            continue
        finally:
            teller.end()
        told = f"{made.backup.id} is in {goal}, {made.backup.state}"
        say(to_json_line(BackupCopied(str(made.backup.id), str(goal))) if json else printable(told))
    if failed is not None:
        raise failed
    return 0
