"""The plain demo, opened without the command line's machinery: it would cost a quarter of the time to the first frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aishell_tui.config.locate import config_files
from aishell_tui.places import find_places

VARIABLE_PREFIX = "AISHELL_"
_HARMLESS = {"AISHELL_HOME", "AISHELL_DEBUG"}


def is_plain_demo(arguments: Sequence[str], environ: Mapping[str, str] = os.environ, working_folder: Path | None = None) -> bool:
    """Whether these words ask for the demo with nothing configured: no option, no file, no variable to be read."""
    if list(arguments) not in ([], ["demo"]):
        return False
    # A shell that wants a completion calls the program without a word and says so by a variable such as _AISHELL_COMPLETE.
    if any(name.startswith("_") and name.endswith("_COMPLETE") for name in environ):
        return False
    if any(name.startswith(VARIABLE_PREFIX) and name not in _HARMLESS for name in environ):
        return False
    return not config_files(find_places(environ), working_folder or Path.cwd(), None, environ)


def demo(*, args: Sequence[str], prog_name: str, standalone_mode: bool) -> int:
    """Open the demo with the defaults; takes what the command tree would take."""
    del args, prog_name, standalone_mode
    from aishell_tui.launch import run_demo
    from aishell_tui.options import DashboardOptions

    return run_demo(DashboardOptions())
