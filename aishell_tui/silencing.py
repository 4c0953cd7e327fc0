"""Until when an alert is silenced, as people say it, and which alerts are meant. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from aishell_core.errors import UsageError
from aishell_core.units import parse_duration
from alerts.models import Alert, Matcher, MatchOperator

CHOICES: tuple[tuple[str, str], ...] = (
    ("1h", "for 1 hour"),
    ("4h", "for 4 hours"),
    ("morning", "until tomorrow 08:00"),
    ("own", "until another time …"),
)
_MORNING_HOUR = 8
_HOW = "write 90m, 2h, 3d, or a time of day such as 18:00"
_LONGEST_SECONDS = 366 * 86_400.0


def end_of(said: str, now: datetime) -> float:
    """The epoch second until which something is silenced: a duration such as 90m or 2d, a time of day, or `morning`.

    `now` carries the time zone in which a time of day is meant. Raises UsageError.
    """
    text = said.strip().lower().removeprefix("until ").removeprefix("for ")
    if text == "morning":
        return _next(now + timedelta(days=1), _MORNING_HOUR, 0, now).timestamp()
    hours, colon, minutes = text.partition(":")
    if colon and hours.isdecimal() and minutes.isdecimal() and int(hours) < 24 and int(minutes) < 60:
        return _next(now, int(hours), int(minutes), now).timestamp()
    try:
        seconds = parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{said!r} is no time", _HOW) from error
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise UsageError(f"{said!r} is no useful time for a silence", _HOW)
    return now.timestamp() + seconds


def _next(day: datetime, hour: int, minute: int, now: datetime) -> datetime:
    """That time on a day, or on the next one when it has passed."""
    moment = day.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return moment if moment > now else moment + timedelta(days=1)


def matchers_of(alert: Alert) -> tuple[Matcher, ...]:
    """What silences this alert and no other one."""
    labels = (("alertname", dict(alert.labels).get("alertname", alert.rule)), ("target", str(alert.key.target)), *alert.key.labels)
    return tuple(Matcher(name, MatchOperator.EQUAL, value) for name, value in dict(labels).items())


def new_identity() -> str:
    """The id of a new silence."""
    return uuid4().hex[:12]
