"""From configured targets, names and URLs to the targets that are opened; secrets are fetched here and only here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from aishell_core.errors import AishellError, ConfigError, UsageError
from aishell_core.targets import Location, Target, default_name, parse_location
from aishell_core.values import TargetId
from aishell_tui.config.load import Configuration, LoadedTarget
from aishell_tui.config.secret_sources import FromCommand, FromFile, SecretSource, resolve

STATEMENT_LOG = "statement_log"


def open_target(loaded: LoadedTarget) -> Target:
    """The target with its secret; raises ConfigError that names its file and line when the secret cannot be had."""
    spec, environ = loaded.spec, loaded.around.environ
    try:
        location = _location(loaded)
        if spec.password is not None:
            location = replace(location, password=resolve(spec.password.source, environ))
    except AishellError as error:
        raise ConfigError(f"{loaded.origin}: target {spec.name}: {error.message}", error.hint) from error
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
    )


def _location(loaded: LoadedTarget) -> Location:
    spec, around = loaded.spec, loaded.around
    if spec.url is not None:
        return spec.url.location
    source: SecretSource = FromFile(spec.url_file) if spec.url_file is not None else FromCommand(spec.url_command or ())
    return parse_location(resolve(source, around.environ).reveal().strip(), around.base)


def looks_like_url(text: str) -> bool:
    """Whether a word of the command line is a URL or the path of a file, rather than a configured name."""
    return "://" in text or "/" in text or Path(text).suffix in {".db", ".sqlite", ".sqlite3", ".db3"}


def chosen_targets(configuration: Configuration, words: Sequence[str], working_folder: Path | None = None) -> tuple[Target, ...]:
    """The targets that are named, by URL or by configured name; all configured ones when none is named.

    Raises UsageError for a name that is not configured and for a bad URL, ConfigError for a secret that cannot be had.
    """
    if not words:
        return tuple(open_target(loaded) for loaded in configuration.targets)
    by_name = {loaded.spec.name: loaded for loaded in configuration.targets}
    found: dict[TargetId, Target] = {}
    for word in words:
        target = open_target(by_name[word]) if word in by_name else _from_url(word, tuple(by_name), working_folder or Path.cwd())
        found.setdefault(_free_name(target, found), target)
    return tuple(replace(target, name=name) for name, target in found.items())


def _free_name(target: Target, taken: Mapping[TargetId, Target]) -> TargetId:
    """The target's name, with a number where another target has it: two files may both be called app.db."""
    name, number = target.name, 2
    while name in taken and taken[name] != target:
        name, number = TargetId(f"{target.name}-{number}"), number + 1
    return name


def _from_url(word: str, names: tuple[str, ...], folder: Path) -> Target:
    if not looks_like_url(word) and not (folder / word).is_file():
        raise unknown_name(word, names)
    location = named_location(word, folder)
    return Target(default_name(location), location, origin="command line")


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
