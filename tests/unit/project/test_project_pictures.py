"""Every picture that is kept belongs to a test, also where workers see a part of the tests each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "snapshots"
ROOT = FOLDER.parents[1]


def test_no_picture_is_kept_that_no_test_draws() -> None:
    command: list[str | Path] = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", FOLDER]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    drawn = {line.partition(".py::")[::2] for line in listed.splitlines() if "::" in line}
    kept = {(str(picture.parent.name), picture.stem) for picture in (FOLDER / "__snapshots__").glob("*/*.svg")}
    assert {(Path(file).name, name) for file, name in drawn} >= kept
    assert kept
