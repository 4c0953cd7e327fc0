"""The last good backup of a target in words, from the figures that are told with its readings. Pure."""

from __future__ import annotations

from aishell_core.catalogue import BACKUP_AGE, BACKUP_OVERDUE, BACKUP_SIZE
from aishell_core.series.keys import SeriesKey
from aishell_core.units import format_bytes, format_duration
from aishell_core.values import Metric
from aishell_tui.frame import TargetView


def last_good_seconds(view: TargetView) -> float | None:
    """How old the last good backup of what is saved now is; None where there is none."""
    return _value(view, BACKUP_AGE)


def has_backups(view: TargetView) -> bool:
    """Whether anything is known of backups of a target: that there are some, that one was tried, or that one is due."""
    return bool(view.snapshot.find(BACKUP_AGE.name) or view.snapshot.find(BACKUP_OVERDUE.name))


def last_backup_text(view: TargetView) -> str:
    """When the last good backup was made, how large it is, whether it is late; "" where nothing is known of backups."""
    if not has_backups(view):
        return ""
    age, size, late = last_good_seconds(view), _value(view, BACKUP_SIZE), _value(view, BACKUP_OVERDUE)
    words = ["no good backup" if age is None else f"last good backup {format_duration(float(round(age)))} ago"]
    words += [format_bytes(size)] if size is not None and age is not None else []
    words += [f"the next one is {format_duration(float(round(late)))} late"] if late else []
    return ", ".join(words)


def _value(view: TargetView, metric: Metric) -> float | None:
    """A figure of the database that is saved now: the only one of which is told whether its next backup is late."""
    found = view.snapshot.find(metric.name)
    current = {key.labels for key in view.snapshot.find(BACKUP_OVERDUE.name)}
    key: SeriesKey | None = next((each for each in found if each.labels in current), found[0] if len(found) == 1 else None)
    return view.snapshot.value(key) if key is not None else None
