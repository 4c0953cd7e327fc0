"""Targets that words of the command line name: by the URL or the file of a database, or by a configured name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aishell_core.documents.masking import mask_url
from aishell_core.errors import ConfigError, UsageError
from aishell_core.targets import Location, Target, default_name, parse_location
from aishell_core.values import TargetId

_COMMAND_LINE = "command line"


def named_targets(words: Sequence[str], configured: Mapping[str, Callable[[], Target]], folder: Path) -> tuple[Target, ...]:
    """The targets that words name; `configured` opens those of the configuration by their names.

    Raises UsageError for a name that is not configured and for a bad URL.
    """
    found: dict[TargetId, Target] = {}
    for word in words:
        target = configured[word]() if word in configured else _from_url(word, tuple(configured), folder)
        found.setdefault(_free_name(target, found), target)
    found = _named_by_user(found)
    return tuple(replace(target, name=name) for name, target in found.items())


def looks_like_url(text: str) -> bool:
    """Whether a word of the command line is a URL or the path of a file, rather than a configured name."""
    return "://" in text or "/" in text or Path(text).suffix in {".db", ".sqlite", ".sqlite3", ".db3"}


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
    from difflib import get_close_matches

    near = get_close_matches(word, names, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]}? " if near else ""
    configured = f"configured: {', '.join(names)}" if names else "no database is configured; give a URL such as sqlite:///path/to/app.db"
    return UsageError(f"there is no target {mask_url(word)!r}", guess + configured)
