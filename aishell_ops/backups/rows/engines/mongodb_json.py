"""JSON as values of MongoDB, where these say the same: other engines keep the text, MongoDB what it says; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from aishell_core.engines import mongodb_elements as elements
from aishell_ops.backups.rows.hashing import plain_number
from aishell_ops.backups.rows.model import Raw

_LONGEST_NUMBER = 400
"""A number beyond that is compared by its spelling: an exponent of nine digits would be written out."""
_DEEPEST = 90
"""A document may hold others a hundred deep."""
_TEXT_FIELD = b"json"
"""The one field of a document that holds the text of JSON for which there is no value."""
_NESTED = frozenset({elements.DOCUMENT, elements.ARRAY})
_USUAL = _NESTED | {
    *(elements.DOUBLE, elements.TEXT, elements.BINARY, elements.IDENTIFIER, elements.BOOLEAN, elements.MOMENT, elements.NULL),
    *(elements.INT, elements.LONG, elements.STAMP, elements.REGULAR),
}
"""Types that every server holds."""


def element_of(text: str, *, plain: bool = False) -> bytes:
    """The value of a JSON text; where there is none that says the same, a document with the text in it.

    `plain` is for servers that hold neither arrays in arrays nor more than the usual types.
    """
    try:
        element = elements.element_of_json(text)
        if _can_be_kept(element, plain=plain) and plain_json(elements.json_of(element)) == plain_json(text):
            return element
    except (ValueError, RecursionError):
        pass
    return b"\x03" + elements.document_from(((_TEXT_FIELD, elements.text(text)),))


def json_text(element: bytes) -> str:
    """The JSON text that a value was made of, in our spelling."""
    return elements.text_of(kept) if (kept := _kept_text(element)) is not None else elements.json_of(element)


def kept_as(text: str, *, plain: bool = False) -> str:
    """The spelling in which a JSON text comes back."""
    return json_text(element_of(text, plain=plain))


def _kept_text(element: bytes) -> bytes | None:
    """The text within a document that holds one; None for any other value."""
    if element[0] != elements.DOCUMENT:
        return None
    fields = list(elements.elements_of(element[1:]))
    return fields[0][1] if len(fields) == 1 and fields[0][0] == _TEXT_FIELD and fields[0][1][0] == elements.TEXT else None


def _can_be_kept(element: bytes, *, plain: bool) -> bool:
    """Whether every server takes a value, and it is told from our own documents with a text."""
    # NULL is a value that is not there, and not JSON's null.
    if element[0] in (elements.NULL, elements.UNDEFINED) or _kept_text(element) is not None:
        return False
    within = list(_within(b"", element, element[0], 0))
    if plain and any(each[0] not in _USUAL or (each[0] == outer == elements.ARRAY and name) for name, each, outer in within):
        return False
    return all(name[:1] != b"$" and b"." not in name for name, _, _ in within)


def _within(name: bytes, element: bytes, outer: int, depth: int) -> Iterator[tuple[bytes, bytes, int]]:
    """A value and all within it: name, element, the type of what it is in; raises ValueError for what is nested too deep."""
    yield name, element, outer
    if element[0] in _NESTED:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deep")
        for inner_name, inner in elements.elements_of(element[1:]):
            yield from _within(inner_name, inner, element[0], depth + 1)


class _Said(str):
    """What a number or an object of JSON says, in the one spelling that is compared."""

    __slots__ = ()


def _number_said(text: str) -> _Said:
    exponent = text.lower().partition("e")[2]
    return _Said(plain_number(text) if len(text) < _LONGEST_NUMBER and abs(int(exponent or 0)) < _LONGEST_NUMBER else text)


def _object_said(pairs: list[tuple[str, Raw]]) -> _Said:
    return _Said(f"{{{','.join([f'{json.dumps(name)}:{_said(value)}' for name, value in pairs])}}}")


def _said(value: Raw) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_said, value))}]"
    return value if isinstance(value, _Said) else json.dumps(value)


def _no_word(word: str) -> Raw:
    raise ValueError(f"{word} is no JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_object_said, parse_int=_number_said, parse_float=_number_said, parse_constant=_no_word)


def plain_json(text: str) -> str:
    """What a JSON text says, in one spelling: without blanks, with plain numbers; the text itself where it is none."""
    try:
        return _said(_JSON.decode(text))
    except (ValueError, RecursionError):
        return text
