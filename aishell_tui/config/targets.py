"""From configured targets, names and URLs to the targets that are opened; secrets are fetched here and only here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from aishell_core.errors import AishellError, ConfigError, UsageError
from aishell_core.targets import UNKNOWN_ENGINE, Location, Obstacle, Target, default_name, parse_location
from aishell_core.values import TargetId
from aishell_tui.config.load import Configuration, LoadedTarget
from aishell_tui.config.models import TargetSpec
from aishell_tui.config.secret_sources import FromCommand, FromFile, SecretSource, resolve

STATEMENT_LOG = "statement_log"

_COMMAND_LINE = "command line"


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


def looks_like_url(text: str) -> bool:
    """Whether a word of the command line is a URL or the path of a file, rather than a configured name."""
    return "://" in text or "/" in text or Path(text).suffix in {".db", ".sqlite", ".sqlite3", ".db3"}


def chosen_targets(configuration: Configuration, words: Sequence[str], working_folder: Path | None = None) -> tuple[Target, ...]:
    """The targets that are named, by URL or by configured name; all configured ones when none is named.

    Raises UsageError for a name that is not configured and for a bad URL.
    """
    if not words:
        return tuple(open_target(loaded) for loaded in configuration.targets)
    by_name = {loaded.spec.name: loaded for loaded in configuration.targets}
    found: dict[TargetId, Target] = {}
    for word in words:
        target = open_target(by_name[word]) if word in by_name else _from_url(word, tuple(by_name), working_folder or Path.cwd())
        found.setdefault(_free_name(target, found), target)
    found = _named_by_user(found)
    return tuple(replace(target, name=name) for name, target in found.items())


def _named_by_user(found: Mapping[TargetId, Target]) -> dict[TargetId, Target]:
    """Those of one place that only the user tells apart named by it: a number behind a port would read as one."""
    named: dict[TargetId, Target] = {}
    for target in found.values():
        alike = [each for each in found.values() if each.name == target.name]
        users = {each.location.user for each in alike}
        apart = 1 < len(alike) == len(users) and all(each.origin == _COMMAND_LINE for each in alike)
        name = TargetId(f"{target.location.user or 'default'}/{target.name}") if apart else target.name
        named[_free_name(replace(target, name=name), named)] = target
    return named


def _free_name(target: Target, taken: Mapping[TargetId, Target]) -> TargetId:
    """The target's name, with a number where another target has it: two files may both be called app.db."""
    name, number = target.name, 2
    while name in taken and taken[name] != target:
        name, number = TargetId(f"{target.name}-{number}"), number + 1
    return name


def _from_url(word: str, names: tuple[str, ...], folder: Path) -> Target:
    if not looks_like_url(word) and not _names_a_file(folder / word):
        raise unknown_name(word, names)
    location = named_location(word, folder)
    return Target(default_name(location), location, origin=_COMMAND_LINE)


def _names_a_file(path: Path) -> bool:
    """Whether it is a file or a link, whichever way that leads; no error where we may not look or the name can be none."""
    return os.path.isfile(path) or os.path.islink(path)  # noqa: PTH113, PTH114


def named_location(word: str, folder: Path) -> Location:
    """The location that a word of the command line names; raises UsageError where it is no URL that can be read."""
    try:
        return parse_location(word, folder)
    except ConfigError as error:
        raise UsageError(error.message, error.hint) from error


def unknown_name(word: str, names: Sequence[str]) -> UsageError:
    """The error for a name that no target has, with the nearest one."""
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]}? " if near else ""
    configured = f"configured: {', '.join(names)}" if names else "no database is configured; give a URL such as sqlite:///path/to/app.db"
    return UsageError(f"there is no target {word!r}", guess + configured)
