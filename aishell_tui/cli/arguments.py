"""The options that commands share, each declared once, and how their values come together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from aishell_core.errors import AishellError, UsageError

if TYPE_CHECKING:
    # Reading the configuration costs a tenth of a second, which --help and --version need not pay.
    from aishell_core.documents.problems import Problem
    from aishell_core.targets import Target
    from aishell_ops.backups.storage.opening import OpenStorage
    from aishell_tui.config.load import Configuration

ADD_ONE = "name one with --target sqlite:///path/to/app.db, or keep it with: aishell connect URL --save NAME"


def examples(*lines: str) -> str:
    """The examples at the end of a command's help; the mark keeps their lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def complete_target(incomplete: str) -> list[str]:
    """The configured names that begin with a word, for the shell; a broken configuration completes nothing."""
    from aishell_tui.config.load import load_config

    try:
        return [loaded.spec.name for loaded in load_config().targets if loaded.spec.name.startswith(incomplete)]
    except AishellError:
        return []


ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Read this configuration file alone.", show_default=False)
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        metavar="URL|NAME",
        help="A database to read: a URL, a file, or a configured name; may be given several times.",
        show_default=False,
        autocompletion=complete_target,
    ),
]
DatabaseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--database",
        "-d",
        metavar="NAME",
        help="A configured database, by name; may be given several times.",
        show_default=False,
        autocompletion=complete_target,
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="All configured databases, which is also what no choice means.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; errors too, on standard error.")]
WindowOption = Annotated[str, typer.Option("--window", metavar="TIME", help="Time between the two looks that rates are computed from.")]


ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="Do nothing but read, whatever the role: every act is refused.")]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which configuration and which targets were asked for, before or after the command's name.

    A program that calls the commands may hand one to them as the context's object. `opens` then opens the storages of backups.
    """

    config: Path | None = None
    targets: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    all: bool = False
    json: bool = False
    read_only: bool = False
    opens: OpenStorage | None = None

    def also(self, other: Choice) -> Choice:
        """Both choices together; the later configuration file wins."""
        return Choice(
            other.config or self.config,
            (*self.targets, *other.targets),
            (*self.databases, *other.databases),
            self.all or other.all,
            self.json or other.json,
            self.read_only or other.read_only,
            other.opens or self.opens,
        )


def choice(
    context: typer.Context,
    config: Path | None = None,
    targets: list[str] | None = None,
    databases: list[str] | None = None,
    everything: bool = False,
) -> Choice:
    """What a command's own options and those before its name ask for together; raises UsageError for a contradiction."""
    root = context.obj if isinstance(context.obj, Choice) else Choice()
    json, read_only = bool(context.params.get("json")), bool(context.params.get("read_only"))
    together = root.also(Choice(config, tuple(targets or ()), tuple(databases or ()), everything, json, read_only))
    if together.all and (together.targets or together.databases):
        raise UsageError("--all and a single database contradict each other", "leave one of them out")
    return together


def configuration(chosen: Choice, options: Mapping[tuple[str, str], str | bool] | None = None) -> Configuration:
    """The effective configuration; `tell_warnings` says what should be looked at in it."""
    from aishell_tui.config.load import load_config

    found: dict[tuple[str, str], str | bool] = {**(options or {})}
    if chosen.read_only:
        found["dashboard", "read_only"] = True
    return load_config(chosen.config, options=cast("Mapping[tuple[str, str], str | bool]", found))


def tell_warnings(chosen: Choice, loaded: Configuration) -> None:
    """Say on standard error what should be looked at; called when nothing can fail any more, so that an error stands alone."""
    from aishell_core.documents.masking import has_written_secret

    tell_problems(chosen, loaded.warnings)
    if any(has_written_secret(word) for word in chosen.targets):
        message = "a password on the command line is seen by everybody on this machine who lists processes"
        tell_warning(chosen, message, "save the target with: aishell connect URL --save NAME, or name it in the configuration")


def tell_warning(chosen: Choice, message: str, hint: str) -> None:
    """Say on standard error what should be looked at in what was asked for."""
    _warn(chosen, message + (f"\n    hint: {hint}" if hint else ""), message, hint)


def tell_problems(chosen: Choice, problems: Iterable[Problem]) -> None:
    """Say on standard error what is wrong and kept nothing from being done."""
    for problem in problems:
        _warn(chosen, str(problem), problem.line_text, problem.hint)


def _warn(chosen: Choice, text: str, message: str, hint: str) -> None:
    from aishell_tui.cli.encode import to_json_line
    from aishell_tui.cli.shapes import WarningBody, WarningReport
    from aishell_tui.cli.terminal import note

    note(to_json_line(WarningReport(WarningBody(message, hint))) if chosen.json else f"aishell: warning: {text}")


def selected(chosen: Choice, loaded: Configuration, *, needed: bool = True) -> tuple[Target, ...]:
    """The targets that were asked for, else all configured ones; raises UsageError when there is none at all."""
    from aishell_tui.config.command_line import unknown_name
    from aishell_tui.config.targets import chosen_targets

    names = tuple(target.spec.name for target in loaded.targets)
    for name in chosen.databases:
        if name not in names:
            raise unknown_name(name, names)
    found = chosen_targets(loaded, (*chosen.targets, *chosen.databases))
    if needed and not found:
        raise UsageError("no database is configured", ADD_ONE)
    return found
