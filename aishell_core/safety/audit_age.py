"""How old the records of the audit log are at least, told from times that a wrong clock may have written; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

LONGEST_BREAK = timedelta(days=31)
"""So much of a gap between two neighbours counts. A longer one may be a break, or a clock that jumped: nothing in the log tells which."""


def borne_out_ages(times: Sequence[datetime], ends: Iterable[datetime]) -> list[timedelta]:
    """How much time has gone by since each of these times, as far as those behind it bear it out.

    `times` are in the order in which they were written, `ends` are clocks of now, of which the slowest counts. A time that
    lies behind a later one was written by a clock that was ahead, and is taken to be as late as that one.
    """
    later, age = min(ends), timedelta(0)
    ages = []
    for time in reversed(times):
        moment = min(time, later)
        age += min(later - moment, LONGEST_BREAK)
        later = moment
        ages.append(age)
    return ages[::-1]
