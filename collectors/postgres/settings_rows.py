"""Settings as values, without what must not be seen: no reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.values import Failure, FailureCode, Part, Setting
from collectors.postgres.slow_questions import quoted
from collectors.setting_masks import masked

__all__ = ["masked", "settings_hidden", "settings_of"]


def settings_of(rows: Iterable[Row]) -> tuple[Setting, ...]:
    """The settings in force; secrets in their values are masked."""
    return tuple(
        Setting(
            str(row["name"]),
            masked(str(row["name"]), row["value"] or ""),
            row["unit"] or "",
            row["source"] or "",
            row["pending_restart"],
            row["derived"],
        )
        for row in rows
    )


def settings_hidden(user: str, at: float) -> Failure:
    """Why settings are missing: a server does not even name those of superusers to a role without pg_read_all_settings."""
    message = f"some settings, and whether they wait for a restart, are hidden from {user}"
    return Failure(Part.SETTINGS, FailureCode.PRIVILEGE, message, f"GRANT pg_read_all_settings TO {quoted(user)};", at)
