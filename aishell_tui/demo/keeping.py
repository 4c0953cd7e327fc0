"""What both demos' keepers do alike: how they name things, what they tell those who started them, how they remove their folder.

Standard library only: the plain demo's start reads this and nothing else of a keeper.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

READY = "ready"
SAY = "say"
FAILED = "failed"
DATABASE_NAME = "shop.db"
SERVER_FOLDER = "server"
"""Where the servers of the PostgreSQL demo lie in its folder."""
_REMOVE_TRIES = 20


def tell(word: str, text: str = "") -> None:
    """Write a line to whoever started this keeper, who may be gone."""
    with suppress(OSError):
        os.write(1, f"{word} {text}".strip().encode() + b"\n")


def name_process(name: str) -> None:
    """Give this process a name in lists of processes, where the system lets one."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def remove(folder: Path) -> None:
    """Remove a demo's folder, also while a dying dashboard still writes into it."""
    for _ in range(_REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
