"""Whether a pattern of a condition leaves no text out; pure."""

from __future__ import annotations

import re
import warnings

_SAMPLES = ("k", "Zq 7", "#é_x")
"""Texts that have nothing in common: a pattern that finds something in each of them is as good as none."""
_LONGEST = 200
_COUNTED = re.compile(r"\{(?!\d{1,2}(?:,\d{0,2})?\})")
_MOST_COUNTED = 3
_JOKERS = {"like": "%_", "glob": "*?", "similar": "%_*+()|"}


def finds_everything(pattern: str) -> bool:
    """Whether a regular expression finds something in every text; in doubt it does.

    It is tried on a few short texts, whatever way it is written in. One that could keep the search busy is not tried.
    """
    if len(pattern) > _LONGEST or _COUNTED.search(pattern) or pattern.count("{") > _MOST_COUNTED:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tried = re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        # Another dialect of them, such as [[:alpha:]]: most say what is wanted.
        return not any(character.isalnum() for character in pattern)
    return all(tried.search(sample) is not None for sample in _SAMPLES)


def fits_everything(pattern: str, dialect: str) -> bool:
    """Whether a pattern of LIKE ("like"), GLOB ("glob") or SIMILAR TO ("similar") consists of jokers alone, one of them for any length."""
    return bool(pattern) and set(pattern) <= set(_JOKERS[dialect]) and _JOKERS[dialect][0] in pattern
