"""What a person asks a database for, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Value = None | bool | int | float | str | bytes | tuple["Value", ...] | Mapping[str, "Value"]
"""One field of an answer; what JSON cannot hold (dates, decimals, identifiers) is its text, and bytes stay bytes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a command may bring and how long it may take; what is beyond is cut off and said, never waited for."""

    rows: int = 1000
    bytes: int = 4 * 2**20
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What one command brought.

    `affected` is the number of rows or documents that it changed, None where the engine does not say. `cut` names the
    limit that ended the rows early ("rows" or "bytes"), "" when all are there. `note` is what the server said beside.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Value, ...], ...] = ()
    affected: int | None = None
    milliseconds: float = 0.0
    cut: str = ""
    note: str = ""


def frozen(value: object) -> Value:
    """JSON's lists and objects as tuples and mappings."""
    if isinstance(value, list):
        return tuple(frozen(each) for each in value)
    if isinstance(value, Mapping):
        return {str(key): frozen(each) for key, each in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
