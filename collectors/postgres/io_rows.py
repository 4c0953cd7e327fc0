"""Files read and written, and the small caches, as samples: no reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Sample
from collectors.postgres.figures import samples_of

_IO = (
    (catalogue.PG_IO_READ, "read_bytes"),
    (catalogue.PG_IO_WRITE, "write_bytes"),
    (catalogue.PG_IO_READ_TIME, "read_milliseconds"),
    (catalogue.PG_IO_WRITE_TIME, "write_milliseconds"),
    (catalogue.PG_IO_FSYNCS, "fsyncs"),
)
_SLRU = ((catalogue.PG_SLRU_HITS, "hits"), (catalogue.PG_SLRU_READS, "reads"))


def io_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """Bytes, times and flushes by the labels `backend`, `context` and `object`, which the engine names."""
    return tuple(
        sample
        for row in rows
        for sample in samples_of(
            row, _IO, (("backend", str(row["backend"])), ("context", str(row["context"])), ("object", str(row["object"])))
        )
    )


def slru_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """Hits and reads by the label `slru`."""
    return tuple(sample for row in rows for sample in samples_of(row, _SLRU, (("slru", str(row["name"])),)))
