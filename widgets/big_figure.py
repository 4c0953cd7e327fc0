"""A figure in large digits that can be read across a room."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip
from typing_extensions import override

from aishell_core.values import Severity
from widgets.glyphs import Glyphs
from widgets.line_view import LineView
from widgets.palette import severity_role

_ROWS = 5
# Five rows a character, divided by slashes.
_SHAPES = {
    "0": "###/# #/# #/# #/###",
    "1": " # /## / # / # /###",
    "2": "###/  #/###/#  /###",
    "3": "###/  #/ ##/  #/###",
    "4": "# #/# #/###/  #/  #",
    "5": "###/#  /###/  #/###",
    "6": "###/#  /###/# #/###",
    "7": "###/  #/ # / # / # ",
    "8": "###/# #/###/# #/###",
    "9": "###/# #/###/  #/###",
    "k": "#  /# #/## /# #/# #",
    "M": "#   #/## ##/# # #/#   #/#   #",
    "G": " ###/#   /# ##/#  #/ ###",
    "T": "###/ # / # / # / # ",
    "B": "## /# #/## /# #/## ",
    "K": "# #/# #/## /# #/# #",
    "i": "#/ /#/#/#",
    "m": "     /     /#### /# # #/# # #",
    "s": "   / ##/#  / ##/## ",
    "h": "#  /#  /###/# #/# #",
    "d": "  #/  #/###/# #/###",
    "n": "   /   /## /# #/# #",
    "a": "   / ##/# #/# #/ ##",
    ".": " / / / /#",
    ",": "  /  /  / #/# ",
    ":": " /#/ /#/ ",
    "%": "#  #/  # / ## / #  /#  #",
    "/": "  #/  #/ # /#  /#  ",
    "-": "   /   /###/   /   ",
    "–": "   /   /###/   /   ",
    "+": "   / # /###/ # /   ",
    " ": "  /  /  /  /  ",
}


@dataclass(frozen=True, slots=True)
class BigFigureState:
    """A label, the value in large digits, a line of detail; a severity other than ok colours the value."""

    label: str
    value: str
    detail: str = ""
    severity: Severity = Severity.OK


class BigFigure(LineView):
    """Label, large value, detail, from the top; where the large value does not fit it is written small."""

    def __init__(self, state: BigFigureState | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._state = state

    def set_state(self, state: BigFigureState | None) -> None:
        """Show another figure; None is blank."""
        if state != self._state:
            self._state = state
            self.update_lines()

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The lines."""
        state = self._state
        if state is None:
            return []
        role = "bold" if state.severity is Severity.OK else severity_role(state.severity)
        large = large_text(state.value, self.glyphs, tall=height >= _ROWS + 1)
        if not large or len(large[0]) + 2 > width or len(large) + 1 > height:
            large = (state.value,)
        lines = [self.strip([(" ", "text"), (state.label, "label")], width)] if height > 1 else []
        lines += [self.strip([(" ", "text"), (line, role)], width) for line in large]
        if state.detail:
            lines.append(self.strip([(" ", "text"), (state.detail, "dim")], width))
        return lines


def large_text(text: str, glyphs: Glyphs, *, tall: bool = True) -> tuple[str, ...]:
    """The text in letters five rows high, or three with half blocks; nothing where a character has no large form."""
    if not text or any(character not in _SHAPES for character in text):
        return ()
    rows = [
        " ".join(parts)
        for parts in zip(*(_SHAPES[character].split("/") if character != "/" else _SLASH for character in text), strict=True)
    ]
    if tall or not glyphs.unicode:
        return tuple(row.replace("#", glyphs.column) for row in rows)
    rows.append(" " * len(rows[0]))
    return tuple("".join(_HALVES[pair] for pair in zip(rows[i], rows[i + 1], strict=True)) for i in range(0, _ROWS + 1, 2))


_SLASH = ["  #", "  #", " # ", "#  ", "#  "]
_HALVES = {(" ", " "): " ", ("#", " "): "▀", (" ", "#"): "▄", ("#", "#"): "█"}
