"""Fields of a person's statement: PostgreSQL's own texts as values, and values as such texts; all pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from aishell_core.values import Value, frozen

_INTEGERS = frozenset({20, 21, 23, 26, 28})
_FLOATS = frozenset({700, 701})
_JSON = frozenset({114, 3802})
_BOOLEAN, _BYTES = 16, 17


def reader(oid: int) -> Callable[[str], Value]:
    """What turns the server's text of a type (by its object id) into a value; a type that JSON lacks stays text."""
    if oid in _INTEGERS:
        return int
    if oid in _FLOATS:
        return float
    if oid == _BOOLEAN:
        return _boolean
    if oid == _BYTES:
        return _bytes
    return _document if oid in _JSON else str


def _boolean(text: str) -> bool:
    return text == "t"


def _bytes(text: str) -> Value:
    """Bytes in the server's hexadecimal form, else (bytea_output = escape) its text as it is."""
    return bytes.fromhex(text[2:]) if text.startswith("\\x") else text


def _document(text: str) -> Value:
    """A JSON document as values; one that is too deep for Python stays text."""
    try:
        return frozen(json.loads(text))
    except (ValueError, RecursionError):
        return text


def written(value: object) -> str:
    """A bound value as a text that the server reads by the parameter's type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, tuple | list | Mapping):
        return json.dumps(value, default=_listed)
    return str(value)


def _listed(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
