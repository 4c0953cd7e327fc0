"""Views on their way through a staging database, in which their definers have no rights.

Where a definer may not read what its view reads, the server spells the view's columns with the name of the database that it is in, and
refuses views upon it. So a view has the rights of whoever asks it for as long as it is in a staging database, and is then as it was.
"""

from __future__ import annotations

import re

from aishell_core.engines.mysql_errors import quoted
from aishell_ops.backups.streams.contract import Writer

_LONGEST_LINE_BYTES = 1 << 16
"""Of those that are looked at, but for a view's own."""
_LONGEST_VIEW_BYTES = 16 << 20
_BEGINNING = b"/*!500"
_NAME = rb"`(?:[^`]|``)+`"
_SECURITY = re.compile(rb"^(?P<before>/\*!50013 DEFINER=.* SQL SECURITY )(?P<whose>DEFINER|INVOKER)(?P<after> \*/)$", re.MULTILINE)
_VIEW = re.compile(rb"^/\*!50001 VIEW (?P<name>" + _NAME + rb") AS .*$", re.MULTILINE)
_EITHER = re.compile(rb"^/\*!500(?:13 DEFINER=.* SQL SECURITY (?:DEFINER|INVOKER) \*/|01 VIEW " + _NAME + rb" AS .*)$", re.MULTILINE)
_WORD = re.compile(rb"'(?:[^'\\]|\\.|'')*'|" + _NAME + rb"(?:\." + _NAME + rb")*")


class ViewsByInvoker:
    """Lets a dump pass, its views with the rights of whoever asks; `definers` gathers the quoted names of those that it changed.

    Columns that the dump spells with the name of the database that was saved are spelled with that of the one it goes to.
    """

    def __init__(self, writer: Writer, saved: str, goal: str, definers: set[bytes]) -> None:
        self._writer = writer
        self._saved, self._goal = quoted(saved).encode(), quoted(goal).encode()
        self._definers = definers
        self._changed = False
        self._rest = b""
        self._within = False

    def write(self, data: bytes | memoryview) -> None:
        """Take a piece of the dump."""
        block = self._rest + bytes(data)
        cut = block.rfind(b"\n") + 1
        self._rest = block[cut:]
        if cut:
            self._lines(block[:cut])
        most = _LONGEST_VIEW_BYTES if not self._within and self._rest.startswith(_BEGINNING) else _LONGEST_LINE_BYTES
        if len(self._rest) > most:
            self._writer.write(self._rest)
            self._rest, self._within = b"", True

    def end(self) -> None:
        """What has no line's end comes last."""
        if self._rest:
            self._writer.write(self._rest)
        self._rest = b""

    def _lines(self, block: bytes) -> None:
        """Whole lines, of which the first may have begun before."""
        start = block.index(b"\n") + 1 if self._within else 0
        self._within = False
        self._writer.write(block[:start] + _EITHER.sub(self._line, block[start:]) if _BEGINNING in block else block)

    def _line(self, found: re.Match[bytes]) -> bytes:
        if (security := _SECURITY.match(found[0])) is not None:
            self._changed = security["whose"] == b"DEFINER"
            return security["before"] + b"INVOKER" + security["after"]
        view = _VIEW.match(found[0])
        if view is not None and self._changed:
            self._definers.add(view["name"])
        self._changed = False
        return respelled(found[0], self._saved, self._goal)


def respelled(view: bytes, saved: bytes, goal: bytes) -> bytes:
    """A view's text in which columns that are spelled with one database's quoted name are spelled with another's."""

    def word(found: re.Match[bytes]) -> bytes:
        parts = re.findall(_NAME, found[0]) if found[0].startswith(b"`") else []
        return b".".join([goal, *parts[1:]]) if len(parts) == 3 and parts[0] == saved else found[0]

    return _WORD.sub(word, view)


def by_definer(script: bytes, definers: set[bytes]) -> bytes:
    """Definitions of views of which these have the rights of their definers again."""

    def whole(found: re.Match[bytes]) -> bytes:
        whose = b"DEFINER" if found["name"] in definers else found["whose"]
        return found["before"] + whose + found["after"] + found["view"]

    return _DEFINED.sub(whole, script)


_DEFINED = re.compile(
    rb"^(?P<before>/\*!50013 DEFINER=.* SQL SECURITY )(?P<whose>DEFINER|INVOKER)(?P<after> \*/)(?P<view>\n/\*!50001 VIEW (?P<name>"
    + _NAME
    + rb") AS )",
    re.MULTILINE,
)
