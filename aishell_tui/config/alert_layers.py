"""The `alerts:` sections of all files as one: what is said later wins, rules and files come together, and trust stays with each."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from aishell_core.documents.document import Document
from aishell_tui.config.alerts import AlertsSpec, ChannelSpec
from aishell_tui.config.fields import Surroundings

ALERTS = "alerts"
_SCALARS = ("enabled", "builtin", "default_channels", "heartbeat", "bell")


@dataclass(frozen=True, slots=True)
class LoadedChannel:
    """A channel of the configuration, its file and line, and what its values are read against."""

    name: str
    spec: ChannelSpec
    origin: str
    around: Surroundings


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """A file of rules or a folder of them, where it is named, and the folder out of which it may not lead, if any."""

    path: Path
    origin: str
    confined_to: Path | None = None


@dataclass(frozen=True, slots=True)
class LoadedAlerts:
    """What all files say of alerts: the single options in `spec`, and the documents whose sections hold rules, the strongest last."""

    spec: AlertsSpec = field(default=AlertsSpec())
    documents: tuple[Document, ...] = ()
    files: tuple[NamedFiles, ...] = ()
    channels: Mapping[str, LoadedChannel] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertsLayer:
    """The section of one file."""

    spec: AlertsSpec
    document: Document
    around: Surroundings

    def origin(self, *path: str | int) -> str:
        """A part of the section as file:line."""
        span = self.document.span((ALERTS, *path), of_key=True)
        return f"{self.document.source}:{span.line}" if span else self.document.source


def merge_alerts(layers: tuple[AlertsLayer, ...], origins: MutableMapping[str, str]) -> LoadedAlerts:
    """All sections as one; `origins` is told where each option came from."""
    values: dict[str, object] = {}
    channels: dict[str, LoadedChannel] = {}
    files: list[NamedFiles] = []
    for layer in layers:
        for key in _SCALARS:
            if key in layer.spec.model_fields_set:
                values[key] = getattr(layer.spec, key)
                origins[f"{ALERTS}.{key}"] = layer.origin(key)
        for name, spec in layer.spec.channels.items():
            channels[name] = LoadedChannel(name, spec, layer.origin("channels", name), layer.around)
            origins[f"{ALERTS}.channels.{name}"] = channels[name].origin
        # What came with a checkout may not have any file of this machine read and shown.
        confined_to = None if layer.around.trusted else layer.around.base
        files += [NamedFiles(path, layer.origin("files", number), confined_to) for number, path in enumerate(layer.spec.files)]
    documents = tuple(layer.document for layer in layers)
    return LoadedAlerts(AlertsSpec().model_copy(update=values), documents, tuple(files), channels)
