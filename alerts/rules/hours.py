"""Times of the week as people write them: days mon-fri, times 08:00-18:00, in a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from aishell_core.documents.fields import as_text, fault
from aishell_core.documents.problems import nearest
from alerts.rule import Hours

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG = {
    word[:3]: word
    for word in (
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        *("january", "february", "march", "april", "may", "june", "july", "august"),
        *("september", "october", "november", "december"),
    )
}
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_DAY = re.compile(r"-?\d{1,2}")
_DAY_RANGE = re.compile(r"(-?\d{1,2})\s*-\s*(-?\d{1,2})")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Week:
    """The parts of one entry, as far as they are read; `night` is what of its times lies behind midnight."""

    weekdays: tuple[int, ...] = ()
    times: tuple[tuple[int, int], ...] = ()
    night: tuple[tuple[int, int], ...] = ()
    days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    timezone: str = "UTC"

    @property
    def hours(self) -> tuple[Hours, ...]:
        """The entry as hours: a night that begins on one day goes on into the next one, which is an entry of its own."""
        found = [Hours(self.times, self.weekdays, self.days, self.months, self.timezone)] if self.times or not self.night else []
        if self.night:
            next_days = tuple(sorted((day + 1) % 7 for day in self.weekdays))
            found.append(Hours(self.night, next_days, self.days, self.months, self.timezone))
        return tuple(found)


def parse_weekdays(value: object) -> tuple[int, ...]:
    """Days of the week from 0 for Monday: mon, mon-fri, [sat, sun]; raises a fault."""
    return tuple(sorted({number for word in _parts(value, "days of the week") for number in _range(word, WEEKDAYS, "day")}))


def parse_months(value: object) -> tuple[int, ...]:
    """Months from 1: jan, nov-feb, 7; raises a fault."""
    found: set[int] = set()
    for word in _parts(value, "months"):
        if word.isdecimal() and word.isascii():
            if not 1 <= int(word) <= 12:
                raise fault(f"there is no month {word}", "months count from 1 to 12")
            found.add(int(word))
        else:
            found.update(number + 1 for number in _range(word, MONTHS, "month"))
    return tuple(sorted(found))


def parse_days(value: object) -> tuple[int, ...]:
    """Days of the month: 1, 1-7, -1 for the last; raises a fault."""
    found: set[int] = set()
    for word in _parts(value, "days of the month"):
        ends = _DAY_RANGE.fullmatch(word)
        single = _DAY.fullmatch(word)
        if single is None and ends is None:
            raise fault(f"{word!r} is no day of the month", "write 1, 1-7, or -1 for the last")
        first, last = (int(ends[1]), int(ends[2])) if ends and not single else (int(word), int(word))
        if not (1 <= abs(first) <= 31 and 1 <= abs(last) <= 31):
            raise fault(f"{word!r} is no day of the month", "days count from 1 to 31, or from the end, -1 for the last")
        if first > last or first < 0 < last:
            raise fault(f"{word!r} ends before it begins", "write the smaller number first, both from the beginning or both from the end")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def parse_times(value: object) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Minutes of the day, and what lies behind midnight of spans such as 22:00-06:00; raises a fault."""
    day: list[tuple[int, int]] = []
    night: list[tuple[int, int]] = []
    for word in _parts(value, "times"):
        begin, dash, end = word.partition("-")
        if not dash:
            raise fault(f"{word!r} is no span of time", "write it as in 08:00-18:00")
        start, stop = _minutes(begin.strip()), _minutes(end.strip())
        if start == stop:
            raise fault(f"{word!r} has no length", "leave times out for the whole day")
        if start >= _DAY_MINUTES:
            raise fault(f"{word!r} begins when the day is over", "write 00:00")
        day.append((start, stop if start < stop else _DAY_MINUTES))
        if stop < start and stop:
            night.append((0, stop))
    return tuple(sorted(day)), tuple(sorted(night))


def parse_timezone(value: object) -> str:
    """The name of a time zone that this system knows; raises a fault."""
    name = as_text(value, "a time zone such as Europe/Berlin")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        near = get_close_matches(name, available_timezones(), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "write it as in UTC or Europe/Berlin"
        raise fault(f"there is no time zone {name!r}", hint) from error
    return name


def _parts(value: object, what: str) -> Iterator[str]:
    words: Sequence[object] = value if isinstance(value, list) else [value]
    for word in words:
        if isinstance(word, int) and not isinstance(word, bool):
            yield str(word)
            continue
        for part in as_text(word, what).split(","):
            yield part.strip().lower()


def _range(word: str, names: tuple[str, ...], what: str) -> Iterator[int]:
    """The numbers of a name, or of all from one name to another, over the end of the week or year if need be."""
    first, dash, last = (part.strip() for part in word.partition("-"))
    start = _named(first, names, what)
    end = _named(last, names, what) if dash else start
    for step in range((end - start) % len(names) + 1):
        yield (start + step) % len(names)


def _named(word: str, names: tuple[str, ...], what: str) -> int:
    short = word[:3]
    if short in names and _LONG[short].startswith(word):
        return names.index(short)
    raise fault(f"there is no {what} {word!r}", nearest(word[:3], names))


def _minutes(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None or int(found[2]) > 59 or int(found[1]) * 60 + int(found[2]) > _DAY_MINUTES:
        raise fault(f"{text!r} is no time of day", "write 08:00, and 24:00 for the end of the day")
    return int(found[1]) * 60 + int(found[2])
