"""The kinds of values that a configuration holds, each with its parser, its message and its place in the JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from aishell_core.documents.fields import DURATION_SCHEMA, as_text, choice, choice_schema, choices, choices_schema, duration_between, fault
from aishell_core.documents.masking import has_written_secret, mask_url
from aishell_core.errors import AishellError
from aishell_core.safety.risk import ActionClass
from aishell_core.safety.roles import Role
from aishell_core.targets import Environment, Location, Obstacle, TlsPolicy, engine_of, parse_location
from aishell_tui.config.secret_sources import expand

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


def surroundings(info: ValidationInfo) -> Surroundings:
    """What the value is read against; the working folder where nothing is said."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings(Path.cwd())


def trusted(info: ValidationInfo) -> bool:
    """Whether the file that is read may name commands and give roles."""
    return surroundings(info).trusted


def _url(value: object, info: ValidationInfo) -> UrlText:
    around = surroundings(info)
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
    around = surroundings(info)
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
    if not surroundings(info).trusted:
        raise fault(
            "a file in the working folder may not name a command to run",
            "move this target to your own config.yaml, or name this file by --config",
        )
    return tuple(word for word in value if isinstance(word, str))


Duration = Annotated[
    float,
    PlainValidator(duration_between(_SHORTEST_SECONDS, _LONGEST_SECONDS, "1s is the usual interval")),
    DURATION_SCHEMA,
]
Url = Annotated[UrlText, PlainValidator(_url), WithJsonSchema({"type": "string"})]
FilePath = Annotated[Path, PlainValidator(_path), WithJsonSchema({"type": "string"})]
Command = Annotated[
    tuple[str, ...], PlainValidator(_command), WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1})
]
EnvironmentWord = Annotated[Environment, PlainValidator(choice(Environment)), choice_schema(Environment)]
TlsWord = Annotated[TlsPolicy, PlainValidator(choice(TlsPolicy)), choice_schema(TlsPolicy)]
GlyphsWord = Annotated[Glyphs, PlainValidator(choice(Glyphs)), choice_schema(Glyphs)]
ColorWord = Annotated[Color, PlainValidator(choice(Color)), choice_schema(Color)]
RoleWord = Annotated[Role, PlainValidator(choice(Role)), choice_schema(Role)]
EnvironmentWords = Annotated[tuple[Environment, ...], PlainValidator(choices(Environment)), choices_schema(Environment)]
ActionWords = Annotated[tuple[ActionClass, ...], PlainValidator(choices(ActionClass)), choices_schema(ActionClass)]
