"""Sizes of databases and of what they share, the schema's state and sequences, as samples: no reading here."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Sample
from collectors.postgres.figures import samples_of

LARGEST_DATABASES = 20
FULLEST_SEQUENCES = 20
_SCHEMA = (
    (catalogue.PG_INDEXES_INVALID, "invalid_indexes"),
    (catalogue.PG_FOREIGN_KEYS_BARE, "bare_foreign_keys"),
    (catalogue.PG_ROLES_EXPIRING, "expiring_roles"),
)


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


def schema_samples(row: Row | None) -> tuple[Sample, ...]:
    """What is wrong with the schema, and passwords that expire soon."""
    return samples_of(row, _SCHEMA)


def sequence_samples(rows: Sequence[Row]) -> tuple[Sample, ...]:
    """The fullest sequences by the label `sequence`."""
    return tuple(
        Sample(catalogue.PG_SEQUENCE_USAGE, min(max(float(row["usage"]), 0.0), 1.0), (("sequence", str(row["name"])),))
        for row in rows
        if row["usage"] is not None
    )


def hidden_sequences(rows: Sequence[Row]) -> tuple[int, str]:
    """How many sequences the role may not read, and the first schema that has some."""
    return next(((int(row["hidden"]), str(row["name"])) for row in rows if row["hidden"]), (0, ""))
