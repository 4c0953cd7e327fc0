"""aishell backup restore: bringing a backup back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import RefusedError, UsageError
from aishell_tui.cli.acting import ConfirmOption, DryRunOption, YesOption, answered, how_to_confirm
from aishell_tui.cli.arguments import (
    ConfigOption,
    JsonOption,
    ReadOnlyOption,
    choice,
    complete_target,
    configuration,
    examples,
    selected,
    tell_warnings,
)
from aishell_tui.cli.backup_options import (
    IdArgument,
    IdentityOption,
    StorageOption,
    TablesOption,
    VerboseOption,
    desk_of,
    shelf_of,
    words_of,
)
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    from aishell_core.safety.decision import Decision
    from aishell_core.targets import Target
    from aishell_ops.backups.engines.contract import LoadPlan
    from aishell_ops.backups.restore import Restored
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Shelf, Shelved

IntoOption = Annotated[
    str,
    typer.Option(
        "--database",
        "-d",
        metavar="NAME",
        help="Into this configured database, instead of the one that was saved.",
        show_default=False,
        autocompletion=complete_target,
    ),
]
TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Under another name: of a database; of SQLite a file beside it, or a whole path.",
        show_default=False,
    ),
]
MomentOption = Annotated[str, typer.Option("--point-in-time", "--time", metavar="TIME", help="As it was at this time.", show_default=False)]
ReplaceOption = Annotated[bool, typer.Option("--drop-existing", help="What is there may be replaced, and is lost.")]
GoOnOption = Annotated[bool, typer.Option("--continue-on-error", help="Keep what can be restored, whatever fails.")]
LossOption = Annotated[
    bool, typer.Option("--accept-loss", help="Values that have no place in another engine become NULL, or get a replacement sign.")
]
SideBySideOption = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, help="By so many jobs side by side, where the engine can.")
]

_DIFFERENT = 1


def register(app: typer.Typer) -> None:
    """Add the command to the group of backups."""
    app.command(
        "restore",
        epilog=examples(
            "aishell backup restore latest --drop-existing --dry-run",
            "aishell backup restore latest --target app_of_yesterday --yes",
            "aishell backup restore latest --drop-existing --confirm app",
        ),
    )(restore)


def restore(
    context: typer.Context,
    id: IdArgument,
    database: IntoOption = "",
    name: TargetOption = "",
    moment: MomentOption = "",
    tables: TablesOption = None,
    drop_existing: ReplaceOption = False,
    continue_on_error: GoOnOption = False,
    accept_loss: LossOption = False,
    jobs: SideBySideOption = 1,
    verify: Annotated[bool, typer.Option("--verify", help="Read all of the backup and check it first.")] = False,
    identity: IdentityOption = None,
    storage: StorageOption = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    confirm: ConfirmOption = "",
    dry_run: DryRunOption = False,
    verbose: VerboseOption = False,
    json: JsonOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """Bring a backup back.

    It goes into a staging place first, is compared with what was saved, and only then takes its place: what was there
    before is there until that moment, and stays when anything goes wrong. With --dry-run it is said what would be written
    and what would be lost.

    A backup of rows (--format json or csv when it was saved) goes into any engine that has tables: --database names the
    one. It is said then what becomes of every column, before by its type, afterwards by its values.

    The exit code is 0 when it was restored as it was saved, 1 when --continue-on-error let differences pass, 65 when the
    backup is damaged, and 77 when a role, a protection or the answer refused it, or values have no place in another engine.
    """
    del read_only  # `choice` takes it from the context, as what stands before the command's name
    if moment:
        raise UsageError(
            "this version keeps no logs between backups, so that only the moments of backups can be restored", "leave --time out"
        )
    wanted = _Wanted(name, words_of(tables), drop_existing, continue_on_error, accept_loss, jobs)
    answers = _Answers(wanted, database, verify, tuple(identity or ()), yes, confirm, dry_run, verbose, json)
    return _carry_out(context, config, id, storage, answers)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be restored how, under which name."""

    name: str
    tables: tuple[str, ...]
    drop_existing: bool
    go_on: bool
    accept_loss: bool
    jobs: int


@dataclass(frozen=True, slots=True)
class _Answers:
    """The options of the command."""

    wanted: _Wanted
    database: str
    verify: bool
    files: tuple[Path, ...]
    yes: bool
    confirm: str
    dry_run: bool
    verbose: bool
    json: bool


def _carry_out(context: typer.Context, config: Path | None, id_: str, storage: list[str] | None, answers: _Answers) -> int:
    from aishell_tui.backup_shelf import opened
    from aishell_tui.oneshot import run

    chosen = choice(context, config)
    loaded = configuration(chosen)
    looking = desk_of(chosen, (), loaded)
    shelf = shelf_of(looking, storage)
    copies = shelf.named(id_)
    found = opened(looking, copies.best)
    minds = tuple(dict.fromkeys(shelf.passed_over(id_, copies)))
    name = answers.database or found.backup.manifest.source.target
    if not chosen.targets:
        chosen = replace(chosen, databases=(name,))
    targets = selected(chosen, loaded)
    if len(targets) != 1:
        raise UsageError("into which database?", "name one with --database")
    tell_warnings(chosen, loaded)
    return run(_Restoring(desk_of(chosen, targets, loaded), shelf, found, minds, targets[0], answers).carry_out())


class _Restoring:
    """One restore: look, plan, say, ask, do."""

    def __init__(self, desk: BackupDesk, shelf: Shelf, found: Shelved, minds: tuple[str, ...], target: Target, answers: _Answers) -> None:
        self._desk, self._shelf, self._found, self._minds, self._target, self._answers = desk, shelf, found, minds, target, answers

    async def carry_out(self) -> int:
        from aishell_ops.backups.engines.contract import LoadRequest

        answers, wanted = self._answers, self._answers.wanted
        request = LoadRequest(
            database=wanted.name,
            tables=wanted.tables,
            replace=wanted.drop_existing,
            go_on=wanted.go_on,
            jobs=wanted.jobs,
            accept_loss=wanted.accept_loss,
        )
        plan, decision = await self._desk.plan_restore(self._target, self._found.backup, request, answers.files)
        self._say_plan(replace(plan, warnings=(*plan.warnings, *self._minds)), decision)
        if answers.dry_run:
            self._expect_possible(plan, decision)
            return 0
        if decision.allowed:
            # Whoever may not do it is told that first; who may is not asked about what cannot be done.
            self._expect_possible(plan, decision)
        confirmed = decision.allowed and self._is_confirmed(plan, decision)
        with how_to_confirm(decision, self._desk.authority.place(self._target)):
            return await self._restore(plan, confirmed=confirmed)

    def _say_plan(self, plan: LoadPlan, decision: Decision) -> None:
        from aishell_ops.backups.restore import expected_seconds
        from aishell_tui.cli.backup_shapes import RestorePlanned
        from aishell_tui.cli.encode import to_json
        from aishell_tui.cli.reports.backups import backup_row, fidelity_rows, load_plan_text

        backup = self._found.backup
        seconds = expected_seconds(backup, (one.backup for one in self._shelf.backups))
        if not self._answers.json:
            text = load_plan_text(backup, str(self._target.name), plan, seconds)
            (say if self._answers.dry_run else note)(text)
        elif self._answers.dry_run:
            row = backup_row(backup, self._desk.clock.now())
            shape = RestorePlanned(
                row,
                str(self._target.name),
                plan.database,
                decision.allowed,
                plan.writes,
                plan.losses,
                plan.obstacles,
                plan.warnings,
                plan.needed_bytes,
                plan.free_bytes,
                seconds,
                fidelity_rows(plan.fidelity),
                backup.manifest.source.server_version,
                plan.server_version,
                tuple(f"{tool.name} {tool.version}" for tool in plan.tools),
            )
            say(to_json(shape))

    def _expect_possible(self, plan: LoadPlan, decision: Decision) -> None:
        from aishell_ops.backups.errors import DamagedError
        from aishell_ops.backups.models import BackupState

        if decision.allowed and self._found.backup.state is BackupState.CORRUPT:
            raise DamagedError(f"backup {self._found.backup.id} is not restored: {plan.obstacles[0]}", "restore another one")
        if plan.obstacles:
            raise RefusedError(f"backup {self._found.backup.id} is not restored: {plan.obstacles[0]}", "; ".join(plan.obstacles[1:]))
        if not decision.allowed:
            raise RefusedError(decision.message, decision.hint)

    def _is_confirmed(self, plan: LoadPlan, decision: Decision) -> bool:
        log, place = self._desk.authority.log, self._desk.authority.place(self._target)

        def unanswered() -> object:
            return log.record_attempt(self._desk.restore_attempt(self._target, self._found.backup, plan, confirmed=False))

        question = f"replace {plan.database}" if plan.losses else f"restore into {plan.database}"
        return answered(
            decision.confirmation, place, question, yes=self._answers.yes, typed=self._answers.confirm, record_unanswered=unanswered
        )

    async def _restore(self, plan: LoadPlan, *, confirmed: bool) -> int:
        from aishell_ops.backups.errors import DamagedError
        from aishell_ops.backups.verify import Depth
        from aishell_tui.cli.backup_progress import Teller

        answers, backup = self._answers, self._found.backup
        teller = Teller(json=answers.json, verbose=answers.verbose)
        try:
            if answers.verify and confirmed:
                checked = await self._desk.verify(self._found.address, backup, Depth.DEEP, files=answers.files, tell=teller)
                if not checked.is_whole:
                    raise DamagedError(f"backup {backup.id} is damaged: {checked.faults[0]}", "restore another one")
            done = await self._desk.restore(
                self._target, self._found.address, backup, plan, confirmed=confirmed, files=answers.files, tell=teller
            )
        finally:
            teller.end()
        return self._say_done(done)

    def _say_done(self, done: Restored) -> int:
        from aishell_tui.cli.backup_shapes import BackupRestored
        from aishell_tui.cli.encode import to_json_line
        from aishell_tui.cli.reports.backups import backup_row, fidelity_rows, restored_text

        differences = tuple(map(str, done.comparison.differences))
        if self._answers.json:
            row = backup_row(self._found.backup, self._desk.clock.now())
            became = fidelity_rows(done.fidelity)
            shape = BackupRestored(
                row, str(self._target.name), done.database, done.comparison.counted, differences, done.seconds, became, self._minds
            )
            say(to_json_line(shape))
        else:
            say(restored_text(self._found.backup, str(self._target.name), done))
            for mind in self._minds:
                note(printable(f"mind: {mind}"))
        return _DIFFERENT if differences else 0
