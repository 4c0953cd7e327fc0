"""Reading all configuration files and the environment into one effective configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from aishell_core.catalogue import CATALOGUE
from aishell_core.documents.document import Document, KeyPath, Plain, leads_out_of, plain_scalar, read_document
from aishell_core.documents.problems import InvalidConfigError, Problem
from aishell_core.safety.roles import Policy
from aishell_core.targets import Environment
from aishell_core.values import Thresholds
from aishell_tui.config.alert_layers import AlertsLayer, LoadedAlerts, merge_alerts
from aishell_tui.config.backup_layers import BackupsLayer, LoadedBackups, merge_backups
from aishell_tui.config.check import Checked, check_document
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.limits import Limit, thresholds_of
from aishell_tui.config.locate import ConfigFile, config_files, named_file
from aishell_tui.config.models import DashboardSpec, HistorySpec, RoleSpec, TargetSpec
from aishell_tui.config.privacy import privacy_warnings
from aishell_tui.places import Places, find_places
from themes.load import theme_names

Option = tuple[str, str]
"""An option as its section and its key."""

DEFAULT = "default"
VARIABLES: Mapping[str, Option] = {
    "AISHELL_THEME": ("dashboard", "theme"),
    "AISHELL_INTERVAL": ("dashboard", "interval"),
    "AISHELL_GLYPHS": ("dashboard", "glyphs"),
    "AISHELL_COLOR": ("dashboard", "color"),
    "AISHELL_MOUSE": ("dashboard", "mouse"),
    "AISHELL_READ_ONLY": ("dashboard", "read_only"),
    "AISHELL_HISTORY": ("history", "enabled"),
}
"""The environment variables that stand above the files, and the option that each of them sets."""

_SWITCHES = frozenset({("dashboard", "mouse"), ("dashboard", "read_only"), ("history", "enabled")})
_WORDS: Mapping[str, bool] = {**dict.fromkeys(("1", "yes", "on", "true"), True), **dict.fromkeys(("0", "no", "off", "false"), False)}


@dataclass(frozen=True, slots=True)
class LoadedTarget:
    """A target of the configuration, its file and line, and what its values are read against."""

    spec: TargetSpec
    origin: str
    around: Surroundings


@dataclass(frozen=True, slots=True)
class Configuration:
    """The effective configuration: later files, then the environment, then options win.

    `roles` is None where no file has such a section. `origins` says for each dotted key that is not a default where its value came from.
    """

    targets: tuple[LoadedTarget, ...] = ()
    own_targets: tuple[LoadedTarget, ...] = ()
    """Those of the user's own files, also where a file of the working folder has another of the same name."""
    dashboard: DashboardSpec = field(default=DashboardSpec())
    history: HistorySpec = field(default=HistorySpec())
    roles: tuple[RoleSpec, ...] | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)
    alerts: LoadedAlerts = field(default=LoadedAlerts())
    backups: LoadedBackups = field(default=LoadedBackups())
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()
    own_file: Path | None = None
    """Where the user's own configuration stands or would stand, for hints."""

    @property
    def policy(self) -> Policy:
        """Who may do what."""
        grants = tuple(spec.grant for spec in self.roles or ())
        return Policy(grants, self.roles is not None, str(self.own_file or ""))

    @property
    def thresholds(self) -> dict[str, Thresholds]:
        """The thresholds of the metrics that the configuration names, in their own units."""
        return {name: thresholds_of(CATALOGUE[name], limit) for name, limit in self.limits.items()}


@dataclass(frozen=True, slots=True)
class _Layer:
    document: Document
    checked: Checked
    around: Surroundings

    @property
    def has_alerts(self) -> bool:
        return "alerts" in self.checked.spec.model_fields_set

    def origin(self, path: KeyPath) -> str:
        span = self.document.span(path, of_key=True)
        return f"{self.document.source}:{span.line}" if span else self.document.source


def load_config(
    chosen: Path | None = None,
    *,
    options: Mapping[Option, Plain] | None = None,
    environ: Mapping[str, str] = os.environ,
    working_folder: Path | None = None,
    places: Places | None = None,
) -> Configuration:
    """The effective configuration; raises InvalidConfigError with the errors of all its files and variables at once."""
    folder = working_folder or Path.cwd()
    places = places or find_places(environ)
    files = config_files(places, folder, chosen, environ)
    around = Surroundings(folder, environ)
    readers = [partial(_read_file, file, environ) for file in files]
    readers += [
        partial(_read_word, f"environment variable {name}", VARIABLES[name], _variable(VARIABLES[name], environ[name]), around)
        for name in VARIABLES
        if environ.get(name)
    ]
    readers += [
        partial(_read_word, f"option --{key.replace('_', '-')}", (section, key), value, around)
        for (section, key), value in (options or {}).items()
    ]
    layers: list[_Layer] = []
    problems: list[Problem] = []
    for read in readers:
        try:
            layers.append(read())
        except InvalidConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidConfigError(problems)
    own_file = named_file(folder, chosen, environ) or places.config_file
    return replace(_merge(layers, tuple(file.path for file in files)), own_file=own_file)


def _variable(option: Option, text: str) -> Plain:
    """What a variable says; where yes or no is wanted, also the words that other programs take for them."""
    if option in _SWITCHES and text.strip().lower() in _WORDS:
        return _WORDS[text.strip().lower()]
    return plain_scalar(text)


def _read_file(file: ConfigFile, environ: Mapping[str, str]) -> _Layer:
    if not file.trusted and leads_out_of(file.path, file.base):
        # A link that came with a checkout could have any file of this machine shown in an error.
        raise InvalidConfigError([Problem(str(file.path), f"the file leads out of {file.base}", "name its true place by --config")])
    document = read_document(file.path, only_regular=not file.trusted)
    around = Surroundings(file.base, environ, file.trusted)
    checked = check_document(document, around, theme_names())
    warnings = (*checked.warnings, *privacy_warnings(document, file.path, checked.spec))
    return _Layer(document, Checked(checked.spec, warnings), around)


def _read_word(source: str, option: Option, value: Plain, around: Surroundings) -> _Layer:
    section, key = option
    document = Document(source, content={section: {key: value}})
    return _Layer(document, check_document(document, around, theme_names()), around)


def _merge(layers: list[_Layer], files: tuple[Path, ...]) -> Configuration:
    origins: dict[str, str] = {}
    dashboard: dict[str, object] = {}
    history: dict[str, object] = {}
    targets: dict[str, LoadedTarget] = {}
    own_targets: dict[str, LoadedTarget] = {}
    limits: dict[str, Limit] = {}
    roles: tuple[RoleSpec, ...] | None = None
    for layer in layers:
        spec = layer.checked.spec
        if "roles" in spec.model_fields_set:
            roles = _merge_roles(layer, origins)
        for section, part, values in (("dashboard", spec.dashboard, dashboard), ("history", spec.history, history)):
            for key in part.model_fields_set:
                if key == "read_only" and values.get(key) and not layer.around.trusted:
                    continue  # a file that came with a checkout may protect more, never less
                values[key] = getattr(part, key)
                origins[f"{section}.{key}"] = layer.origin((section, key))
        _merge_targets(layer, targets, origins)
        if layer.around.trusted:
            own_targets.update((each.name, targets[each.name]) for each in spec.targets)
        _merge_limits(layer, limits, origins)
    sections = (AlertsLayer(layer.checked.spec.alerts, layer.document, layer.around) for layer in layers if layer.has_alerts)
    return Configuration(
        targets=tuple(targets.values()),
        own_targets=tuple(own_targets.values()),
        dashboard=DashboardSpec().model_copy(update=dashboard),
        history=HistorySpec().model_copy(update=history),
        roles=roles,
        limits=limits,
        alerts=merge_alerts(tuple(sections), origins),
        backups=merge_backups(tuple(BackupsLayer(layer.checked.spec, layer.document, layer.around) for layer in layers), origins),
        origins=origins,
        warnings=tuple(warning for layer in layers for warning in layer.checked.warnings),
        files=files,
    )


def _merge_targets(layer: _Layer, targets: dict[str, LoadedTarget], origins: dict[str, str]) -> None:
    # A target of a later file replaces the one of the same name as a whole: were they mixed, a file in a checkout could
    # point the user's password at another server.
    for index, spec in enumerate(layer.checked.spec.targets):
        prefix = f"targets.{spec.name}."
        replaced = targets.get(spec.name)
        if replaced is not None and not layer.around.trusted:
            spec = _as_careful(spec, replaced.spec)
        for key in replaced.spec.model_fields_set if replaced else ():
            del origins[prefix + key]
        targets[spec.name] = LoadedTarget(spec, layer.origin(("targets", index, "name")), layer.around)
        for key in spec.model_fields_set:
            origins[prefix + key] = layer.origin(("targets", index, key))


def _as_careful(spec: TargetSpec, before: TargetSpec) -> TargetSpec:
    """A target of a file that came with a checkout, no less protected than the one of the same name that it replaces."""
    order = list(Environment)
    environment = min(spec.environment, before.environment, key=order.index)
    return spec.model_copy(update={"environment": environment, "read_only": spec.read_only or before.read_only})


def _merge_roles(layer: _Layer, origins: dict[str, str]) -> tuple[RoleSpec, ...]:
    """The roles of a later file replace those of an earlier one as a whole: together they would allow what neither meant."""
    for key in [key for key in origins if key.startswith("roles.")]:
        del origins[key]
    for index, spec in enumerate(layer.checked.spec.roles):
        for key in spec.model_fields_set:
            origins[f"roles.{index + 1}.{key}"] = layer.origin(("roles", index, key))
    return layer.checked.spec.roles


def _merge_limits(layer: _Layer, limits: dict[str, Limit], origins: dict[str, str]) -> None:
    for name, limit in layer.checked.spec.thresholds.items():
        given = {key: getattr(limit, key) for key in limit.model_fields_set}
        limits[name] = limits.get(name, Limit()).model_copy(update=given)
        for key in given:
            origins[f"thresholds.{name}.{key}"] = layer.origin(("thresholds", name, key))
