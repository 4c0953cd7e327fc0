"""Patterns on labels that no text can make slow: what backtracks without bound is refused before it is compiled."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from math import comb

LONGEST_PATTERN = 200
LONGEST_VALUE = 300
"""Characters of a label that a pattern looks at."""

_MOST_WAYS = 10_000_000
"""So many ways to match may be tried at worst: a tenth of a second, once for each series."""

_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\(|\)|\||[*+?]|\{\d*,?\d*\}|.", re.DOTALL)


class PatternError(ValueError):
    """A pattern that is none, or that might take long; the message says why."""


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> re.Pattern[str]:
    """A pattern for `fullmatch`; raises PatternError for one that is wrong, too long, or could take longer than a label is long.

    A group that holds a repetition or alternatives may not be repeated, and the number of repetitions is limited by how
    many ways there could be to match a label with them.
    """
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"the pattern is longer than {LONGEST_PATTERN} characters")
    _refuse_slow(text)
    try:
        with warnings.catch_warnings():
            # What a later Python reads in another way is no pattern to rely on, and nothing may be printed over a screen.
            warnings.simplefilter("error", FutureWarning)
            return re.compile(text)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise PatternError(f"the pattern cannot be read: {error}") from None


def matches_whole(pattern: str, value: str) -> bool:
    """Whether a pattern matches the whole value; raises PatternError for a bad one."""
    return compile_pattern(pattern).fullmatch(value[:LONGEST_VALUE]) is not None


def _refuse_slow(text: str) -> None:
    # Whether each open group holds a repetition or alternatives; the first is the whole pattern.
    branching, closed, repeats, options, alternatives = [False], False, 0, 0, 1
    for piece in _PIECE.findall(text):
        was_group, closed = closed, False
        if piece in {"(", "(?:"}:
            branching.append(False)
        elif piece == ")" and len(branching) > 1:
            closed = branching.pop()
            branching[-1] = branching[-1] or closed
        elif piece == "|":
            branching[-1] = True
            alternatives += 1
        elif piece in {"*", "+", "?"} or (piece.startswith("{") and len(piece) > 1):
            if was_group and piece != "?":
                raise PatternError("a group with a repetition or alternatives in it may not be repeated")
            branching[-1] = True
            repeats += piece != "?"
            options += piece == "?"
        elif piece.startswith("\\") and (piece[1:].isdigit() or piece[1:] == "g"):
            raise PatternError("a pattern may not refer to its own groups")
    if "(?" in text.replace("(?:", ""):
        raise PatternError("of the groups that begin with (? only (?: is allowed")
    if comb(LONGEST_VALUE + repeats, repeats) * 2**options * alternatives > _MOST_WAYS:
        raise PatternError("the pattern has more repetitions than may be tried")
