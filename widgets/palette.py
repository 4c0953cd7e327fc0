"""Styles by role: what widgets ask for instead of colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from rich.style import Style

from aishell_core.values import Severity

Role = Literal[
    "text",
    "dim",
    "label",
    "bold",
    "title",
    "accent",
    "header",
    "header_cursor",
    "ok",
    "warning",
    "critical",
    "unknown",
    "marked",
    "badge",
    "banner",
    "tab",
    "tab_active",
    "key",
    "key_label",
    "bar",
    "track",
    "chart1",
    "chart2",
    "chart3",
    "chart4",
    "threshold",
    "axis",
    "match",
    "keyword",
    "literal",
    "number",
    "comment",
]
Layer = Literal["plain", "selected", "faded", "bar"]
Styles = Mapping[Role, Style]

ROLES: tuple[Role, ...] = get_args(Role)
LAYERS: tuple[Layer, ...] = get_args(Layer)


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """The style of every role on every layer: plain ground, the selected row, a faded (vanished or stale) row, a bar."""

    name: str
    plain: Styles
    selected: Styles
    faded: Styles
    bar: Styles

    def layer(self, name: Layer) -> Styles:
        """The styles of one layer."""
        match name:
            case "plain":
                return self.plain
            case "selected":
                return self.selected
            case "faded":
                return self.faded
            case "bar":
                return self.bar

    def style(self, role: Role, layer: Layer = "plain") -> Style:
        """The style of one role on one layer."""
        return self.layer(layer)[role]


def severity_role(severity: Severity | None) -> Role:
    """The role that shows a severity; none is plain text."""
    match severity:
        case None:
            return "text"
        case Severity.OK:
            return "ok"
        case Severity.WARNING:
            return "warning"
        case Severity.CRITICAL:
            return "critical"
        case Severity.UNKNOWN:
            return "unknown"


def make_palette(name: str, base: Mapping[Role, Style], grounds: Mapping[Layer, Style]) -> Palette:
    """A palette from one style per role (a missing role looks like text) and the ground of each layer.

    On the faded layer all roles look the same: the ground's own style.
    """
    none = Style.null()
    text = base.get("text", none)
    layers: dict[Layer, Styles] = {}
    for layer in LAYERS:
        ground = grounds.get(layer, none)
        if layer == "faded":
            layers[layer] = MappingProxyType(dict.fromkeys(ROLES, text + ground))
        else:
            layers[layer] = MappingProxyType({role: text + ground + (none if role == "text" else base.get(role, none)) for role in ROLES})
    return Palette(name, **layers)


_BOLD, _DIM, _REVERSE, _UNDERLINE = Style(bold=True), Style(dim=True), Style(reverse=True), Style(underline=True)

MONO: Palette = make_palette(
    "mono",
    {
        "text": Style.null(),
        "dim": _DIM,
        "label": _DIM,
        "bold": _BOLD,
        "title": _BOLD,
        "accent": _BOLD,
        "header": _UNDERLINE,
        "header_cursor": Style(underline=True, bold=True, reverse=True),
        "warning": _BOLD,
        "critical": Style(bold=True, underline=True),
        "unknown": _DIM,
        "marked": _BOLD,
        "badge": Style(bold=True, reverse=True),
        "banner": Style(bold=True, reverse=True),
        "tab_active": Style(bold=True, reverse=True),
        "key": _BOLD,
        "key_label": _DIM,
        "track": _DIM,
        "axis": _DIM,
        "match": _UNDERLINE,
        "keyword": _BOLD,
        "comment": _DIM,
    },
    {"selected": _REVERSE, "faded": _DIM, "bar": Style.null()},
)
"""No colour at all: bold, dim, reverse and underline only; also what a widget wears in an app that has no palette."""
