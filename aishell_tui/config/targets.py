"""From configured targets to those that are opened; secrets are fetched here and only here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from aishell_core.errors import AishellError, ConfigError
from aishell_core.targets import UNKNOWN_ENGINE, Location, Obstacle, Target, parse_location
from aishell_core.values import TargetId
from aishell_tui.config.command_line import named_targets
from aishell_tui.config.load import Configuration, LoadedTarget
from aishell_tui.config.models import TargetSpec
from aishell_tui.config.secret_sources import FromCommand, FromFile, SecretSource, resolve

STATEMENT_LOG = "statement_log"


def open_target(loaded: LoadedTarget) -> Target:
    """The target with its secret; where its URL or secret cannot be had, a target with the obstacle, so that the others are read."""
    spec, obstacle = loaded.spec, None
    try:
        location = _location(loaded)
        if spec.password is not None:
            location = replace(location, password=resolve(spec.password.source, loaded.around.environ))
    except AishellError as error:
        location = spec.url.location if spec.url is not None else Location(UNKNOWN_ENGINE)
        address = spec.url.masked if spec.url is not None else _source(spec).describe()
        obstacle = Obstacle(f"{loaded.origin}: {error.message}", error.hint, address)
    if spec.statement_log is not None:
        options = (*((key, value) for key, value in location.options if key != STATEMENT_LOG), (STATEMENT_LOG, str(spec.statement_log)))
        location = replace(location, options=tuple(sorted(options)))
    return Target(
        name=TargetId(spec.name),
        location=location,
        environment=spec.environment,
        tags=spec.tags,
        tls=spec.tls,
        interval_seconds=spec.interval,
        origin=loaded.origin,
        obstacle=obstacle,
        read_only=spec.read_only,
    )


def _source(spec: TargetSpec) -> SecretSource:
    return FromFile(spec.url_file) if spec.url_file is not None else FromCommand(spec.url_command or ())


def _location(loaded: LoadedTarget) -> Location:
    spec, around = loaded.spec, loaded.around
    if spec.url is not None:
        if spec.url.obstacle is not None:
            raise ConfigError(spec.url.obstacle.message, spec.url.obstacle.hint)
        return spec.url.location
    return parse_location(resolve(_source(spec), around.environ).reveal().strip(), around.base)


def chosen_targets(configuration: Configuration, words: Sequence[str], working_folder: Path | None = None) -> tuple[Target, ...]:
    """The targets that are named, by URL or by configured name; all configured ones when none is named.

    Raises UsageError for a name that is not configured and for a bad URL.
    """
    if not words:
        return tuple(open_target(loaded) for loaded in configuration.targets)
    configured = {loaded.spec.name: partial(open_target, loaded) for loaded in configuration.targets}
    return named_targets(words, configured, working_folder or Path.cwd())
