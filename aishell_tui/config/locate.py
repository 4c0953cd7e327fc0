"""Which configuration files are read, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aishell_tui.places import BACKUP_NAME, PROJECT_FOLDER, PROJECT_NAME, Places

CONFIG_VARIABLE = "AISHELL_CONFIG"
VARIABLE_PREFIX = "AISHELL_"
_SAY_NOTHING = {"AISHELL_HOME", "AISHELL_DEBUG"}
"""Variables of ours that are no options."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file to read: relative paths in it start at `base`; one that is not trusted may not name commands to run."""

    path: Path
    base: Path
    trusted: bool = True


def config_files(places: Places, working_folder: Path, chosen: Path | None, environ: Mapping[str, str]) -> tuple[ConfigFile, ...]:
    """The files that make up the configuration, the strongest last.

    A file chosen by --config or AISHELL_CONFIG is read alone, and must exist. Otherwise it is the user's config.yaml and
    backup.yml and then .ai-shell/dashboard.yml and .ai-shell/backup.yml of the working folder, as far as they exist. Those
    of the working folder come with a checkout of somebody else's work, so they are not trusted to name commands.
    """
    files = possible_files(places, working_folder, chosen, environ)
    return files if named_file(working_folder, chosen, environ) is not None else tuple(file for file in files if _is_there(file.path))


def possible_files(places: Places, working_folder: Path, chosen: Path | None, environ: Mapping[str, str]) -> tuple[ConfigFile, ...]:
    """The same files, also those that do not exist yet: who waits for a change waits for these."""
    path = named_file(working_folder, chosen, environ)
    if path is not None:
        return (ConfigFile(path, _base(path)),)
    own = [ConfigFile(path, places.config) for path in (places.config_file, places.backup_file)]
    project = working_folder / PROJECT_FOLDER
    return (*own, *(ConfigFile(project / name, working_folder, trusted=False) for name in (PROJECT_NAME, BACKUP_NAME)))


def named_file(working_folder: Path, chosen: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The one file that --config or AISHELL_CONFIG names; None when neither does."""
    named = chosen or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    return None if named is None else working_folder / named.expanduser()


def is_nothing_configured(places: Places, working_folder: Path, environ: Mapping[str, str]) -> bool:
    """Whether there is no file and no variable to be read, so that all is as it is without a configuration."""
    if any(name.startswith(VARIABLE_PREFIX) and name not in _SAY_NOTHING for name in environ):
        return False
    return not config_files(places, working_folder, None, environ)


def _base(path: Path) -> Path:
    return path.parent.parent if path.parent.name == PROJECT_FOLDER else path.parent


def _is_there(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except OSError:
        # A folder that may not be entered: reading the file will say so in words.
        return True
