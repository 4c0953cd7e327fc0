"""Locks in words, and the lines of the lock tree, in as few cells as there are. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aishell_core.lock_holders import PREPARED
from aishell_core.values import LockWait
from aishell_tui.lock_tree import LockTree, TreeRow
from widgets.glyphs import Glyphs

LEVEL_CELLS = 2
NAME_CELLS = 17
"""Cells that an id always keeps: enough for an operation of one of several shards."""

_LEAST_CUT = 5
_MODES = (("Lock", ""), ("Exclusive", "Excl"), ("Update", "Upd"))
# What a server says in full; the name of the table is what matters, and its schema where it is not the usual one.
_OBJECTS = (
    (re.compile(r"relation (?:public\.)?(?P<name>.+)"), "{name}"),
    (re.compile(r"row \(\d+,\d+\) of (?:public\.)?(?P<name>.+)"), "{name} row"),
    (re.compile(r"transaction \d+, a row of (?:public\.)?(?P<name>.+)"), "{name} row"),
)


def short_mode(mode: str) -> str:
    """A lock's mode in few cells: AccessExcl for AccessExclusiveLock."""
    for long, short in _MODES:
        mode = mode.replace(long, short)
    return mode


def short_object(text: str) -> str:
    """What is locked in few cells: `orders row` for `row (0,1) of public.orders`; other words stay as they are."""
    for pattern, form in _OBJECTS:
        match = pattern.fullmatch(text)
        if match is not None:
            return form.format(name=match["name"])
    return text


def lock_text(wait: LockWait) -> str:
    """What somebody waits for, and how he wants it."""
    return f"{short_object(wait.object)} {short_mode(wait.mode)}".strip()


def held_text(holds: Sequence[LockWait]) -> str:
    """What somebody has that others want; empty where nobody wants anything."""
    held = [each for each in holds if each.held_mode] or list(holds)
    wanted = dict.fromkeys(f"{short_object(each.object)} {short_mode(each.held_mode)}".strip() for each in held)
    if not wanted:
        return ""
    more = f" +{len(wanted) - 1}" if len(wanted) > 1 else ""
    return f"holds {next(iter(wanted))}{more}"


def name_text(row_id: str) -> str:
    """An id, or a word where there is none."""
    return {PREPARED: "prepared", "": "unknown"}.get(row_id, row_id)


def short_name(name: str, cells: int) -> str:
    """An id in at most so many cells; of a longer one both ends, because many begin alike."""
    if len(name) <= cells or cells < _LEAST_CUT:
        return name
    ahead = cells // 2
    return f"{name[:ahead]}…{name[len(name) - (cells - ahead - 1) :]}"


def queue_text(row: TreeRow) -> str:
    """How many stand below a row, and, after a +, those that wait behind it too but stand under another; empty for none."""
    return (f"{row.behind}" if row.behind else "") + (f"+{row.elsewhere}" if row.elsewhere else "")


def tree_cells(tree: LockTree) -> int:
    """The cells that branches and ids take."""
    return max((LEVEL_CELLS * row.depth + len(name_text(row.id)) for row in tree.rows), default=0)


def branch_text(row: TreeRow, cells: int, glyphs: Glyphs) -> str:
    """The lines in front of a row's id, so that it keeps the cells that it needs: of a deep one its depth and its last levels."""
    if not row.depth:
        return ""
    sign = f"{glyphs.last_branch if row.lasts[-1] else glyphs.branch} "
    room, front = (cells - min(len(name_text(row.id)), NAME_CELLS)) // LEVEL_CELLS, ""
    above = row.lasts[:-1]
    if row.depth > min(room, len(row.lasts)):
        front = f"{glyphs.left}{row.depth}{glyphs.right}"
        left = max(0, room - 1 - (len(front) + 1) // LEVEL_CELLS)
        above = above[-left:] if left else ()
    return front + "".join("  " if last else f"{glyphs.trunk} " for last in above) + sign
