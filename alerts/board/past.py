"""What the board wants to know of the time before it: asked of whoever keeps history."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.values import TargetId


@dataclass(frozen=True, slots=True)
class PastRequest:
    """Figures of a target, by the names of the catalogue, from `since` to `until` in epoch seconds."""

    target: TargetId
    metrics: tuple[str, ...]
    since: float
    until: float
