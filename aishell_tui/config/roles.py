"""From the configuration to what decisions are made of: how careful one has to be where, and roles that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase

from aishell_core.documents.problems import Problem
from aishell_core.safety.decision import Place
from aishell_core.targets import Target
from aishell_tui.config.load import Configuration


def place_of(target: Target, configuration: Configuration) -> Place:
    """How careful one has to be with a target; one that no file names is not known, which means as careful as with production."""
    known = any(loaded.spec.name == target.name and loaded.origin == target.origin for loaded in configuration.targets)
    return Place(target.name, target.environment, configuration.dashboard.read_only or target.read_only, known)


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
