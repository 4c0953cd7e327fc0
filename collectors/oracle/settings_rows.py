"""The server's settings as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core import catalogue
from aishell_core.engines.oracle import Row
from aishell_core.values import Sample, Setting
from collectors.setting_masks import masked

_RESTART = "FALSE"
_DEFERRED = "DEFERRED"


def settings_of(rows: Iterable[Row], stored: Iterable[Row]) -> tuple[Setting, ...]:
    """Settings in force; one whose stored value differs and that cannot be changed at run time waits for a restart.

    One that takes effect in new sessions only says so in its source.
    """
    later = {str(row["name"]): str(row["value"] or "") for row in stored}
    return tuple(
        Setting(
            name=str(row["name"]),
            value=masked(str(row["name"]), str(row["value"] or "")),
            source=_source(row),
            pending_restart=_waits(row, later.get(str(row["name"]))),
        )
        for row in rows
    )


def _waits(row: Row, stored: str | None) -> bool:
    return stored is not None and row["modifiable"] == _RESTART and stored.casefold() != str(row["value"] or "").casefold()


def _source(row: Row) -> str:
    modified = row["modified"] not in {None, "FALSE"}
    words = "default" if row["is_default"] == "TRUE" and not modified else "changed since the start" if modified else "server file"
    if modified and row["modifiable"] == _DEFERRED:
        words += ", in new sessions only"
    return f"{words}, deprecated" if row["deprecated"] == "TRUE" and row["is_default"] != "TRUE" else words


def pending_samples(settings: Iterable[Setting]) -> tuple[Sample, ...]:
    """How many settings wait for a restart."""
    return (Sample(catalogue.ORACLE_SETTINGS_PENDING, float(sum(each.pending_restart for each in settings))),)
