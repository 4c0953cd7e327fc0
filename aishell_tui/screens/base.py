"""What all screens share: the frame around the body, filtering, copying, exporting, and the way a frame arrives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.strip import Strip
from textual.timer import Timer

from aishell_core.values import Severity, TargetId
from aishell_tui.digest_book import DigestBook
from aishell_tui.frame import Frame, TargetView
from aishell_tui.keys import SCREENS, untold_actions
from aishell_tui.look import Look
from aishell_tui.options import DashboardOptions
from aishell_tui.progress import ProgressBook
from aishell_tui.runtime import Runtime
from aishell_tui.screens.bindings import footer_hints
from aishell_tui.screens.kept import KeptHistory
from aishell_tui.screens.output import OutputScreen
from aishell_tui.screens.title import title_state
from aishell_tui.text import moment_text, next_target
from collectors.contract import NOTHING, Demand
from widgets.filter_line import FilterLine
from widgets.key_bar import KeyBar
from widgets.line_view import LineView
from widgets.lines import make_strip
from widgets.notice_line import NoticeLine
from widgets.tab_bar import Tab, TabBar
from widgets.table import LineTable
from widgets.title_bar import TitleBar

if TYPE_CHECKING:
    # Made when a screen of backups is opened.
    from aishell_tui.backup_room import BackupRoom

SMALLEST = (60, 16)
TABS = tuple(Tab(digit, title) for digit, _, title in SCREENS)
_SAID_SECONDS = 8.0
_NEXT = frozenset({"next_target(1)", "next_target(-1)"})
"""What leads nowhere where there is one target alone."""


class Dashboard(Protocol):
    """What a screen may ask of the application."""

    runtime: Runtime
    options: DashboardOptions
    look: Look
    frame: Frame
    digests: DigestBook
    progress: ProgressBook

    @property
    def backups(self) -> BackupRoom:
        """What the screens of backups share."""

    def change_look(self, look: Look) -> None:
        """Look differently at the same frame."""

    def open_target(self, target: TargetId, mode: str = "health") -> None:
        """Go to a screen of one target."""

    def go(self, mode: str, *, back: str = "fleet") -> None:
        """Go to a screen by its name, from which `esc` leads `back`."""

    def go_back(self) -> None:
        """Go to the screen that the one in front was opened from."""


class TooSmall(LineView):
    """Says which size is needed, in the middle of a terminal that is smaller."""

    def draw(self, width: int, height: int) -> list[Strip]:
        """The sentence, as far as it fits."""
        blank = [self.strip((), width)] * (max(0, height - 1) // 2)
        size = self.app.size
        text = f"aishell needs {SMALLEST[0]}x{SMALLEST[1]}, this is {size.width}x{size.height}"
        return [*blank, make_strip(self.fitted(((text, "warning"),), width, "center"), width, self.palette.plain)]


class DashboardScreen(OutputScreen):
    """One screen of the dashboard; a subclass composes the body and shows a frame in it."""

    TAB: ClassVar[str] = ""
    OF_ONE_TARGET: ClassVar[bool] = True
    TRAVELS: ClassVar[bool] = False
    """Whether the screen can show another moment than now."""
    AUTO_FOCUS = "LineTable"

    def __init__(self) -> None:
        super().__init__()
        self.kept = KeptHistory()
        self._said = ""
        self._withheld: frozenset[str] = frozenset()
        self._forget: Timer | None = None
        self._said_severity: Severity | None = None

    @property
    def dashboard(self) -> Dashboard:
        """The application, as far as screens know it."""
        return cast(Dashboard, self.app)

    def compose(self) -> ComposeResult:
        """Title, tabs, body, notice, filter, keys."""
        yield TooSmall(id="too-small")
        yield TitleBar(id="title")
        yield TabBar(TABS, active=next(digit for digit, name, _ in SCREENS if name == (self.TAB or self.SCREEN)), id="tabs")
        with Container(id="body"):
            yield from self.compose_body()
        yield NoticeLine(id="notice")
        yield FilterLine(id="filter")
        yield KeyBar(footer_hints(self.SCREEN), id="keys")

    def compose_body(self) -> ComposeResult:
        """The widgets between the tabs and the footer."""
        raise NotImplementedError

    def show_body(self, frame: Frame, look: Look) -> None:
        """Hand the values of a frame to the body's widgets."""
        raise NotImplementedError

    def demand(self) -> Demand:
        """The parts of a target that this screen shows and that are read only while it does."""
        return NOTHING

    def demanded_target(self, look: Look) -> TargetId | None:
        """The target whose parts are demanded; None demands them of all."""
        return look.target

    def withheld_actions(self) -> frozenset[str]:
        """The actions of this screen's keys that are not offered now, and so are neither in the footer nor in the help."""
        frame = self.dashboard.frame
        view = self.viewed(frame, self.dashboard.look) if self.OF_ONE_TARGET else None
        if view is None:
            return frozenset()
        is_alone = next_target(frame, view.name, 1) == view.name
        return untold_actions(self.SCREEN, view.abilities) | (_NEXT if is_alone else frozenset())

    def show_offers(self) -> None:
        """Let the footer name what is offered here and nothing else."""
        withheld = self.withheld_actions()
        if withheld != self._withheld:
            self._withheld = withheld
            self.query_one("#keys", KeyBar).set_hints([hint for hint in footer_hints(self.SCREEN) if hint.action not in withheld])

    def mending_text(self) -> str:
        """The statements or commands that would bring the parts that this screen shows and that could not be read."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look) if self.OF_ONE_TARGET else None
        wanted = {*self.demand(), "target"}
        return "" if view is None else "\n".join(dict.fromkeys(each.hint for each in view.failures if each.part in wanted and each.hint))

    def shown_at(self) -> float:
        """The epoch second of the frame that is shown."""
        return self.dashboard.frame.at

    def show(self, frame: Frame, look: Look) -> None:
        """Show a frame; called once per tick and after each change of the look."""
        # What a screen has looked up may come while its widgets are taken down one by one at the end.
        if not self.is_mounted or not self.app.is_running:
            return
        viewed = self.viewed(frame, look) if self.OF_ONE_TARGET else None
        if not self.TRAVELS:
            look = replace(look, until=None)
        self.query_one("#title", TitleBar).set_state(title_state(frame, look, viewed))
        self._show_notice(frame)
        self.show_body(frame, look)
        self.show_offers()

    def past_note(self, frame: Frame, look: Look) -> str:
        """What is to be said while another moment than now is looked at: that this is not it, or since when anything is known."""
        if look.until is None:
            return ""
        if not self.TRAVELS:
            return f"this is the present: of {moment_text(look.until, frame.at)} only charts can be shown"
        view = self.viewed(frame, look)
        begins_at = self.kept.begins_at(view.name, look) if view is not None else None
        if view is None or begins_at is None or look.window(frame.at)[0] >= begins_at:
            return ""
        return f"history of {view.name} begins at {moment_text(begins_at, frame.at)}"

    def _show_notice(self, frame: Frame) -> None:
        notice = self.query_one("#notice", NoticeLine)
        told = (self.past_note(frame, self.dashboard.look), *frame.notes)
        notice.show_notice(self._said or "  ".join(filter(None, told)), self._said_severity if self._said else None)
        notice.display = bool(notice.text)

    def on_resize(self, event: events.Resize) -> None:
        """Show either the screen or which size it needs."""
        self.set_class(event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1], "-too-small")

    def on_mount(self) -> None:
        """Show what is known at once."""
        self.show(self.dashboard.frame, self.dashboard.look)

    def on_screen_resume(self) -> None:
        """Ask for the parts that this screen needs, and show what is known already."""
        look = self.dashboard.look
        self.dashboard.runtime.want(self.demanded_target(look), self.demand())
        self.show(self.dashboard.frame, look)

    def ask_anew(self) -> None:
        """Ask again for what this screen asks for itself, beside what is read all the time; nothing on most."""

    def recall(self, target: TargetId) -> None:
        """Read the kept history of a target in the background when the window needs it."""
        wanted = self.kept.missing(target, self.dashboard.look, self.dashboard.frame.at)
        if wanted is not None:
            self.run_worker(self._recall(wanted), group="history", exclusive=True)

    async def _recall(self, wanted: tuple[TargetId, float, float]) -> None:
        await self.kept.read(wanted, self.dashboard.runtime.history)
        self.show(self.dashboard.frame, self.dashboard.look)

    def viewed(self, frame: Frame, look: Look) -> TargetView | None:
        """The target that is looked at, the first one when none was chosen."""
        chosen = frame.view(look.target) if look.target is not None else None
        return chosen or next(iter(frame.targets), None) or frame.host

    def say(self, text: str, *, bad: bool = False) -> None:
        """A message in the notice line, gone with the next one or after a while."""
        self._said, self._said_severity = text, Severity.CRITICAL if bad else None
        if self._forget is not None:
            self._forget.stop()
        self._forget = self.set_timer(_SAID_SECONDS, self._unsay)
        self._show_notice(self.dashboard.frame)

    def _unsay(self) -> None:
        self._said = ""
        self._show_notice(self.dashboard.frame)

    @property
    def table(self) -> LineTable | None:
        """The screen's table, where it has one."""
        return next(iter(self.query(LineTable)), None)

    def action_filter(self) -> None:
        """Open the filter line."""
        table = self.table
        self.query_one("#filter", FilterLine).open_line(table.filter_text if table is not None else "")

    @on(FilterLine.Changed)
    def _filter_changed(self, message: FilterLine.Changed) -> None:
        if self.table is not None:
            error = self.filter_table(self.table, message.text)
            self.query_one(FilterLine).show_error(f"searched as it stands: {error}" if error else "")

    def filter_table(self, table: LineTable, text: str) -> str:
        """Show only rows that hold a text; returns why it is no regular expression. More rows than the table has are the screen's."""
        return table.set_filter(text)

    @on(FilterLine.Submitted)
    @on(FilterLine.Dismissed)
    def _filter_done(self, message: FilterLine.Submitted | FilterLine.Dismissed) -> None:
        if self.table is not None:
            if isinstance(message, FilterLine.Dismissed):
                self.filter_table(self.table, "")
            self.table.focus()

    def action_back(self) -> None:
        """Clear the filter, return to the present, leave a detail screen, or go to where it was opened from."""
        table, look = self.table, self.dashboard.look
        if table is not None and table.filter_text:
            self.filter_table(table, "")
        elif self.TRAVELS and look.until is not None:
            self.dashboard.change_look(replace(look, until=None))
        elif len(self.app.screen_stack) > 1:
            self.dismiss()
        elif self.SCREEN != "fleet":
            self.dashboard.go_back()
