"""One statement: its text, its plan, the history of its latency, and who runs it."""

from __future__ import annotations

import math
from array import array
from typing import ClassVar

from textual.app import ComposeResult

from aishell_core.catalogue import STATEMENT_CALLS, STATEMENT_TIME
from aishell_core.engines.statement_text import digest, normalise
from aishell_core.errors import AishellError
from aishell_core.series.keys import SeriesKey
from aishell_core.state.history import History
from aishell_core.units import format_count, format_duration, format_value
from aishell_core.values import Ability, Part, PlanNode, Session, Statement, TargetId, Unit
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.health_data import last_known, series_buckets
from aishell_tui.text import span_text
from collectors.contract import Demand
from widgets.chart import ChartData, TimeChart
from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.plan_tree import PlanTree
from widgets.sql_view import SqlView
from widgets.text_view import TextView


def formatted(sql: str) -> str:
    """The statement on several lines; as it is where it cannot be read."""
    import sqlparse  # 20 ms that only this screen needs

    if len(sql) > 20_000:
        return sql
    return str(sqlparse.format(sql, reindent=True, keyword_case="upper")).strip() or sql


def latency_data(view: TargetView, digest: str, history: History | None, look: Look, now: float, count: int) -> ChartData:
    """Mean milliseconds per call over the window that is looked at: time spent divided by calls, bucket by bucket."""
    title, span = "mean latency of this statement", span_text(look.span_seconds)
    labels = (("digest", digest),)
    window = look.window(now)
    spent = series_buckets(SeriesKey(STATEMENT_TIME, labels), view.snapshot, history, window, count)
    calls = series_buckets(SeriesKey(STATEMENT_CALLS, labels), view.snapshot, history, window, count)
    mean = array("d", (time / rate if rate > 0 else math.nan for time, rate in zip(spent.mean, calls.mean, strict=True)))
    known = last_known(mean)
    now_text = format_value(known, Unit.MILLISECONDS)
    return ChartData(title, Unit.MILLISECONDS, mean, start=spent.start, step_seconds=spent.step_seconds, span_text=span, now_text=now_text)


def summary_line(statement: Statement, share: float | None) -> Spans:
    """The figures of a statement in one line, each with its unit."""
    parts: list[tuple[str, str]] = [
        ("of time", format_value(share, Unit.RATIO)),
        ("calls", format_count(statement.calls)),
        ("mean", format_duration(statement.total_milliseconds / statement.calls / 1000) if statement.calls else "n/a"),
        ("p95", format_value(statement.p95_milliseconds, Unit.MILLISECONDS)),
        ("max", format_value(statement.max_milliseconds, Unit.MILLISECONDS)),
    ]
    if statement.rows is not None and statement.calls:
        parts.append(("rows/call", format_count(statement.rows / statement.calls)))
    if statement.errors:
        parts.append(("errors", format_count(statement.errors)))
    spans: list[Span] = []
    for label, value in parts:
        spans += [(f" {value}", "bold"), (f" {label} ", "label")]
    return tuple(spans)


def runners(sessions: tuple[Session, ...] | None, wanted: str) -> tuple[Spans, ...]:
    """Who runs a statement with this digest now."""
    found = [session for session in sessions or () if session.text and digest(normalise(session.text)) == wanted]
    if not found:
        return (((" nobody runs it at this moment", "dim"),),)
    return tuple(
        (
            (f" {session.id}", "bold"),
            (f"  {session.user}@{session.client or 'local'}  {session.application}  {session.state}", "text"),
            (f"  for {format_value(session.statement_seconds, Unit.SECONDS)}", "label"),
        )
        for session in found
    )


class QueryScreen(DashboardScreen):
    """The detail of one digest."""

    SCREEN = "query"
    TRAVELS = True
    TAB = "queries"
    AUTO_FOCUS = "SqlView"
    BINDINGS: ClassVar = bindings_of("query")

    def __init__(self, target: TargetId, statement: Statement) -> None:
        super().__init__()
        self._target = target
        self._statement = statement

    def compose_body(self) -> ComposeResult:
        """Figures, text, plan, latency, who runs it."""
        yield TextView(id="summary")
        yield SqlView(
            formatted(self._statement.text), heading=Heading(f"{self._target} ▸ queries ▸ {self._statement.digest[:8]}"), id="sql"
        )
        yield PlanTree(heading=Heading("plan", (("reading …", "dim"),)), id="plan")
        yield TimeChart(id="latency", show_axis=True)
        yield TextView(heading=Heading("who runs it"), id="runners")

    def demand(self) -> Demand:
        """The statement's figures, and sessions to say who runs it."""
        return frozenset({Part.STATEMENTS, Part.SESSIONS})

    def on_mount(self) -> None:
        """Show what is known, and ask for the plan."""
        super().on_mount()
        self.run_worker(self._explain(), group="explain", exclusive=True)

    async def _explain(self) -> None:
        tree = self.query_one("#plan", PlanTree)
        view = self.dashboard.frame.view(self._target)
        if view is not None and view.abilities and Ability.EXPLAIN not in view.abilities:
            tree.set_heading(Heading("plan", (("n/a: this engine shows no plans", "unknown"),)))
            return
        try:
            plan = await self.dashboard.runtime.explain(self._target, self._statement.text)
        except AishellError as error:
            tree.set_heading(Heading("plan", ((f"n/a: {error.message}. {error.hint}", "unknown"),)))
            return
        costly = count_costly(plan)
        words = f"{costly} costly {'step' if costly == 1 else 'steps'} marked" if costly else "no full scan and no sort to mark"
        tree.set_heading(Heading("plan", ((words, "warning" if costly else "dim"),)))
        tree.set_plan(plan)

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest figures of the statement."""
        view = frame.view(self._target)
        if view is None:
            return
        found = next((each for each in view.statements or () if each.digest == self._statement.digest), self._statement)
        self._statement = found
        spent = sum(each.total_milliseconds for each in view.statements or ())
        self.query_one("#summary", TextView).set_lines((summary_line(found, found.total_milliseconds / spent if spent else None),))
        self.recall(view.name)
        chart = self.query_one("#latency", TimeChart)
        chart.set_data(latency_data(view, found.digest, self.kept.of(view.name, look, frame.at), look, frame.at, chart.bucket_count))
        self.query_one("#runners", TextView).set_lines(runners(view.sessions, found.digest))

    def copy_text(self) -> str:
        """The statement's text."""
        return self._statement.text

    def pane_data(self) -> PaneData | None:
        """The statement's figures."""
        each = self._statement
        return PaneData(
            f"query {each.digest}",
            ("digest", "calls", "total_milliseconds", "max_milliseconds", "p95_milliseconds", "rows", "errors", "text"),
            (
                (
                    each.digest,
                    each.calls,
                    each.total_milliseconds,
                    each.max_milliseconds,
                    each.p95_milliseconds,
                    each.rows,
                    each.errors,
                    each.text,
                ),
            ),
        )


def count_costly(plan: tuple[PlanNode, ...]) -> int:
    """How many steps of a plan are marked."""
    return sum(node.costly + count_costly(node.children) for node in plan)
