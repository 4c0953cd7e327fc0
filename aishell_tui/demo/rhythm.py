"""The demo's day: how busy the shop is at a moment; standard library only."""

from __future__ import annotations

import math
import random
import time

DAY_SECONDS = 300.0


def busyness(at: float) -> float:
    """How busy the shop is at a moment in epoch seconds, between 0.3 and 1.7 around a mean of 1.

    A day of five minutes with a quiet night, and a ripple on it.
    """
    return 1.0 + 0.5 * math.sin(2 * math.pi * at / DAY_SECONDS) + 0.2 * math.sin(2 * math.pi * at / 41.0)


def next_arrival_seconds(chance: random.Random, mean_per_second: float) -> float:
    """The wait until the next customer: arrivals are random (a Poisson process) with the rhythm of the day."""
    return chance.expovariate(mean_per_second * busyness(time.time()))
