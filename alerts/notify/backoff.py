"""How long to wait before the next try: pure, with the chance as an argument."""

from __future__ import annotations

FIRST_SECONDS = 5.0
MOST_SECONDS = 300.0
LONGEST_ASKED_SECONDS = 6 * 3600.0
"""A receiver that asks for a longer wait than this is asked again after this."""
_MOST_DOUBLINGS = 10


def wait_seconds(failures: int, chance: float, asked_seconds: float | None = None) -> float:
    """Seconds until the next try after `failures` in a row (1 for the first): doubling from 5 s to 5 min, of which between half and
    all is waited, by `chance` from 0 to 1, so that many senders do not come back at once. Never less than the receiver asked for.
    """
    full = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS))
    waited = full * (0.5 + chance / 2)
    return waited if asked_seconds is None else max(waited, min(asked_seconds, LONGEST_ASKED_SECONDS))
