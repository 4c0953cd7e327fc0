"""The options that the commands of backups share, and the desk at which they are carried out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import Choice, complete_target, configuration
from aishell_tui.cli.terminal import note, printable

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_core.targets import Target
    from aishell_ops.backups.storage.address import StorageAddress
    from aishell_ops.backups.storage.opening import OpenStorage
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Shelf, Shelved
    from aishell_tui.config.load import Configuration

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, the beginning of it, or latest.")]
StorageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--storage",
        metavar="PATH|URL",
        help="Look into this folder or bucket, instead of the configured ones; may be given several times.",
        show_default=False,
    ),
]
IdentityOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--identity", metavar="FILE", help="A file with a secret key of age or SSH, besides the configured ones.", show_default=False
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Say each stage also where standard error is no terminal.")]
NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DATABASE]...", help="Configured databases, by name.", show_default=False, autocompletion=complete_target),
]
TablesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tables", metavar="A,B", help="Only these tables, with commas between them; may be given several times.", show_default=False
    ),
]

MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="HOW",
        help="How the engine takes it: logical (a dump), directory (a dump by several jobs), physical (the server's files), export "
        "(MongoDB's documents) or mongodump.",
        show_default=False,
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, help="So many jobs side by side, where the engine can.", show_default=False),
]
LevelOption = Annotated[int | None, typer.Option("--level", metavar="N", help="How hard it is pressed.", show_default=False)]
ProofOption = Annotated[
    str, typer.Option("--proof", metavar="WHAT", help="What is kept to prove a restore by: none, counts or full.", show_default=False)
]
CompressionOption = Annotated[
    str, typer.Option("--compression", "-c", metavar="WAY", help="zstd, gzip, bzip2 or none.", show_default=False)
]
FormatOption = Annotated[str, typer.Option("--format", metavar="FORM", help="native, sql, json or csv.", show_default=False)]
VerifyOption = Annotated[
    bool | None, typer.Option("--verify/--no-verify", help="Read it back and check it; else as configured.", show_default=False)
]
EncryptOption = Annotated[bool | None, typer.Option("--encrypt/--no-encrypt", help="Encrypt it; else as configured.", show_default=False)]
NewStorageOption = Annotated[
    bool, typer.Option("--new-storage", help="Begin a storage anew whose folder is gone or empty although backups were known in it.")
]
IncrementalOption = Annotated[bool, typer.Option("--incremental", help="Only what changed since the last one.")]


def words_of(values: list[str] | None) -> tuple[str, ...]:
    """What stands in an option that takes several words with commas between them."""
    return tuple(dict.fromkeys(word.strip() for value in values or () for word in value.split(",") if word.strip()))


def desk_of(chosen: Choice, targets: tuple[Target, ...], loaded: Configuration | None = None) -> BackupDesk:
    """Whoever runs this process, over these targets."""
    from aishell_core.clock import SystemClock
    from aishell_tui.authority import authority_of
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_settings import BackupSettings

    loaded = loaded or configuration(chosen)
    return BackupDesk(authority_of(loaded, targets), BackupSettings(loaded.backups), SystemClock(), opens_of(chosen))


def opens_of(chosen: Choice) -> OpenStorage:
    """What opens storages: whoever calls the commands may bring their own."""
    from aishell_ops.backups.storage.opening import open_storage

    return chosen.opens or open_storage


def named_storages(desk: BackupDesk, words: list[str] | None) -> tuple[StorageAddress, ...]:
    """The storages that were named, else all that the configuration knows; raises UsageError, ConfigError."""
    from aishell_core.errors import ConfigError
    from aishell_ops.backups.storage.address import parse_storage

    if not words:
        return desk.settings.known_storages()
    try:
        named = tuple(dict.fromkeys(parse_storage(word) for word in words))
    except ConfigError as error:
        raise UsageError(error.message, error.hint) from error
    for address in named:
        if address.path is not None and not address.path.exists():
            _expect_known(desk, address)
    return named


def _expect_known(desk: BackupDesk, address: StorageAddress) -> None:
    """Raise UsageError for a folder that is not there, that nobody has configured, and in which no backup was ever known."""
    from aishell_core.errors import ConfigError
    from aishell_ops.backups.catalogue import kept_entries

    try:
        configured = desk.settings.known_storages()
    except ConfigError:
        configured = ()
    if address not in configured and not kept_entries(desk.authority.state_folder, str(address)).known:
        where = ", ".join(map(str, configured))
        raise UsageError(f"there is no folder {address}", f"backups are looked for in {where}" if where else "name one that is there")


def begin_anew(desk: BackupDesk, addresses: Iterable[StorageAddress]) -> None:
    """Have those storages be new ones that are gone; those that are there stay as they are. Raises RefusedError."""
    from aishell_core.units import format_counted
    from aishell_ops.backups.catalogue import is_vacant

    for address in addresses:
        if is_vacant(str(address)):
            known = desk.begin_anew(address)
            lost = f"once it is written to, what was known there is forgotten, {format_counted(known, 'backup')}"
            note(printable(f"{address} is a new storage: {lost}"))


def shelf_of(desk: BackupDesk, words: list[str] | None) -> Shelf:
    """All that lies in the storages, each backup in short."""
    from aishell_tui.backup_shelf import look_at_shelf

    return look_at_shelf(desk, named_storages(desk, words), in_short=True, everywhere=not words)


def found_backup(desk: BackupDesk, words: list[str] | None, text: str) -> Shelved:
    """The best copy of the backup that somebody means, read whole; raises UsageError, and what keeps it from being read."""
    from aishell_tui.backup_shelf import opened

    return opened(desk, shelf_of(desk, words).named(text).best)
