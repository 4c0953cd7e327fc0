"""Where configuration, state and backups live; AISHELL_HOME moves all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aishell_core.errors import StateError
from aishell_core.folders import PRIVATE, make_private_folders

APPLICATION = "aishell"
CONFIG_NAME = "config.yaml"
PROJECT_FOLDER = ".ai-shell"
PROJECT_NAME = "dashboard.yml"
BACKUP_NAME = "backup.yml"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that aishell uses; none of them is made before something is written into it."""

    config: Path
    state: Path
    backups: Path

    @property
    def config_file(self) -> Path:
        """The user's own configuration file, which need not exist."""
        return self.config / CONFIG_NAME

    @property
    def backup_file(self) -> Path:
        """The user's own file about backups alone, which `aishell backup config` writes; it need not exist."""
        return self.config / BACKUP_NAME


def find_places(environ: Mapping[str, str] = os.environ) -> Places:
    """The places of this user: below AISHELL_HOME where it is set, else where the platform keeps such things."""
    moved = environ.get("AISHELL_HOME", "").strip()
    named = environ.get("AI_SHELL_BACKUP_DIR", "").strip()
    if moved:
        home = Path(moved).expanduser().absolute()
        return Places(config=home, state=home / "state", backups=Path(named).expanduser().absolute() if named else home / "backups")
    import platformdirs  # costs 20 ms, which a moved home need not pay

    return Places(
        config=Path(platformdirs.user_config_dir(APPLICATION)),
        state=Path(platformdirs.user_state_dir(APPLICATION)),
        backups=Path(named or "~/.ai-shell/backups").expanduser().absolute(),
    )


def make_folder(folder: Path) -> Path:
    """The folder, made with mode 0700 where it is missing, and so are those above it; raises StateError where it cannot be."""
    try:
        make_private_folders(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StateError(f"the folder {folder} cannot be made: {reason}", "set AISHELL_HOME to a folder that you may write") from error
    return folder


def make_private(folder: Path) -> Path:
    """As `make_folder`; a folder of ours that others may read is closed to them as well."""
    status = make_folder(folder).stat()
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        folder.chmod(PRIVATE)
    return folder
