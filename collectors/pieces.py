"""What one question to the server brought, and how the answers of a tier become one reading."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from aishell_core.values import Cost, Facts, Failure, Part, Reading, Sample, TargetId, Tier


@dataclass(frozen=True, slots=True)
class Piece:
    """Figures, parts (by the name of their field in `Reading`), failures and the cost of getting them."""

    samples: tuple[Sample, ...] = ()
    parts: tuple[tuple[str, object], ...] = ()
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    earlier: tuple[tuple[Part, float], ...] = ()
    """Which of the parts were read before, and when (epoch seconds)."""


def reading_of(target: TargetId, tier: Tier, at: float, pieces: list[Piece], facts: Facts | None) -> Reading:
    """One reading from all pieces of a tier."""
    parts: dict[str, Any] = {name: value for piece in pieces for name, value in piece.parts}
    reading = Reading(
        target,
        tier,
        at,
        samples=tuple(sample for piece in pieces for sample in piece.samples),
        facts=facts,
        failures=tuple(failure for piece in pieces for failure in piece.failures),
        cost=sum((piece.cost for piece in pieces), Cost()),
        earlier=tuple(each for piece in pieces for each in piece.earlier),
    )
    return replace(reading, **parts)
