"""Texts of a PostgreSQL server as proper Unicode, whatever encoding its databases have."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

TEXT_TYPES = (
    *((25, "text"), (19, "name"), (1043, "varchar"), (1042, "bpchar"), (18, "char"), (705, "unknown"), (2275, "cstring"), (114, "json")),
)
"""Types that carry names, statements and plans, by object id."""
ARRAY_TYPES = ((1009, "_text", 25), (1003, "_name", 19), (1015, "_varchar", 1043))
"""Arrays of them, by object id, with the object id of their elements."""
NUMBER_ARRAYS = (
    (1007, "_int4", 23, struct.Struct("!i")),
    (1016, "_int8", 20, struct.Struct("!q")),
    (1022, "_float8", 701, struct.Struct("!d")),
)
"""Arrays of numbers likewise, with the form of an element: for arrays that it does not know the driver first asks the server, at length."""

_T = TypeVar("_T")

# Names of encodings that Python calls otherwise; those that it does not know are read as far as they are ASCII.
_PYTHON_NAMES: Mapping[str, str] = {
    "SQL_ASCII": "utf-8",
    "MULE_INTERNAL": "ascii",
    "EUC_TW": "ascii",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_CN": "gb2312",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
    "WIN866": "cp866",
    "WIN874": "cp874",
    "SJIS": "cp932",
    "SHIFT_JIS_2004": "shift_jis_2004",
    **{f"WIN{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"LATIN{number}": f"iso8859_{part}" for number, part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), start=1)},
    **{f"ISO_8859_{part}": f"iso8859_{part}" for part in (5, 6, 7, 8)},
}


def python_encoding(name: str) -> str:
    """Python's name of a server's encoding, `ascii` for one that Python has not."""
    known = _PYTHON_NAMES.get(name.upper(), name)
    try:
        return codecs.lookup(known).name
    except LookupError:
        return "ascii"


_LONGEST_KEPT_BYTES = 48
_MOST_KEPT = 4096


class _KnownTexts(dict[bytes, str]):
    """Short texts by their bytes: names and states come thousands of times a second, and looking them up costs a third."""

    def __init__(self, decode: Callable[[bytes], str]) -> None:
        super().__init__()
        self._decode = decode

    def __missing__(self, data: bytes) -> str:
        text = self._decode(data)
        if len(data) <= _LONGEST_KEPT_BYTES:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[data] = text
        return text


def decoder(encoding: str) -> Callable[[bytes], str]:
    """What turns bytes into text: UTF-8, else the database's own encoding; what neither knows becomes replacement characters.

    A server shows the statements of all its databases as they were sent, so that one answer may hold several encodings.
    """
    own = python_encoding(encoding)

    def decode(data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            # An incomplete sign at the end is a text that was cut off, and no other encoding.
            return data.decode(own, "replace")

    return _KnownTexts(decode).__getitem__


def encode_text(text: str) -> bytes:
    """A text for the server; lone surrogates, which no encoding has, become question marks."""
    return str(text).encode("utf-8", "replace")


def array_decoder(decode: Callable[[bytes], _T]) -> Callable[[bytes], list[_T | None]]:
    """What turns an array in the server's binary form into a list; `decode` reads an element, dimensions are laid flat."""

    def decode_array(data: bytes) -> list[_T | None]:
        dimensions = struct.unpack_from("!i", data)[0]
        at = 12 + 8 * dimensions
        found: list[_T | None] = []
        while at < len(data):
            (length,) = struct.unpack_from("!i", data, at)
            at += 4
            found.append(None if length < 0 else decode(data[at : at + length]))
            at += max(length, 0)
        return found

    return decode_array


def array_encoder(element: int, encode: Callable[[_T], bytes]) -> Callable[[Iterable[_T | None]], bytes]:
    """What turns values into an array of one dimension in the server's binary form; `element` is the type's object id."""

    def encode_array(values: Iterable[_T | None]) -> bytes:
        parts = [None if value is None else encode(value) for value in values]
        holes = int(any(part is None for part in parts))
        head = struct.pack("!iiIii", 1, holes, element, len(parts), 1) if parts else struct.pack("!iiI", 0, 0, element)
        return head + b"".join(struct.pack("!i", -1) if part is None else struct.pack("!i", len(part)) + part for part in parts)

    return encode_array


def number_decoder(form: struct.Struct) -> Callable[[bytes], float]:
    """What reads one number of a form."""

    def decode_number(data: bytes) -> float:
        number: float = form.unpack(data)[0]
        return number

    return decode_number


def first_column(messages: bytes) -> Iterator[bytes]:
    """The first value of each row in a server's messages, which begin with whole ones; NULL is passed over.

    The format: https://www.postgresql.org/docs/current/protocol-message-formats.html (DataRow).
    """
    at = 0
    while at + 5 <= len(messages):
        kind, (length,) = messages[at : at + 1], struct.unpack_from("!i", messages, at + 1)
        if kind == b"D":
            columns, size = struct.unpack_from("!hi", messages, at + 5)
            if columns > 0 and size >= 0:
                yield messages[at + 11 : at + 11 + size]
        at += 1 + length


def text_literal(text: str) -> str:
    """A text as a literal of SQL, whatever standard_conforming_strings says of backslashes."""
    written = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{written}'"
