"""The page of all keys, made from the key table: `python -m tests.keys_page > docs/keys.md`."""

from __future__ import annotations

from aishell_tui.keys import EVERYWHERE
from aishell_tui.screens.bindings import help_lines

_A_TABLE = "events"
_SECTIONS = (
    ("fleet", "Fleet"),
    ("health", "Health"),
    ("queries", "Queries"),
    ("query", "A statement"),
    ("tables", "Tables"),
    ("sessions", "Sessions"),
    ("waits", "Waits"),
    ("backups", "Backups"),
    ("restore", "A restore"),
    ("alerts", "Alerts"),
)
_HEAD = """\
# Keys

Every F-key has a printable twin. The footer shows the keys that are most useful now, `?` all keys of the screen at hand.
"""

Rows = list[tuple[str, str]]


def keys_page() -> str:
    """The page as it has to be."""
    parts = [_HEAD]
    known: Rows = []
    for screen, title in ((EVERYWHERE, "On every screen"), (_A_TABLE, "In every table"), *_SECTIONS):
        rows = [row for row in dict.fromkeys(help_lines(screen)) if row not in known]
        if rows:
            parts.append(_section(title, rows))
        if screen in {EVERYWHERE, _A_TABLE}:
            known += rows
    return "\n".join(parts)


def _section(title: str, rows: Rows) -> str:
    lines = [f"## {title}", "", "| key | does |", "|---|---|"]
    lines += [f"| {' '.join(f'`{key}`' for key in keys.split())} | {meaning} |" for keys, meaning in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(keys_page(), end="")
