"""The kinds of values that a configuration holds, each with its parser, its message and its place in the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from aishell_core.documents.masking import has_written_secret, mask_url
from aishell_core.documents.problems import nearest
from aishell_core.errors import AishellError
from aishell_core.safety.risk import ActionClass
from aishell_core.safety.roles import Role
from aishell_core.targets import Environment, Location, Obstacle, TlsPolicy, engine_of, parse_location
from aishell_core.units import format_duration, parse_duration
from aishell_tui.config.secret_sources import expand

Choice = TypeVar("Choice", bound=StrEnum)
_NAME = re.compile(r"\w[\w.@:+-]*")
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 3600.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the values of one file are read against: its folder, the environment, and whether it may name commands."""

    base: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class UrlText:
    """A URL as it was written, without its password, what it says, whether a secret stands in it, and what it lacks."""

    masked: str
    location: Location = field(repr=False)
    written_secret: bool = False
    obstacle: Obstacle | None = None


class Glyphs(StrEnum):
    """Which characters the screens are drawn with."""

    AUTO = "auto"
    UNICODE = "unicode"
    ASCII = "ascii"


class Color(StrEnum):
    """How many colours the screens use."""

    AUTO = "auto"
    NEVER = "never"
    SIXTEEN = "16"
    PALETTE = "256"
    FULL = "full"


def fault(what: str, hint: str = "") -> PydanticCustomError:
    """An error of a value, said in our words."""
    return PydanticCustomError("aishell", "{what}", {"what": what, "hint": hint})


def _surroundings(info: ValidationInfo) -> Surroundings:
    return info.context if isinstance(info.context, Surroundings) else Surroundings(Path.cwd())


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


def _duration(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise fault(f"{value} has no unit", f"write {value}s, or another of ms, s, m, h, d, w")
    text = as_text(value, "a duration such as 5s")
    try:
        seconds = parse_duration(text)
    except AishellError as error:
        raise fault(error.message, error.hint) from error
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        limits = f"{format_duration(_SHORTEST_SECONDS)} to {format_duration(_LONGEST_SECONDS)}"
        raise fault(f"{text} is outside of {limits}", "1s is the usual interval")
    return seconds


def _choice(kind: type[Choice]) -> Callable[[object], Choice]:
    def choose(value: object) -> Choice:
        words = [member.value for member in kind]
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value, f"one of {', '.join(words)}")
        if text not in words:
            raise fault(f"{text!r} is not one of the valid words", nearest(text, words))
        return kind(text)

    return choose


def _choices(kind: type[Choice]) -> Callable[[object], tuple[Choice, ...]]:
    choose = _choice(kind)

    def choose_all(value: object) -> tuple[Choice, ...]:
        if not isinstance(value, list):
            words = ", ".join(member.value for member in kind)
            raise fault(f"a list of words is wanted here, but {kind_of(value)} was found", f"write them as in [{words}]")
        return tuple(choose(word) for word in value)

    return choose_all


def _choices_schema(kind: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "array", "items": {"type": "string", "enum": [member.value for member in kind]}})


def trusted(info: ValidationInfo) -> bool:
    """Whether the file that is read may name commands and give roles."""
    return _surroundings(info).trusted


def _choice_schema(kind: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [member.value for member in kind]})


def _name(value: object) -> str:
    text = as_text(value, "a name")
    if not _NAME.fullmatch(text) or len(text) > 64:
        raise fault(f"{text!r} cannot be a name", "use up to 64 letters, digits and . _ @ : + -, beginning with a letter or digit")
    return text


def _text(value: object) -> str:
    return as_text(value, "a text")


def _url(value: object, info: ValidationInfo) -> UrlText:
    around = _surroundings(info)
    text = as_text(value, "a URL such as sqlite:///path/to/app.db")
    masked, secret = mask_url(text), has_written_secret(text)
    try:
        expanded = expand(text, around.environ)
    except AishellError as error:
        # A variable that this environment lacks is no error of the file: this one target cannot be read, the others can.
        return UrlText(masked, Location(engine_of(text)), secret, Obstacle(error.message, error.hint, masked))
    try:
        return UrlText(masked, parse_location(expanded, around.base), secret)
    except AishellError as error:
        raise fault(mask_url(error.message), error.hint) from error


def _path(value: object, info: ValidationInfo) -> Path:
    around = _surroundings(info)
    text = as_text(value, "a path")
    try:
        expanded = expand(text, around.environ)
    except AishellError:
        # As for a URL; whoever opens the file meets its name with the variable in it.
        expanded = text
    if not expanded.strip() or "\0" in expanded:
        raise fault("this is no path", "write the path of a file")
    return around.base / Path(expanded).expanduser()


def _command(value: object, info: ValidationInfo) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise fault("a command is a list of texts", "write [pass, show, db/app]; no shell reads it")
    if not _surroundings(info).trusted:
        raise fault(
            "a file in the working folder may not name a command to run",
            "move this target to your own config.yaml, or name this file by --config",
        )
    return tuple(word for word in value if isinstance(word, str))


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise fault(f"a list of words is wanted here, but {kind_of(value)} was found", "write [first, second]")
    return tuple(as_text(word, "a word") for word in value)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    guess = f", not {value}" if isinstance(value, str) and value.lower() in {"yes", "no", "on", "off"} else ""
    raise fault(f"true or false is wanted here, but {kind_of(value)} was found", f"write true or false{guess}")


_DURATION_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d|w)\s*$"

Duration = Annotated[
    float,
    PlainValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["1s", "500ms"]}),
]
Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": r"^\w[\w.@:+-]*$", "maxLength": 64})]
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
Url = Annotated[UrlText, PlainValidator(_url), WithJsonSchema({"type": "string"})]
FilePath = Annotated[Path, PlainValidator(_path), WithJsonSchema({"type": "string"})]
Command = Annotated[
    tuple[str, ...], PlainValidator(_command), WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1})
]
Words = Annotated[tuple[str, ...], PlainValidator(_words), WithJsonSchema({"type": "array", "items": {"type": "string"}})]
Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
EnvironmentWord = Annotated[Environment, PlainValidator(_choice(Environment)), _choice_schema(Environment)]
TlsWord = Annotated[TlsPolicy, PlainValidator(_choice(TlsPolicy)), _choice_schema(TlsPolicy)]
GlyphsWord = Annotated[Glyphs, PlainValidator(_choice(Glyphs)), _choice_schema(Glyphs)]
ColorWord = Annotated[Color, PlainValidator(_choice(Color)), _choice_schema(Color)]
RoleWord = Annotated[Role, PlainValidator(_choice(Role)), _choice_schema(Role)]
EnvironmentWords = Annotated[tuple[Environment, ...], PlainValidator(_choices(Environment)), _choices_schema(Environment)]
ActionWords = Annotated[tuple[ActionClass, ...], PlainValidator(_choices(ActionClass)), _choices_schema(ActionClass)]
