"""The kinds of values that documents hold, each with its parser, its message and its place in the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from aishell_core.documents.problems import nearest
from aishell_core.errors import AishellError
from aishell_core.units import format_duration, parse_duration

if TYPE_CHECKING:
    from aishell_core.documents.document import KeyPath

Choice = TypeVar("Choice", bound=StrEnum)
Part = TypeVar("Part")
Found = TypeVar("Found")
_NAME = re.compile(r"\w[\w.@:+-]*")


def fault(what: str, hint: str = "") -> PydanticCustomError:
    """An error of a value, said in our words."""
    return PydanticCustomError("aishell", "{what}", {"what": what, "hint": hint})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a part of a value: its path inside of that, and whether its key is meant."""

    path: KeyPath
    what: str
    hint: str = ""
    of_key: bool = False


def all_faults(found: Sequence[Fault]) -> PydanticCustomError:
    """All errors of the parts of one value at once; there is one at least."""
    return PydanticCustomError("aishell", "{what}", {"what": found[0].what, "hint": found[0].hint, "parts": tuple(found)})


def faults_of(parts: Iterable[tuple[str | int, Part]], read: Callable[[Part], object], *, of_keys: bool = False) -> list[Fault]:
    """What `read` says against each part of a value, by its key or its place in the list."""
    found: list[Fault] = []
    for step, part in parts:
        try:
            read(part)
        except PydanticCustomError as error:
            context = error.context or {}
            found.append(Fault((step,), str(context.get("what", "")), str(context.get("hint", "")), of_keys))
    return found


def each_read(parts: Sequence[Part], read: Callable[[Part], Found]) -> tuple[Found, ...]:
    """All parts of a list as they are read; raises the errors of all of them at once."""
    if found := faults_of(enumerate(parts), read):
        raise all_faults(found)
    return tuple(map(read, parts))


def kind_of(value: object) -> str:
    """What a plain value is, in the words of a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a set of keys"


def as_text(value: object, wanted: str) -> str:
    """The value when it is a text; raises the error that names what was wanted and what was found."""
    if isinstance(value, str):
        return value
    raise fault(
        f"{wanted} is wanted here, but {kind_of(value)} was found", 'put it in quotes: "..."' if isinstance(value, int | float) else ""
    )


def duration_between(least_seconds: float, most_seconds: float, hint: str) -> Callable[[object], float]:
    """A parser of durations within limits; a number without a unit is refused, 0 where it is allowed apart."""

    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value == 0 >= least_seconds:
                return 0.0
            raise fault(f"{value} has no unit", f"write {value}s, or another of ms, s, m, h, d, w")
        text = as_text(value, "a duration such as 5s")
        try:
            seconds = parse_duration(text)
        except AishellError as error:
            raise fault(error.message, error.hint) from error
        if not least_seconds <= seconds <= most_seconds:
            raise fault(f"{text} is outside of {format_duration(least_seconds)} to {format_duration(most_seconds)}", hint)
        return seconds

    return read


def number_between(least: int, most: int) -> Callable[[object], int]:
    """A parser of whole numbers from `least` to `most`."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise fault(f"a whole number from {least} to {most} is wanted here, but {kind_of(value)} was found")
        if not least <= value <= most:
            raise fault(f"{value} is not a whole number from {least} to {most}")
        return value

    return read


def number_schema(least: int, most: int) -> WithJsonSchema:
    """The JSON schema of such a number."""
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def choice(kind: type[Choice]) -> Callable[[object], Choice]:
    """A parser of one word of an enumeration."""

    def choose(value: object) -> Choice:
        words = [member.value for member in kind]
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value, f"one of {', '.join(words)}")
        if text not in words:
            raise fault(f"{text!r} is not one of the valid words", nearest(text, words))
        return kind(text)

    return choose


def choices(kind: type[Choice]) -> Callable[[object], tuple[Choice, ...]]:
    """A parser of a list of words of an enumeration."""
    choose = choice(kind)

    def choose_all(value: object) -> tuple[Choice, ...]:
        if not isinstance(value, list):
            words = ", ".join(member.value for member in kind)
            raise fault(f"a list of words is wanted here, but {kind_of(value)} was found", f"write them as in [{words}]")
        return each_read(value, choose)

    return choose_all


def choice_schema(kind: type[StrEnum]) -> WithJsonSchema:
    """The JSON schema of one word of an enumeration."""
    return WithJsonSchema({"type": "string", "enum": [member.value for member in kind]})


def choices_schema(kind: type[StrEnum]) -> WithJsonSchema:
    """The JSON schema of a list of words of an enumeration."""
    return WithJsonSchema({"type": "array", "items": {"type": "string", "enum": [member.value for member in kind]}})


def _name(value: object) -> str:
    text = as_text(value, "a name")
    if not _NAME.fullmatch(text) or len(text) > 64:
        raise fault(f"{text!r} cannot be a name", "use up to 64 letters, digits and . _ @ : + -, beginning with a letter or digit")
    return text


def _text(value: object) -> str:
    return as_text(value, "a text")


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise fault(f"a list of words is wanted here, but {kind_of(value)} was found", "write [first, second]")
    return each_read(value, lambda word: as_text(word, "a word"))


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    guess = f", not {value}" if isinstance(value, str) and value.lower() in {"yes", "no", "on", "off"} else ""
    raise fault(f"true or false is wanted here, but {kind_of(value)} was found", f"write true or false{guess}")


DURATION_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(us|ms|s|m|h|d|w))+\s*$", "examples": ["1s", "500ms", "1h30m"]}
)

Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": r"^\w[\w.@:+-]*$", "maxLength": 64})]
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
Words = Annotated[tuple[str, ...], PlainValidator(_words), WithJsonSchema({"type": "array", "items": {"type": "string"}})]
Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
