"""Whether a moment lies in times of the week: pure, by the zone's own clock, summer time included."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from alerts.rule import Hours


def within(hours: Iterable[Hours], at: float) -> bool:
    """Whether a moment (epoch seconds) lies in any of these times."""
    return any(holds(each, at) for each in hours)


def holds(hours: Hours, at: float) -> bool:
    """Whether a moment lies in these times; a night that goes on past midnight is two of them."""
    local = datetime.fromtimestamp(at, zone(hours.timezone))
    minute = local.hour * 60 + local.minute
    return _is_day(hours, local) and (not hours.times or any(begin <= minute < end for begin, end in hours.times))


def _is_day(hours: Hours, local: datetime) -> bool:
    if hours.weekdays and local.weekday() not in hours.weekdays:
        return False
    if hours.months and local.month not in hours.months:
        return False
    if not hours.days:
        return True
    length = monthrange(local.year, local.month)[1]
    return local.day in hours.days or local.day - length - 1 in hours.days


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """A time zone by its name; raises ValueError for one that this machine does not know."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"the time zone {name!r} is not known here") from error
