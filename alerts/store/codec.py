"""Alerts and what belongs to them as JSON text, for the rows they are kept in."""

from __future__ import annotations

from functools import cache

from aishell_core.state.forms import Form
from alerts.models import Alert, Evidence, Matcher


# Each is made when the first of its kind is written or read: while all is well there is none.
@cache
def _alerts() -> Form[Alert]:
    return Form(Alert)


@cache
def _evidence() -> Form[Evidence]:
    return Form(Evidence)


@cache
def _matchers() -> Form[tuple[Matcher, ...]]:
    return Form(tuple[Matcher, ...])


def encode_alert(alert: Alert) -> str:
    """An alert as JSON; figures that are no numbers become null, odd bytes harmless text."""
    return _alerts().encode(alert)


def decode_alert(text: str) -> Alert | None:
    """The alert; None of a text that is damaged or of a version that cannot be read."""
    return _alerts().decode(text)


def encode_evidence(evidence: Evidence) -> str:
    """Evidence as JSON."""
    return _evidence().encode(evidence)


def decode_evidence(text: str) -> Evidence | None:
    """The evidence; None of a text that is damaged."""
    return _evidence().decode(text)


def encode_matchers(matchers: tuple[Matcher, ...]) -> str:
    """Matchers as JSON."""
    return _matchers().encode(matchers)


def decode_matchers(text: str) -> tuple[Matcher, ...] | None:
    """The matchers; None of a text that is damaged."""
    return _matchers().decode(text)
