"""Sizes of databases and of what they share, as samples: no reading here."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Sample

LARGEST_DATABASES = 20


def database_samples(rows: Sequence[Row]) -> tuple[Sample, ...]:
    """The largest databases by the label `database`; one whose size the role may not know is left out."""
    known = sorted((row for row in rows if row["bytes"] is not None), key=lambda row: -float(row["bytes"]))
    return tuple(
        Sample(catalogue.PG_DATABASE_SIZE, float(row["bytes"]), (("database", str(row["name"])),)) for row in known[:LARGEST_DATABASES]
    )


def disk_samples(databases: Sequence[Row], shared: Row | None) -> tuple[Sample, ...]:
    """All bytes on disk, log included; a part that is not known makes the whole unknown."""
    sizes = [row["bytes"] for row in databases]
    if not sizes or shared is None or any(size is None for size in sizes):
        return ()
    return (Sample(catalogue.DISK_USED, float(sum(sizes)) + shared["log_bytes"] + shared["global_bytes"]),)


def unknown(databases: Sequence[Row]) -> int:
    """How many databases there are whose size the role may not know."""
    return sum(1 for row in databases if row["bytes"] is None)
