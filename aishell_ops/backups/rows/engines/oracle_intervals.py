"""Intervals of Oracle: its own text, and that of others (`1 year 2 mons`, `-1 days -02:03:04.5`); pure."""

from __future__ import annotations

import re

from aishell_ops.backups.rows.model import Raw

_MONTHS = re.compile(r"([+-])(\d+)-(\d+)")
_DAYS = re.compile(r"([+-])(\d+) (\d+):(\d+):(\d+)(?:\.(\d+))?")
_YEAR_WORDS = re.compile(r"(?:(-?\d+) years?)? ?(?:(-?\d+) mons?)?")
_DAY_WORDS = re.compile(r"(?:(-?\d+) days?)? ?(?:(-?)(\d+):(\d+):(\d+)(?:\.(\d+))?)?")
_NOTHING = "00:00:00"


def months_of(text: Raw) -> str:
    """Years and months of the server's text, such as +01-02; raises ValueError."""
    found = _MONTHS.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no interval of years and months")
    sign = "-" if found[1] == "-" else ""
    years, months = int(found[2]), int(found[3])
    words = [f"{sign}{years} {_plural('year', sign, years)}"] if years else []
    words += [f"{sign}{months} {_plural('mon', sign, months)}"] if months else []
    return " ".join(words) or _NOTHING


def months_text(value: Raw) -> str:
    """The server's text of years and months; raises ValueError."""
    found = _YEAR_WORDS.fullmatch("" if value == _NOTHING else str(value))
    if found is None:
        raise ValueError(f"{value!r} is no interval of years and months")
    total = 12 * int(found[1] or 0) + int(found[2] or 0)
    years, months = divmod(abs(total), 12)
    return f"{'-' if total < 0 else '+'}{years:02}-{months:02}"


def days_of(text: Raw) -> str:
    """Days and a time of the server's text, such as +01 02:03:04.500000000; raises ValueError."""
    found = _DAYS.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no interval of days and seconds")
    sign = "-" if found[1] == "-" else ""
    days, fraction = int(found[2]), (found[6] or "").rstrip("0")
    time = f"{found[3]}:{found[4]}:{found[5]}" + (f".{fraction}" if fraction else "")
    words = [f"{sign}{days} {_plural('day', sign, days)}"] if days else []
    words += [f"{sign}{time}"] if time != _NOTHING else []
    return " ".join(words) or _NOTHING


def days_text(value: Raw) -> str:
    """The server's text of days and a time; raises ValueError."""
    found = _DAY_WORDS.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{value!r} is no interval of days and seconds")
    days, hours, minutes, seconds = int(found[1] or 0), found[3] or "00", found[4] or "00", found[5] or "00"
    sign = "-" if days < 0 or found[2] == "-" else "+"
    return f"{sign}{abs(days):02} {hours}:{minutes}:{seconds}.{(found[6] or '').ljust(9, '0')}"


def _plural(word: str, sign: str, count: int) -> str:
    return word if count == 1 and not sign else f"{word}s"
