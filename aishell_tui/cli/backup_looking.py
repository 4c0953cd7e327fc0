"""aishell backup list, info and verify: what there is, and whether it is whole."""

from __future__ import annotations

import time
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import AishellError, ExitCode, UsageError
from aishell_tui.cli.arguments import ConfigOption, DatabaseOption, JsonOption, choice, configuration, examples
from aishell_tui.cli.backup_choosing import KEYS, Wanted, sort_key
from aishell_tui.cli.backup_options import IdArgument, IdentityOption, StorageOption, VerboseOption, desk_of, shelf_of
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from pathlib import Path

    from aishell_ops.backups.errors import DamagedError
    from aishell_ops.backups.unmade import Unmade
    from aishell_ops.backups.verify import Depth
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Copies, Shelf, Shelved

_FAULTS, _DAMAGED = 1, 2
_DAY_SECONDS = 86_400.0


class Output(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands to the group of backups."""
    app.command(
        "list",
        epilog=examples(
            "aishell backup list",
            "aishell backup list -d app --last 7d --sort size",
            "aishell backup list --output csv > backups.csv",
        ),
    )(list_)
    app.command("info", epilog=examples("aishell backup info latest", "aishell backup info latest --json"))(info)
    app.command("status", epilog=examples("aishell backup status latest"))(status)
    app.command("verify", epilog=examples("aishell backup verify latest", "aishell backup verify latest --deep --test"))(verify)


def list_(
    context: typer.Context,
    filter: Annotated[
        str,
        typer.Argument(metavar="[FILTER]", help="Only those with this in their id, target, database, job or state.", show_default=False),
    ] = "",
    database: DatabaseOption = None,
    after: Annotated[str, typer.Option("--after", metavar="TIME", help="Begun at this time or later.", show_default=False)] = "",
    before: Annotated[str, typer.Option("--before", metavar="TIME", help="Begun before this time.", show_default=False)] = "",
    last: Annotated[str, typer.Option("--last", metavar="AGE", help="Begun within so long, such as 7d.", show_default=False)] = "",
    format: Annotated[str, typer.Option("--format", metavar="FORM", help="Only native, sql, json or csv.", show_default=False)] = "",
    output: Annotated[str, typer.Option("--output", metavar="HOW", help="table, json or csv.")] = "table",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many; 0 for all.", min=0)] = 0,
    sort: Annotated[str, typer.Option("--sort", metavar="KEY", help="time, target, size, stored, duration or state.")] = "time",
    order: Annotated[str, typer.Option("--order", metavar="asc|desc", help="The smallest or the largest first.")] = "desc",
    others: Annotated[bool, typer.Option("--others", help="Also what failed of targets that this configuration does not have.")] = False,
    storage: StorageOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """List backups, the newest first.

    All configured storages are looked into. What runs now is among them, and what failed or was abandoned in the last month,
    with its reason. The exit code is 0, or 1 when a storage could not be read or a backup in it
    cannot be believed: those are named on standard error. A copy that was to be made and was not is in the notes and the JSON.
    """
    from aishell_ops.backups.layout import Line
    from aishell_ops.backups.models import Format
    from aishell_ops.backups.unmade import Unmade, is_of_others
    from aishell_tui.cli.backup_words import expect_names, word_of

    how = Output.JSON if json else word_of(Output, output, "--output") or Output.TABLE
    if sort not in KEYS:
        raise UsageError(f"--sort {sort}: there is no such key", f"valid: {', '.join(KEYS)}")
    if order not in {"asc", "desc"}:
        raise UsageError(f"--order {order}: there is no such order", "valid: asc, desc")
    form, now = word_of(Format, format, "--format"), time.time()
    begin, end = _window(after, before, last, now)
    names, chosen = frozenset(database or ()), choice(context, config)
    loaded = configuration(chosen)
    desk = desk_of(chosen, (), loaded)
    shelf = shelf_of(desk, storage)
    for address in shelf.bare if storage else ():
        note(printable(f"{address} holds no backup"))
    if not shelf.faults:
        lines = [*(one.spot.line for one in shelf.backups), *(spot.line for spot, _ in shelf.damaged)]
        expect_names(names, loaded, (*lines, *(Line(one.target, one.database) for one in shelf.unmade)))
    wanted = Wanted(begin, end, names, form, filter.lower())
    found: list[Copies | Unmade] = [each for each in reversed(shelf.copies) if wanted.takes(each.backup)]
    unmade = [one for one in shelf.unmade if wanted.takes_unmade(one)]
    own = {*names, *(target.spec.name for target in loaded.targets)}
    told = unmade if others else [one for one in unmade if not is_of_others(one, own)]
    found += told
    found.sort(key=lambda one: sort_key(one if isinstance(one, Unmade) else one.backup, sort), reverse=order == "desc")
    code = _print(found[: limit or None], shelf, how, now)
    if left := len(unmade) - len(told):
        note(f"{left} more failed of targets that this configuration does not have: --others lists them")
    return code


def _window(after: str, before: str, last: str, now: float) -> tuple[float, float]:
    """The span of time that was asked for, in epoch seconds."""
    from aishell_core.units import parse_duration
    from aishell_tui.cli.moments import parse_moment

    begin = parse_moment(after, now) if after else float("-inf")
    if last:
        begin = max(begin, now - parse_duration(last))
    return begin, parse_moment(before, now) if before else float("inf")


def _print(found: list[Copies | Unmade], shelf: Shelf, how: Output, now: float) -> int:
    from aishell_ops.backups.unmade import Unmade
    from aishell_tui.cli.backup_shapes import BackupsReport
    from aishell_tui.cli.encode import to_json, utc_text
    from aishell_tui.cli.reports.backups import backup_row, drop_text, list_csv, list_text, unmade_row

    rows = [unmade_row(one) if isinstance(one, Unmade) else backup_row(one.backup, now, one) for one in found]
    if how is Output.JSON:
        say(to_json(BackupsReport(utc_text(now), tuple(rows), shelf.told_faults, tuple(map(drop_text, shelf.drops)))))
    elif how is Output.CSV:
        say(list_csv(rows))
    elif found:
        say(list_text(found, now))
    else:
        note("no backups were found" if shelf.backups else "there are no backups yet: aishell backup create makes one")
    for drop in shelf.drops:
        note(printable(f"mind: {drop_text(drop)}"))
    for fault in shelf.told_faults:
        note(f"aishell: {printable(fault)}")
    return _FAULTS if shelf.told_faults else 0


def info(
    context: typer.Context,
    id: IdArgument,
    verify: Annotated[bool, typer.Option("--verify", help="Look whether it is whole first.")] = False,
    storage: StorageOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Say all that is known of a backup.

    Where it lies, what it holds, how it was made, and what became known of it since; of one that runs or failed, how far it
    came and why.
    """
    from aishell_ops.backups.verify import Depth
    from aishell_tui.backup_shelf import opened
    from aishell_tui.cli.encode import to_json
    from aishell_tui.cli.reports.backups import info_report, info_text, unmade_info_text, unmade_report
    from aishell_tui.oneshot import run

    desk = desk_of(choice(context, config), ())
    shelf = shelf_of(desk, storage)
    unmade = shelf.named_unmade(id)
    if unmade is not None and not shelf.has(id):
        say(to_json(unmade_report(unmade)) if json else unmade_info_text(unmade, time.time()))
        return 0
    copies = shelf.named(id)
    whole = True
    if verify:
        checked = [run(desk.verify(one.address, one.backup, Depth.FAST)) for one in copies.lies]
        seen = (replace(one, backup=found.backup) for one, found in zip(copies.lies, checked, strict=True))
        copies, whole = replace(copies, lies=tuple(seen)), all(found.is_whole for found in checked)
    backup = opened(desk, copies.lies[0]).backup
    now = time.time()
    stopped = next((str(drop) for drop in shelf.drops if drop.after.id == backup.id), "")
    say(to_json(info_report(backup, now, copies, stopped)) if json else info_text(backup, now, copies, stopped))
    for fault in shelf.faults:
        note(f"aishell: {printable(f'not looked into: {fault.message}')}")
    return 0 if whole else _DAMAGED


def status(
    context: typer.Context,
    id: IdArgument,
    verify: Annotated[bool, typer.Option("--verify", help="Look whether it is whole first.")] = False,
    storage: StorageOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Say all that is known of a backup: another name of info."""
    return info(context, id, verify, storage, config, json)


def verify(
    context: typer.Context,
    id: IdArgument,
    deep: Annotated[bool, typer.Option("--deep", help="Read, decrypt and decompress every byte.")] = False,
    test: Annotated[bool, typer.Option("--test", help="When it is whole, restore it too, as aishell backup test does.")] = False,
    identity: IdentityOption = None,
    storage: StorageOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    json: JsonOption = False,
) -> int:
    """Look whether a backup is whole, in each storage that has it.

    Without --deep its objects are looked for and their sizes compared; with it every byte is hashed, decrypted and
    decompressed. What is found is written down beside the backup. --storage looks at the copy there alone.

    The exit code is 0 when all copies are whole, 1 when those are that could be seen and a storage could not be looked into,
    2 when one is damaged, 78 when --deep could not look inside, because it is encrypted and no key is at hand, and 64 or more
    when that could not be found out. With --test it is 65 when it did not restore as it was saved. With --json each copy has
    a line, and the result of the test one behind them.
    """
    from aishell_ops.backups.errors import DamagedError
    from aishell_ops.backups.verify import Depth
    from aishell_tui.backup_shelf import opened
    from aishell_tui.cli.backup_testing import restored_elsewhere
    from aishell_tui.oneshot import run

    chosen, files = choice(context, config), tuple(identity or ())
    loaded = configuration(chosen)
    desk = desk_of(chosen, (), loaded)
    looking = _Verifying(desk, Depth.DEEP if deep else Depth.FAST, files, json=json, verbose=verbose)
    shelf = shelf_of(desk, storage)
    try:
        copies = shelf.named(id)
    except DamagedError as error:
        looking.say_unbelievable(error)
        return _DAMAGED
    for damage in shelf.damage_of(copies):
        looking.say_unbelievable(damage)
    code = run(looking.look(copies.lies)) or (_FAULTS if shelf.faults else 0)
    for fault in shelf.faults:
        note(f"aishell: {printable(f'not looked at: {fault.message}')}")
    if code not in (0, _FAULTS) or not test:
        return code
    return restored_elsewhere(chosen, loaded, opened(desk, copies.best), files, json=json, verbose=verbose) or code


class _Verifying:
    """Looks at one copy of a backup after the other, whatever is found of those before it."""

    def __init__(self, desk: BackupDesk, depth: Depth, files: tuple[Path, ...], *, json: bool, verbose: bool) -> None:
        self._desk, self._depth, self._files, self._json, self._verbose = desk, depth, files, json, verbose
        self._codes: list[int] = []

    async def look(self, copies: tuple[Shelved, ...]) -> int:
        """The exit code: of damage, else of what could not be found out."""
        from aishell_ops.backups.errors import DamagedError

        failed: AishellError | None = None
        for one in copies:
            try:
                await self._look_at(one)
            except DamagedError as error:
                self.say_unbelievable(error)
            except AishellError as error:
                if len(copies) == 1 and not self._codes:
                    raise
                note(f"aishell: {printable(f'not looked at in {one.address}: {error.message}')}")
                failed = failed or error
        if _DAMAGED in self._codes:
            return _DAMAGED
        return failed.exit_code if failed is not None else max(self._codes)

    def say_unbelievable(self, error: DamagedError) -> None:
        """Say of a backup whose manifest cannot be believed that it is damaged: nothing can be written down beside it."""
        from aishell_tui.cli.backup_shapes import BackupVerified
        from aishell_tui.cli.encode import to_json_line

        self._codes.append(_DAMAGED)
        if self._json:
            depth = self._depth.value
            say(to_json_line(BackupVerified(None, whole=False, depth=depth, faults=(error.message,), remarks=(), seconds=0.0)))
        else:
            say(printable(f"DAMAGED: {error.message}"))

    async def _look_at(self, one: Shelved) -> None:
        from aishell_tui.cli.backup_progress import Teller
        from aishell_tui.cli.backup_shapes import BackupVerified
        from aishell_tui.cli.encode import to_json_line
        from aishell_tui.cli.reports.backups import backup_row, verified_text

        teller = Teller(json=self._json, verbose=self._verbose)
        try:
            checked = await self._desk.verify(one.address, one.backup, self._depth, files=self._files, tell=teller)
        finally:
            teller.end()
        if self._json:
            row = backup_row(checked.backup, self._desk.clock.now())
            say(to_json_line(BackupVerified(row, checked.is_whole, checked.depth.value, checked.faults, checked.remarks, checked.seconds)))
        else:
            say(verified_text(checked, str(one.address)))
        unopened = ExitCode.OK if checked.depth is self._depth else ExitCode.CONFIG
        self._codes.append(unopened if checked.is_whole else _DAMAGED)
