"""The mean latency of the statements of a target over the last minutes, kept whichever statement somebody opens later.

What it costs: for each target whose statements are read, at most 300 statements with 90 points of 16 bytes, 0.5 MiB with
all around them (measured), and references into the readings that the live mode holds anyway.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from aishell_core.values import Statement
from aishell_tui.digests import digest_key
from aishell_tui.digests_anew import Statements, is_anew

STEP_SECONDS = 10.0
"""The time over which a point is the mean."""
KEPT_SECONDS = 900.0
MOST_STATEMENTS = 300
_POINTS = int(KEPT_SECONDS / STEP_SECONDS)


class LatencyBook:
    """The points of one target's statements, the heaviest of each step; a statement is forgotten that long after its last call."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._before: dict[str, Statement] = {}
        self._points: dict[str, array[float]] = {}

    def add(self, at: float, statements: Statements) -> None:
        """One more reading; it makes points once a step has passed since the last one that did."""
        if self._at is not None and 0 <= at - self._at < STEP_SECONDS:
            return
        if self._at is not None and 0 < at - self._at <= 3 * STEP_SECONDS:
            self._note(at, statements)
        self._at = at
        self._before = {digest_key(each): each for each in statements if not each.sampled}
        self._forget(at)

    def begin_anew(self) -> None:
        """The next reading is where counting begins: the server has forgotten what it had counted."""
        self._at, self._before = None, {}

    def _note(self, at: float, statements: Statements) -> None:
        spent = [
            (each.total_milliseconds - base.total_milliseconds, each.calls - base.calls, key) for key, each, base in self._pairs(statements)
        ]
        called = sorted((entry for entry in spent if entry[1] > 0 and entry[0] >= 0), reverse=True)
        for milliseconds, calls, key in called[:MOST_STATEMENTS]:
            # Put last: the order is that of the last call.
            points = self._points.pop(key, None) or array("d")
            del points[: max(0, len(points) - 2 * (_POINTS - 1))]
            points.extend((at, milliseconds / calls))
            self._points[key] = points

    def _pairs(self, statements: Statements) -> list[tuple[str, Statement, Statement]]:
        found = []
        for each in statements:
            key = digest_key(each)
            base = self._before.get(key)
            if base is not None and base is not each and not is_anew(each, base):
                found.append((key, each, base))
        return found

    def _forget(self, at: float) -> None:
        for key in [key for key, points in self._points.items() if points[-2] < at - KEPT_SECONDS]:
            del self._points[key]
        for key in list(self._points)[: max(0, len(self._points) - MOST_STATEMENTS)]:
            del self._points[key]

    def fill(self, statement: Statement, means: Sequence[float], start: float, step_seconds: float) -> array[float]:
        """Milliseconds per call bucket by bucket, with what is known here where `means` knows nothing (NaN)."""
        points = self._points.get(digest_key(statement), array("d"))
        sums, counts = [0.0] * len(means), [0] * len(means)
        for place in range(0, len(points), 2):
            at, mean = points[place], points[place + 1]
            first = max(0, math.floor((at - STEP_SECONDS - start) / step_seconds) + 1)
            for bucket in range(first, min(len(means) - 1, math.floor((at - start) / step_seconds)) + 1):
                sums[bucket] += mean
                counts[bucket] += 1
        return array(
            "d",
            (known if not math.isnan(known) or not counts[at] else sums[at] / counts[at] for at, known in enumerate(means)),
        )
