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
    ground = Style(bgcolor=colours["background"])
    return make_palette(
        theme.name,
        {**_plain_roles(colours), **_marked_roles(colours)},
        {
            "plain": ground,
            # Bold as well: on sixteen colours a light selection is as white as the ground.
            "selected": Style(bgcolor=colours["selection"], bold=True),
            "faded": Style(color=colours["faded"]) + ground,
            "bar": Style(bgcolor=colours["bar"]),
        },
    )


_COLOUR_OF: Mapping[Role, str] = {
    "text": "text",
    "dim": "dim",
    "label": "dim",
    "accent": "accent",
    "ok": "ok",
    "warning": "warning",
    "unknown": "unknown",
    "tab": "dim",
    "key_label": "dim",
    "bar": "chart1",
    "track": "dim",
    "chart1": "chart1",
    "chart2": "chart2",
    "chart3": "chart3",
    "chart4": "chart4",
    "threshold": "threshold",
    "axis": "dim",
    "keyword": "accent",
    "literal": "chart3",
    "number": "chart4",
    "comment": "dim",
}


def _plain_roles(colours: Mapping[str, str]) -> dict[Role, Style]:
    """The roles that are a colour and nothing else."""
    return {role: Style(color=colours[name]) for role, name in _COLOUR_OF.items()}


def _marked_roles(colours: Mapping[str, str]) -> dict[Role, Style]:
    """The roles that have more than a colour."""
    ground, accent = colours["background"], colours["accent"]
    return {
        "bold": Style(bold=True),
        "title": Style(color=accent, bold=True),
        "header": Style(color=colours["dim"], bold=True),
        "header_cursor": Style(color=accent, bold=True, underline=True),
        "critical": Style(color=colours["critical"], bold=True),
        "marked": Style(color=accent, bold=True),
        "badge": Style(color=ground, bgcolor=accent, bold=True),
        "banner": Style(color=ground, bgcolor=colours["warning"], bold=True),
        "tab_active": Style(color=colours["text"], bgcolor=colours["selection"], bold=True),
        "key": Style(color=accent, bold=True),
        "match": Style(color=accent, underline=True),
    }


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


_PLAIN = "ansi_default"
_PLAIN_VARIABLES = (
    "ansi-background",
    "ansi-foreground",
    "block-cursor-foreground",
    "block-cursor-background",
    "input-cursor-background",
    "input-cursor-foreground",
    "input-selection-background",
    "input-selection-foreground",
    "screen-selection-background",
    "screen-selection-foreground",
    "border",
    "border-blurred",
    "scrollbar",
    "scrollbar-hover",
    "scrollbar-active",
    "scrollbar-background",
    "scrollbar-corner-color",
)
_REVERSE_VARIABLES = ("block-cursor-text-style", "input-cursor-text-style")


def _colourless_theme(theme: Colours) -> Theme:
    return Theme(
        name=theme_id(theme.name),
        ansi=True,
        primary=_PLAIN,
        secondary=_PLAIN,
        warning=_PLAIN,
        error=_PLAIN,
        success=_PLAIN,
        accent=_PLAIN,
        foreground=_PLAIN,
        background=_PLAIN,
        surface=_PLAIN,
        panel=_PLAIN,
        boost=_PLAIN,
        dark=theme.dark,
        variables={**dict.fromkeys(_PLAIN_VARIABLES, _PLAIN), **dict.fromkeys(_REVERSE_VARIABLES, "reverse")},
    )
