"""Peers from the package index, each in a throw-away environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_INSTALL_SECONDS = 600


def install(packages: Sequence[str], folder: Path) -> Path | str:
    """The folder of the packages' programs in a fresh environment below a folder, or why there is none."""
    environment = folder / "venv"
    try:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        pip: list[str | Path] = [
            environment / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *packages,
        ]
        subprocess.run(pip, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{packages[0]} could not be installed: {error}"
    return environment / "bin"


def version_of(programs: Path, package: str) -> str:
    """The version of a package in an environment."""
    told = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    return subprocess.run([programs / "python", "-c", told], capture_output=True, text=True, check=True).stdout.strip()
