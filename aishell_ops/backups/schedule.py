"""When something is due: cron expressions, read by cronsim, which is imported here alone; pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aishell_core.errors import ConfigError

_LOCAL_TIME = Path("/etc/localtime")
_EXAMPLE = "minute hour day month weekday, such as 0 2 * * * for every night at two"
_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def expect_schedule(expression: str, zone: str | None = None) -> None:
    """Raise ConfigError when the expression never comes due, cannot be read, or the time zone is not known."""
    next_after(expression, zone_of(zone), datetime.now(UTC).timestamp())


def zone_of(name: str | None, environ: Mapping[str, str] = os.environ) -> tzinfo:
    """A time zone by its name; without a name that of TZ, else this machine's. Raises ConfigError."""
    if name is None:
        return _named_by(environ.get("TZ", "")) or _machine_zone() or datetime.now(UTC).astimezone().tzinfo or UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"there is no time zone {name!r}", "write one such as Europe/Berlin or UTC") from None


def next_after(expression: str, zone: tzinfo, moment: float) -> float:
    """The first time after a moment at which it is due, in epoch seconds; raises ConfigError.

    Where the clock is put forward, what was due in the hour that does not exist is due right after it; where it is put
    back, what is due at a fixed hour is due once, as Debian's cron has it.
    """
    found = _step(expression, zone, moment)
    if found is None:
        raise ConfigError(f"{expression!r} never comes due", _EXAMPLE)
    return found


def _step(expression: str, zone: tzinfo, moment: float, *, back: bool = False) -> float | None:
    # Imported where it is used: most starts of the program schedule nothing.
    from cronsim import CronSim, CronSimError

    words = expression.strip()
    try:
        return next(CronSim(_SHORTHANDS.get(words, words), datetime.fromtimestamp(moment, zone), reverse=back)).timestamp()
    except CronSimError as error:
        raise ConfigError(f"{expression!r} is no schedule: {error}", _EXAMPLE) from None
    except StopIteration:
        return None


def last_before(expression: str, zone: tzinfo, moment: float) -> float | None:
    """The newest time up to a moment at which it was due, in epoch seconds; None where there was none. Raises ConfigError."""
    # A time that falls on the moment itself has come.
    return _step(expression, zone, moment + 0.001, back=True)


def _machine_zone() -> tzinfo | None:
    """The machine's time zone by its rules rather than by today's offset; None where the system does not name it."""
    try:
        target = _LOCAL_TIME.resolve(strict=True)
        return _named_by("/".join(target.parts[target.parts.index("zoneinfo") + 1 :]))
    except (OSError, ValueError):
        return None


def _named_by(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name.removeprefix(":")) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
