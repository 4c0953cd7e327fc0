"""When something is due: cron expressions, time zones, and the two nights of a year that are not like the others."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.errors import ConfigError
from aishell_ops.backups.schedule import expect_schedule, next_after, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def _next(expression: str, after: str, zone: ZoneInfo = BERLIN) -> str:
    moment = datetime.fromisoformat(after).replace(tzinfo=zone).timestamp()
    return datetime.fromtimestamp(next_after(expression, zone, moment), zone).isoformat()


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("0 2 * * *", "2026-11-21T01:59:59", "2026-11-21T02:00:00+01:00"),
        ("0 2 * * *", "2026-11-21T02:00:00", "2026-11-22T02:00:00+01:00"),
        ("*/15 * * * *", "2026-11-21T01:59:59", "2026-11-21T02:00:00+01:00"),
        ("@hourly", "2026-11-21T01:59:59", "2026-11-21T02:00:00+01:00"),
        ("@weekly", "2026-11-21T12:00:00", "2026-11-22T00:00:00+01:00"),
        ("0 0 29 2 *", "2026-11-21T12:00:00", "2028-02-29T00:00:00+01:00"),
    ],
)
def test_what_is_due_next(expression: str, after: str, due: str) -> None:
    assert _next(expression, after) == due


def test_what_falls_into_the_hour_that_is_left_out_is_due_after_it() -> None:
    """On 29 March 2026 it is 3 o'clock in Berlin right after 1:59."""
    assert _next("30 2 * * *", "2026-03-29T01:00:00") == "2026-03-29T03:00:00+02:00"


def test_what_falls_into_the_hour_that_comes_twice_is_due_once() -> None:
    """On 25 October 2026 the clock goes from 2:59 back to 2:00."""
    first = next_after("30 2 * * *", BERLIN, datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN).timestamp())
    second = next_after("30 2 * * *", BERLIN, first)
    assert datetime.fromtimestamp(second, BERLIN).isoformat() == "2026-10-26T02:30:00+01:00"


@pytest.mark.parametrize("expression", ["", "x", "0 2 * *", "61 * * * *", "0 0 30 2 *", "* * * * * * *", "0 2 * * mon-"])
def test_what_is_no_schedule_is_refused_with_an_example(expression: str) -> None:
    with pytest.raises(ConfigError) as caught:
        expect_schedule(expression)
    assert "such as 0 2 * * *" in caught.value.hint


def test_a_time_zone_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="Europe/Berlinn"):
        expect_schedule("@daily", "Europe/Berlinn")
    with pytest.raises(ConfigError):
        zone_of("../../etc/passwd")


def test_without_a_name_it_is_the_zone_of_the_environment() -> None:
    assert zone_of(None, {"TZ": "America/New_York"}) == ZoneInfo("America/New_York")
    assert zone_of(None, {"TZ": ":Europe/Berlin"}) == BERLIN
    assert zone_of(None, {"TZ": "no such zone"}).utcoffset(datetime.now(UTC)) is not None


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        moment = next_after(text, UTC, 1795226400.0)
    except ConfigError:
        return
    assert moment > 1795226400.0
