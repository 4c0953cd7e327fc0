"""The rows that say who evaluates, and which targets each of them has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aishell_core.state.codec import storable
from alerts.holding import Share

ALL_TARGETS = ""
"""Stands among the targets for the figures across all of them."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """One who evaluates: each new one has a higher fence; `beat` grows with each sign of life.

    `steady` is the holder's steady clock at the last beat, which counts from the start of the machine that `boot` names; `at` is
    its wall clock. `evaluated_at` is the last evaluation that was written, `targets` how many it watches.
    """

    fence: int
    holder: str
    boot: str
    beat: int
    steady: float
    at: float
    evaluated_at: float | None
    targets: int


@dataclass(frozen=True, slots=True)
class Ward:
    """A target and the fence of who has it, None for nobody. `origin` is the file that configures it, "" where none does.

    `evaluated_at` and `left_at` (epoch seconds) are the last evaluation and the end of the last one who had it.
    """

    target: str
    origin: str
    fence: int | None
    evaluated_at: float | None
    left_at: float | None


@dataclass(frozen=True, slots=True)
class Tenures:
    """All who evaluate, and all targets; by `fence` the rules that each judges by who says so, and by `Share` who has it."""

    judges: tuple[Tenure, ...] = ()
    wards: tuple[Ward, ...] = ()
    rules: Mapping[int, frozenset[str]] = field(default_factory=dict)
    shares: Mapping[Share, int] = field(default_factory=dict)


def load(connection: sqlite3.Connection) -> Tenures:
    """Everything; nothing while nobody has ever evaluated."""
    judges = connection.execute("SELECT fence, holder, boot, beat, steady, at, evaluated_at, targets FROM alert_judge ORDER BY fence")
    wards = connection.execute("SELECT target, origin, fence, evaluated_at, left_at FROM alert_ward ORDER BY target")
    judges_found, wards_found = tuple(Tenure(*row) for row in judges.fetchall()), tuple(Ward(*row) for row in wards.fetchall())
    return Tenures(judges_found, wards_found, rules(connection), shares(connection))


def begin(connection: sqlite3.Connection, holder: str, boot: str, steady: float, at: float, targets: int) -> int:
    """Make somebody one who evaluates; the fence."""
    sql = "INSERT INTO alert_judge (holder, boot, beat, steady, at, evaluated_at, targets) VALUES (?, ?, 1, ?, ?, NULL, ?)"
    return connection.execute(sql, (holder, boot, steady, at, targets)).lastrowid or 0


def restore(connection: sqlite3.Connection, fence: int, holder: str, boot: str, steady: float, at: float) -> None:
    """Make sure that somebody is known by this fence."""
    sql = "INSERT OR IGNORE INTO alert_judge (fence, holder, boot, beat, steady, at, targets) VALUES (?, ?, ?, 1, ?, ?, 0)"
    connection.execute(sql, (fence, holder, boot, steady, at))


def claim(connection: sqlite3.Connection, fence: int, targets: Mapping[str, str]) -> None:
    """Give somebody targets, each with its origin; "" leaves the origin that is known."""
    connection.executemany(
        "INSERT INTO alert_ward (target, origin, fence) VALUES (?, ?, ?) ON CONFLICT (target) DO UPDATE SET"
        " fence = excluded.fence, left_at = NULL, origin = CASE excluded.origin WHEN '' THEN origin ELSE excluded.origin END",
        [(target, origin, fence) for target, origin in targets.items()],
    )


def know(connection: sqlite3.Connection, targets: Mapping[str, str], at: float) -> None:
    """Note targets that files configure, each with its file, whoever has them."""
    connection.executemany(
        "INSERT INTO alert_ward (target, origin, left_at) VALUES (?, ?, ?) ON CONFLICT (target) DO UPDATE SET origin = excluded.origin",
        [(target, origin, at) for target, origin in targets.items()],
    )


def release(connection: sqlite3.Connection, targets: Iterable[str], at: float) -> None:
    """Let others have targets."""
    sql = (
        "UPDATE alert_ward SET left_at = ?, evaluated_at ="
        " coalesce((SELECT evaluated_at FROM alert_judge WHERE fence = alert_ward.fence), evaluated_at), fence = NULL WHERE target = ?"
    )
    connection.executemany(sql, [(at, target) for target in targets])


def forget(connection: sqlite3.Connection, targets: Iterable[str]) -> None:
    """Nothing has to be known of these targets any more."""
    connection.executemany("DELETE FROM alert_ward WHERE target = ?", [(target,) for target in targets])


def end(connection: sqlite3.Connection, fence: int, at: float) -> None:
    """Somebody evaluates no more: others may have all that was theirs."""
    owned = connection.execute("SELECT target FROM alert_ward WHERE fence = ?", (fence,)).fetchall()
    release(connection, [target for (target,) in owned], at)
    connection.execute("DELETE FROM alert_share WHERE fence = ?", (fence,))
    connection.execute("DELETE FROM alert_judge WHERE fence = ?", (fence,))


def share(connection: sqlite3.Connection, fence: int, shares: Iterable[Share]) -> None:
    """Give somebody rules on targets of others."""
    connection.executemany("INSERT OR REPLACE INTO alert_share (target, rule, fence) VALUES (?, ?, ?)", [(*each, fence) for each in shares])


def unshare(connection: sqlite3.Connection, fence: int, shares: Iterable[Share]) -> None:
    """Take such rules back to whoever has the target."""
    connection.executemany("DELETE FROM alert_share WHERE target = ? AND rule = ? AND fence = ?", [(*each, fence) for each in shares])


def targets(connection: sqlite3.Connection) -> frozenset[str]:
    """The targets that are evaluated, or were left not long ago, as they are stored; figures across all targets apart."""
    return frozenset(target for (target,) in connection.execute("SELECT target FROM alert_ward WHERE target <> ''"))


def shares(connection: sqlite3.Connection) -> dict[Share, int]:
    """Who judges which rule on a target of another one."""
    return {(target, rule): fence for target, rule, fence in connection.execute("SELECT target, rule, fence FROM alert_share")}


def tell_rules(connection: sqlite3.Connection, fence: int, rules: Iterable[str]) -> None:
    """Note by which rules somebody judges; of none at all a line without a name is left, which says so."""
    connection.execute("UPDATE alert_judge SET rules = ? WHERE fence = ?", (storable("\n".join(sorted(rules)) or "\n"), fence))


def rules(connection: sqlite3.Connection) -> dict[int, frozenset[str]]:
    """By which rules each judges who says so."""
    found = connection.execute("SELECT fence, rules FROM alert_judge WHERE rules != ''").fetchall()
    return {fence: frozenset(filter(None, text.split("\n"))) for fence, text in found}


def beat(connection: sqlite3.Connection, fence: int, steady: float, at: float, evaluated_at: float | None) -> bool:
    """Give a sign of life; False for one who was replaced. Without `evaluated_at` the last one stands."""
    sql = "UPDATE alert_judge SET beat = beat + 1, steady = ?, at = ?, evaluated_at = coalesce(?, evaluated_at) WHERE fence = ?"
    return connection.execute(sql, (steady, at, evaluated_at, fence)).rowcount == 1


def evaluated_at(connection: sqlite3.Connection, targets: Iterable[str]) -> dict[str, float | None]:
    """When these targets were last evaluated by somebody who has ended."""
    wanted = set(targets)
    rows = connection.execute("SELECT target, evaluated_at FROM alert_ward").fetchall()
    return {target: at for target, at in rows if target in wanted}
