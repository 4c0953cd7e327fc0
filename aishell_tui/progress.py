"""How fast long operations get on and when their phase ends, from successive readings. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from aishell_core.values import Part, Progress, TargetId
from aishell_tui.frame import TargetView

RATE_SECONDS = 120.0
"""Over how much of the past the pace is measured: it follows a change of load, and does not jump with each reading."""

_LEAST_SECONDS = 2.0
_MOST_POINTS = 240

ProgressKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an operation gets on in its phase: `per_second` in its unit, `eta_seconds` until the phase ends.

    None where it cannot be told: seen too short, standing still, or with an unknown end.
    """

    per_second: float | None = None
    eta_seconds: float | None = None


UNKNOWN_PACE = Pace()


def progress_key(progress: Progress) -> ProgressKey:
    """What tells one phase of one operation from all others; another phase counts something else."""
    return (progress.session, progress.operation, progress.phase, progress.object, progress.unit)


def share_done(progress: Progress) -> float | None:
    """The part of the phase that is done, 0 to 1; None where that is not known."""
    if progress.done is None or not progress.total or progress.total <= 0:
        return None
    return min(1.0, max(0.0, progress.done / progress.total))


def pace(points: Iterable[tuple[float, float]], total: float | None) -> Pace:
    """The pace over points of (epoch seconds, amount done), the oldest first, and the time that the rest takes at it."""
    known = list(points)
    if len(known) < 2:
        return UNKNOWN_PACE
    (first_at, first_done), (last_at, last_done) = known[0], known[-1]
    span, grown = last_at - first_at, last_done - first_done
    if span < _LEAST_SECONDS or grown <= 0:
        return UNKNOWN_PACE
    per_second = grown / span
    # An end that has been passed was an estimate of the server: nothing can be told from it.
    left = None if total is None or last_done > total else total - last_done
    return Pace(per_second, None if left is None else left / per_second)


@dataclass(slots=True)
class _Past:
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MOST_POINTS))
    total: float | None = None


class ProgressHistory:
    """The last readings of one target's operations; an operation that has ended or changed its phase is forgotten."""

    def __init__(self) -> None:
        self._past: dict[ProgressKey, _Past] = {}
        self._read_at = 0.0

    def add(self, at: float, running: tuple[Progress, ...]) -> None:
        """One more reading; a figure that went back begins anew."""
        if at <= self._read_at:
            return
        self._read_at = at
        before, self._past = self._past, {}
        for each in running:
            past = self._past[progress_key(each)] = before.get(progress_key(each)) or _Past()
            past.total = each.total
            if each.done is None:
                past.points.clear()
                continue
            if past.points and each.done < past.points[-1][1]:
                past.points.clear()
            past.points.append((at, each.done))
            while len(past.points) > 2 and past.points[1][0] <= at - RATE_SECONDS:
                past.points.popleft()

    def pace(self, progress: Progress) -> Pace:
        """The pace of an operation as far as it was watched."""
        past = self._past.get(progress_key(progress))
        return UNKNOWN_PACE if past is None else pace(past.points, past.total)


class ProgressBook:
    """One history per target, kept from when somebody first looks."""

    def __init__(self) -> None:
        self._histories: dict[TargetId, ProgressHistory] = {}

    def read(self, views: Iterable[TargetView]) -> None:
        """Take note of operations that were read since the last call."""
        for view in views:
            read_at = view.part_at.get(Part.PROGRESS)
            if view.progress is not None and read_at is not None:
                self.history(view.name).add(read_at, view.progress)

    def history(self, target: TargetId) -> ProgressHistory:
        """The readings of one target; empty when there is none yet."""
        return self._histories.setdefault(target, ProgressHistory())
