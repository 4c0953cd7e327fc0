"""The `alerts:` section: its options, declared once. What a rule says is read by `alerts.rules`, so that a wrong one breaks no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from aishell_core.documents.fields import (
    DURATION_SCHEMA,
    Flag,
    Name,
    Words,
    as_text,
    choice,
    choice_schema,
    duration_between,
    each_read,
    fault,
    kind_of,
)
from aishell_core.documents.masking import MASK, has_written_secret
from aishell_core.documents.problems import nearest
from aishell_core.documents.spec import Spec
from aishell_core.targets import Secret
from aishell_tui.config.fields import Command, FilePath, trusted
from aishell_tui.config.secret_spec import SecretSpec
from alerts.level import Level
from alerts.rules.builtin import BUILTIN_SETS

_DAY_SECONDS = 86_400.0
_MOST_CHARACTERS = 4096
_PUBLIC_SCHEMES = ("webhook+", "alertmanager+", "mailto")
"""Schemes whose URL holds a secret only where it holds a password or a secret's option."""


@dataclass(frozen=True, slots=True)
class ChannelUrl:
    """A channel's URL as it was written, which may be a secret as a whole; ${NAME} in it is replaced when the channel is opened."""

    text: Secret = field(repr=False)

    @property
    def masked(self) -> str:
        """Its scheme alone: in the URLs of most services every part is a secret."""
        return self.text.reveal().partition("://")[0] + f"://{MASK}"

    @property
    def written_secret(self) -> bool:
        """Whether a secret stands in it, and not only a ${NAME} in its place."""
        url = self.text.reveal()
        return has_written_secret(url) or ("${" not in url and not url.startswith(_PUBLIC_SCHEMES))


def _channel_url(value: object) -> ChannelUrl:
    text = as_text(value, "the URL of a channel, such as slack://${SLACK_TOKENS}")
    if not text.strip() or len(text) > _MOST_CHARACTERS:
        raise fault("this is no URL of a channel", "write it as in slack://${SLACK_TOKENS}, or ${SLACK_URL}")
    return ChannelUrl(Secret(text.strip()))


def _sets(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise fault(f"a list of words is wanted here, but {kind_of(value)} was found", f"write [{BUILTIN_SETS[1]}], or [] for none")
    return each_read(value, _set)


def _set(value: object) -> str:
    word = as_text(value, "a word")
    if word not in BUILTIN_SETS:
        raise fault(f"there is no set of built-in rules {word!r}", nearest(word, BUILTIN_SETS))
    return word


def _kept(value: object) -> object:
    """Any value, which is read with the rules."""
    return value


@dataclass(frozen=True)
class _ReadLater:
    """Marks a part that the reader of rules checks, because what is wrong in it must not keep the rest from being used."""

    schema_of: Callable[[GetJsonSchemaHandler], JsonSchemaValue]

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_kept)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.schema_of(handler)


def _rules_schema(handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    # Imported here, because only the schema needs the shape of rules: no command waits for it.
    from alerts.rules.spec import RuleSpec

    return {"type": "array", "items": handler(_core(RuleSpec))}


def _override_schema(handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    from alerts.rules.spec import RuleSpec

    parts = handler.resolve_ref_schema(handler(_core(RuleSpec)))
    properties = {key: part for key, part in parts["properties"].items() if key != "name"}
    return {"type": "object", "additionalProperties": {"type": "object", "properties": properties, "additionalProperties": False}}


def _maintenance_schema(handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    from alerts.rules.spec import MaintenanceSpec

    return {"type": "array", "items": handler(_core(MaintenanceSpec))}


def _core(model: type[BaseModel]) -> CoreSchema:
    return model.__pydantic_core_schema__


_Pause = Annotated[float, PlainValidator(duration_between(1, 30 * _DAY_SECONDS, "5m is a usual time")), DURATION_SCHEMA]
_Wait = Annotated[float, PlainValidator(duration_between(0, _DAY_SECONDS, "30s is a usual time")), DURATION_SCHEMA]
_Timeout = Annotated[float, PlainValidator(duration_between(1, 60, "10s is the usual time")), DURATION_SCHEMA]
_LevelWord = Annotated[Level, PlainValidator(choice(Level)), choice_schema(Level)]


class ChannelSpec(Spec):
    """Somewhere messages go. A URL alone may stand for it."""

    url: Annotated[ChannelUrl, PlainValidator(_channel_url), WithJsonSchema({"type": "string"})] | None = Field(
        default=None,
        description="Any URL of Apprise, or webhook+https://… or alertmanager+https://… ${NAME} is replaced from the environment.",
        examples=["${SLACK_URL}"],
    )
    url_file: FilePath | None = Field(default=None, description="A file that holds the URL, instead of `url`.", examples=["/run/slack-url"])
    url_command: Command | None = Field(
        default=None, description="A command that prints the URL, instead of `url`.", examples=[["pass", "show", "slack"]]
    )
    key: SecretSpec | None = Field(default=None, description="What a webhook's messages are signed with.", examples=[{"env": "HOOK_KEY"}])
    send_resolved: Flag = Field(default=True, description="Whether the end of an alert is told.")
    least_level: _LevelWord = Field(default=Level.INFO, description="Alerts below this level are not told here.")
    group_wait: _Wait = Field(default=0.0, description="How long the first message of a group waits for more alerts.")
    group_interval: _Pause = Field(default=60.0, description="How long the next message of a group waits for more changes.")
    repeat: _Pause = Field(default=4 * 3600.0, description="How often an alert is told again while it fires.")
    most_messages: int = Field(default=20, ge=1, le=10_000, description="So many messages leave within `rate`; more are put together.")
    rate: _Pause = Field(default=60.0, description="The time in which messages are counted.")
    timeout: _Timeout = Field(default=10.0, description="How long an answer is waited for.")

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        given = sum(address is not None for address in (self.url, self.url_file, self.url_command))
        if given != 1:
            raise fault("exactly one of url, url_file and url_command is wanted", 'write url: "${SLACK_URL}"')
        return self


class HeartbeatSpec(Spec):
    """A dead-man's switch: a sign of life for as long as rules are evaluated, whose absence somebody else notices."""

    channel: Name = Field(description="The channel that it goes to.", examples=["watchdog"])
    every: _Pause = Field(default=60.0, description="How often.")


def _trusted_only(value: object, info: ValidationInfo) -> object:
    if not trusted(info):
        raise fault(
            "a file in the working folder may not say where messages go",
            "move channels: and heartbeat: to your own config.yaml, or name this file by --config",
        )
    return value


def _by_url(value: object) -> object:
    """A URL alone instead of a channel's keys."""
    return {name: {"url": spec} if isinstance(spec, str) else spec for name, spec in value.items()} if isinstance(value, dict) else value


class AlertsSpec(Spec):
    """Rules, and who is told."""

    enabled: Flag = Field(default=True, description="Whether rules are evaluated at all.")
    builtin: Annotated[
        tuple[str, ...],
        PlainValidator(_sets),
        WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(BUILTIN_SETS)}}),
    ] = Field(default=BUILTIN_SETS, description="The sets of built-in rules that are in force; [] for none.")
    override: Annotated[Mapping[str, object] | None, _ReadLater(_override_schema)] = Field(
        default=None,
        description="By the name of a built-in rule: what is different from how it ships.",
        examples=[{"postgres-connections": {"warn": "> 70%", "for": "5m"}}],
    )
    rules: Annotated[object, _ReadLater(_rules_schema)] = Field(
        default=None,
        description="Rules of your own; docs/alerts.md has their keys.",
        examples=[[{"name": "slow", "condition": "query.duration > 5s"}]],
    )
    files: Annotated[tuple[FilePath, ...], Field(strict=False)] = Field(
        default=(), description="Files of rules, and folders of them; relative paths start at the file's folder.", examples=[["alerts.d"]]
    )
    channels: Annotated[dict[Name, ChannelSpec], BeforeValidator(_by_url), BeforeValidator(_trusted_only)] = Field(
        default_factory=dict, description="Where messages go, by the names that rules use.", examples=[{"slack": {"url": "${SLACK_URL}"}}]
    )
    default_channels: Words = Field(default=(), description="Who is told of rules that name no channels.", examples=[["slack"]])
    maintenance: Annotated[object, _ReadLater(_maintenance_schema)] = Field(
        default=None,
        description="Times at which nobody is told of some alerts.",
        examples=[[{"name": "reports", "hours": {"days": "sun", "times": "22:00-04:00"}, "match": ['environment="staging"']}]],
    )
    heartbeat: Annotated[HeartbeatSpec | None, BeforeValidator(_trusted_only)] = Field(
        default=None,
        description="A sign of life to a channel, so that silence is noticed.",
        examples=[{"channel": "watchdog", "every": "1m"}],
    )
    bell: Flag = Field(default=False, description="Whether the terminal's bell rings when an alert fires.")
