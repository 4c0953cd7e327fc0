"""The last line of every screen: the keys that are valid now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from widgets.format import cell_width
from widgets.line_view import LineView
from widgets.lines import Span


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key as it is written for people, and what it does in a word; `action` is posted when it is clicked."""

    key: str
    label: str
    action: str = ""


class KeyBar(LineView):
    """One line of keys and words; those that do not fit are left out whole, the last one (help) is always kept."""

    DEFAULT_CSS = """
    KeyBar { height: 1; }
    """

    @dataclass
    class Pressed(Message):
        """A hint was clicked."""

        hint: KeyHint

    def __init__(self, hints: Sequence[KeyHint] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._hints = tuple(hints)
        self._places: list[tuple[int, int, KeyHint]] = []

    def set_hints(self, hints: Sequence[KeyHint]) -> None:
        """Show other keys, the most useful first, help last."""
        if tuple(hints) != self._hints:
            self._hints = tuple(hints)
            self.update_lines()

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        spans: list[Span] = [(" ", "text")]
        self._places = []
        at = 1
        for hint in fitting_hints(self._hints, width - 1):
            spans += [(hint.key, "key"), (f" {hint.label}", "key_label"), ("  ", "text")]
            self._places.append((at, at + _cells(hint) - 2, hint))
            at += _cells(hint)
        return [self.strip(spans, max(width, at), "bar").crop(0, width)]

    def on_click(self, event: events.Click) -> None:
        """Act as if the key under the mouse had been pressed."""
        for start, end, hint in self._places:
            if start <= event.x < end:
                self.post_message(self.Pressed(hint))


def fitting_hints(hints: Sequence[KeyHint], width: int) -> tuple[KeyHint, ...]:
    """The first hints that fit into the width, and always the last one."""
    if not hints:
        return ()
    room = width - _cells(hints[-1])
    kept: list[KeyHint] = []
    for hint in hints[:-1]:
        room -= _cells(hint)
        if room < 0:
            break
        kept.append(hint)
    return (*kept, hints[-1])


def _cells(hint: KeyHint) -> int:
    return cell_width(hint.key) + cell_width(hint.label) + 3
