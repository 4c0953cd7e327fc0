"""The one row that says who evaluates."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tenure:
    """Who evaluates: each new holder has a higher fence; `beat` grows with each sign of life.

    `steady` is the holder's steady clock at the last beat, which counts from the start of the machine that `boot` names; `at` is
    its wall clock. `holder` is "" for one who gave it back. `evaluated_at` is the last evaluation that was written.
    """

    fence: int
    holder: str
    boot: str
    beat: int
    steady: float
    at: float
    evaluated_at: float | None


def load(connection: sqlite3.Connection) -> Tenure | None:
    """The row; None while nobody has ever evaluated."""
    sql = "SELECT fence, holder, boot, beat, steady, at, evaluated_at FROM alert_lease WHERE id = 1"
    row = connection.execute(sql).fetchone()
    return None if row is None else Tenure(*row)


def take(connection: sqlite3.Connection, holder: str, boot: str, steady: float, at: float) -> int:
    """Make somebody the holder, whoever it was before; the new fence."""
    connection.execute(
        "INSERT INTO alert_lease (id, fence, holder, boot, beat, steady, at, evaluated_at) VALUES (1, 1, ?, ?, 1, ?, ?, NULL)"
        " ON CONFLICT (id) DO UPDATE SET fence = fence + 1, holder = excluded.holder, boot = excluded.boot, beat = beat + 1,"
        " steady = excluded.steady, at = excluded.at",
        (holder, boot, steady, at),
    )
    (fence,) = connection.execute("SELECT fence FROM alert_lease WHERE id = 1").fetchone()
    return int(fence)


def beat(connection: sqlite3.Connection, fence: int, steady: float, at: float, evaluated_at: float | None) -> bool:
    """Give a sign of life; False when another one holds it by now. Without `evaluated_at` the last one stands."""
    sql = (
        "UPDATE alert_lease SET beat = beat + 1, steady = ?, at = ?, evaluated_at = coalesce(?, evaluated_at)"
        " WHERE id = 1 AND fence = ? AND holder <> ''"
    )
    return connection.execute(sql, (steady, at, evaluated_at, fence)).rowcount == 1


def give_back(connection: sqlite3.Connection, fence: int) -> None:
    """Let another one take it at once, where this fence still holds."""
    connection.execute("UPDATE alert_lease SET holder = '' WHERE id = 1 AND fence = ?", (fence,))
