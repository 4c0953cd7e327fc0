"""From the frozen shapes to JSON, by one rule for all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def to_plain(value: object) -> Json:
    """A shape as JSON knows it: NaN and infinity become null, enums their words, paths and the rest their text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Enum():
            return to_plain(value.value)
        case str():
            return value
        case Mapping():
            return {str(key): to_plain(item) for key, item in value.items()}
        case Sequence() | set() | frozenset():
            return [to_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    return str(value)


def to_json(value: object) -> str:
    """A shape as one JSON text in ASCII, indented for people."""
    return json.dumps(to_plain(value), indent=2, allow_nan=False)


def to_json_line(value: object) -> str:
    """A shape as JSON on one line, for what may come several times on one stream."""
    return json.dumps(to_plain(value), allow_nan=False)


def utc_text(epoch_seconds: float) -> str:
    """A moment as 2026-11-21T14:02:31Z."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
