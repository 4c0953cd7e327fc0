"""One statement: its text, its plan, the history of its latency, and who runs it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult

from aishell_core.errors import AishellError, ConsentError
from aishell_core.units import format_duration, format_value
from aishell_core.values import Ability, Part, PlanNode, Session, Statement, TargetId, Unit
from aishell_tui.digests import digest_key
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.plans import judged_plan, lacks_values, measured_seconds, plan_words
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of, footer_hints
from aishell_tui.screens.plan_asking import ask_first, is_asking, may_plan_all_the_same
from aishell_tui.screens.plan_questions import measuring_question, planning_question, why_no_plan, why_unmeasured
from aishell_tui.screens.plan_records import attempt_to_measure, attempt_to_plan, recorded
from aishell_tui.screens.plan_tries import PlanTries
from aishell_tui.screens.query_data import formatted, latency_data, runner_lines, running, summary_line
from aishell_tui.text import why_unknown
from collectors.contract import Demand
from widgets.chart import TimeChart
from widgets.heading import Heading
from widgets.key_bar import KeyBar
from widgets.palette import Role
from widgets.plan_tree import PlanTree
from widgets.sql_view import SqlView
from widgets.text_view import TextView

if TYPE_CHECKING:
    # Loaded when somebody acts.
    from aishell_core.safety.audit_entry import Attempt
    from aishell_tui.authority import Authority

_MEASURE_SECONDS = 30.0
_NO_VALUES = "not measured: its values are missing, this text has places for them ($1, ?); the plan shown is the one without values"
_LOW_ROWS = 22
_LEAST_RUNNER_ROWS = 3
_DIGEST_CHARACTERS = 20
"""The longest that an engine's own numbers are; digests of text are told apart by fewer."""


def short_digest(digest: str) -> str:
    """A digest for the eye: an engine's own number whole, so that it can be looked up there, another one by its beginning."""
    return digest if digest.lstrip("-").isdecimal() and len(digest) <= _DIGEST_CHARACTERS else digest[:8]


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
        self._measuring = False
        self._tries = PlanTries()
        self._cost_a_question = False
        self._unplanned: tuple[Statement, ConsentError] | None = None
        self._most_runners = 0

    def compose_body(self) -> ComposeResult:
        """Figures, text, plan, latency, who runs it."""
        yield TextView(id="summary")
        yield SqlView(
            formatted(self._statement.text), heading=Heading(f"{self._target} ▸ queries ▸ {short_digest(self._statement.digest)}"), id="sql"
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
        self._ask_for_plan()

    def ask_anew(self) -> None:
        """Ask for the plan again, unless one is shown for which a person was asked first."""
        if not self._measuring and not self._cost_a_question and not is_asking(self):
            self._ask_for_plan()

    def _ask_for_plan(self) -> None:
        self._tries.left()
        self.run_worker(self._explain(self._statement), group="explain", exclusive=True)

    def on_resize(self, event: events.Resize) -> None:
        """Leave the history out where text, plan and who runs it would not all fit beside it."""
        super().on_resize(event)
        self.set_class(event.size.height < _LOW_ROWS, "-low")

    async def _explain(self, statement: Statement, consented: tuple[Authority, Attempt] | None = None) -> None:
        view = self.dashboard.frame.view(self._target)
        if view is not None and view.abilities and Ability.EXPLAIN not in view.abilities:
            self._say_plan("plan", "n/a: this engine shows no plans")
            return
        runtime = self.dashboard.runtime
        self._unplanned = None

        async def ask() -> tuple[PlanNode, ...]:
            return await runtime.explain_with_consent(self._target, statement.text, statement.database)

        try:
            if consented is not None:
                plan = await recorded(*consented, ask)
            else:
                plan = await runtime.explain(self._target, statement.text, statement.database)
        except AishellError as error:
            self._unplanned = (statement, error) if isinstance(error, ConsentError) else None
            self._say_plan("plan", why_no_plan(error, may_ask=may_plan_all_the_same(self, view)))
            if consented is None:
                self._tries.failed(error, self.dashboard.frame.at)
            return
        self._tries.succeeded()
        self._cost_a_question = consented is not None
        self._show_plan("plan", plan)

    def _say_plan(self, title: str, text: str, role: Role = "unknown") -> None:
        tree = self.query_one("#plan", PlanTree)
        tree.set_heading(Heading(title))
        tree.say(text, role)

    def _show_plan(self, title: str, plan: tuple[PlanNode, ...]) -> None:
        judged = judged_plan(plan)
        words, has_costly = plan_words(judged)
        tree = self.query_one("#plan", PlanTree)
        tree.set_heading(Heading(title, ((words, "warning" if has_costly else "dim"),)))
        tree.set_plan(judged)

    @property
    def _may_measure(self) -> bool:
        view, look = self.dashboard.frame.view(self._target), self.dashboard.look
        able = view is not None and Ability.ANALYZE in view.abilities and self.dashboard.options.authorise is not None
        return able and not look.read_only

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Running a statement is not offered where the engine cannot or the session is read-only."""
        if action == "explain":
            return self._unplanned is not None and may_plan_all_the_same(self, self.dashboard.frame.view(self._target))
        return self._may_measure if action == "analyze" else super().check_action(action, parameters)

    def _measurable(self, view: TargetView) -> Statement | None:
        """The statement with its values: as it stands, else as somebody runs it at this moment; None where neither is known."""
        if not lacks_values(self._statement):
            return self._statement
        candidates = (replace(self._statement, text=each.text, sampled=False) for each in running(view.sessions, self._statement))
        return next((each for each in candidates if not lacks_values(each)), None)

    def action_explain(self) -> None:
        """Ask whether the statement is to be planned although that may do something, then have it planned."""
        view, authorise = self.dashboard.frame.view(self._target), self.dashboard.options.authorise
        if view is None or self._unplanned is None or authorise is None:
            return
        statement, error = self._unplanned
        authority = authorise()
        attempt = attempt_to_plan(authority, view.target, statement.text, statement.database)
        go_on = partial(self._plan_all_the_same, authority, statement)
        ask_first(self, authority, attempt, planning_question(attempt, error), go_on)

    def _plan_all_the_same(self, authority: Authority, statement: Statement, attempt: Attempt) -> None:
        self.run_worker(self._explain(statement, (authority, attempt)), group="explain", exclusive=True)

    def action_analyze(self) -> None:
        """Ask, then run the statement to measure its plan."""
        view = self.dashboard.frame.view(self._target)
        if view is None or self._measuring:
            return
        statement = self._measurable(view)
        if statement is None:
            self.query_one("#plan", PlanTree).remark(_NO_VALUES, "warning")
            return
        self._measuring = True
        self.run_worker(self._ask_to_measure(view, statement), group="measure", exclusive=True)

    async def _ask_to_measure(self, view: TargetView, statement: Statement) -> None:
        """Ask whether it is to be run, unless it would be refused then."""
        tree = self.query_one("#plan", PlanTree)
        tree.remark("looking whether this statement may be run …", "dim")
        refused = ""
        try:
            await self.dashboard.runtime.check_measuring(self._target, statement.text, statement.database)
        except AishellError as error:
            refused = why_unmeasured(error)
        finally:
            self._measuring = False
        tree.remark(refused, "warning")
        authorise = self.dashboard.options.authorise
        if not refused and self.is_current and authorise is not None:
            authority = authorise()
            attempt = attempt_to_measure(authority, view.target, statement.text, statement.database)
            question = measuring_question(attempt, statement, _MEASURE_SECONDS)
            ask_first(self, authority, attempt, question, partial(self._measure, authority, statement))

    def _measure(self, authority: Authority, statement: Statement, attempt: Attempt) -> None:
        self._measuring = True
        self._cost_a_question = False
        self._tries.left()
        tree = self.query_one("#plan", PlanTree)
        tree.set_heading(Heading("plan", ((f"measuring, at most {format_duration(_MEASURE_SECONDS)} …", "accent"),)))
        self.run_worker(self._analyze(authority, statement, attempt), group="explain", exclusive=True)

    async def _analyze(self, authority: Authority, statement: Statement, attempt: Attempt) -> None:
        runtime = self.dashboard.runtime

        async def ask() -> tuple[PlanNode, ...]:
            return await runtime.explain_analyze(self._target, statement.text, statement.database, _MEASURE_SECONDS)

        try:
            plan = await recorded(authority, attempt, ask)
        except AishellError as error:
            self._say_plan("measured plan", why_unknown(error))
            return
        finally:
            self._measuring = False
        self._cost_a_question = True
        self._show_plan(f"measured plan, {format_value(measured_seconds(plan), Unit.SECONDS)}", plan)

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest figures of the statement."""
        view = frame.view(self._target)
        if view is None:
            return
        found = next((each for each in view.statements or () if digest_key(each) == digest_key(self._statement)), self._statement)
        self._statement = found
        if view.target_failure is None and self._tries.is_due(frame.at):
            self._ask_for_plan()
        spent = sum(each.total_milliseconds for each in view.statements or ())
        self.query_one("#summary", TextView).set_lines((summary_line(found, found.total_milliseconds / spent if spent else None),))
        self.recall(view.name)
        chart = self.query_one("#latency", TimeChart)
        seen, kept = self.dashboard.digests.latencies(view.name), self.kept.of(view.name, look, frame.at)
        chart.set_data(latency_data(view, found, seen, kept, look, frame.at, chart.bucket_count))
        self._show_runners(running(view.sessions, found))
        withheld = {action for action in ("analyze", "explain") if not self.check_action(action, ())}
        self.query_one("#keys", KeyBar).set_hints([hint for hint in footer_hints(self.SCREEN) if hint.action not in withheld])

    def _show_runners(self, runners: tuple[Session, ...]) -> None:
        """Who runs it, a line each as far as there is room; the pane grows and does not shrink again under the reader's eyes."""
        pane = self.query_one("#runners", TextView)
        self._most_runners = max(self._most_runners, len(runners))
        pane.styles.height = max(_LEAST_RUNNER_ROWS, min(1 + self._most_runners, self.size.height // 4))
        pane.set_heading(Heading("who runs it", ((f"{len(runners)}", "bold"),) if runners else ()))
        pane.set_lines(runner_lines(runners))

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
