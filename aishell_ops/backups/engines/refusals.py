"""What programs say that go on after an error: each statement that the server did not take, in their own words."""

from __future__ import annotations

import re

from aishell_ops.backups.comparison import Difference

_MOST_TOLD = 50
_LONGEST_SIGNS = 400


class Refusals:
    """Gathers what a program says of a part while it goes on.

    `begins` is how the first line of an error looks, `other` how one looks that belongs to no error before it.
    """

    def __init__(self, part: str, begins: str, other: str = "$") -> None:
        self._part = part
        self._begins, self._other = re.compile(begins), re.compile(other)
        self._within = False
        self._told: list[str] = []
        self._count = 0
        self._rest = b""

    def hear(self, piece: bytes) -> None:
        """The next bytes of what it says."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace").strip())

    def _line(self, line: str) -> None:
        if self._begins.match(line):
            self._count += 1
            self._within = self._count <= _MOST_TOLD
            if self._within:
                self._told.append(line)
        elif self._other.match(line):
            self._within = False
        elif self._within and len(self._told[-1]) < _LONGEST_SIGNS:
            # A message may quote a statement of several lines.
            self._told[-1] += f" / {line}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        """One for each error, and one for those that are too many to be told."""
        if self._rest:
            self.hear(b"\n")
        found = [Difference(self._part, f"was not taken whole: {_cut(words)}") for words in self._told]
        if more := self._count - len(self._told):
            found.append(Difference(self._part, f"was not taken whole: {more} more errors like these"))
        return tuple(found)


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST_SIGNS else f"{words[:_LONGEST_SIGNS]}..."
