"""What the person at the keyboard looks at: target, span, moment, pause. Pure steps from one look to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aishell_core.values import TargetId

SPANS_SECONDS: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)
INTERVALS_SECONDS: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
KEPT_SECONDS = 86_400.0
MEMORY_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Look:
    """The state of the view; `until` None follows the present, else it is the epoch second at the right edge.

    `memory_since` is the epoch second from which on this process has readings of its own.
    """

    target: TargetId | None = None
    span_seconds: float = 900.0
    until: float | None = None
    paused: bool = False
    read_only: bool = False
    interval_seconds: float = 1.0
    memory_since: float = 0.0

    def window(self, now: float) -> tuple[float, float]:
        """The first and last epoch second of the charts."""
        until = now if self.until is None else self.until
        return until - self.span_seconds, until

    def needs_history(self, now: float) -> bool:
        """Whether the window begins before what memory holds: the last minutes, and nothing of an earlier run."""
        since, _ = self.window(now)
        return since < max(self.memory_since, now - MEMORY_SECONDS)


def _step(values: tuple[float, ...], current: float, steps: int) -> float:
    nearest = min(range(len(values)), key=lambda index: abs(values[index] - current))
    return values[min(max(nearest + steps, 0), len(values) - 1)]


def widened(look: Look, steps: int) -> Look:
    """A wider (positive) or narrower (negative) span."""
    return replace(look, span_seconds=_step(SPANS_SECONDS, look.span_seconds, steps))


def slower(look: Look, steps: int) -> Look:
    """A longer (positive) or shorter (negative) interval between readings."""
    return replace(look, interval_seconds=_step(INTERVALS_SECONDS, look.interval_seconds, steps))


def moved(look: Look, quarters: int, now: float) -> Look:
    """A look a quarter of the span further in time; past the present it follows the present again.

    So it does half a step before the present: as many steps forward as back lead there, though it has moved on meanwhile.
    """
    until = (now if look.until is None else look.until) + quarters * look.span_seconds / 4
    if until >= now - (look.span_seconds / 8 if quarters > 0 else 0.0):
        return replace(look, until=None)
    return replace(look, until=max(until, now - KEPT_SECONDS + look.span_seconds))


def at_moment(look: Look, target: TargetId, moment: float, now: float) -> Look:
    """A look at one target with the moment at two thirds of the span, as far as there is a present to the right."""
    until = moment + look.span_seconds / 3
    return replace(look, target=target, until=None if until >= now else until)
