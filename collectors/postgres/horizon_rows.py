"""Who keeps vacuum from removing old row versions, as values: no reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.values import HorizonHolder

_HIDDEN_TEXT = "<insufficient privilege>"


def holders_of(rows: Iterable[Row]) -> tuple[HorizonHolder, ...]:
    """The holders, oldest first; a session's name is its process id, by which it can be found among the sessions."""
    return tuple(_holder(row) for row in rows)


def hidden(rows: Iterable[Row]) -> int:
    """How many sessions there are whose statement and age the role may not see."""
    return sum(1 for row in rows if row["text"] == _HIDDEN_TEXT)


def _holder(row: Row) -> HorizonHolder:
    kind = str(row["kind"])
    return HorizonHolder(
        kind,
        str(row["name"] or row["id"]) if kind == "standby" else str(row["id"]),
        max(0.0, float(row["transactions"] or 0.0)),
        seconds=None if row["seconds"] is None else max(0.0, row["seconds"]),
        text=_text(row, kind),
        database=row["database"] or "",
    )


def _text(row: Row, kind: str) -> str:
    match kind:
        case "slot":
            return f"{row['name']}, {row['state']}"
        case "prepared transaction":
            return f"of {row['user_name']}; ROLLBACK PREPARED or COMMIT PREPARED ends it"
        case "standby":
            return "hot_standby_feedback: a query on the standby needs the old rows"
        case _:
            return "" if row["text"] in {None, _HIDDEN_TEXT} else str(row["text"])
