"""Reading themes: one TOML file each, the ones that come along and the user's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from aishell_core.errors import ConfigError

DEFAULT_THEME = "night"
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_SHIPPED = ("night", "day", "high-contrast", "deuteranopia", "mono")


COLOUR_ROLES = (
    "background",
    "bar",
    "selection",
    "text",
    "dim",
    "faded",
    "accent",
    "ok",
    "warning",
    "critical",
    "unknown",
    "chart1",
    "chart2",
    "chart3",
    "chart4",
    "threshold",
)


@dataclass(frozen=True, slots=True)
class ThemeColours:
    """A theme: `colours` holds one `#rrggbb` for each of `COLOUR_ROLES`, or nothing for a theme without colours."""

    name: str
    title: str
    dark: bool
    colours: Mapping[str, str]


def theme_names(folder: Path | None = None) -> tuple[str, ...]:
    """The themes that come along, then those of the user's folder (`*.toml`)."""
    own = sorted(path.stem for path in folder.glob("*.toml")) if folder is not None and folder.is_dir() else []
    return tuple(dict.fromkeys((*_SHIPPED, *own)))


def load_theme(name: str, folder: Path | None = None) -> ThemeColours:
    """A theme by name; a file in the user's folder goes before one that comes along.

    Raises ConfigError for an unknown name (with the nearest one) and for a file that is no theme.
    """
    names = theme_names(folder)
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.4)
        nearest = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"there is no theme {name!r}", f"{nearest}themes are {', '.join(names)}")
    path = folder / f"{name}.toml" if folder is not None else None
    if path is not None and path.is_file():
        try:
            return parse_theme(name, path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}", "a theme is a TOML file in UTF-8") from error
    return parse_theme(name, (files("themes") / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")


def parse_theme(name: str, text: str, origin: str) -> ThemeColours:
    """A theme from the text of its file; raises ConfigError naming the file and what is wrong in it."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: {error}", "a theme is a TOML file") from error
    title, dark, colourless = table.get("title", name), table.get("dark", True), table.get("colourless", False)
    if not isinstance(title, str) or not isinstance(dark, bool) or not isinstance(colourless, bool):
        raise ConfigError(f"{origin}: title is a text, dark and colourless are true or false", "see themes/night.toml")
    colours = table.get("colours", {})
    if not isinstance(colours, dict):
        raise ConfigError(f"{origin}: [colours] is not a table", "see themes/night.toml")
    _check_keys(table.keys() - {"title", "dark", "colourless", "colours"}, ("title", "dark", "colourless", "colours"), origin)
    if colourless:
        return ThemeColours(name, title, dark, MappingProxyType({}))
    _check_keys(colours.keys() - set(COLOUR_ROLES), COLOUR_ROLES, origin)
    return ThemeColours(name, title, dark, MappingProxyType({role: _colour(colours, role, origin) for role in COLOUR_ROLES}))


def _check_keys(unknown: set[str], known: tuple[str, ...], origin: str) -> None:
    for key in sorted(unknown):
        near = get_close_matches(key, known, n=1, cutoff=0.4)
        raise ConfigError(f"{origin}: unknown key {key!r}", f"did you mean {near[0]}?" if near else f"keys are {', '.join(known)}")


def _colour(colours: dict[str, object], role: str, origin: str) -> str:
    value = colours.get(role)
    if value is None:
        raise ConfigError(f"{origin}: the colour {role!r} is missing", f"a theme names {', '.join(COLOUR_ROLES)}")
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise ConfigError(f"{origin}: {value!r} is not a colour for {role!r}", 'write it as "#rrggbb"')
    return value.lower()
