"""How near a server is to refusing writes for lack of transaction ids."""

from __future__ import annotations

_HALF_OF_ALL = 2**31 - 1
_STOP_BEFORE = 3_000_000
"""Ids that the server keeps back (xidStopLimit in SetTransactionIdLimit of varsup.c, multiStopLimit in
SetMultiXactIdLimit of multixact.c, since PostgreSQL 14)."""

USABLE_IDS = _HALF_OF_ALL - _STOP_BEFORE
"""Ids between the oldest unfrozen one and the point where the server refuses to hand out more."""


def usage(age: float) -> float:
    """The used share (0 to 1) of the ids that may be handed out, by the age of the oldest one (transactions or multixacts)."""
    return min(1.0, max(0.0, age / USABLE_IDS))
