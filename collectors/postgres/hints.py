"""The statements that would mend what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Sequence

from collectors.postgres.slow_questions import monitor_grant, quoted

__all__ = ["CREATE_EXTENSION", "monitor_grant", "preload_statement", "quoted", "quoted_text"]

CREATE_EXTENSION = "CREATE EXTENSION pg_stat_statements;"


def quoted_text(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def preload_statement(library: str, loaded: Sequence[str] | None) -> str:
    """What makes the server load a library at its next start besides those that it loads already; None are not known.

    Each name is a literal of its own: one literal with all of them would be taken for one library's name.
    """
    if loaded is None:
        return f"add {library} to shared_preload_libraries"
    names = ", ".join(quoted_text(name) for name in (*loaded, library))
    return f"ALTER SYSTEM SET shared_preload_libraries = {names};"


def libraries_of(setting: str | None) -> tuple[str, ...] | None:
    """The names in a value of shared_preload_libraries; None for an unknown value."""
    if setting is None:
        return None
    names = (name.strip() for name in setting.split(","))
    return tuple(_unquoted(name) for name in names if name)


def _unquoted(name: str) -> str:
    return json.loads(name) if name.startswith('"') and name.endswith('"') and len(name) > 1 and "\\" not in name else name
