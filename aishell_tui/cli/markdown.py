"""Pages and tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

_MADE = "<!-- Made by `aishell docs build docs`; do not edit by hand. -->\n\n"


def page(title: str, *parts: str) -> str:
    """A page that is made from declarations, and says so."""
    return _MADE + f"# {title}\n\n" + "\n\n".join(part.strip("\n") for part in parts) + "\n"


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; what would break a cell is escaped."""
    lines = [headings, tuple("---" for _ in headings), *(tuple(_cell(cell) for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
