"""aishell backup export and import: a backup as one file, to be carried elsewhere and taken in there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import ConfigError, UsageError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, examples
from aishell_tui.cli.backup_options import (
    IdArgument,
    IdentityOption,
    NewStorageOption,
    StorageOption,
    VerboseOption,
    begin_anew,
    desk_of,
    found_backup,
)
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from aishell_ops.backups.storage.address import StorageAddress
    from aishell_ops.backups.streams.contract import Recipe
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Shelved

_DAMAGED = 2


def register(app: typer.Typer) -> None:
    """Add the commands to the group of backups."""
    app.command("export", epilog=examples("aishell backup export latest app.tar", "aishell backup export latest . --compress"))(export)
    app.command("import", epilog=examples("aishell backup import app.tar --output far --verify", "aishell backup import app.tar -d app2"))(
        import_
    )


def export(
    context: typer.Context,
    id: IdArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The new file, or the folder that it goes into.")],
    include_metadata: Annotated[
        bool, typer.Option("--include-metadata", help="With what became known of it since: checks, tests, pins.")
    ] = False,
    compress: Annotated[bool, typer.Option("--compress", help="Compress the archive by zstd; its parts mostly are already.")] = False,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt the archive to the configured recipients.")] = False,
    storage: StorageOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    json: JsonOption = False,
) -> int:
    """Write a backup into one file.

    It is a tar archive of the backup as it lies in the storage, with its manifest and its recovery sheet: any tar opens it.
    Each part is compared with what was written on the way; the file is there whole or not at all.
    """
    from aishell_tui.oneshot import run

    desk = desk_of(choice(context, config), ())
    found = found_backup(desk, storage, id)
    recipe = _recipe(desk, compress=compress, encrypt=encrypt)
    return run(_exported(desk, found, path.expanduser(), recipe, with_records=include_metadata, json=json, verbose=verbose))


def _recipe(desk: BackupDesk, *, compress: bool, encrypt: bool) -> Recipe:
    from dataclasses import replace

    from aishell_ops.backups.models import Compression
    from aishell_tui.backup_settings import Wish

    settings = replace(desk.settings.of(Wish()), encrypted=encrypt, compression=Compression.ZSTD if compress else Compression.NONE)
    recipe, locked = desk.settings.recipe(settings)
    if locked is not None:
        raise ConfigError(
            "an archive is encrypted to recipients, and the configuration has a passphrase", "name recipients, or encrypt the backup itself"
        )
    return recipe


async def _exported(desk: BackupDesk, found: Shelved, path: Path, recipe: Recipe, *, with_records: bool, json: bool, verbose: bool) -> int:
    from aishell_tui.cli.backup_progress import Teller
    from aishell_tui.cli.backup_shapes import BackupExported
    from aishell_tui.cli.encode import to_json_line

    teller = Teller(json=json, verbose=verbose)
    try:
        file = await desk.export(found.address, found.backup, path, recipe, with_records=with_records, tell=teller)
    finally:
        teller.end()
    size = file.stat().st_size
    if json:
        say(to_json_line(BackupExported(str(found.backup.id), str(file), size)))
    else:
        from aishell_core.units import format_bytes

        say(printable(f"{found.backup.id} is in {file}, {format_bytes(size)}"))
    return 0


def import_(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A file that export made, or a copied folder of a backup.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read, decrypt and decompress every byte of it afterwards.")] = False,
    cloud: Annotated[bool, typer.Option("--cloud", help="Into the configured cloud.")] = False,
    database: Annotated[
        str, typer.Option("--database", "-d", metavar="NAME", help="As a backup of this target, whatever it came from.", show_default=False)
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="Into this folder, not the configured storage.", show_default=False),
    ] = None,
    new_storage: NewStorageOption = False,
    identity: IdentityOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    json: JsonOption = False,
) -> int:
    """Take in a backup that was carried here.

    Its manifest must be sealed and each part what was written, or nothing of it is kept. It keeps its id.
    A folder that is gone or empty although backups were known in it is an unmounted disk until --new-storage says otherwise.

    The exit code is 0 when it is here, 2 when --verify found it damaged, and 64 or more when it was not taken in.
    """
    from aishell_tui.backup_settings import Wish
    from aishell_tui.oneshot import run

    desk = desk_of(choice(context, config), ())
    if cloud and output is not None:
        raise UsageError("it goes to one place", "give --cloud or --output")
    (address, *_) = desk.settings.of(Wish(folder=output, cloud=cloud)).storages
    if new_storage:
        begin_anew(desk, (address,))
    return run(_imported(desk, source.expanduser(), address, database, tuple(identity or ()), check=verify, json=json, verbose=verbose))


async def _imported(
    desk: BackupDesk, source: Path, address: StorageAddress, target: str, files: tuple[Path, ...], *, check: bool, json: bool, verbose: bool
) -> int:
    from aishell_tui.cli.backup_progress import Teller
    from aishell_tui.cli.backup_shapes import BackupMarked
    from aishell_tui.cli.encode import to_json_line
    from aishell_tui.cli.reports.backups import backup_row, verified_text

    teller = Teller(json=json, verbose=verbose)
    try:
        keys = desk.settings.keys(files)
        backup, found = await desk.take_in(source, address, target, keys=keys, check=check, tell=teller)
    finally:
        teller.end()
    if json:
        say(to_json_line(BackupMarked(backup_row(backup, desk.clock.now()))))
    else:
        say(printable(f"{backup.id} of {backup.manifest.source.target} is in {backup.location}"))
        if found is not None:
            note(verified_text(found, str(address)))
    return 0 if found is None or found.is_whole else _DAMAGED
