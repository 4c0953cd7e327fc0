"""Parsing and printing of quantities: 5m, 200ms, 1.5GiB, 90%, 12.3k/s."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches

from aishell_core.errors import UsageError
from aishell_core.values import Unit

_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZES = {"B": 1.0} | {
    prefix + suffix: float(base**power) for suffix, base in (("iB", 1024), ("B", 1000)) for power, prefix in enumerate("KMGT", start=1)
}
_SIZES["kB"] = 1000.0
_QUANTITY = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*([A-Za-z%]*)\s*")
_SPAN_UNITS = {"us": 0.000001, **_DURATIONS}
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]+)")
_MOST_PARTS = 6
_UNKNOWN = "n/a"


def _split(text: str, what: str, example: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a {what}", f"write a number and a unit, as in {example}")
    return float(match[1]), match[2]


def _scale(text: str, units: dict[str, float], what: str, example: str) -> float:
    number, unit = _split(text, what, example)
    if unit not in units:
        near = get_close_matches(unit, units, n=1, cutoff=0.3)
        nearest = f"; the nearest is {near[0]}" if near else ""
        raise UsageError(f"{text!r} is not a {what}: unknown unit {unit!r}", f"units are {', '.join(units)}{nearest}, as in {example}")
    return number * units[unit]


def parse_duration(text: str) -> float:
    """Seconds in a text such as `200ms`, `1.5h`, `1h30m`, or what `format_duration` prints; raises UsageError naming the units."""
    span = _composed(text.strip())
    return span if span is not None else _scale(text, _DURATIONS, "duration", "5m")


def _composed(text: str) -> float | None:
    """The seconds of several amounts, each of a smaller unit than the one before: 2d04h, -1m30s; None for anything else."""
    sign, bare = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    seconds, smaller_than, at = 0.0, math.inf, 0
    for _ in range(_MOST_PARTS):
        part = _SPAN_PART.match(bare, at)
        unit = _SPAN_UNITS.get(part[2], math.inf) if part is not None else math.inf
        if part is None or unit >= smaller_than:
            return None
        seconds, smaller_than, at = seconds + float(part[1]) * unit, unit, part.end()
        if at == len(bare):
            return sign * seconds
    return None


def parse_size(text: str) -> float:
    """Bytes in a text such as `1.5GiB` or `64MB`; raises UsageError naming the valid units."""
    return _scale(text, _SIZES, "size", "64MiB")


def parse_ratio(text: str) -> float:
    """A share between 0 and 1 from `90%` or `0.9`; raises UsageError for anything else."""
    number, unit = _split(text, "ratio", "90%")
    if unit not in {"", "%"}:
        raise UsageError(f"{text!r} is not a ratio: unknown unit {unit!r}", "write 90% or 0.9")
    return number / 100 if unit == "%" else number


def _significant(value: float) -> str:
    """Three significant digits at most, without an exponent and without trailing zeros that say nothing."""
    magnitude = abs(value)
    if magnitude >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if magnitude >= 10 else f"{value:.2f}".rstrip("0").rstrip(".") if magnitude < 1 else f"{value:.1f}"


def _prefixed(value: float, base: int, prefixes: tuple[str, ...]) -> tuple[str, str]:
    magnitude, step = abs(value), 0
    while step < len(prefixes) - 1 and round(magnitude / base**step, 1 if step else 0) >= base:
        step += 1
    return _significant(value / base**step), prefixes[step]


def format_count(value: float) -> str:
    """A plain number with k, M, G: 12.3k."""
    number, prefix = _prefixed(value, 1000, ("", "k", "M", "G", "T"))
    return number + prefix


def format_counted(value: float, one: str, many: str = "") -> str:
    """A number with its words in the right form: 1 session, 12.3k sessions; `many` where more than an s is different."""
    number = format_count(value)
    return f"{number} {one if number == '1' else many or one + 's'}"


def format_bytes(value: float) -> str:
    """A size in binary units: 1.5 GiB."""
    number, prefix = _prefixed(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))
    return f"{number} {prefix}"


def format_duration(seconds: float) -> str:
    """A time span in the two largest units that matter: 80us, 12ms, 2.4s, 12m04s, 3h05m, 2d04h."""
    magnitude = abs(seconds)
    if magnitude == 0:
        return "0s"
    if magnitude < 0.0000995:
        return _significant(seconds * 1_000_000) + "us"
    if magnitude < 0.9995:
        return _significant(seconds * 1000) + "ms"
    if magnitude < 59.95:
        return _significant(seconds) + "s"
    whole = round(magnitude)
    sign = "-" if seconds < 0 else ""
    for large, small, names in ((86400, 3600, "dh"), (3600, 60, "hm"), (60, 1, "ms")):
        if whole >= large:
            return f"{sign}{whole // large}{names[0]}{whole % large // small:02d}{names[1]}"
    return f"{sign}{whole}s"


def format_value(value: float | None, unit: Unit) -> str:
    """A value of a metric for people; None and NaN are `n/a`, never zero."""
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    match unit:
        case Unit.RATIO:
            return "<0.01%" if 0 < value < 0.00005 else f"{_significant(value * 100)}%"
        case Unit.SECONDS:
            return format_duration(value)
        case Unit.MILLISECONDS:
            return format_duration(value / 1000)
        case Unit.BYTES:
            return format_bytes(value)
        case Unit.BYTES_PER_SECOND:
            return format_bytes(value) + "/s"
        case Unit.PER_SECOND:
            return "<0.01/s" if 0 < value < 0.005 else format_count(value) + "/s"
        case Unit.MILLISECONDS_PER_SECOND:
            return _significant(value) + " ms/s"
        case Unit.COUNT:
            return format_count(value)


def format_limit(value: float | None, unit: Unit) -> str:
    """A threshold for people; one that only 0 stays below is >0."""
    text = format_value(value, unit)
    return f">0{text[5:]}" if text.startswith("<0.01") else text
