"""How old each part of a target is on screen, and when it is too old to be shown as if it were fresh. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.units import format_duration
from aishell_core.values import Part
from aishell_tui.frame import TargetView
from aishell_tui.text import data_age_text, without_path

_CADENCES: Mapping[Part, float] = {
    **dict.fromkeys((Part.PROGRESS, Part.HORIZON, Part.REPLICATION), 2.0),
    Part.STATEMENTS: 5.0,
    **dict.fromkeys((Part.RELATIONS, Part.SETTINGS), 600.0),
}
"""How often parts come at most that not every reading of their tier brings, in seconds; of a slow server they come more seldom."""
_SLACK_SECONDS = 0.5


def part_age_seconds(view: TargetView, parts: Iterable[Part], now: float) -> float | None:
    """How old the oldest of these parts is; None where none was ever read."""
    read_at = [view.part_at[part] for part in parts if part in view.part_at]
    return max(0.0, now - min(read_at)) if read_at else None


def part_is_stale(view: TargetView, part: Part, now: float) -> bool:
    """Whether a part is older than two of its intervals and the hot reading that brings it, or the whole target is stale."""
    age = part_age_seconds(view, (part,), now)
    cadence = max(view.interval_seconds, view.part_seconds.get(part, 0.0), _CADENCES.get(part, 0.0))
    longest = 2 * cadence + view.interval_seconds + _SLACK_SECONDS
    return view.is_stale(now) or (age is not None and age > longest)


def stale_text(view: TargetView, parts: tuple[Part, ...], now: float) -> str:
    """Why one of these parts is stale and how old the oldest is; "" where none is."""
    if not any(part_is_stale(view, part, now) for part in parts):
        return ""
    age = part_age_seconds(view, parts, now)
    if age is None:
        return data_age_text(view, now)
    failure = view.target_failure or next(filter(None, map(view.failure_of, parts)), None)
    return f"stale {format_duration(round(age))}" + (f": {without_path(view, failure.message)}" if failure is not None else "")


def fresh_and_stale(view: TargetView, parts: tuple[Part, ...], now: float) -> tuple[str, str]:
    """How old the oldest of these parts is, and why it is stale where it is."""
    age = part_age_seconds(view, parts, now)
    return (f"live {round(age)}s" if age is not None else ""), stale_text(view, parts, now)
