"""What is in force of how backups are made and kept, with where each value comes from; secrets as where they come from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import BaseModel

from aishell_core.documents.masking import MASK
from aishell_core.documents.problems import nearest
from aishell_core.errors import UsageError
from aishell_tui.config.backup_environment import DAYS_VARIABLE, MOST_VARIABLE, retention_in_force
from aishell_tui.config.backup_saving import SECTION, key_parts
from aishell_tui.config.backups import BackupSpec
from aishell_tui.config.load import DEFAULT, Configuration
from aishell_tui.config.origin import Effective, Value, effective_values, shown
from aishell_tui.config.secret_spec import SecretSpec
from aishell_tui.places import find_places

_VARIABLES = {
    "storage": ("AI_SHELL_BACKUP_DIR", ""),
    "retention.within": (DAYS_VARIABLE, "d"),
    "retention.at_most": (MOST_VARIABLE, ""),
}
"""What the environment says goes before the files."""


def backup_values(configuration: Configuration, environ: Mapping[str, str]) -> tuple[Effective, ...]:
    """Every value of the section and of the jobs; raises ConfigError for a variable that is wrong."""
    mine = [one for one in effective_values(configuration) if one.key.startswith((f"{SECTION}.", "backups."))]
    return (*(_with_environment(one, configuration, environ) for one in mine), *_given(environ, {one.key for one in mine}))


def value_of(configuration: Configuration, name: str, environ: Mapping[str, str]) -> Effective:
    """One value by its key, of the section or of a job; raises UsageError naming the nearest key, ConfigError for a wrong variable."""
    if name.startswith("backups."):
        known = {one.key: one for one in backup_values(configuration, environ)}
        if name not in known:
            raise UsageError(f"there is no value {name!r}", nearest(name, known))
        return known[name]
    keys = key_parts(name)
    key = ".".join((SECTION, *keys))
    if keys[0] == "retention":
        retention_in_force(configuration.backups.spec.retention, environ)
    for word, (variable, unit) in _VARIABLES.items():
        if key == f"{SECTION}.{word}" and environ.get(variable, "").strip():
            return Effective(key, f"{environ[variable].strip()}{unit}", f"environment variable {variable}")
    found: object = configuration.backups.spec
    for part in keys:
        fields = type(found).model_fields if isinstance(found, BaseModel) else found if isinstance(found, dict) else {}
        if part not in fields:
            raise UsageError(f"there is no value {name!r}", nearest(part, list(fields)) if fields else "it has no keys of its own")
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    origin = configuration.origins.get(f"{SECTION}.{keys[0]}", DEFAULT)
    return _with_environment(Effective(key, _shown(found), origin), configuration, environ)


def replaced_default(given: Collection[str]) -> str:
    """What of the default retention does not hold beside the rules of these names; "" where nothing of it is missing."""
    return str(BackupSpec().retention.model_copy(update=dict.fromkeys({"within", "at_most"}.intersection(given))))


def overruled(key: str, environ: Mapping[str, str]) -> str:
    """That the environment says otherwise than the file does now; "" where it does not."""
    told = [variable for word, (variable, _) in _VARIABLES.items() if word.partition(".")[0] == key and environ.get(variable, "").strip()]
    return f"{' and '.join(told)} of the environment goes before it" if told else ""


def _shown(value: object) -> Value:
    if isinstance(value, SecretSpec):
        return f"{MASK} from {value.source.describe()}"
    if isinstance(value, dict):
        return tuple(f"{key}: {_shown(each)}" for key, each in value.items())
    if isinstance(value, tuple):
        return tuple(str(_shown(each)) for each in value)
    return shown(value)


def _with_environment(one: Effective, configuration: Configuration, environ: Mapping[str, str]) -> Effective:
    """Retention with what the environment says of it; the storage as that or the default has it, where no file says more."""
    if one.key == f"{SECTION}.retention":
        named = [f"environment variable {word}" for word in (DAYS_VARIABLE, MOST_VARIABLE) if environ.get(word, "").strip()]
        rules = retention_in_force(configuration.backups.spec.retention, environ)
        lacking = replaced_default([key for key in type(rules).model_fields if getattr(rules, key)])
        instead = [f"in place of the default {lacking}"] if lacking else []
        return Effective(one.key, shown(rules), ", ".join([one.origin, *named, *instead]))
    if one.key != f"{SECTION}.storage":
        return one
    variable, _ = _VARIABLES["storage"]
    if environ.get(variable, "").strip():
        return Effective(one.key, str(find_places(environ).backups), f"environment variable {variable}")
    return one if one.value is not None else Effective(one.key, str(find_places(environ).backups), DEFAULT)


def _given(environ: Mapping[str, str], known: set[str]) -> Iterator[Effective]:
    for word, (variable, unit) in _VARIABLES.items():
        text, key = environ.get(variable, "").strip(), f"{SECTION}.{word}"
        if text and key not in known:
            yield Effective(key, f"{text}{unit}", f"environment variable {variable}")
