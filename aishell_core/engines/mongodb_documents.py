"""Documents of MongoDB as values and as text: BSON's own types to what JSON can hold, and extended JSON back.

This is the one module that knows the types of BSON. They belong to the format, whichever client carries it.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import bson
from bson import json_util
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from aishell_core.values import Value

Document = Mapping[str, Any]
"""A document as the server has it, with the types of BSON."""

CODEC = bson.CodecOptions(
    # What is no UTF-8, and dates that Python does not know, must not keep anybody from reading the rest.
    document_class=dict,
    tz_aware=True,
    unicode_decode_error_handler="replace",
    datetime_conversion=bson.DatetimeConversion.DATETIME_AUTO,
)
RAW_CODEC = CODEC.with_options(document_class=RawBSONDocument)
"""Leaves documents as their bytes, so that their size is known before anything is made of them."""

_RELAXED = json_util.RELAXED_JSON_OPTIONS.with_options(tz_aware=True)


def decoded(raw: RawBSONDocument) -> dict[str, Any]:
    """A document from its bytes."""
    return dict(bson.decode(raw.raw, CODEC))


def size_of(document: Document) -> int:
    """The size of a document in bytes."""
    return len(bson.encode(document, codec_options=CODEC))


def parse_extended(text: str) -> object:
    """What a text of MongoDB's extended JSON means, shell-free; raises ValueError for what is none."""
    try:
        return json_util.loads(text, json_options=_RELAXED)
    except (TypeError, KeyError, bson.errors.BSONError, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error


def extended(document: Document) -> dict[str, Any]:
    """A document as relaxed extended JSON of plain dictionaries and lists, which `from_extended` reads back."""
    return cast(dict[str, Any], json.loads(json_util.dumps(document, json_options=_RELAXED)))


def from_extended(document: Document) -> dict[str, Any]:
    """The BSON of plain dictionaries and lists in which extended JSON stands; raises TypeError or ValueError."""
    return cast(dict[str, Any], parse_extended(json.dumps(dict(document), default=json_util.default)))


def plain(value: object) -> Value:
    """One field for people: identifiers, decimals and dates are their text, bytes stay bytes, text is proper Unicode."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Int64 | int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {_text(str(name)): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain(each) for each in value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Timestamp):
        return f"{value.as_datetime().isoformat()} #{value.inc}"
    if isinstance(value, DatetimeMS):
        return f"{int(value)} ms since 1970"
    if isinstance(value, bson.Regex):
        return f"/{_text(str(value.pattern))}/"
    return _text(str(value))


def json_text(value: object) -> str:
    """A document as one line of JSON for people to read."""
    return json.dumps(plain(value), ensure_ascii=False, default=_unusual, separators=(", ", ": "))


def _unusual(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return str(value)


def _text(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def seconds_of(value: object) -> float | None:
    """Epoch seconds of a date, a timestamp of the log of operations, or a date's ISO text; None for anything else."""
    if isinstance(value, dt.datetime):
        return value.timestamp()
    if isinstance(value, Timestamp):
        return float(value.time)
    if isinstance(value, DatetimeMS):
        return int(value) / 1000
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    return None


def timestamp(seconds: float) -> object:
    """A date as BSON has it, from epoch seconds."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def unique_text(value: object) -> str:
    """An identifier such as a session's, as text: bytes of a UUID as such, anything else as it prints."""
    if isinstance(value, bytes) and len(value) == 16:
        return str(UUID(bytes=bytes(value)))
    return str(value)
