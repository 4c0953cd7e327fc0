"""Whether what targets and channels refer to is there: variables of the environment, files that hold secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aishell_core.documents.problems import Problem
from aishell_tui.config.alert_layers import LoadedChannel
from aishell_tui.config.load import Configuration, LoadedTarget
from aishell_tui.config.secret_sources import unset_variable


def missing_files(configuration: Configuration) -> tuple[Problem, ...]:
    """An error for each file of a URL, a password or a key that does not exist."""
    of_targets = (problem for loaded in configuration.targets for problem in _missing_files(configuration, loaded))
    return (*of_targets, *(problem for loaded in configuration.alerts.channels.values() for problem in _missing_channel_files(loaded)))


def missing_variables(configuration: Configuration) -> tuple[Problem, ...]:
    """A warning for each variable that a target needs and the present environment lacks; another environment may have it."""
    return tuple(problem for loaded in configuration.targets for problem in _missing_variables(configuration, loaded))


def _files(loaded: LoadedTarget) -> Iterator[tuple[str, Path]]:
    spec = loaded.spec
    if spec.url_file is not None:
        yield "url_file", spec.url_file
    if spec.password is not None and spec.password.file is not None:
        yield "password", spec.password.file


def _missing_files(configuration: Configuration, loaded: LoadedTarget) -> Iterator[Problem]:
    for key, path in _files(loaded):
        if "${" not in str(path) and not path.exists():
            what = f"the secret file {path} of {loaded.spec.name!r} does not exist"
            yield _problem(configuration, loaded, key, what, "write the secret into it, or correct the path")


def _missing_channel_files(loaded: LoadedChannel) -> Iterator[Problem]:
    key = loaded.spec.key.file if loaded.spec.key is not None else None
    for path in (loaded.spec.url_file, key):
        if path is not None and "${" not in str(path) and not path.exists():
            what = f"the secret file {path} of the channel {loaded.name!r} does not exist"
            yield _at(loaded.origin, what, "write the secret into it, or correct the path")


def _missing_variables(configuration: Configuration, loaded: LoadedTarget) -> Iterator[Problem]:
    spec, environ = loaded.spec, loaded.around.environ
    needed = [("url", spec.url.obstacle)] if spec.url is not None else []
    if spec.password is not None and spec.password.env is not None:
        needed.append(("password", unset_variable(f"${{{spec.password.env}}}", environ)))
    needed += [(key, unset_variable(str(path), environ)) for key, path in _files(loaded)]
    if spec.statement_log is not None:
        needed.append(("statement_log", unset_variable(str(spec.statement_log), environ)))
    for key, obstacle in needed:
        if obstacle is not None:
            yield _problem(configuration, loaded, key, f"{spec.name!r} cannot be read: {obstacle.message}", obstacle.hint)


def _problem(configuration: Configuration, loaded: LoadedTarget, key: str, what: str, hint: str) -> Problem:
    return _at(configuration.origins.get(f"targets.{loaded.spec.name}.{key}", loaded.origin), what, hint)


def _at(origin: str, what: str, hint: str) -> Problem:
    source, _, line = origin.rpartition(":")
    return Problem(source, what, hint, int(line)) if line.isdecimal() else Problem(origin, what, hint)
