"""Dates of MongoDB, milliseconds since 1970 in any year, and moments as text; pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_DAY_MILLISECONDS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?([+-]\d\d:\d\d(?::\d\d)?|Z)?(?:\[.*\])?")


def moment_text(milliseconds: int) -> str:
    """A date as ISO 8601 with a blank, without its zone, which is UTC; years before our era end in BC."""
    days, rest = divmod(milliseconds, _DAY_MILLISECONDS)
    year, month, day = _civil(days)
    era, shown = (" BC", 1 - year) if year < 1 else ("", year)
    seconds, thousandths = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"
    return f"{shown:04}-{month:02}-{day:02} {clock}{era}"


def instant_text(milliseconds: int) -> str:
    """The same with its zone."""
    text = moment_text(milliseconds)
    return f"{text.removesuffix(' BC')}+00:00 BC" if text.endswith(" BC") else f"{text}+00:00"


def _civil(days: int) -> tuple[int, int, int]:
    """The day of the calendar from its number since 1970; the year before 1 is 0. A period of 400 years has 146,097 days."""
    periods, within = divmod(days + 719_162, 146_097)
    found = date.fromordinal(within + 1)
    return found.year + 400 * periods, found.month, found.day


def milliseconds_of(text: str) -> int:
    """A moment as a date of MongoDB, in UTC where it has no zone; raises ValueError for one that it has not exactly."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"there is no day {text[:24]}")
    if (found[3] or "")[3:].strip("0"):
        raise ValueError("a date has milliseconds, and no more")
    try:
        moment = datetime.fromisoformat(f"{found[1]} {found[2]}{found[4] or '+00:00'}")
    except ValueError as error:
        raise ValueError(f"there is no day {text[:24]}") from error
    return (moment - _EPOCH) // timedelta(milliseconds=1) + int((found[3] or "0").ljust(3, "0")[:3])


def cut(text: str) -> str | None:
    """A moment without what is less than a millisecond; None for one that is no day of the calendar."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    shorter = f"{found[1]} {found[2]}.{(found[3] or '0')[:3]}{found[4] or ''}"
    try:
        milliseconds_of(shorter)
    except ValueError:
        return None
    return shorter
