"""The statements that the SQLite collector sends, one per file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """The text of `<name>.sql`, without its comment lines."""
    text = files(__name__).joinpath(f"{name}.sql").read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
