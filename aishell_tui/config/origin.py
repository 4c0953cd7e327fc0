"""The effective configuration for people: every value, where it came from, secrets as ***."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from aishell_core.catalogue import CATALOGUE
from aishell_core.documents.masking import MASK
from aishell_core.units import format_duration, format_limit
from aishell_tui.config.alerts import ChannelSpec, ChannelUrl
from aishell_tui.config.backups import EncryptionSpec, JobSpec
from aishell_tui.config.fields import UrlText
from aishell_tui.config.load import DEFAULT, Configuration
from aishell_tui.config.models import TargetSpec
from aishell_tui.config.secret_sources import FromCommand, FromFile

Value = str | int | float | bool | None | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effective:
    """One value that is in force: its dotted key, the value as it may be shown, where it came from."""

    key: str
    value: Value
    origin: str


def effective_values(configuration: Configuration) -> tuple[Effective, ...]:
    """Every value that is in force, secrets as ***."""
    values = [
        *_roles(configuration),
        *_section(configuration, "dashboard", configuration.dashboard),
        *_section(configuration, "history", configuration.history),
        *_alerts(configuration),
        *_section(configuration, "backup", configuration.backups.spec),
        *_jobs(configuration),
        *_thresholds(configuration),
    ]
    for loaded in configuration.targets:
        values.extend(_target(configuration, loaded.spec))
    return tuple(values)


def _origin(configuration: Configuration, key: str) -> str:
    return configuration.origins.get(key, DEFAULT)


def shown(value: object) -> Value:
    """A value of the configuration as it is written in YAML, without its secrets."""
    match value:
        case UrlText() | ChannelUrl():
            return value.masked
        case bool() | None:
            return value
        case float():
            return format_duration(value)
        case tuple():
            return tuple(str(word) for word in value)
        case EncryptionSpec():
            return str(value) or None
    return str(value)


def _section(configuration: Configuration, name: str, spec: BaseModel) -> Iterator[Effective]:
    for key in type(spec).model_fields:
        yield Effective(f"{name}.{key}", shown(getattr(spec, key)), _origin(configuration, f"{name}.{key}"))


def _target(configuration: Configuration, spec: TargetSpec) -> Iterator[Effective]:
    for key in type(spec).model_fields:
        path, value = f"targets.{spec.name}.{key}", getattr(spec, key)
        if key == "password" and spec.password is not None:
            yield Effective(path, f"{MASK} from {spec.password.source.describe()}", _origin(configuration, path))
        elif key != "name" and value is not None:
            yield Effective(path, shown(value), _origin(configuration, path))


def _alerts(configuration: Configuration) -> Iterator[Effective]:
    alerts = configuration.alerts
    for key in ("enabled", "builtin", "default_channels", "bell"):
        yield Effective(f"alerts.{key}", shown(getattr(alerts.spec, key)), _origin(configuration, f"alerts.{key}"))
    if alerts.spec.heartbeat is not None:
        value = f"{alerts.spec.heartbeat.channel} every {format_duration(alerts.spec.heartbeat.every)}"
        yield Effective("alerts.heartbeat", value, _origin(configuration, "alerts.heartbeat"))
    for loaded in alerts.channels.values():
        yield Effective(f"alerts.channels.{loaded.name}", _channel_source(loaded.spec), loaded.origin)
    for named in alerts.files:
        yield Effective("alerts.files", str(named.path), named.origin)


def _jobs(configuration: Configuration) -> Iterator[Effective]:
    for loaded in configuration.backups.jobs.values():
        for key in JobSpec.model_fields:
            if key != "name" and key in loaded.spec.model_fields_set:
                yield Effective(f"backups.{loaded.spec.name}.{key}", shown(getattr(loaded.spec, key)), loaded.origin)


def _channel_source(spec: ChannelSpec) -> str:
    """Where a channel's URL comes from, without any part of it."""
    if spec.url is not None:
        return spec.url.masked
    source = FromFile(spec.url_file) if spec.url_file is not None else FromCommand(spec.url_command or ())
    return f"{MASK} from {source.describe()}"


def _roles(configuration: Configuration) -> Iterator[Effective]:
    for number, spec in enumerate(configuration.roles or (), 1):
        for key in type(spec).model_fields:
            value = getattr(spec, key)
            if value not in {None, ()}:
                path = f"roles.{number}.{key}"
                yield Effective(path, shown(value), _origin(configuration, path))


def _thresholds(configuration: Configuration) -> Iterator[Effective]:
    changed = configuration.thresholds
    for name, metric in CATALOGUE.items():
        limits = changed.get(name, metric.thresholds)
        for word, limit in (("warning", limits.warning), ("critical", limits.critical)):
            key = f"thresholds.{name}.{word}"
            if limit is not None or key in configuration.origins:
                yield Effective(key, "off" if limit is None else format_limit(limit, metric.unit), _origin(configuration, key))
