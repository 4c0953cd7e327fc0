"""The key table as Textual bindings, footer hints and help lines."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import Binding, BindingType

from aishell_tui.keys import OPENED, SCREENS, TABLE_FOOTER, TABLES, Key, footer_of, keys_of
from widgets.key_bar import KeyHint
from widgets.table import LineTable

_PRINTED = {"up": "↑", "down": "↓", "left": "←", "right": "→", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup"}


def _binding(key: Key) -> Binding:
    return Binding(",".join(key.keys), key.action, key.label or key.help, show=False, id=key.id, tooltip=key.help)


def bindings_of(screen: str) -> list[BindingType]:
    """The bindings of one screen, or with "" those of the whole application and the digits of the screens."""
    if screen:
        return [_binding(key) for key in keys_of(screen) if screen in key.where]
    digits: list[BindingType] = [Binding(digit, f"go('{name}')", title, show=False) for digit, name, title in SCREENS]
    return digits + [_binding(key) for key in keys_of("")]


def _table_bindings(screen: str) -> Iterator[Binding]:
    """The table's own keys, but those that the screen has another use for, or none."""
    taken = {pressed for key in keys_of(screen) if screen in key.where for pressed in key.keys}
    for binding in LineTable.BINDINGS:
        if not isinstance(binding, Binding) or taken & set(binding.key.split(",")):
            continue
        if binding.action != "open" or screen in OPENED:
            yield binding


def footer_hints(screen: str) -> tuple[KeyHint, ...]:
    """The keys of a screen's footer, the most useful first."""
    ranked = [(key.rank, KeyHint(key.shown, key.label, key.action)) for key in footer_of(screen)]
    if screen in TABLES:
        ranks = dict(TABLE_FOOTER)
        ranked += [
            (ranks[each.action], KeyHint(each.key.split(",")[0], each.action)) for each in _table_bindings(screen) if each.action in ranks
        ]
    return tuple(hint for _, hint in sorted(ranked, key=lambda pair: pair[0]))


def help_lines(screen: str, withheld: frozenset[str] = frozenset()) -> tuple[tuple[str, str], ...]:
    """Keys and what they do on a screen: its own without what is withheld there, the table's, those of every screen, and the digits."""
    own = [(_printed(key.keys, key.shown), key.help) for key in keys_of(screen) if screen in key.where and key.action not in withheld]
    table = []
    if screen in TABLES:
        table = [(_printed(tuple(each.key.split(",")), ""), each.description.capitalize() + ".") for each in _table_bindings(screen)]
    common = [(_printed(key.keys, key.shown), key.help) for key in keys_of(screen) if screen not in key.where]
    digits = [(digit, f"Go to {title}.") for digit, _, title in SCREENS]
    return (*own, *table, *common, *digits)


def _printed(keys: tuple[str, ...], first: str) -> str:
    names = [_PRINTED.get(key, key) for key in keys]
    if first:
        names[0] = first
    return " ".join(name for name in names if "_" not in name)
