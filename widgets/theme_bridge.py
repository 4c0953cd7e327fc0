"""From a theme's colours to what Textual and the widgets wear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rich.style import Style
from textual.theme import Theme

from widgets.palette import MONO, Palette, Role, make_palette


class Colours(Protocol):
    """What a theme says: one `#rrggbb` for each role, or nothing for a theme without colours."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def dark(self) -> bool:
        """Whether text is lighter than its ground."""

    @property
    def colours(self) -> Mapping[str, str]:
        """The colours by role."""


_PREFIX = "aishell-"


def theme_id(name: str) -> str:
    """The name under which Textual knows a theme of ours; Textual has themes of its own."""
    return _PREFIX + name


def make_palette_of(theme: Colours) -> Palette:
    """The styles that line widgets draw with."""
    colours = theme.colours
    if not colours:
        return MONO
    ground = colours["background"]
    base: dict[Role, Style] = {
        "text": Style(color=colours["text"]),
        "dim": Style(color=colours["dim"]),
        "label": Style(color=colours["dim"]),
        "bold": Style(bold=True),
        "title": Style(color=colours["accent"], bold=True),
        "accent": Style(color=colours["accent"]),
        "header": Style(color=colours["dim"], bold=True),
        "header_cursor": Style(color=colours["accent"], bold=True, underline=True),
        "ok": Style(color=colours["ok"]),
        "warning": Style(color=colours["warning"]),
        "critical": Style(color=colours["critical"], bold=True),
        "unknown": Style(color=colours["unknown"]),
        "marked": Style(color=colours["accent"], bold=True),
        "badge": Style(color=ground, bgcolor=colours["accent"], bold=True),
        "banner": Style(color=ground, bgcolor=colours["warning"], bold=True),
        "tab": Style(color=colours["dim"]),
        "tab_active": Style(color=colours["text"], bgcolor=colours["selection"], bold=True),
        "key": Style(color=colours["accent"], bold=True),
        "key_label": Style(color=colours["dim"]),
        "bar": Style(color=colours["chart1"]),
        "track": Style(color=colours["dim"]),
        "chart1": Style(color=colours["chart1"]),
        "chart2": Style(color=colours["chart2"]),
        "chart3": Style(color=colours["chart3"]),
        "chart4": Style(color=colours["chart4"]),
        "threshold": Style(color=colours["threshold"]),
        "axis": Style(color=colours["dim"]),
        "match": Style(color=colours["accent"], underline=True),
        "keyword": Style(color=colours["accent"]),
        "literal": Style(color=colours["chart3"]),
        "number": Style(color=colours["chart4"]),
        "comment": Style(color=colours["dim"]),
    }
    return make_palette(
        theme.name,
        base,
        {
            "plain": Style(bgcolor=ground),
            # Bold as well: on sixteen colours a light selection is as white as the ground.
            "selected": Style(bgcolor=colours["selection"], bold=True),
            "faded": Style(color=colours["faded"], bgcolor=ground),
            "bar": Style(bgcolor=colours["bar"]),
        },
    )


def make_theme(theme: Colours) -> Theme:
    """The theme that Textual's own widgets (input, palette, dialogues) wear; its name is `theme_id(theme.name)`."""
    colours = theme.colours
    if not colours:
        return _colourless_theme(theme)
    return Theme(
        name=theme_id(theme.name),
        primary=colours["accent"],
        secondary=colours["chart2"],
        warning=colours["warning"],
        error=colours["critical"],
        success=colours["ok"],
        accent=colours["accent"],
        foreground=colours["text"],
        background=colours["background"],
        surface=colours["background"],
        panel=colours["bar"],
        boost=colours["bar"],
        dark=theme.dark,
        variables={
            "block-cursor-foreground": colours["text"],
            "block-cursor-background": colours["selection"],
            "input-selection-background": colours["selection"],
            "footer-background": colours["bar"],
            "footer-key-foreground": colours["accent"],
        },
    )


def _colourless_theme(theme: Colours) -> Theme:
    plain = "ansi_default"
    return Theme(
        name=theme_id(theme.name),
        ansi=True,
        primary=plain,
        secondary=plain,
        warning=plain,
        error=plain,
        success=plain,
        accent=plain,
        foreground=plain,
        background=plain,
        surface=plain,
        panel=plain,
        boost=plain,
        dark=theme.dark,
        variables={
            "ansi-background": plain,
            "ansi-foreground": plain,
            "block-cursor-foreground": plain,
            "block-cursor-background": plain,
            "block-cursor-text-style": "reverse",
            "input-cursor-background": plain,
            "input-cursor-foreground": plain,
            "input-cursor-text-style": "reverse",
            "input-selection-background": plain,
            "input-selection-foreground": plain,
            "screen-selection-background": plain,
            "screen-selection-foreground": plain,
            "border": plain,
            "border-blurred": plain,
            "scrollbar": plain,
            "scrollbar-hover": plain,
            "scrollbar-active": plain,
            "scrollbar-background": plain,
            "scrollbar-corner-color": plain,
        },
    )
