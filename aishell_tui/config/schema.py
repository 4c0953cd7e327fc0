"""The JSON schema of the configuration, and the list of its options for the docs and the starter file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from aishell_core.catalogue import CATALOGUE
from aishell_tui.config.alerts import AlertsSpec, ChannelSpec, HeartbeatSpec
from aishell_tui.config.backups import BackupSpec, EncryptionSpec, JobSpec, RetentionSpec, StorageSpec
from aishell_tui.config.models import ConfigSpec, DashboardSpec, HistorySpec, RoleSpec, TargetSpec
from aishell_tui.config.origin import Value, shown
from aishell_tui.config.secret_spec import SecretSpec


class _Written(GenerateJsonSchema):
    """Gives each default as it is written in YAML."""

    def encode_default(self, dft: object) -> Value:
        return None if isinstance(dft, BaseModel) else shown(dft)


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """One option as docs and starter file print it; `example` is YAML."""

    key: str
    help: str
    default: Value
    example: str
    required: bool = False


SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("targets", TargetSpec),
    ("password", SecretSpec),
    ("roles", RoleSpec),
    ("dashboard", DashboardSpec),
    ("history", HistorySpec),
    ("alerts", AlertsSpec),
    ("channels", ChannelSpec),
    ("heartbeat", HeartbeatSpec),
    ("backup", BackupSpec),
    ("encryption", EncryptionSpec),
    ("backups", JobSpec),
    ("storage", StorageSpec),
    ("retention", RetentionSpec),
)
"""The parts of the configuration that have keys of their own, in the order of the docs."""


def config_schema() -> str:
    """The JSON schema of a configuration file, for editors that complete and check YAML."""
    schema = ConfigSpec.model_json_schema(schema_generator=_Written)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "aishell configuration"
    schema["properties"]["thresholds"]["propertyNames"] = {"enum": list(CATALOGUE)}
    return json.dumps(schema, indent=2, sort_keys=True)


_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[\w ./@+~?=-]|:(?! ))*")
_PARTS = {
    "password": "Where a target's password comes from.",
    "channels": "Somewhere messages go, under `alerts: channels:` by its name; a URL alone may stand for it.",
    "heartbeat": "A sign of life under `alerts:`, for as long as rules are evaluated.",
    "encryption": "To whom backups are encrypted and what opens them, under `backup:`.",
    "storage": "A folder or a bucket, under `backup:` as storage and cloud and in a job; a path or a URL alone may stand for it.",
    "retention": "What is kept of each database, under `backup:` and in a job: what any of these keeps; a time alone stands for `within`.",
}


def section_help(name: str) -> str:
    """What a top-level key is for, or a part of one that has keys of its own."""
    return _PARTS.get(name) or str(ConfigSpec.model_fields[name].description)


def option_help(model: type[BaseModel]) -> Iterator[OptionHelp]:
    """Every option of a part of the configuration, in the order of its declaration."""
    for key, field in model.model_fields.items():
        yield OptionHelp(field.alias or key, str(field.description), _default(field), _example(field), field.is_required())


def _default(field: FieldInfo) -> Value:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    is_nothing = isinstance(default, BaseModel | dict) or (isinstance(default, tuple) and bool(default) and not any(default))
    return None if default is None or is_nothing else shown(default)


def _example(field: FieldInfo) -> str:
    return yaml_value(field.examples[0] if field.examples else shown(field.get_default(call_default_factory=True)), quoted=True)


def yaml_value(value: object, *, quoted: bool = False) -> str:
    """A value in YAML's one-line form; `quoted` puts quotes around texts that YAML would read otherwise."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{key}: {yaml_value(item, quoted=quoted)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(yaml_value(item, quoted=quoted) for item in value) + "]"
    text = str(value)
    if not quoted or _PLAIN.fullmatch(text):
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'
