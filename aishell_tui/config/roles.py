"""From the configuration to what decisions are made of: how careful one has to be where, and roles that lead nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from aishell_core.documents.problems import Problem
from aishell_core.neighbours import is_same_server, may_be_same_server
from aishell_core.safety.decision import Place
from aishell_core.targets import Environment, Target
from aishell_tui.config.load import Configuration, LoadedTarget
from aishell_tui.config.targets import open_target

_ORDER = list(Environment)
_UNVOUCHED = "named by the working folder's file alone"


def place_of(target: Target, configuration: Configuration) -> Place:
    """How careful one has to be with a target; one that no file names is not known, which means as careful as with production.

    What a file of the working folder says of it counts where it is production, or a file below that folder, or where the
    user's own file names the same server and says no more.
    """
    is_read_only = configuration.dashboard.read_only or target.read_only
    named = next((each for each in configuration.targets if each.spec.name == target.name and each.origin == target.origin), None)
    if named is None:
        return Place(target.name, target.environment, is_read_only, known=False)
    if named.around.trusted or target.environment is Environment.PRODUCTION or _is_below(target, named.around.base):
        return Place(target.name, target.environment, is_read_only)
    # No command is run for it: a URL that only a command tells vouches for nothing.
    own = tuple(_without_password(each) for each in configuration.own_targets if each.spec.url_command is None)
    if not any(is_same_server(target.location, each.location) for each in own):
        return Place(target.name, target.environment, is_read_only, known=False, doubt=_UNVOUCHED)
    known = [each for each in own if may_be_same_server(target.location, each.location)]
    known = [each for each in known if each.location.database == target.location.database] or known
    environment = most_careful((target.environment, *(each.environment for each in known)))
    return Place(target.name, environment, is_read_only or any(each.read_only for each in known))


def place_within(target: Target, place: Place, databases: Iterable[str], configuration: Configuration) -> Place:
    """The place where other databases than the target's own are reached, too: as careful as any target that is one of them."""
    wanted = {each.casefold() for each in databases if each} - {target.location.database.casefold()}
    if not wanted:
        return place
    for loaded in configuration.targets:
        if loaded.spec.name != target.name and _may_be_one_of(loaded, wanted):
            other = _without_password(loaded)
            if other.location.database.casefold() in wanted and may_be_same_server(target.location, other.location):
                place = _beside(place, place_of(other, configuration))
    return place


def most_careful(environments: Iterable[Environment]) -> Environment:
    """That with which one has to be most careful."""
    return min(environments, key=_ORDER.index)


def _may_be_one_of(loaded: LoadedTarget, databases: set[str]) -> bool:
    """Whether it may be a target of one of the databases, as far as that is told without its secret."""
    return loaded.spec.url is None or loaded.spec.url.location.database.casefold() in databases


def _without_password(loaded: LoadedTarget) -> Target:
    return open_target(replace(loaded, spec=loaded.spec.model_copy(update={"password": None})))


def _beside(place: Place, other: Place) -> Place:
    known = place.known and other.known
    return replace(
        place,
        environment=most_careful((place.environment, other.environment)),
        read_only=place.read_only or other.read_only,
        known=known,
        doubt=place.doubt if not place.known else other.doubt,
        beside=(*place.beside, other.target),
    )


def _is_below(target: Target, folder: Path) -> bool:
    """Whether it is a file that lies in the folder itself, wherever links lead."""
    path = target.location.path
    return path is not None and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def unknown_targets(configuration: Configuration) -> Iterator[Problem]:
    """A warning for each target that a role names and that no file configures."""
    names = [loaded.spec.name for loaded in configuration.targets]
    for number, spec in enumerate(configuration.roles or (), 1):
        origin = configuration.origins.get(f"roles.{number}.targets", "")
        source, _, line = origin.rpartition(":")
        for pattern in spec.targets:
            if not any(fnmatchcase(name, pattern) for name in names):
                near = get_close_matches(pattern, names, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"configured: {', '.join(names) or 'none'}"
                yield Problem(
                    source, f"a role names the target {pattern!r}, which is not configured", hint, int(line) if line.isdecimal() else 0
                )
