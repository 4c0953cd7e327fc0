"""The command palette: every key of the screen, every screen, every target, every theme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from aishell_tui.keys import HEALTH_PANES, SCREENS, keys_of, lead_key
from aishell_tui.screens.base import DashboardScreen
from themes.load import theme_names

if TYPE_CHECKING:
    from aishell_tui.app import AishellApp

Command = tuple[str, str, Callable[[], object]]


class DashboardCommands(Provider):
    """What can be done from here, by name."""

    def _commands(self) -> Iterator[Command]:
        app = cast("AishellApp", self.app)
        screen = self.screen
        if isinstance(screen, DashboardScreen):
            for key in keys_of(screen.SCREEN):
                if key.id != "palette" and screen.check_action(key.action.split("(")[0], ()):
                    yield key.help.rstrip("."), f"key {key.shown}", partial(self._press, key.action)
        for digit, name, title in SCREENS:
            yield f"Screen: {title}", f"key {digit}", partial(app.go, name)
        for action, title in HEALTH_PANES:
            yield f"Screen: {title}", "key " + lead_key(action, "health") + " of Health", partial(self._open_pane, action)
        yield "Screen: Waits", "what sessions waited for", app.action_waits
        for view in app.frame.targets:
            yield f"Target: {view.name}", "open its health", partial(app.open_target, view.name)
        for name in theme_names():
            yield f"Theme: {name}", "change the colours", partial(app.use_theme, name)

    def _open_pane(self, action: str) -> None:
        """Go to a pane that is reached from Health."""
        app = cast("AishellApp", self.app)
        app.go("health")
        app.call_after_refresh(lambda: getattr(app.front, f"action_{action}")())

    async def _press(self, action: str) -> None:
        screen = self.app.screen
        await self.app.run_action(action, default_namespace=screen if hasattr(screen, f"action_{action.split('(')[0]}") else self.app)

    async def discover(self) -> Hits:
        """Everything, before a letter is typed."""
        for text, about, run in self._commands():
            yield DiscoveryHit(text, run, help=about)

    async def search(self, query: str) -> Hits:
        """What matches the typed letters."""
        matcher = self.matcher(query)
        for text, about, run in self._commands():
            if (score := matcher.match(text)) > 0:
                yield Hit(score, matcher.highlight(text), run, help=about)
