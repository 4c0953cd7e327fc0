"""When to evaluate: right after readings where some arrive, and by the clock where none do. Pure, in steady seconds.

An evaluation comes once a second whatever there is to read. Readings come once a second too, each target's at its own moment: an
evaluation at any other moment would judge them up to a second late. So it follows the target after whose readings the others are
silent for longest, which of several that are read close together is the last one.
"""

from __future__ import annotations

from itertools import pairwise

from aishell_core.values import TargetId

INTERVAL_SECONDS = 1.0
"""How often is evaluated on average, and no more often."""

LATE_SECONDS = 0.25
"""So long an evaluation waits for a reading that is due."""

_SOONEST_SECONDS = 0.5
_GATHER_SECONDS = 0.03
"""So long is waited for more after a reading: what is read together arrives within this."""
_LONGEST_SECONDS = 0.1
"""A reading that would wait for longer than this is not followed."""
_BETTER_SECONDS = 0.1
"""By so much more silence another target has to be better to be followed from then on."""
_KNOWN_SECONDS = 3.0
"""A target that is read more seldom is not followed: beside its interval, to wait for the next evaluation is little."""


class Pace:
    """The moments of the evaluations of one program."""

    def __init__(self, now: float) -> None:
        self.due = now
        """When the next evaluation is to be."""
        self._began = self._rest_until = self._paid_until = now
        self._heard: dict[TargetId, float] = {}
        self._leader: TargetId | None = None

    def began(self, now: float) -> None:
        """An evaluation begins."""
        self._began = now
        # One that was late may be followed by one that is sooner by as much, so that the pace goes on as the readings do.
        self._paid_until = max(self._paid_until, now - LATE_SECONDS) + INTERVAL_SECONDS
        self._heard = {target: at for target, at in self._heard.items() if now - at <= _KNOWN_SECONDS}
        self._leader = _leader(self._heard, self._leader)
        self.due = now + INTERVAL_SECONDS + (LATE_SECONDS if self._leader is not None else 0.0)

    def ended(self, now: float) -> None:
        """It is over: as long as it took nothing is evaluated, up to a second, so that others get on where it takes long."""
        self._rest_until = now + min(INTERVAL_SECONDS, now - self._began)
        self.due = max(self.due, self._rest_until)

    def heard(self, target: TargetId, now: float) -> bool:
        """A target was read; whether the next evaluation is sooner for that."""
        self._heard[target] = now
        if self._leader is None:
            self._leader = target
        soonest = max(now + _GATHER_SECONDS, self._began + _SOONEST_SECONDS, self._rest_until, self._paid_until - LATE_SECONDS)
        if target != self._leader or soonest >= self.due or soonest > now + _LONGEST_SECONDS:
            # Where it is too soon to follow, the evaluation comes late, and the next ones ever later, until one can.
            return False
        self.due = soonest
        return True


def _leader(heard: dict[TargetId, float], before: TargetId | None) -> TargetId | None:
    """The target after whose readings none comes for longest; the one that it was, while no other is clearly better."""
    if not heard:
        return None
    phases = sorted((at % INTERVAL_SECONDS, target) for target, at in heard.items())
    around = [*phases, (phases[0][0] + INTERVAL_SECONDS, phases[0][1])]
    silences = {target: later - at for (at, target), (later, _next) in pairwise(around)}
    best = max(silences, key=silences.__getitem__)
    return before if before in silences and silences[before] + _BETTER_SECONDS >= silences[best] else best
