"""Values as MongoDB's shell writes them, with bare names, texts in single quotes and constructors, as extended JSON; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<double>"(?:[^"\\]|\\.)*")
    |(?P<single>'(?:[^'\\]|\\.)*')
    |(?P<made>(?:new\s+)?(?P<maker>ObjectId|ISODate|Date|NumberLong|NumberInt|NumberDecimal|UUID)
        \(\s*(?P<given>"[^"\\]*"|'[^'\\]*'|-?\d+)\s*\))
    |(?P<pattern>/(?:[^/\\\n]|\\.)+/(?P<options>[a-z]*))
    |(?P<name>[A-Za-z_$][\w$]*)(?=\s*:)
    |(?P<word>true|false|null)\b
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])
    |(?P<sign>[{}\[\],:])""",
    re.VERBOSE | re.DOTALL,
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _moment(text: str) -> object:
    """A day or a time without a zone is in UTC; a number is milliseconds."""
    if text.lstrip("-").isdecimal():
        return {"$numberLong": text}
    text = f"{text}T00:00:00" if _DAY.fullmatch(text) else text
    return text if text.endswith("Z") or re.search(r"[+-]\d{2}:?\d{2}$", text[10:]) else f"{text}Z"


_MAKERS: Mapping[str, Callable[[str], object]] = {
    "ObjectId": lambda text: {"$oid": text},
    "ISODate": lambda text: {"$date": _moment(text)},
    "Date": lambda text: {"$date": _moment(text)},
    "NumberLong": lambda text: {"$numberLong": text},
    "NumberInt": lambda text: {"$numberInt": text},
    "NumberDecimal": lambda text: {"$numberDecimal": text},
    "UUID": lambda text: {"$uuid": text},
}


class NoValueError(Exception):
    """A text that is no value, such as a function; the place where that shows."""


def as_json(text: str) -> str:
    """The same values in extended JSON; raises NoValueError for what is more than values: nothing is run or calculated here."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NoValueError(text[place : place + 20])
        parts.append(_json_of(match))
        place = match.end()
    return "".join(parts)


def _json_of(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "single":
            return _single(match["single"])
        case "name":
            return json.dumps(match["name"])
    if match["made"] is not None:
        given = match["given"]
        return json.dumps(_MAKERS[match["maker"]](given[1:-1] if given[0] in "\"'" else given))
    if match["pattern"] is not None:
        written = match["pattern"][1:].rpartition("/")[0]
        return json.dumps({"$regularExpression": {"pattern": written, "options": match["options"]}})
    return match[0]


def _single(text: str) -> str:
    """A text in single quotes with the quotes of JSON; its other escapes are those of JSON, or the text is refused as JSON is read."""
    inner = re.sub(r"\\.|\"", lambda found: {"\\'": "'", '"': '\\"'}.get(found[0], found[0]), text[1:-1], flags=re.DOTALL)
    return f'"{inner}"'


def closing(text: str, begin: int) -> int:
    """The place of the parenthesis that closes the one before `begin`, told from those in texts; raises NoValueError for none."""
    depth = 1
    for match in re.finditer(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[()]", text[begin:], re.DOTALL):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return begin + match.start()
    raise NoValueError(text[-20:])
