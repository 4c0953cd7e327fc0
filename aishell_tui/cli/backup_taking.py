"""aishell backup create: saving databases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import AishellError, RefusedError, UsageError
from aishell_tui.cli.acting import DryRunOption
from aishell_tui.cli.arguments import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    ReadOnlyOption,
    choice,
    configuration,
    examples,
    selected,
    tell_warnings,
)
from aishell_tui.cli.backup_options import (
    CompressionOption,
    EncryptOption,
    FormatOption,
    IncrementalOption,
    JobsOption,
    LevelOption,
    MethodOption,
    NamesArgument,
    NewStorageOption,
    ProofOption,
    TablesOption,
    VerboseOption,
    VerifyOption,
    begin_anew,
    desk_of,
    words_of,
)
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from aishell_core.targets import Target
    from aishell_tui.backup_aftercare import Saved
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_settings import BackupSettings, Settings, Wish
    from aishell_tui.cli.arguments import Choice
    from aishell_tui.config.load import Configuration

_DOUBTS = 1


def register(app: typer.Typer) -> None:
    """Add the command to the group of backups."""
    app.command(
        "create",
        epilog=examples(
            "aishell backup create app",
            "aishell backup create app --dry-run",
            "aishell backup create app --output near --compression gzip --proof full",
        ),
    )(create)


def create(
    context: typer.Context,
    names: NamesArgument = None,
    database: DatabaseOption = None,
    name: Annotated[
        str, typer.Option("--name", metavar="JOB", help="Make it as this job of the configuration says; else a label.", show_default=False)
    ] = "",
    compression: CompressionOption = "",
    level: LevelOption = None,
    incremental: IncrementalOption = False,
    verify: VerifyOption = None,
    format: FormatOption = "",
    proof: ProofOption = "",
    tables: TablesOption = None,
    method: MethodOption = "",
    jobs: JobsOption = None,
    cloud: Annotated[bool, typer.Option("--cloud", help="To the configured cloud; with --output to both.")] = False,
    encrypt: EncryptOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="To this folder, instead of the configured storage.", show_default=False),
    ] = None,
    new_storage: NewStorageOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """Save databases.

    A backup is there when its manifest is: whatever interrupts it before leaves nothing that looks like a backup. When it
    has been made it is read back and checked, and old ones that need not be kept are removed, as the configuration says.
    A folder that is gone or empty although backups were known in it is an unmounted disk until --new-storage says otherwise.

    The exit code is 0 when all is well, 1 when the backup is there but a copy, its check or retention went wrong, and 64
    or more when there is no backup. With --json each step is one line of JSON, and the last line says what was made.
    """
    del read_only  # a backup only reads; `choice` takes it from the context
    if incremental:
        from aishell_tui.backup_settings import NO_INCREMENTS

        raise UsageError(NO_INCREMENTS, "leave --incremental out for a full one")
    chosen = choice(context, config, None, [*(names or ()), *(database or ())])
    loaded = configuration(chosen)
    wish = _wish(name, compression, level, encrypt, format, words_of(tables), proof, verify, output, cloud, method, jobs)
    return _carry_out(chosen, loaded, wish, dry_run=dry_run, json=json, verbose=verbose, new_storage=new_storage)


def _wish(
    name: str,
    compression: str,
    level: int | None,
    encrypt: bool | None,
    format: str,
    tables: tuple[str, ...],
    proof: str,
    verify: bool | None,
    output: Path | None,
    cloud: bool,
    method: str,
    jobs: int | None,
) -> Wish:
    from aishell_ops.backups.models import Compression, Format, Method, ProofLevel
    from aishell_tui.backup_settings import Wish
    from aishell_tui.cli.backup_words import word_of

    return Wish(
        job=name,
        compression=word_of(Compression, compression, "--compression"),
        level=level,
        encrypt=encrypt,
        format=word_of(Format, format, "--format"),
        tables=tables,
        proof=word_of(ProofLevel, proof, "--proof"),
        verify=verify,
        folder=output,
        cloud=cloud,
        method=word_of(Method, method, "--method"),
        jobs=jobs,
    )


def _carry_out(chosen: Choice, loaded: Configuration, wish: Wish, *, dry_run: bool, json: bool, verbose: bool, new_storage: bool) -> int:
    from aishell_tui.backup_settings import BackupSettings
    from aishell_tui.oneshot import run

    targets = _targets(chosen, loaded, wish, BackupSettings(loaded.backups))
    desk = desk_of(chosen, targets, loaded)
    tell_warnings(chosen, loaded)
    if new_storage and not dry_run:
        begin_anew(desk, desk.settings.of(wish).storages)
    if dry_run:
        return run(_Dry(desk, wish, json=json, anew=new_storage).plan(targets))
    return run(_Making(desk, wish, json=json, verbose=verbose).make(targets))


def _targets(chosen: Choice, loaded: Configuration, wish: Wish, settings: BackupSettings) -> tuple[Target, ...]:
    """The targets that were named, else those of the job; raises UsageError where neither says which."""
    from dataclasses import replace

    job = settings.jobs.get(wish.job)
    if not chosen.databases and not chosen.targets and not chosen.all:
        if job is not None and job.spec.databases:
            chosen = replace(chosen, databases=job.spec.databases)
        elif job is None and len(loaded.targets) > 1:
            names = ", ".join(target.spec.name for target in loaded.targets[:10])
            raise UsageError("which database is to be saved?", f"name it, or say --all before backup: {names}")
    return selected(chosen, loaded)


class _Dry:
    """Says what would be made."""

    def __init__(self, desk: BackupDesk, wish: Wish, *, json: bool, anew: bool) -> None:
        self._desk, self._wish, self._json, self._anew = desk, wish, json, anew

    async def plan(self, targets: tuple[Target, ...]) -> int:
        from aishell_tui.cli.backup_shapes import BackupPlanned
        from aishell_tui.cli.encode import to_json
        from aishell_tui.cli.reports.backups import plan_text

        settings = self._desk.settings.of(self._wish)
        for target in targets:
            plan, decision = await self._desk.plan_create(target, settings, anew=self._anew)
            storages = tuple(map(str, settings.storages))
            if self._json:
                shape = BackupPlanned(
                    str(target.name), decision.allowed, plan.method, storages, plan.steps, plan.warnings, plan.expected_bytes
                )
                say(to_json(shape))
            else:
                say(plan_text(str(target.name), plan, settings))
            if not decision.allowed:
                raise RefusedError(decision.message, decision.hint)
        return 0


class _Making:
    """Makes one backup after the other; one that fails does not keep the next from being made."""

    def __init__(self, desk: BackupDesk, wish: Wish, *, json: bool, verbose: bool) -> None:
        self._desk, self._wish, self._json, self._verbose = desk, wish, json, verbose

    async def make(self, targets: tuple[Target, ...]) -> int:
        settings = self._desk.settings.of(self._wish)
        code = 0
        for target in targets:
            try:
                code = max(code, await self._one(target, settings))
            except AishellError as error:
                if len(targets) == 1:
                    raise
                code = max(code, error.exit_code)
                note(f"aishell: {printable(f'{target.name}: {error.message}')}")
                if error.hint:
                    note(f"hint: {printable(error.hint)}")
        return code

    async def _one(self, target: Target, settings: Settings) -> int:
        from aishell_tui.cli.backup_progress import Teller

        teller = Teller(json=self._json, verbose=self._verbose)
        try:
            saved = await self._desk.create(target, settings, tell=teller)
        finally:
            teller.end()
        return self._say(saved)

    def _say(self, saved: Saved) -> int:
        from aishell_tui.backup_text import saved_doubts
        from aishell_tui.cli.encode import to_json_line
        from aishell_tui.cli.reports.backups import made_report, made_text

        doubts = saved_doubts(saved)
        if self._json:
            say(to_json_line(made_report(saved, self._desk.clock.now())))
        else:
            say(made_text(saved))
            for doubt in doubts:
                note(f"aishell: {printable(doubt)}")
        return _DOUBTS if doubts else 0
