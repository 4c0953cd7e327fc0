"""The plan of a statement as a tree."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from aishell_core.units import format_count
from aishell_core.values import PlanNode
from widgets.glyphs import UNICODE, Glyphs
from widgets.heading import Heading
from widgets.lines import Span, Spans, fit_spans, spans_width
from widgets.text_view import TextView

_FIGURE_CELLS = 9


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

    def set_plan(self, plan: Sequence[PlanNode]) -> None:
        """Show another plan from its first step."""
        if tuple(plan) != self._plan:
            self._plan = tuple(plan)
            self._first = 0
            self.update_lines()

    @override
    def content(self, width: int) -> Sequence[Spans]:
        """The tree for a width."""
        return plan_lines(self._plan, width, self.glyphs if self.is_attached else UNICODE)


def plan_lines(plan: Sequence[PlanNode], width: int, glyphs: Glyphs) -> tuple[Spans, ...]:
    """The lines of a plan; the columns of cost and rows are there only where a step has them."""
    figures = any(_has_figures(node) for node in plan)
    lines: list[Spans] = []
    if figures:
        head: list[Span] = [("cost".rjust(_FIGURE_CELLS) + "rows".rjust(_FIGURE_CELLS) + " ", "header")]
        lines.append((*fit_spans([(" ", "header")], width - spans_width(head), glyphs.ellipsis), *head))
    for node in plan:
        _add(lines, node, " ", "", width, glyphs, figures=figures)
    return tuple(lines)


def _has_figures(node: PlanNode) -> bool:
    return node.cost is not None or node.rows is not None or any(_has_figures(child) for child in node.children)


def _add(lines: list[Spans], node: PlanNode, before: str, sign: str, width: int, glyphs: Glyphs, *, figures: bool) -> None:
    left: list[Span] = [(before + sign, "dim"), (node.text, "critical" if node.costly else "text")]
    if node.costly:
        left.append((f" {glyphs.costly}", "critical"))
    if figures:
        right = _figure(node.cost, glyphs) + _figure(node.rows, glyphs) + " "
        left = [*fit_spans(left, width - len(right), glyphs.ellipsis), (right, "text")]
    lines.append(tuple(left))
    below = before + {"": "", f"{glyphs.branch} ": f"{glyphs.trunk} "}.get(sign, "  ")
    if node.note:
        stem = f"{glyphs.trunk} " if node.children else "  "
        lines.append(((below + stem, "dim"), (node.note, "warning" if node.costly else "label")))
    for index, child in enumerate(node.children):
        last = index == len(node.children) - 1
        _add(lines, child, below, f"{glyphs.last_branch if last else glyphs.branch} ", width, glyphs, figures=figures)


def _figure(value: float | None, glyphs: Glyphs) -> str:
    return (glyphs.dash if value is None else format_count(value)).rjust(_FIGURE_CELLS)
