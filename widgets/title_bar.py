"""The first line of every screen."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip
from typing_extensions import override

from aishell_core.values import Severity
from widgets.glyphs import Glyphs
from widgets.line_view import LineView
from widgets.lines import Span, Spans, make_strip, spans_width
from widgets.palette import severity_role


@dataclass(frozen=True, slots=True)
class TitleState:
    """What the title bar says.

    `counts` are the targets by severity, `place` is where we are, `state` how that is, `alerts` how many alerts fire, `detail`
    further words, `moment` the time that is looked at when it is not now, `clock` and `interval` stand at the right end.
    """

    place: str = ""
    counts: tuple[tuple[Severity, int], ...] = ()
    detail: Spans = ()
    alerts: Spans = ()
    read_only: bool = False
    paused: bool = False
    moment: str = ""
    clock: str = ""
    interval: str = ""
    state: Spans = ()


class TitleBar(LineView):
    """One line: name, place, counts, badges, and at the right the clock; what does not fit goes from the middle."""

    DEFAULT_CSS = """
    TitleBar { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._state = TitleState()

    def set_state(self, state: TitleState) -> None:
        """Say something else."""
        if state != self._state:
            self._state = state
            self.update_lines()

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        glyphs = self.glyphs
        right = self.harmless(_right(self._state, glyphs))
        sections = [self.harmless(section) for section in _sections(self._state, glyphs)]
        badges = self.harmless(_badges(self._state, glyphs))
        room = width - spans_width(right) - spans_width(badges) - 2
        left: list[Span] = [(" ", "text"), ("aishell", "title")]
        used = spans_width(left)
        for section in sections:
            if used + spans_width(section) + 2 <= room:
                left += [(f" {glyphs.divider}", "dim"), *section]
                used += spans_width(section) + 2
        if badges:
            left += [(" ", "text"), *badges]
        fill = width - spans_width(left) - spans_width(right)
        return [make_strip([*left, (" " * max(fill, 1), "text"), *right], width, self.palette.bar)]


def _sections(state: TitleState, glyphs: Glyphs) -> list[Spans]:
    """The parts between the dividers; the first ones are kept longest."""
    sections: list[Spans] = []
    if state.place:
        sections.append(((state.place, "bold"),))
    counts: list[Span] = []
    for severity, count in state.counts:
        if count:
            counts.append((f"{' ' if counts else ''}{glyphs.severity(severity)} {count}", severity_role(severity)))
    if counts:
        sections.append(tuple(counts))
    sections += [part for part in (state.state, state.alerts, state.detail) if part]
    return sections


def _badges(state: TitleState, glyphs: Glyphs) -> list[Span]:
    badges: list[Span] = []
    if state.read_only:
        badges += [("[RO]", "badge"), (" ", "text")]
    if state.moment:
        badges += [(f" {glyphs.left} {state.moment} ", "banner"), (" ", "text")]
    if state.paused:
        badges += [(f" {glyphs.paused} PAUSED ", "banner"), (" ", "text")]
    return badges


def _right(state: TitleState, glyphs: Glyphs) -> list[Span]:
    spans: list[Span] = [(state.clock, "text")]
    if state.interval:
        spans.append((f" {glyphs.refresh}{state.interval}", "dim"))
    return [*spans, (" ", "text")]
