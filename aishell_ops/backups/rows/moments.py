"""Moments that are told with more digits than an engine keeps; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from aishell_ops.backups.rows.fidelity import OrGone
from aishell_ops.backups.rows.model import Cell

_FINE = re.compile(r"\.(\d{6})(\d*[1-9]\d*)")
"""A fraction of a second that microseconds do not hold."""


def or_fine(doubt: Callable[[Cell], str]) -> Callable[[Cell], str]:
    """A doubt that is also one about moments and intervals with nanoseconds."""

    def doubted(value: Cell) -> str:
        return doubt(value) or ("nanoseconds become microseconds" if _FINE.search(str(value)) else "")

    return doubted


def or_cut(doubt: Callable[[Cell], str]) -> OrGone:
    """What takes the place of such a value: the same without its nanoseconds; NULL where the doubt itself is about it."""
    return OrGone(doubt, lambda value: _FINE.sub(r".\1", str(value)))


def without_zone(value: Cell) -> str:
    """An instant without the name of its zone."""
    return str(value).partition("[")[0]
