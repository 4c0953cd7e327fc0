"""How long the last checkpoint took: the server only adds up what all took, each at its end."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Sample

_TIMES = ((catalogue.PG_CHECKPOINT_WRITE_TIME, "write_milliseconds"), (catalogue.PG_CHECKPOINT_SYNC_TIME, "sync_milliseconds"))


class CheckpointTimes:
    """Remembers what was added up, to tell what was added last."""

    def __init__(self) -> None:
        self._before: Row | None = None
        self._last: tuple[Sample, ...] = ()

    def samples(self, row: Row | None) -> tuple[Sample, ...]:
        """The times of the checkpoint that ended last, of several that ended between two readings the mean.

        Nothing is known before one has ended, but on servers that count those that have (since 18).
        """
        if row is None:
            return self._last
        before, self._before = self._before, row
        if before is not None and any(row[column] < before[column] for _, column in _TIMES):
            before, self._last = None, ()  # the statistics were reset
        if ended := _ended(row, before):
            self._last = tuple(
                Sample(metric, (row[column] - (before[column] if before else 0.0)) / ended / 1000) for metric, column in _TIMES
            )
        return self._last


def _ended(row: Row, before: Row | None) -> float:
    """How many checkpoints ended since a reading, or since the statistics began; 0 where that is not known."""
    if row["done"] is not None:
        return max(0.0, float(row["done"]) - (float(before["done"]) if before else 0.0))
    if before is None or not any(row[column] > before[column] for _, column in _TIMES):
        return 0.0
    # Counted where they begin, and also where there was nothing to do.
    begun = row["timed"] + row["requested"] - before["timed"] - before["requested"]
    return max(1.0, float(begun))
