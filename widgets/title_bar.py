"""The first line of every screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.strip import Strip
from typing_extensions import override

from aishell_core.values import Severity
from widgets.glyphs import Glyphs
from widgets.line_view import LineView
from widgets.lines import Span, Spans, fit_spans, make_strip, spans_width
from widgets.palette import severity_role

_LEAST_PLACE = 16
_BETWEEN = 2
"""Columns that stand before each part: a blank and the divider."""


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
    """One line: name, place, counts, badges, and at the right the clock.

    Where not all fits, the details go one by one from the first on; where not even the last one fits, a long place is cut.
    """

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
        badges = self.harmless(_badges(self._state, glyphs))
        room = width - spans_width(right) - spans_width(badges) - 2
        left: list[Span] = [(" ", "text"), ("aishell", "title")]
        used = spans_width(left)
        for section in self._sections(room - used, max(_LEAST_PLACE, width // 3)):
            if used + spans_width(section) + _BETWEEN <= room:
                left += [(f" {glyphs.divider}", "dim"), *section]
                used += spans_width(section) + _BETWEEN
        if badges:
            left += [(" ", "text"), *badges]
        fill = width - spans_width(left) - spans_width(right)
        return [make_strip([*left, (" " * max(fill, 1), "text"), *right], width, self.palette.bar)]

    def _sections(self, room: int, least_place: int) -> list[Spans]:
        """The parts between the dividers, as much of them as there is room for; a place that is cut keeps so many columns."""
        state = self._state
        details = [_behind(state.detail, first) for first in range(len(state.detail))] or [()]
        for detail in details:
            sections = self._harmless_sections(replace(state, detail=detail))
            if _room_for(sections) <= room:
                return sections
        shortest = replace(state, detail=details[-1])
        (place, *rest) = self._harmless_sections(shortest) or [()]
        if not state.place or spans_width(place) <= least_place:
            return [place, *rest]
        if state.detail and least_place + _BETWEEN + _room_for(rest) > room:
            rest = rest[:-1]
        return [_cut(place, max(least_place, room - _room_for(rest) - _BETWEEN), self.glyphs.ellipsis), *rest]

    def _harmless_sections(self, state: TitleState) -> list[Spans]:
        return [tuple(self.harmless(section)) for section in _sections(state, self.glyphs)]


def _behind(detail: Spans, first: int) -> Spans:
    """The details from one on, without the blank that parts it from those before."""
    (text, role), *rest = detail[first:]
    return ((text.lstrip(), role), *rest)


def _room_for(sections: list[Spans]) -> int:
    return sum(spans_width(section) + _BETWEEN for section in sections)


def _cut(place: Spans, width: int, ellipsis: str) -> Spans:
    return tuple(fit_spans(place, width, ellipsis)) if spans_width(place) > width else place


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
