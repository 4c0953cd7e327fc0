"""Which other processes are aishell itself: they hold files open to look at them, and are nobody's clients."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

_NAMES = frozenset({"aishell", "ai-shell"})
_PACKAGE = "aishell_tui"
_CLIENTS = "aishell_tui.demo"
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_WITH_VALUE = "WX"


def runs_aishell(command: Sequence[str]) -> bool:
    """Whether this command line is the aishell program; the demo's workload is not, it works with its database.

    The name counts where the program stands, as the command or as what the Python interpreter runs, never in an argument.
    """
    if not command:
        return False
    program = PurePath(command[0]).name
    if program in _NAMES:
        return True
    if not _PYTHON.fullmatch(program):
        return False
    what, is_module = _run_by_python(command[1:])
    if is_module:
        return f"{what}.".startswith(f"{_PACKAGE}.") and not f"{what}.".startswith(f"{_CLIENTS}.")
    return PurePath(what).name in _NAMES


def is_aishell(pid: int) -> bool:
    """Whether this process is the aishell program now; one that is gone or lets nobody look is not."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return runs_aishell([argument.decode("utf-8", "replace") for argument in command.split(b"\0")])


def _run_by_python(arguments: Sequence[str]) -> tuple[str, bool]:
    """The script or module that the interpreter runs, and whether it is a module; empty for `-c` and for none."""
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("-") or argument == "-":
            return argument, False
        letters = "" if argument.startswith("--") else argument[1:]
        for place, letter in enumerate(letters):
            if letter == "c":
                return "", False
            if letter == "m":
                return letters[place + 1 :] or next(waiting, ""), True
            if letter in _WITH_VALUE:
                if place + 1 == len(letters):
                    next(waiting, "")
                break
    return "", False
