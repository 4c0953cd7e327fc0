"""Words of the command line that stand for one of a few choices."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from aishell_core.errors import UsageError

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
