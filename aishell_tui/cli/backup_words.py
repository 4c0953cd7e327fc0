"""Words of the command line that stand for one of a few choices."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from aishell_core.errors import UsageError

if TYPE_CHECKING:
    from aishell_ops.backups.layout import Line
    from aishell_tui.config.load import Configuration

Word = TypeVar("Word", bound=StrEnum)


def word_of(kind: type[Word], text: str, option: str) -> Word | None:
    """The choice that a word stands for, None for no word; raises UsageError naming the nearest one."""
    if not text:
        return None
    words = [member.value for member in kind]
    if text.lower() in words:
        return kind(text.lower())
    near = get_close_matches(text.lower(), words, 1, 0.5)
    guess = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"{option} {text}: there is no such choice", f"{guess}valid: {', '.join(words)}")


def expect_names(names: Iterable[str], loaded: Configuration, found: Iterable[Line]) -> None:
    """Whether names are those of targets, configured ones or such as backups are of: backups outlive the configuration.

    Raises UsageError naming the nearest one, and the targets where a name is that of their database.
    """
    from aishell_tui.config.command_line import unknown_name

    lines = tuple(found)
    known = list(dict.fromkeys([*(target.spec.name for target in loaded.targets), *(line.target for line in lines)]))
    for name in names:
        if name in known:
            continue
        unknown = unknown_name(name, known)
        if owners := dict.fromkeys(line.target for line in lines if line.database == name):
            raise UsageError(unknown.message, f"a database of that name is saved of {', '.join(owners)}: name the target")
        raise unknown
