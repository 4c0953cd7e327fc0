"""Which parts of a reading must be read for rules although nobody looks at them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from aishell_core.targets import Target
from aishell_core.values import Part
from alerts.language.checker import understood
from alerts.rule import Rule
from collectors.contract import NOTHING, Demand

PARTS: Mapping[str, Part] = {
    "statement.calls.rate": Part.STATEMENTS,
    "statement.time.rate": Part.STATEMENTS,
    "sessions.state": Part.SESSIONS,
    "mongodb.collection.read.time.rate": Part.RELATIONS,
    "mongodb.collection.write.time.rate": Part.RELATIONS,
}
"""The metrics whose figures come with a part, on some engine at least; all others come with every reading."""

EngineParts = tuple[tuple[Collection[str], Part], ...]
"""Parts with the engines that they are needed of; no engines: of all."""


def parts_of(rules: Iterable[Rule]) -> EngineParts:
    """The parts that these rules need."""
    found: dict[tuple[tuple[str, ...], Part], None] = {}
    for rule in rules:
        conditions = [trigger.condition for trigger in rule.triggers] + ([rule.clear] if rule.clear is not None else [])
        for metric in {metric for condition in conditions for metric in understood(condition).metrics}:
            if metric in PARTS:
                found[rule.targets.engines, PARTS[metric]] = None
    return tuple(found)


def needed(parts: EngineParts, target: Target) -> Demand:
    """The parts that rules need of a target."""
    return frozenset(part for engines, part in parts if not engines or target.engine in engines) if parts else NOTHING
