"""Samples of the columns of a row."""

from __future__ import annotations

import math
from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.values import NO_LABELS, Labels, Metric, Sample


def samples_of(row: Row | None, columns: Iterable[tuple[Metric, str]], labels: Labels = NO_LABELS) -> tuple[Sample, ...]:
    """A sample for each column that holds a number; what is unknown is left out."""
    if row is None:
        return ()
    found = ((metric, row[column]) for metric, column in columns)
    return tuple(Sample(metric, float(value), labels) for metric, value in found if value is not None and math.isfinite(value))
