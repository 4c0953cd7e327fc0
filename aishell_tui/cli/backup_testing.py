"""aishell backup test: restoring a backup into a place of its own, to know that it restores and how long that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, configuration, examples
from aishell_tui.cli.backup_options import IdArgument, IdentityOption, StorageOption, VerboseOption, desk_of, shelf_of
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from pathlib import Path

    from aishell_core.targets import Target
    from aishell_ops.backups.models import Backup
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Shelved
    from aishell_tui.cli.arguments import Choice
    from aishell_tui.config.load import Configuration


def register(app: typer.Typer) -> None:
    """Add the command to the group of backups."""
    app.command("test", epilog=examples("aishell backup test latest", "aishell backup test latest --validate-data --json"))(restored)


def restored(
    context: typer.Context,
    id: IdArgument,
    validate_data: Annotated[
        bool, typer.Option("--validate-data", help="Fail where nothing was counted when it was saved, so that nothing can be compared.")
    ] = False,
    identity: IdentityOption = None,
    storage: StorageOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    json: JsonOption = False,
) -> int:
    """Restore a backup into a place of its own.

    A server or a database is made for it and removed afterwards; what was restored is compared with what was counted and
    hashed when it was saved, and the time that it took is kept beside the backup. Of several copies it is the first good one,
    which is named; --storage takes the one there.

    The exit code is 0 when it restored as it was saved, 65 when it did not, and 64 or more when that could not be found out.
    """
    from aishell_ops.backups.models import ProofLevel
    from aishell_tui.backup_shelf import opened

    chosen = choice(context, config)
    loaded = configuration(chosen)
    desk = desk_of(chosen, (), loaded)
    copies = shelf_of(desk, storage).named(id)
    found = opened(desk, copies.best)
    if validate_data and found.backup.manifest.proof is ProofLevel.NONE:
        raise UsageError(f"nothing was counted when {found.backup.id} was saved", "--proof counts or full does that when it is saved")
    code = restored_elsewhere(chosen, loaded, found, tuple(identity or ()), json=json, verbose=verbose)
    for one in copies.others:
        note(printable(f"the copy in {one.address} was not tested: --storage {one.address} does that"))
    return code


def restored_elsewhere(chosen: Choice, loaded: Configuration, found: Shelved, files: tuple[Path, ...], *, json: bool, verbose: bool) -> int:
    """Restore a backup into a place of its own, and tell; raises what the desk raises."""
    from aishell_tui.oneshot import run

    target = target_of(found.backup, loaded)
    return run(_test(desk_of(chosen, (target,), loaded), found, target, files, json=json, verbose=verbose))


def target_of(backup: Backup, loaded: Configuration) -> Target:
    """The target that a backup was made of; where it is not configured any more, one of its kind without an address."""
    from aishell_core.targets import Location, Target
    from aishell_core.values import TargetId
    from aishell_tui.config.targets import chosen_targets

    source = backup.manifest.source
    if any(target.spec.name == source.target for target in loaded.targets):
        return chosen_targets(loaded, (source.target,))[0]
    return Target(TargetId(source.target), Location(source.engine), environment=source.environment)


async def _test(desk: BackupDesk, found: Shelved, target: Target, files: tuple[Path, ...], *, json: bool, verbose: bool) -> int:
    from aishell_tui.cli.backup_progress import Teller
    from aishell_tui.cli.backup_shapes import BackupTested
    from aishell_tui.cli.encode import to_json_line
    from aishell_tui.cli.reports.backups import backup_row, tested_text

    teller = Teller(json=json, verbose=verbose)
    try:
        done = await desk.test(target, found.address, found.backup, files=files, tell=teller)
    finally:
        teller.end()
    if json:
        row = backup_row(done.backup, desk.clock.now())
        say(to_json_line(BackupTested(row, done.place, done.comparison.counted, done.comparison.hashed, done.seconds)))
    else:
        say(tested_text(done))
    return 0
