"""What of a setting must not be seen: pure."""

from __future__ import annotations

import re

MASK = "********"
_SECRET_NAME = re.compile(r"(conninfo|password|passphrase|passphrase_command|secret|token|api_key|access_key|sst_auth)$", re.IGNORECASE)
_SECRET_WORD = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key)[\w-]*\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_SECRET_OPTION = re.compile(r"(?i)(--?(?:password|secret|token|api-?key)[= ])(\"[^\"]*\"|'[^']*'|\S+)")
_SECRET_URL = re.compile(r"(\w+://[^\s:/@]*:)[^\s@]+(@)")


def masked(name: str, value: str) -> str:
    """A setting's value as it may be shown: nothing of a setting that is a secret, no password within a command or an address."""
    if value and _SECRET_NAME.search(name):
        return MASK
    value = _SECRET_URL.sub(rf"\1{MASK}\2", value)
    value = _SECRET_OPTION.sub(rf"\1{MASK}", value)
    return _SECRET_WORD.sub(rf"\1{MASK}", value)
