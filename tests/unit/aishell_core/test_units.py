"""Quantities as people write and read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.errors import UsageError
from aishell_core.units import (
    format_bytes,
    format_count,
    format_counted,
    format_duration,
    format_limit,
    format_value,
    parse_duration,
    parse_ratio,
    parse_size,
)
from aishell_core.values import Unit


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("5m", 300), ("1.5h", 5400), ("2d", 172_800), (" 10 s ", 10), ("1w", 604_800), ("0s", 0)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("1.5GiB", 1.5 * 2**30), ("64MB", 64e6), ("1kB", 1000), ("1KiB", 1024), ("7B", 7)])
def test_sizes_are_read_binary_and_decimal(text: str, size: float) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "ratio"), [("90%", 0.9), ("0.9", 0.9), ("100 %", 1.0)])
def test_shares_are_read_as_percent_or_fraction(text: str, ratio: float) -> None:
    assert parse_ratio(text) == pytest.approx(ratio)


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "5q", "1e3s", "nan s"])
def test_what_is_no_duration_is_refused_with_the_valid_units(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert "5m" in caught.value.hint


def test_a_wrong_unit_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parse_size("5MIB")
    assert "MiB" in caught.value.hint


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1.2e-6, "1.2us"),
        (0.00014, "0.14ms"),
        (0.012, "12ms"),
        (2.4, "2.4s"),
        (59.96, "1m00s"),
        (724, "12m04s"),
        (11_100, "3h05m"),
        (187_200, "2d04h"),
        (-724, "-12m04s"),
    ],
)
def test_durations_are_written_in_the_two_units_that_matter(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (999_960, "1M"), (0.25, "0.25")])
def test_counts_are_written_short(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1.5 * 2**30, "1.5 GiB")])
def test_sizes_are_written_in_binary_units(value: float, text: str) -> None:
    assert format_bytes(value) == text


@pytest.mark.parametrize("unit", list(Unit))
def test_unknown_is_never_zero(unit: Unit) -> None:
    assert format_value(None, unit) == "n/a"
    assert format_value(math.nan, unit) == "n/a"


@given(st.floats(0, 1e15), st.sampled_from(list(Unit)))
def test_every_value_has_a_short_text_without_an_exponent(value: float, unit: Unit) -> None:
    text = format_value(value, unit)
    assert "e" not in text.replace("ms", "")
    if value < 1e9:
        assert len(text) <= 14


@given(st.floats(1e-3, 1e6))
def test_what_is_written_is_near_what_it_was(seconds: float) -> None:
    text = format_duration(seconds)
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
    total, number = 0.0, ""
    rest = text
    while rest:
        number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(number) :]
        name = next(name for name in ("us", "ms", "s", "m", "h", "d") if rest.startswith(name))
        rest = rest[len(name) :]
        total += float(number) * units[name]
    assert total == pytest.approx(seconds, rel=0.06, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "words", "text"),
    [
        (1, ("session",), "1 session"),
        (0, ("session",), "0 sessions"),
        (1.0, ("setting waits", "settings wait"), "1 setting waits"),
        (2, ("setting waits", "settings wait"), "2 settings wait"),
        (12_300, ("transaction",), "12.3k transactions"),
    ],
)
def test_a_number_carries_its_noun_in_the_right_form(value: float, words: tuple[str, ...], text: str) -> None:
    assert format_counted(value, *words) == text


@pytest.mark.parametrize(
    ("value", "shown", "limit"),
    [(0.0, "0/s", "0/s"), (0.001, "<0.01/s", ">0/s"), (0.02, "0.02/s", "0.02/s"), (3.0, "3/s", "3/s"), (None, "n/a", "n/a")],
)
def test_what_is_more_than_nothing_is_never_written_as_nothing(value: float | None, shown: str, limit: str) -> None:
    assert (format_value(value, Unit.PER_SECOND), format_limit(value, Unit.PER_SECOND)) == (shown, limit)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m00s", 60.0),
        ("1h30m", 5400.0),
        ("2m50s", 170.0),
        ("2d04h", 187_200.0),
        ("1d2h3m4s", 93_784.0),
        ("-1m30s", -90.0),
        ("80us", 0.00008),
    ],
)
def test_spans_of_several_units_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["30m1h", "1h1h", "1h30", "h", "1h 30 m", "1x30m", ""])
def test_spans_that_do_not_count_down_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@given(seconds=st.floats(0.0001, 1e8))
def test_every_duration_that_is_printed_is_read(seconds: float) -> None:
    """But for what its two units leave out."""
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.05)
