"""What the state database keeps of one target, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import NO_ROLLUPS, Rollups
from aishell_core.values import TargetId


@dataclass(frozen=True, slots=True)
class History:
    """What the state database keeps of one target over a span; a metric that this version does not know is left out.

    `begins_at` is the epoch second of the oldest figures that are kept of the target at all; None where there are none.
    """

    target: TargetId
    series: Mapping[SeriesKey, Rollups] = field(default_factory=lambda: MappingProxyType({}))
    begins_at: float | None = None

    def rollups(self, key: SeriesKey) -> Rollups:
        """The windows of one series; empty when nothing is kept of it."""
        return self.series.get(key, NO_ROLLUPS)

    def find(self, name: str) -> tuple[SeriesKey, ...]:
        """All series of the metric of this name."""
        return tuple(key for key in self.series if key.metric.name == name)
