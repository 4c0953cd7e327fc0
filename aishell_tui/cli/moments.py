"""Moments as people write them on a command line."""

from __future__ import annotations

from datetime import datetime, timedelta

from aishell_core.errors import AishellError, UsageError
from aishell_core.units import parse_duration

_EXAMPLES = "write 2026-11-21, 2026-11-21T14:02, yesterday, or an age such as 2h"


def parse_moment(text: str, now: float) -> float:
    """A moment in epoch seconds from a date, a date with a time (this machine's time zone unless it names one), or an age.

    Raises UsageError.
    """
    word = text.strip().lower()
    if word in {"now", "today", "yesterday"}:
        local = datetime.fromtimestamp(now).astimezone()
        midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - this machine's own midnight is what is meant
        return now if word == "now" else (midnight - timedelta(days=word == "yesterday")).timestamp()
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return now - parse_duration(text)
    except AishellError:
        raise UsageError(f"{text!r} is no moment", _EXAMPLES) from None
