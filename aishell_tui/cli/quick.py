"""The dashboard with nothing configured, opened without the command line's machinery.

That would cost a quarter of the time to the first frame, and 10 MiB for as long as the dashboard runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_tui.config.locate import is_nothing_configured
from aishell_tui.places import find_places

if TYPE_CHECKING:
    from aishell_tui.cli.boundary import Command
    from alerts.ports import RuleSource

_TARGET = ("--target", "-t")


def quick_way(arguments: Sequence[str], environ: Mapping[str, str] = os.environ, working_folder: Path | None = None) -> Command | None:
    """What opens the dashboard that these words ask for, where they name databases and nothing else; None for all others."""
    words = plain_words(arguments)
    # A shell that wants a completion calls the program without a word and says so by a variable such as _AISHELL_COMPLETE.
    if words is None or any(name.startswith("_") and name.endswith("_COMPLETE") for name in environ):
        return None
    if not is_nothing_configured(find_places(environ), working_folder or Path.cwd(), environ):
        return None
    return partial(dashboard, words) if words else demo


def plain_words(arguments: Sequence[str]) -> tuple[str, ...] | None:
    """The URLs and files that a command line names when it says nothing else: none for a demo. None when it says more.

    A password in a URL is more, because there is a warning of it.
    """
    if list(arguments) == ["demo"]:
        return ()
    rest = list(arguments[1:] if arguments[:1] == ["monitor"] else arguments)
    found: list[str] = []
    while rest:
        option, is_one, value = rest.pop(0).partition("=")
        if option not in _TARGET or (is_one and option == "-t") or not (is_one or rest):
            return None
        found.append(value if is_one else rest.pop(0))
    return tuple(found) if all(map(_is_plain, found)) else None


def _is_plain(word: str) -> bool:
    from aishell_core.documents.masking import has_written_secret
    from aishell_tui.config.command_line import looks_like_url

    return not word.startswith("-") and looks_like_url(word) and not has_written_secret(word)


def demo(*, args: Sequence[str], prog_name: str, standalone_mode: bool) -> int:
    """Open the demo with the defaults; takes what the command tree would take."""
    del args, prog_name, standalone_mode
    from aishell_tui.launch import run_demo
    from aishell_tui.options import DashboardOptions

    return run_demo(DashboardOptions())


def dashboard(words: Sequence[str], *, args: Sequence[str], prog_name: str, standalone_mode: bool) -> int:
    """Open the dashboard on databases with the defaults; takes what the command tree would take."""
    del args, prog_name, standalone_mode
    from aishell_tui.authority import authority_without_roles
    from aishell_tui.config.command_line import named_targets
    from aishell_tui.launch import require_terminal, run_dashboard
    from aishell_tui.options import DashboardOptions

    require_terminal()
    targets = named_targets(words, {}, Path.cwd())
    return run_dashboard(DashboardOptions(targets, authorise=partial(authority_without_roles, targets), rules=_rules))


def _rules() -> RuleSource:
    from aishell_tui.config.rule_source import rule_book_source

    return rule_book_source()
