"""Settings as values, without what must not be seen: no reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.values import Setting
from collectors.setting_masks import masked

__all__ = ["masked", "settings_of"]


def settings_of(rows: Iterable[Row]) -> tuple[Setting, ...]:
    """The settings in force; secrets in their values are masked."""
    return tuple(
        Setting(
            str(row["name"]), masked(str(row["name"]), row["value"] or ""), row["unit"] or "", row["source"] or "", row["pending_restart"]
        )
        for row in rows
    )
