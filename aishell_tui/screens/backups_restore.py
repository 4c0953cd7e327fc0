"""Before a restore: what it would write, replace and lose, whether it can be done, and the question; then a task does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from aishell_core.errors import AishellError, RefusedError
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_tui.backup_text import load_plan_lines, size_text
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.backups_acts import BackupActingScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.confirm import Confirmation, ConfirmScreen
from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.palette import Role
from widgets.text_view import TextView

if TYPE_CHECKING:
    # Loaded with what works on backups, when a screen of them is opened.
    from aishell_core.safety.decision import Decision
    from aishell_ops.backups.engines.contract import LoadPlan
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_shelf import Copies

_ROLES: tuple[tuple[str, Role], ...] = (("LOSES", "critical"), ("NOT POSSIBLE", "critical"), ("mind:", "warning"))
_OPTION = "--drop-existing"


class RestoreScreen(BackupActingScreen):
    """What a restore would do; enter asks, esc leaves it."""

    SCREEN = "restore"
    AUTO_FOCUS = "#restore"
    BINDINGS: ClassVar = bindings_of("restore")

    def __init__(self, chosen: Copies, target: Target, name: str) -> None:
        super().__init__()
        self._copies, self._target, self._wanted = chosen, target, name
        self._desk: BackupDesk | None = None
        self._plan: LoadPlan | None = None
        self._decision: Decision | None = None
        self._fault: AishellError | None = None

    def compose_body(self) -> ComposeResult:
        """The plan, which scrolls."""
        where = self._wanted or self._target.name
        yield TextView(heading=Heading(f"backups ▸ {self._copies.backup.id} ▸ restore into {where}"), id="restore")

    def on_mount(self) -> None:
        """Find out what would be done."""
        super().on_mount()
        self.run_worker(self._find_out(), group="restore-plan")

    async def _find_out(self) -> None:
        from aishell_ops.backups.engines.contract import LoadRequest

        request = LoadRequest(database=self._wanted, replace=not self._wanted)
        try:
            self._desk = await self.room.desk()
            self._plan, self._decision = await self._desk.plan_restore(self._target, self._copies.best.backup, request)
        except AishellError as error:
            self._fault = error
        self.show(self.dashboard.frame, self.dashboard.look)

    def show_body(self, frame: Frame, look: Look) -> None:
        """The plan, as soon as it is known."""
        page = self.query_one("#restore", TextView)
        page.set_lines(self._lines(frame.at, max(20, self.size.width - 3)))

    def _lines(self, now: float, width: int) -> list[Spans]:
        if self._fault is not None:
            said = (f"n/a: {self._fault.message}", *self._fault.hint.splitlines())
            return [((f" {line}", "critical"),) for each in said for line in wrap(each, width)]
        if self._plan is None:
            return [((" looking what that would do …", "dim"),)]
        backup = self._copies.best.backup
        age = format_duration(max(0.0, float(round(now - backup.manifest.started_at))))
        head, *rest = load_plan_lines(backup, str(self._target.name), self._plan, self.expected_seconds(self._copies))
        said = (head, f"  as it was {age} ago: {size_text(backup.manifest)}, {backup.state}", *rest)
        bad = (one for one in self._copies.others if not one.backup.state.restorable)
        said = (*said, *(f"  mind: the copy in {one.address} is {one.backup.state}" for one in bad))
        if self._plan.losses:
            said = (*said, "  mind: what was changed there since then is lost too, unless a newer backup has it")
        lines = [((f" {part}", _role(each)),) for each in said for part in _folded(each.replace(f"; {_OPTION} replaces it", ""), width)]
        return [*lines, (), *self._answer_lines()]

    def _answer_lines(self) -> list[Spans]:
        if self._plan is not None and self._plan.obstacles:
            return [((" It cannot be done. ", "text"), ("esc", "key"), (" back", "text"))]
        return [((" enter", "key"), (" goes on with a question   ", "text"), ("esc", "key"), (" leaves it", "text"))]

    def action_go_on(self) -> None:
        """Ask, and restore after a clear yes."""
        desk, plan, decision = self._desk, self._plan, self._decision
        if desk is None or plan is None or decision is None:
            self.say("what it would do is not known yet" if self._fault is None else "it cannot be done", bad=self._fault is not None)
            return
        if not decision.allowed:
            self._order(self._left(desk, plan))
        elif plan.obstacles:
            self.say(f"not possible: {plan.obstacles[0]}", bad=True)
        else:
            self.app.push_screen(
                ConfirmScreen(self._question(desk, plan, decision)), lambda yes: self._answered(desk, plan, go_on=bool(yes))
            )

    def _question(self, desk: BackupDesk, plan: LoadPlan, decision: Decision) -> Confirmation:
        from aishell_core.safety.decision import Confirmation as Wanted

        place = desk.authority.place(self._target)
        what = "Replace" if plan.losses else "Write"
        sentences = (
            f"{what} {plan.database} with backup {self._copies.backup.id}.",
            *(f"LOST: {loss}" for loss in plan.losses[:4]),
            *((f"and {len(plan.losses) - 4} more",) if len(plan.losses) > 4 else ()),
            "What is there stays until what was restored has been compared with what was saved.",
        )
        typed = place.target if decision.confirmation is Wanted.TYPED_NAME else ""
        return Confirmation(f"Restore into {place.described}", sentences, typed)

    def _answered(self, desk: BackupDesk, plan: LoadPlan, *, go_on: bool) -> None:
        if not go_on:
            self._order(self._left(desk, plan))
            return
        from aishell_tui.backup_acts import restoring

        work = restoring(desk, self._target, self._copies.best, plan)
        self.room.tasks.start("restore", self._target.name, f"{self._copies.backup.id} into {self._wanted or self._target.name}", work)
        self.dismiss()

    async def _left(self, desk: BackupDesk, plan: LoadPlan) -> None:
        """Have it written down that it was refused, or that nobody said yes."""
        best = self._copies.best
        try:
            await desk.restore(self._target, best.address, best.backup, plan, confirmed=False)
        except RefusedError:
            if self._decision is None or not self._decision.allowed:
                raise
            self.say("left alone")

    def withheld_actions(self) -> frozenset[str]:
        """Going on is not offered before it is known what that does, nor where it cannot be done."""
        can = self._plan is not None and not self._plan.obstacles
        return super().withheld_actions() | (frozenset() if can else {"go_on"})

    def chosen(self) -> Copies | None:
        """The backup that would be restored."""
        return self._copies

    def chosen_target(self) -> Target | None:
        """Where it would go."""
        return self._target

    def copy_text(self) -> str:
        """The plan as text."""
        lines = self.query_one("#restore", TextView).lines
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def _role(line: str) -> Role:
    return next((role for word, role in _ROLES if line.strip().startswith(word)), "text")


def _folded(line: str, width: int) -> list[str]:
    """A line over as many as it needs, indented as it is."""
    indent = len(line) - len(line.lstrip())
    return [" " * indent + part for part in wrap(line, width - indent)]
