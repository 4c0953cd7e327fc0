"""The Textual application: one frame per tick, handed to the screen that is shown."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from textual import on
from textual.app import App, ScreenStackError
from textual.filter import LineFilter
from textual.screen import Screen

from aishell_core.values import TargetId
from aishell_tui.digest_book import DigestBook
from aishell_tui.frame import Frame
from aishell_tui.keys import SCREENS
from aishell_tui.look import Look, moved, slower, widened
from aishell_tui.options import DashboardOptions
from aishell_tui.progress import ProgressBook
from aishell_tui.runtime import Runtime
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.events import EventsScreen
from aishell_tui.screens.fleet import FleetScreen
from aishell_tui.screens.health import HealthScreen
from aishell_tui.screens.queries import QueriesScreen
from aishell_tui.screens.sessions import SessionsScreen
from aishell_tui.terminal_watch import HUNG_UP, TerminalWatch
from aishell_tui.text import worst_first
from themes.load import load_theme
from widgets.ascii_filter import AsciiFilter
from widgets.compact_update import compact
from widgets.glyphs import choose_glyphs
from widgets.key_bar import KeyBar
from widgets.no_color import NoColorFilter
from widgets.palette import MONO, Palette
from widgets.tab_bar import TabBar
from widgets.theme_bridge import make_palette_of, make_theme

if TYPE_CHECKING:
    from textual.command import Provider

    from aishell_tui.backup_room import BackupRoom

_EARLY_TICKS_SECONDS = (0.05, 0.15, 0.3, 0.5, 0.75)
_SETTLED_SECONDS = 4.0
_GOODBYE_SECONDS = 2.0
_BACKUPS_SECONDS = 20.0
"""So long a terminal that is gone is outlived for what backups have to clean up; what is left the next backup sweeps."""


def _settle() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def _palette() -> type[Provider]:
    from aishell_tui.screens.commands import DashboardCommands  # the palette costs 25 ms that the first frame need not wait for

    return DashboardCommands


def _backups() -> DashboardScreen:
    from aishell_tui.screens.backups import BackupsScreen  # most dashboards are never asked about backups

    return BackupsScreen()


def _alerts() -> DashboardScreen:
    from aishell_tui.screens.alerts import AlertsScreen  # what shows alerts needs what makes them, which is loaded later

    return AlertsScreen()


def _wall() -> DashboardScreen:
    from aishell_tui.screens.wall import WallScreen

    return WallScreen()


class AishellApp(App[int]):
    """Shows what the runtime knows; keys change the look, never wait for a database."""

    TITLE = "aishell"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS: ClassVar = {_palette}
    BINDINGS: ClassVar = bindings_of("")
    MODES: ClassVar = {
        "fleet": FleetScreen,
        "health": HealthScreen,
        "queries": QueriesScreen,
        "sessions": SessionsScreen,
        "backups": _backups,
        "alerts": _alerts,
        "events": EventsScreen,
        "wall": _wall,
    }
    DEFAULT_MODE = "fleet"

    def __init__(self, runtime: Runtime, options: DashboardOptions, on_end: Callable[[], None] | None = None) -> None:
        self.palette: Palette = MONO
        self.glyphs = choose_glyphs(os.environ, sys.stdout.encoding or "")
        # The first screen is made at once, so that no other is laid out for nothing.
        self.DEFAULT_MODE = _first_mode(options)  # type: ignore[misc]
        super().__init__()
        self.runtime = runtime
        self.options = options
        self._back_to = "fleet"
        self.look = Look(
            target=options.targets[0].name if len(options.targets) == 1 else None,
            span_seconds=options.span_seconds,
            interval_seconds=options.interval_seconds,
            read_only=options.read_only,
            memory_since=runtime.now(),
        )
        self.digests = DigestBook()
        self.progress = ProgressBook()
        self.frame = Frame(at=0.0)
        self._on_end = on_end
        self._colourless, self._ascii = NoColorFilter(), AsciiFilter()
        self.use_theme("mono" if "NO_COLOR" in os.environ else options.theme)

    def clear_selection(self) -> None:
        """As Textual's, also before there is a screen: from Python 3.12 on the first one composes before it is on the stack."""
        with contextlib.suppress(ScreenStackError):
            super().clear_selection()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Without colour nothing else may add some, and without UTF-8 nothing but ASCII is drawn."""
        filters = list(super().get_line_filters()) if self._has_colours else [self._colourless]
        return filters if self.glyphs.unicode else [*filters, self._ascii]

    @property
    def _has_colours(self) -> bool:
        return "NO_COLOR" not in os.environ and self.palette is not MONO

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        # Textual has no public place for this: a fifth of its bytes is enough for the same picture.
        super()._display(screen, compact(renderable, colours=self._has_colours))

    def use_theme(self, name: str) -> None:
        """Dress everything in another theme; raises AishellError for an unknown one."""
        colours = load_theme(name)
        theme = make_theme(colours)
        self.register_theme(theme)
        self.palette = make_palette_of(colours)
        self.theme = theme.name

    async def on_mount(self) -> None:
        """Start reading, then show a frame per second (the first ones sooner)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self._leave, number)
        if not self.is_headless and sys.__stdin__ is not None:
            ask = partial(loop.call_soon_threadsafe, self._leave, signal.SIGHUP)
            self._watch = TerminalWatch(sys.__stdin__.fileno(), ask, self._clean_up)
            self._watch.start()
        self.monitor = self.run_worker(self.runtime.run(), name="runtime", group="monitor")
        self.set_timer(_SETTLED_SECONDS, _settle)
        for delay in _EARLY_TICKS_SECONDS:
            self.set_timer(delay, self.tick)
        self.set_interval(1.0, self.tick)

    def tick(self) -> None:
        """Take the newest frame, unless the screen is frozen, and show it."""
        if not self.look.paused:
            bells, self.frame = self.frame.bells, self.runtime.frame()
            if self.frame.bells > bells:
                self.bell()
            self.digests.read(self.frame.targets)
            self.progress.read(self.frame.targets)
        self.show()

    def show(self) -> None:
        """Show the current frame and look on the screen in front."""
        screen = self.front
        # A timer may still come while the widgets are taken down one by one at the end.
        if screen is not None and self.is_running:
            screen.show(self.frame, self.look)

    @property
    def front(self) -> DashboardScreen | None:
        """The dashboard screen that is seen, below any dialogue."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, DashboardScreen)), None)

    def change_look(self, look: Look) -> None:
        """Look differently at the same frame."""
        self.look = look
        self.show()

    def open_target(self, target: TargetId, mode: str = "health") -> None:
        """Go to a screen of one target."""
        self.look = replace(self.look, target=target)
        self.go(mode)

    def go(self, mode: str, *, back: str = "fleet") -> None:
        """Go to a screen by its name, from which `esc` leads `back`; with no target chosen so far the worst one is looked at."""
        self._back_to = back
        if self.look.target is None and mode not in {"fleet", "backups", "alerts", "events", "wall"}:
            worst = next(iter(worst_first(self.frame)), None)
            self.look = replace(self.look, target=worst.name if worst is not None else None)
        if mode != self.current_mode:
            self.switch_mode(mode)
        # A screen's name or digit means the screen itself, not what was opened over it some time ago.
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def go_back(self) -> None:
        """Go to the screen that the one in front was opened from, which is Fleet for most."""
        self.go(self._back_to)

    def action_go(self, mode: str) -> None:
        """Go to a screen."""
        self.go(mode)

    def action_waits(self) -> None:
        """Show what the sessions of the target have waited for."""
        from aishell_tui.screens.waits import WaitsScreen

        self.push_screen(WaitsScreen())

    def action_pause(self) -> None:
        """Freeze the screen, or go on."""
        self.change_look(replace(self.look, paused=not self.look.paused))
        if not self.look.paused:
            self.tick()

    def action_refresh_now(self) -> None:
        """Read everything now."""
        self.runtime.refresh()
        if self.front is not None:
            self.front.ask_anew()

    def action_interval(self, steps: int) -> None:
        """Read more or less often."""
        look = slower(self.look, steps)
        self.runtime.set_interval(look.interval_seconds)
        self.change_look(look)

    def action_span(self, steps: int) -> None:
        """Widen or narrow the charts."""
        self.change_look(widened(self.look, steps))

    def action_move_in_time(self, quarters: int) -> None:
        """Go back or forward in time."""
        self.change_look(moved(self.look, quarters, self.frame.at))

    async def action_back(self) -> None:
        """Let the screen in front go one step back."""
        if self.front is not None:
            self.front.action_back()

    def action_help(self) -> None:
        """Show the keys of the screen."""
        from aishell_tui.screens.help import HelpScreen

        if self.front is not None:
            self.push_screen(HelpScreen(self.front.SCREEN, self.front.withheld_actions()))

    @on(TabBar.Chosen)
    def _tab_chosen(self, message: TabBar.Chosen) -> None:
        self.go(next(name for digit, name, _ in SCREENS if digit == message.key))

    @on(KeyBar.Pressed)
    async def _hint_pressed(self, message: KeyBar.Pressed) -> None:
        if message.hint.action:
            await self.run_action(message.hint.action, default_namespace=self.front or self)

    def action_help_quit(self) -> None:
        """Ctrl+c leaves nothing by accident: it says which key does."""
        if self.front is not None:
            self.front.say("press q to quit")

    @cached_property
    def backups(self) -> BackupRoom:
        """What the screens of backups share; made with the first of them."""
        from aishell_tui.screens.backups_news import open_room

        return open_room(self)

    def action_quit_now(self) -> None:
        """End the dashboard; while something is done with backups it asks first."""
        if self._works_on_backups:
            from aishell_tui.screens.backups_news import LeavingScreen

            self.push_screen(LeavingScreen(self.backups.tasks.running), self._answer_leaving)
        else:
            self._answer_leaving(True)

    @property
    def _works_on_backups(self) -> bool:
        return "backups" in self.__dict__ and bool(self.backups.tasks.running)

    def _answer_leaving(self, yes: bool | None) -> None:
        if yes:
            self.run_worker(self._end(0), group="end")

    async def _end_backups(self) -> None:
        if self._works_on_backups:
            if self.front is not None:
                self.front.say("cancelling what is done with backups, so that no half is left …")
            await self.backups.tasks.close()

    async def _end(self, code: int) -> None:
        await self._end_backups()
        self.monitor.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self.runtime.stopped.wait()
        self.exit(code, return_code=code)

    def _leave(self, number: int) -> None:
        """End on a signal: after SIGHUP the terminal is gone, so nothing is drawn any more."""
        self.run_worker(self._hang_up() if number == signal.SIGHUP else self._end(128 + number), group="end")

    def _clean_up(self) -> None:
        if self._on_end is not None:
            self._on_end()

    async def _hang_up(self) -> None:
        self.monitor.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BACKUPS_SECONDS):
                await self._end_backups()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self.runtime.stopped.wait()
        self._clean_up()
        os._exit(HUNG_UP)


def _first_mode(options: DashboardOptions) -> str:
    if options.wall:
        return "wall"
    return "health" if len(options.targets) == 1 else "fleet"
