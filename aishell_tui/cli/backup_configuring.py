"""aishell backup config: how backups are made and kept, shown, changed and checked before it is written."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import ConfigError, UsageError
from aishell_tui.cli.acting import YesOption, asked
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, configuration, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import note, printable, say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_tui.config.backup_saving import Values
    from aishell_tui.config.load import Configuration

_ACTIONS = ("show", "edit", "set", "get", "reset")


def register(app: typer.Typer) -> None:
    """Add the command to the group of backups."""
    app.command(
        "config",
        epilog=examples(
            "aishell backup config",
            "aishell backup config --set storage=s3://db-backups --set retention.daily=14",
            "aishell backup config --get retention",
            "aishell backup config edit",
            "aishell backup config --reset --yes",
        ),
    )(config_)


def config_(
    context: typer.Context,
    action: Annotated[
        str, typer.Argument(metavar="[ACTION]", help="show, edit, set KEY=VALUE, get KEY, or reset.", show_default=False)
    ] = "",
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="What to set or get.", show_default=False)] = None,
    show: Annotated[bool, typer.Option("--show", help="Print what is in force, and where it comes from.")] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $VISUAL or $EDITOR.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a value; may be given several times.", show_default=False),
    ] = None,
    get: Annotated[str, typer.Option("--get", metavar="KEY", help="Print one value that is in force.", show_default=False)] = "",
    reset: Annotated[bool, typer.Option("--reset", help="Take out all values, or those named, so that defaults hold.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Show or change how backups are made and kept.

    What is set is written into your own backup.yml, or into the file that --config names: whole or not at all, after it was
    checked, with everything else in the file as it was. Values are written as in YAML. Secrets are named by where they come
    from and never shown.
    """
    what, rest = _wanted(action, list(words or ()), show=show, edit=edit, assignments=set_ or [], key=get, reset=reset)
    chosen = choice(context, config).config
    if what == "edit":
        return _edit(_file(chosen))
    if what == "set":
        return _set(_file(chosen), rest, json=json)
    if what == "reset":
        return _reset(_file(chosen), rest, yes=yes)
    loaded = configuration(choice(context, config))
    return _get(loaded, rest[0], json=json) if what == "get" else _show(loaded, json=json)


def _wanted(
    action: str, words: list[str], *, show: bool, edit: bool, assignments: list[str], key: str, reset: bool
) -> tuple[str, list[str]]:
    """What is to be done, and with what; raises UsageError where that is not one thing."""
    if action and action not in _ACTIONS:
        from aishell_core.documents.problems import nearest

        raise UsageError(f"there is no action {action!r}", nearest(action, _ACTIONS))
    given = {"show": show, "edit": edit, "set": bool(assignments), "get": bool(key), "reset": reset}
    found = list(dict.fromkeys([*([action] if action else []), *(name for name, on in given.items() if on)]))
    if len(found) > 1:
        raise UsageError(f"{' and '.join(found)} do not go together", "give one of them")
    what, rest = (found or ["show"])[0], [*assignments, *([key] if key else []), *words]
    if what in {"show", "edit"} and rest:
        raise UsageError(f"{what} takes no word, and {rest[0]} was given", f"aishell backup config {what}")
    if (what == "set" and not rest) or (what == "get" and len(rest) != 1):
        raise UsageError(
            f"{what} wants {'KEY=VALUE' if what == 'set' else 'one KEY'}",
            f"aishell backup config {what} retention{'=30d' * (what == 'set')}",
        )
    return what, rest


def _file(chosen: Path | None) -> Path:
    """The file that is changed: the one that was named, else the user's own about backups."""
    from aishell_tui.config.locate import named_file
    from aishell_tui.places import find_places

    return named_file(Path.cwd(), chosen, os.environ) or find_places().backup_file


def _show(loaded: Configuration, *, json: bool) -> int:
    from aishell_tui.cli.reports.configuration import effective_report, effective_text
    from aishell_tui.config.backup_values import backup_values

    values = backup_values(loaded, os.environ)
    say(to_json(effective_report(values, loaded.files)) if json else effective_text(values, origin=True))
    return 0


def _get(loaded: Configuration, key: str, *, json: bool) -> int:
    from aishell_tui.cli.reports.configuration import effective_report
    from aishell_tui.config.backup_values import value_of
    from aishell_tui.config.schema import yaml_value

    found = value_of(loaded, key, os.environ)
    say(to_json(effective_report((found,), loaded.files)) if json else printable(yaml_value(found.value)))
    return 0


def _set(path: Path, assignments: Iterable[str], *, json: bool) -> int:
    from aishell_tui.config.backup_saving import assigned, change_section, read_assignment
    from aishell_tui.config.backup_values import overruled, replaced_default

    wanted = [read_assignment(text) for text in assignments]
    rules: set[str] = set()

    def change(values: Values) -> Values:
        after = reduce(lambda so_far, one: assigned(so_far, *one), wanted, values)
        given = after.get("retention")
        rules.update(given if isinstance(given, dict) else ("within",))
        return after

    changed = change_section(path, change, os.environ)
    if json:
        from aishell_tui.cli.backup_shapes import BackupConfigured

        say(to_json(BackupConfigured(str(path), tuple(".".join(keys) for keys, _ in wanted), changed)))
    else:
        say(printable(f"wrote {path}" if changed else f"{path} says so already"))
    if any(keys[0] == "retention" for keys, _ in wanted) and (lacking := replaced_default(rules)):
        note(f"mind: rules that are given replace the default, so that {lacking} does not hold any more; set that too if it is to")
    for keys, _ in wanted:
        if told := overruled(keys[0], os.environ):
            note(f"aishell: {told}")
    return 0


def _reset(path: Path, names: list[str], *, yes: bool) -> int:
    from aishell_tui.config.backup_saving import change_section, key_parts, without

    keys = [key_parts(name) for name in names]
    what = ", ".join(".".join(each) for each in keys) or "all that it says of how backups are made and kept"
    if not yes and asked(f"take {what} out of {path}? [y/N] ").lower() not in {"y", "yes"}:
        raise UsageError("nothing was reset: that was not answered with yes", "--yes answers it in scripts")

    def change(values: Values) -> Values:
        return reduce(without, keys, values) if keys else {}

    changed = change_section(path, change, os.environ)
    say(printable(f"wrote {path}: the defaults hold again" if changed else f"{path} says nothing of that"))
    return 0


def _edit(path: Path) -> int:
    """Let somebody edit a copy, and take its place only once it is right."""
    from aishell_core.documents.problems import InvalidConfigError
    from aishell_tui.config.backup_saving import file_text, replace_text
    from aishell_tui.config.starter import backup_starter_text

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    if not editor.strip():
        raise UsageError("no editor is named", f"export EDITOR=vi, or open {path} yourself")
    before = file_text(path)
    with tempfile.TemporaryDirectory(prefix="aishell-") as folder:
        copy = Path(folder) / path.name
        copy.write_text(before or backup_starter_text(), encoding="utf-8")
        while True:
            _open_editor(editor, copy)
            text = file_text(copy)
            if text in {before, backup_starter_text()}:
                say(printable(f"nothing was changed in {path}"))
                return 0
            try:
                replace_text(path, before, text, os.environ)
            except InvalidConfigError as error:
                if not _is_asked():
                    raise
                for line in "\n".join(map(str, error.problems)).splitlines():
                    note(printable(line))
                if asked("nothing was written; edit it again? [Y/n] ").lower() not in {"", "y", "yes"}:
                    raise
                continue
            say(printable(f"wrote {path}"))
            return 0


def _open_editor(editor: str, path: Path) -> None:
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the editor {editor!r} cannot be run: {error}", "export EDITOR=vi") from error
    if done.returncode:
        raise ConfigError(f"the editor {editor!r} ended with {done.returncode}", "nothing was written")


def _is_asked() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
