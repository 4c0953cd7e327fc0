"""Settings as values, without what must not be seen: no reading here."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.values import Setting

_MASK = "********"
_SECRET_NAME = re.compile(r"(conninfo|password|passphrase|passphrase_command|secret|token|api_key|access_key)$", re.IGNORECASE)
_SECRET_WORD = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key)[\w-]*\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_SECRET_OPTION = re.compile(r"(?i)(--?(?:password|secret|token|api-?key)[= ])(\"[^\"]*\"|'[^']*'|\S+)")
_SECRET_URL = re.compile(r"(\w+://[^\s:/@]*:)[^\s@]+(@)")


def settings_of(rows: Iterable[Row]) -> tuple[Setting, ...]:
    """The settings in force; secrets in their values are masked."""
    return tuple(
        Setting(
            str(row["name"]), masked(str(row["name"]), row["value"] or ""), row["unit"] or "", row["source"] or "", row["pending_restart"]
        )
        for row in rows
    )


def masked(name: str, value: str) -> str:
    """A setting's value as it may be shown: nothing of a setting that is a secret, no password within a command or an address."""
    if value and _SECRET_NAME.search(name):
        return _MASK
    value = _SECRET_URL.sub(rf"\1{_MASK}\2", value)
    value = _SECRET_OPTION.sub(rf"\1{_MASK}", value)
    return _SECRET_WORD.sub(rf"\1{_MASK}", value)
