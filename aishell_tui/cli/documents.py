"""aishell docs: the reference pages, made from the declarations themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import examples
from aishell_tui.cli.terminal import say

app = typer.Typer(
    help="Print the reference pages.\n\nThey are made from the declarations themselves.",
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog=examples("aishell docs json", "aishell docs metrics", "aishell docs build docs --check"),
)


@app.command("json", epilog=examples("aishell docs json"))
def json_page() -> int:
    """Every shape that --json prints: keys, types and meaning."""
    return _print("json.md")


@app.command("metrics", epilog=examples("aishell docs metrics"))
def metrics_page() -> int:
    """Every metric: unit, kind, engines, thresholds and meaning."""
    return _print("metrics.md")


@app.command("configuration", epilog=examples("aishell docs configuration"))
def configuration_page() -> int:
    """Every option of the configuration."""
    return _print("configuration.md")


@app.command("commands", epilog=examples("aishell docs commands"))
def commands_page() -> int:
    """Every command with its options and examples."""
    return _print("commands.md")


@app.command("build", epilog=examples("aishell docs build docs", "aishell docs build docs --check"))
def build(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the pages.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a page is not up to date.")] = False,
) -> int:
    """Write the reference pages into a folder.

    With --check nothing is written: the command fails when a page in the folder is not up to date.
    """
    from aishell_tui.cli.pages import all_pages

    stale = []
    for name, text in all_pages().items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if check and stale:
        raise UsageError(f"not up to date: {', '.join(stale)}", f"aishell docs build {folder}")
    say(f"{'wrote' if stale else 'up to date:'} {', '.join(stale or all_pages())}")
    return 0


def _print(name: str) -> int:
    from aishell_tui.cli.pages import all_pages

    say(all_pages()[name].rstrip())
    return 0
