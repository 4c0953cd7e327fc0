"""What a configuration says of alerts although it is wrong, so that the errors of its rules and channels are told with all others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from aishell_core.documents.document import Plain, leads_out_of, read_document
from aishell_core.documents.problems import InvalidConfigError, Problem
from aishell_tui.config.alert_layers import ALERTS, AlertsLayer, merge_alerts
from aishell_tui.config.alert_rules import read_rule_book
from aishell_tui.config.alerts import AlertsSpec
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.load import Configuration
from aishell_tui.config.locate import ConfigFile, config_files
from aishell_tui.places import Places, find_places

_CHANNELS = "channels"


def alert_errors(
    chosen: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    working_folder: Path | None = None,
    places: Places | None = None,
) -> tuple[Problem, ...]:
    """The errors of the rules and channels of files that cannot be used as a whole; no secret is fetched. Blocking."""
    folder, places = working_folder or Path.cwd(), places or find_places(environ)
    layers = [layer for file in config_files(places, folder, chosen, environ) if (layer := _layer(file, environ)) is not None]
    book = read_rule_book(Configuration(alerts=merge_alerts(tuple(layers), {})), with_secrets=False)
    return book.errors


def _layer(file: ConfigFile, environ: Mapping[str, str]) -> AlertsLayer | None:
    """The section of one file, as far as it is right; None where there is none, or the file may not or cannot be read."""
    if not file.trusted and leads_out_of(file.path, file.base):
        return None
    try:
        document = read_document(file.path, only_regular=not file.trusted)
    except InvalidConfigError:
        return None
    section = document.content.get(ALERTS) if isinstance(document.content, dict) else None
    if not isinstance(section, dict):
        return None
    around = Surroundings(file.base, environ, file.trusted)
    return AlertsLayer(_spec(section, around), document, around)


def _spec(section: Mapping[str, Plain], around: Surroundings) -> AlertsSpec:
    """All of a section that is right by itself."""
    values: dict[str, object] = {}
    for part in _parts(section):
        try:
            spec = AlertsSpec.model_validate(part, context=around)
        except ValidationError:
            continue
        for key in spec.model_fields_set:
            value = getattr(spec, key)
            values[key] = {**_found(values.get(key)), **value} if key == _CHANNELS else value
    return AlertsSpec().model_copy(update=values)


def _found(channels: object) -> Mapping[str, object]:
    return channels if isinstance(channels, dict) else {}


def _parts(section: Mapping[str, Plain]) -> Iterator[dict[str, Plain]]:
    """Each key by itself, and each channel: one that is wrong must not hide what is wrong with others."""
    for key, value in section.items():
        if key == _CHANNELS and isinstance(value, dict):
            for name, channel in value.items():
                yield {key: {name: channel}}
        else:
            yield {key: value}
