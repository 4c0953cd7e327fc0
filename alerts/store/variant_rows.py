"""The rows that say how the rules read by which somebody judges, and who has some of them otherwise."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from alerts.store.lease_rows import Tenure


@dataclass(frozen=True, slots=True)
class Reader:
    """One who judges, and the mark of all its rules: "" while it has told none."""

    tenure: Tenure
    whole: str


@dataclass(frozen=True, slots=True)
class Variant:
    """What one program has otherwise than another one judges, with its last sign of life."""

    holder: str
    boot: str
    steady: float
    at: float
    rules: frozenset[str]


def tell_marks(connection: sqlite3.Connection, fence: int, marks: Mapping[str, str], whole: str) -> None:
    """Note how the rules of somebody read."""
    lines = "\n".join(f"{mark} {name}" for name, mark in sorted(marks.items()))
    connection.execute("UPDATE alert_judge SET mark = ?, marks = ? WHERE fence = ?", (whole, lines, fence))


def readers(connection: sqlite3.Connection) -> tuple[Reader, ...]:
    """All who judge."""
    sql = "SELECT fence, holder, boot, beat, steady, at, evaluated_at, targets, mark FROM alert_judge ORDER BY fence"
    return tuple(Reader(Tenure(*row), whole) for *row, whole in connection.execute(sql).fetchall())


def marks_of(connection: sqlite3.Connection, fence: int) -> dict[str, str]:
    """By the name of each rule that somebody judges by, its mark."""
    found = connection.execute("SELECT marks FROM alert_judge WHERE fence = ?", (fence,)).fetchone()
    lines = found[0].split("\n") if found is not None else []
    return {name: mark for mark, blank, name in (line.partition(" ") for line in lines) if blank}


def judged_by(connection: sqlite3.Connection, fence: int, targets: Collection[str]) -> frozenset[str]:
    """Which of these targets somebody has."""
    found = connection.execute("SELECT target FROM alert_ward WHERE fence = ?", (fence,)).fetchall()
    return frozenset(target for (target,) in found if target in targets)


def put(connection: sqlite3.Connection, holder: str, boot: str, steady: float, at: float, rules: Mapping[str, str]) -> None:
    """Note what a program has otherwise, each rule with the holder of who judges it, in place of what it said before."""
    connection.execute("DELETE FROM alert_variant WHERE holder = ?", (holder,))
    by_judge: defaultdict[str, list[str]] = defaultdict(list)
    for name, judge in rules.items():
        by_judge[judge].append(name)
    connection.executemany(
        "INSERT INTO alert_variant (holder, judge, boot, steady, at, rules) VALUES (?, ?, ?, ?, ?, ?)",
        [(holder, judge, boot, steady, at, "\n".join(sorted(names))) for judge, names in by_judge.items()],
    )


def variants(connection: sqlite3.Connection, judge: str) -> tuple[Variant, ...]:
    """Who has rules otherwise than one who judges (`judge` is its holder)."""
    sql = "SELECT holder, boot, steady, at, rules FROM alert_variant WHERE judge = ? ORDER BY holder"
    found = connection.execute(sql, (judge,)).fetchall()
    return tuple(Variant(holder, boot, steady, at, frozenset(filter(None, text.split("\n")))) for holder, boot, steady, at, text in found)


def prune(connection: sqlite3.Connection, before: float) -> None:
    """Forget those who gave their last sign of life long ago (epoch seconds)."""
    connection.execute("DELETE FROM alert_variant WHERE at < ?", (before,))
