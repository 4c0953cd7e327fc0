"""Alerts and what belongs to them as JSON text, for the rows they are kept in."""

from __future__ import annotations

import json
from functools import cache
from math import isfinite
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from aishell_core.state.codec import storable
from alerts.models import Alert, Evidence, Matcher

T = TypeVar("T")


# Each is made when the first of its kind is written or read: while all is well there is none.
@cache
def _alerts() -> TypeAdapter[Alert]:
    return TypeAdapter(Alert)


@cache
def _evidence() -> TypeAdapter[Evidence]:
    return TypeAdapter(Evidence)


@cache
def _matchers() -> TypeAdapter[tuple[Matcher, ...]]:
    return TypeAdapter(tuple[Matcher, ...])


def encode_alert(alert: Alert) -> str:
    """An alert as JSON; figures that are no numbers become null, odd bytes harmless text."""
    return _encoded(_alerts(), alert)


def decode_alert(text: str) -> Alert | None:
    """The alert; None of a text that is damaged or of a version that cannot be read."""
    return _decoded(_alerts(), text)


def encode_evidence(evidence: Evidence) -> str:
    """Evidence as JSON."""
    return _encoded(_evidence(), evidence)


def decode_evidence(text: str) -> Evidence | None:
    """The evidence; None of a text that is damaged."""
    return _decoded(_evidence(), text)


def encode_matchers(matchers: tuple[Matcher, ...]) -> str:
    """Matchers as JSON."""
    return _encoded(_matchers(), matchers)


def decode_matchers(text: str) -> tuple[Matcher, ...] | None:
    """The matchers; None of a text that is damaged."""
    return _decoded(_matchers(), text)


def _encoded(adapter: TypeAdapter[T], value: T) -> str:
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:
        # A name with bytes that are no text: they are rare, and looked for only here.
        return json.dumps(_harmless(adapter.dump_python(value)), ensure_ascii=False, separators=(",", ":"))


def _harmless(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_harmless(key): _harmless(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _decoded(adapter: TypeAdapter[T], text: str) -> T | None:
    try:
        return adapter.validate_json(text)
    except ValidationError:
        return None
