"""The legend and the columns of a stacked chart as strips, whichever widget shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.strip import Strip

from aishell_core.units import format_count
from aishell_core.values import Unit
from widgets.chart_axis import ChartMark
from widgets.chart_scale import Scale, axis_label, choose_scale
from widgets.format import fit
from widgets.line_view import LineView
from widgets.lines import Span, spans_width
from widgets.palette import MONO, Role
from widgets.stacked_canvas import Cells, stack_column, stack_levels, stack_lines


@dataclass(frozen=True, slots=True)
class StackLayer:
    """One series: its name, the letter and the role that it is drawn in, its block, and the figure beside its name."""

    name: str
    letter: str
    role: Role
    block: str = "█"
    average: float | None = None


@dataclass(frozen=True, slots=True)
class StackData:
    """Buckets of `step_seconds` from `start` (epoch seconds), each with a value per layer from the bottom; None is a gap."""

    layers: tuple[StackLayer, ...] = ()
    buckets: tuple[tuple[float, ...] | None, ...] = ()
    start: float = 0.0
    step_seconds: float = 1.0
    marks: tuple[ChartMark, ...] = ()


def has_layer_colours(view: LineView) -> bool:
    """Whether layers can be told apart by their colour: without, and where there is only ASCII, letters tell them apart."""
    return view.palette is not MONO and view.glyphs.unicode


def legend_strips(view: LineView, layers: Sequence[StackLayer], width: int) -> list[Strip]:
    """The layers with their figures, in as many lines as they need, two at most."""
    lines: list[list[Span]] = [[(" ", "text")]]
    coloured = has_layer_colours(view)
    for layer in layers:
        sign = layer.block if coloured else layer.letter
        figure = "" if layer.average is None else f" {format_count(layer.average)}"
        entry: list[Span] = [(sign, layer.role), (f" {layer.name}", "label"), (figure, "bold"), ("   ", "text")]
        if spans_width(lines[-1]) + spans_width(entry) > width and len(lines) < 2:
            lines.append([(" ", "text")])
        lines[-1] += entry
    return [view.strip(line, width) for line in lines]


def area_strips(
    view: LineView, data: StackData, rows: int, columns: int, width: int, label_cells: int, before: Scale | None
) -> tuple[Scale, list[Strip]]:
    """The columns with the scale at their left, and the scale, which stays where the values allow it."""
    totals = [sum(bucket) for bucket in data.buckets if bucket is not None]
    scale = choose_scale(totals, Unit.COUNT, None, before)
    coloured = has_layer_colours(view)
    fills = tuple(layer.block if coloured else layer.letter for layer in data.layers)
    ramp = view.glyphs.ramp if coloured else ""
    blank: Cells = ((" ", -1),) * rows
    drawn = [blank if each is None else stack_column(stack_levels(each, scale.high, rows), rows, fills, ramp) for each in data.buckets]
    labels = {0: axis_label(scale.high, Unit.COUNT), rows - 1: "0"}
    if rows >= 5:
        labels[rows // 2] = axis_label(scale.high * (1 - (rows // 2) / rows), Unit.COUNT)
    strips = []
    for row, runs in enumerate(stack_lines(_placed(drawn, columns, blank), rows)):
        label: Span = (f"{fit(labels.get(row, ''), label_cells, 'right')} {view.glyphs.axis}", "axis")
        spans: list[Span] = [(text, data.layers[layer].role if layer >= 0 else "text") for text, layer in runs]
        rest: Span = (" " * (width - label_cells - 2 - columns), "text")
        strips.append(view.packed([label, *spans, *([rest] if rest[0] else [])], width))
    return scale, strips


def _placed(drawn: Sequence[Cells], columns: int, blank: Cells) -> Sequence[Cells]:
    """Exactly so many columns, as far as there are buckets each one wide; the newest is at the right."""
    return [blank] * (columns - len(drawn)) + list(drawn[-columns:])
