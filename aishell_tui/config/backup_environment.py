"""What the environment says of retention; it goes before the files."""

from __future__ import annotations

from collections.abc import Mapping

from aishell_core.errors import ConfigError
from aishell_tui.config.backups import RetentionSpec

DAYS_VARIABLE, MOST_VARIABLE = "AI_SHELL_RETENTION_DAYS", "AI_SHELL_MAX_BACKUPS"
_DAY_SECONDS = 86_400.0


def retention_in_force(spec: RetentionSpec, environ: Mapping[str, str]) -> RetentionSpec:
    """The rules of the files with what the environment says; raises ConfigError for a variable that is no number."""
    days, most = _number(DAYS_VARIABLE, environ), _number(MOST_VARIABLE, environ)
    said: dict[str, object] = {} if days is None else {"within": days * _DAY_SECONDS}
    return spec.model_copy(update=said if most is None else {**said, "at_most": most})


def _number(variable: str, environ: Mapping[str, str]) -> int | None:
    text = environ.get(variable, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"environment variable {variable}: {text[:20]!r} is no number of 1 or more", f"export {variable}=30")
    return int(text)
