"""The plan of a statement as a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from typing_extensions import override

from aishell_core.units import format_count, format_duration
from aishell_core.values import PlanNode
from widgets.format import clean, wrap
from widgets.glyphs import UNICODE, Glyphs
from widgets.heading import Heading
from widgets.lines import Span, Spans, fit_spans, spans_width
from widgets.palette import Role
from widgets.text_view import TextView

_FIGURE_CELLS = 9
_SHARE_CELLS = 7
_NOTE_ROWS = 2


class PlanTree(TextView):
    """A tree of plan steps; costly steps are marked and the reason stands under them in words."""

    def __init__(
        self,
        plan: Sequence[PlanNode] = (),
        *,
        heading: Heading | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__((), heading=heading, id=id, classes=classes)
        self._plan = tuple(plan)
        self._words: Span = ("", "text")
        self._remark: Span = ("", "text")

    def say(self, text: str, role: Role = "text") -> None:
        """Show a text over as many lines as it needs in place of a plan."""
        if (text, role) != self._words or self._plan or self._remark[0]:
            self._words, self._plan, self._first = (text, role), (), 0
            self._remark = ("", "text")
            self.update_lines()

    def set_plan(self, plan: Sequence[PlanNode]) -> None:
        """Show another plan from its first step."""
        if tuple(plan) != self._plan or self._remark[0]:
            self._words = self._remark = ("", "text")
            self._plan = tuple(plan)
            self._first = 0
            self.update_lines()

    def remark(self, text: str, role: Role = "text") -> None:
        """Say something above the plan, which stays; gone with the next plan."""
        if (text, role) != self._remark:
            self._remark, self._first = (text, role), 0
            self.update_lines()

    @override
    def content(self, width: int) -> Sequence[Spans]:
        """The tree, or what is said instead, for a width."""
        if self._words[0]:
            return [*_wrapped(self._remark, width), *_wrapped(self._words, width)]
        return [*_wrapped(self._remark, width), *plan_lines(self._plan, width, self.glyphs if self.is_attached else UNICODE)]


def _wrapped(words: Span, width: int) -> list[Spans]:
    text, role = words
    return [((" ", "text"), (line, role)) for part in text.split("\n") for line in wrap(part, max(20, width - 2))] if text else []


@dataclass(frozen=True, slots=True)
class _Figure:
    """One column beside the tree: its title, its cells, and what a step has to say in it."""

    title: str
    cells: int
    text: Callable[[PlanNode], str | None]


def _counted(value: float | None) -> str | None:
    return None if value is None else format_count(value)


_FIGURES: tuple[_Figure, ...] = (
    _Figure("cost", _FIGURE_CELLS, lambda node: _counted(node.cost)),
    _Figure("rows", _FIGURE_CELLS, lambda node: _counted(node.rows)),
    _Figure("actual", _FIGURE_CELLS, lambda node: _counted(node.actual_rows)),
    _Figure(
        "time", _FIGURE_CELLS, lambda node: None if node.actual_milliseconds is None else format_duration(node.actual_milliseconds / 1000)
    ),
    _Figure("share", _SHARE_CELLS, lambda node: None if node.share is None else f"{node.share * 100:.0f}%"),
)


def plan_lines(plan: Sequence[PlanNode], width: int, glyphs: Glyphs) -> tuple[Spans, ...]:
    """The lines of a plan; a column of figures is there only where a step has them."""
    figures = tuple(figure for figure in _FIGURES if any(_has(node, figure) for node in plan))
    lines: list[Spans] = []
    if figures:
        head: list[Span] = [("".join(figure.title.rjust(figure.cells) for figure in figures) + " ", "header")]
        lines.append((*fit_spans([(" ", "header")], width - spans_width(head), glyphs.ellipsis), *head))
    for node in plan:
        _add(lines, node, " ", "", width, glyphs, figures)
    return tuple(lines)


def _has(node: PlanNode, figure: _Figure) -> bool:
    return figure.text(node) is not None or any(_has(child, figure) for child in node.children)


def _add(lines: list[Spans], node: PlanNode, before: str, sign: str, width: int, glyphs: Glyphs, figures: tuple[_Figure, ...]) -> None:
    left: list[Span] = [(before + sign, "dim"), (clean(node.text), "critical" if node.costly else "text")]
    if node.costly:
        left.append((f" {glyphs.costly}", "critical"))
    if figures:
        right = "".join((figure.text(node) or glyphs.dash).rjust(figure.cells) for figure in figures) + " "
        left = [*fit_spans(left, width - len(right), glyphs.ellipsis), (right, "text")]
    lines.append(tuple(left))
    below = before + {"": "", f"{glyphs.branch} ": f"{glyphs.trunk} "}.get(sign, "  ")
    if node.note:
        stem = f"{below}{glyphs.trunk} " if node.children else f"{below}  "
        role: Role = "warning" if node.costly else "label"
        lines += [((stem, "dim"), (text, role)) for text in wrap(clean(node.note), max(20, width - len(stem) - 1))[:_NOTE_ROWS]]
    for index, child in enumerate(node.children):
        last = index == len(node.children) - 1
        _add(lines, child, below, f"{glyphs.last_branch if last else glyphs.branch} ", width, glyphs, figures)
