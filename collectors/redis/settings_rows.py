"""The settings that are in force. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from aishell_core.engines.redis_text import mapping_of, readable
from aishell_core.values import Setting

_SECRET = ("pass", "auth", "secret")
_HIDDEN = "***"
_NOT_SECRET = {"sentinel-auth-user"}


def settings_of(reply: object) -> tuple[Setting, ...]:
    """CONFIG GET as settings; whether a password is set is told, what it is never."""
    return tuple(Setting(name, _shown(name, readable(value))) for name, value in sorted(mapping_of(reply).items()))


def _shown(name: str, value: str) -> str:
    if value and name not in _NOT_SECRET and any(part in name for part in _SECRET):
        return _HIDDEN
    return value


def known_settings(replies: Mapping[str, object]) -> dict[str, str]:
    """The values of some settings from an answer of CONFIG GET for each."""
    return {name: readable(value) for reply in replies.values() for name, value in mapping_of(reply).items()}
