"""One session: everything known of it, its statement, who is before and behind it, and its plan on demand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from aishell_core.errors import AishellError, ConsentError
from aishell_core.values import Ability, Part, PlanNode, Session, TargetId
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.lock_tree import waiting_behind, waiting_for
from aishell_tui.look import Look
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.plans import judged_plan, plan_words
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.fields import field_lines
from aishell_tui.screens.plan_asking import ask_first, is_asking, may_plan_all_the_same
from aishell_tui.screens.plan_questions import planning_question, why_no_plan
from aishell_tui.screens.plan_records import attempt_to_plan, recorded
from aishell_tui.screens.plan_tries import PlanTries
from aishell_tui.screens.query_data import formatted
from aishell_tui.screens.session_acts import ActingScreen
from aishell_tui.screens.sessions_detail import Surroundings, end_sentence, lock_lines, session_fields
from aishell_tui.session_list import identity
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.plan_tree import PlanTree
from widgets.sql_view import SqlView
from widgets.text_view import TextView

if TYPE_CHECKING:
    # Loaded when somebody acts.
    from aishell_core.safety.audit_entry import Attempt
    from aishell_tui.authority import Authority


class SessionScreen(ActingScreen):
    """The detail of one session; it stays as it was last known when the session has ended."""

    SCREEN = "session"
    TAB = "sessions"
    AUTO_FOCUS = "SqlView"
    BINDINGS: ClassVar = bindings_of("session")

    def __init__(self, target: TargetId, session: Session, *, explain: bool = False) -> None:
        super().__init__()
        self._target = target
        self._session = session
        self._seen_at: float | None = None  # what is told of one that has ended counts back from then
        self._explain_at_once = explain
        self._tries = PlanTries()
        self._cost_a_question = False
        self._unplanned: tuple[Session, ConsentError] | None = None

    def compose_body(self) -> ComposeResult:
        """Fields, locks, statement, plan."""
        yield TextView(heading=Heading(f"{self._target} ▸ sessions ▸ {self._session.id}"), id="session-fields")
        yield TextView(heading=Heading("locks"), id="session-locks")
        yield SqlView(formatted(self._session.text), heading=Heading("statement"), id="session-sql")
        yield PlanTree(heading=Heading("plan", (("reading …", "dim"),)), id="session-plan")

    def demand(self) -> Demand:
        """Sessions and locks."""
        return frozenset({Part.SESSIONS, Part.LOCKS})

    def demanded_target(self, look: Look) -> TargetId | None:
        """The session's own target."""
        return self._target

    def viewed(self, frame: Frame, look: Look) -> TargetView | None:
        """The session's own target."""
        return frame.view(self._target)

    def on_mount(self) -> None:
        """Show what is known, and the plan where it was asked for."""
        super().on_mount()
        if self._explain_at_once:
            self.action_explain()

    def show_body(self, frame: Frame, look: Look) -> None:
        """The session as it is now."""
        view = frame.view(self._target)
        if view is None:
            return
        found = next((each for each in view.sessions or () if identity(each) == identity(self._session)), None)
        if found is not None:
            if found.text != self._session.text:
                self.query_one("#session-sql", SqlView).set_sql(formatted(found.text))
            self._session = found
        if found is not None or self._seen_at is None:
            self._seen_at = view.part_at.get(Part.SESSIONS, frame.at)
        if view.target_failure is None and self._tries.is_due(frame.at):
            self._ask_for_plan()
        sessions = {each.id: each for each in view.sessions or ()}
        around = Surroundings(sessions, view.lock_waits or (), self._seen_at, frame.at)
        self._show_fields(view, around, gone=found is None, now=frame.at)
        self._show_locks(around)

    def chosen_sessions(self) -> tuple[Session, ...]:
        """The one that is shown."""
        return (self._session,)

    def _show_fields(self, view: TargetView, around: Surroundings, *, gone: bool, now: float) -> None:
        pane = self.query_one("#session-fields", TextView)
        state: Spans = (("has ended; this is what was last known of it", "warning"),) if gone else ()
        fresh, stale = fresh_and_stale(view, (Part.SESSIONS,), now)
        pane.set_heading(Heading(f"{self._target} ▸ sessions ▸ {self._session.id}", state, fresh, stale))
        lines = field_lines(session_fields(self._session, around), self.size.width)
        pane.set_lines(lines)
        pane.styles.height = len(lines) + 1

    def _show_locks(self, around: Surroundings) -> None:
        pane = self.query_one("#session-locks", TextView)
        waits, behind = waiting_for(around.lock_waits, self._session.id), waiting_behind(around.lock_waits, self._session.id)
        lines: list[Spans] = []
        if waits:
            lines += [((" waits for", "label"),), *lock_lines(waits, around, holders=True)]
        if behind:
            lines += [((" holds up", "label"),), *lock_lines(behind, around, holders=False)]
        effect = end_sentence(self._session, around)
        pane.set_heading(
            Heading("locks", ((effect or ("" if waits else "waits for nobody, and nobody waits for it"), "text" if effect else "dim"),))
        )
        pane.set_lines(lines)
        pane.styles.height = len(lines) + 1

    def action_explain(self) -> None:
        """Ask for the plan of its statement; a question comes first where that may do something."""
        self.query_one("#session-plan", PlanTree).display = True
        view, unplanned, authorise = self.dashboard.frame.view(self._target), self._unplanned, self.dashboard.options.authorise
        asks = unplanned is not None and unplanned[0].text == self._session.text and may_plan_all_the_same(self, view)
        if view is None or unplanned is None or authorise is None or not asks:
            self._ask_for_plan()
            return
        session, error = unplanned
        authority = authorise()
        attempt = attempt_to_plan(authority, view.target, session.text, session.database)
        go_on = partial(self._plan_all_the_same, authority, session)
        ask_first(self, authority, attempt, planning_question(attempt, error), go_on)

    def ask_anew(self) -> None:
        """Ask for the plan again where one was asked for, unless one is shown for which a person was asked first."""
        if self.query_one("#session-plan", PlanTree).display and not self._cost_a_question and not is_asking(self):
            self._ask_for_plan()

    def _ask_for_plan(self) -> None:
        self._tries.left()
        self.run_worker(self._explain(self._session), group="explain", exclusive=True)

    def _plan_all_the_same(self, authority: Authority, session: Session, attempt: Attempt) -> None:
        self.run_worker(self._explain(session, (authority, attempt)), group="explain", exclusive=True)

    async def _explain(self, session: Session, consented: tuple[Authority, Attempt] | None = None) -> None:
        view = self.dashboard.frame.view(self._target)
        if view is not None and view.abilities and Ability.EXPLAIN not in view.abilities:
            self._say_plan("n/a: this engine shows no plans")
            return
        if not session.text.strip():
            self._say_plan("n/a: it has no statement")
            return
        runtime = self.dashboard.runtime
        self._unplanned = None

        async def ask() -> tuple[PlanNode, ...]:
            return await runtime.explain_with_consent(self._target, session.text, session.database)

        try:
            if consented is not None:
                plan = await recorded(*consented, ask)
            else:
                plan = await runtime.explain(self._target, session.text, session.database)
        except AishellError as error:
            self._unplanned = (session, error) if isinstance(error, ConsentError) else None
            self._say_plan(why_no_plan(error, may_ask=may_plan_all_the_same(self, view)))
            if consented is None:
                self._tries.failed(error, self.dashboard.frame.at)
            return
        self._tries.succeeded()
        self._cost_a_question = consented is not None
        judged = judged_plan(plan)
        words, has_costly = plan_words(judged)
        tree = self.query_one("#session-plan", PlanTree)
        tree.set_heading(Heading("plan", ((words, "warning" if has_costly else "dim"),)))
        tree.set_plan(judged)

    def _say_plan(self, text: str) -> None:
        tree = self.query_one("#session-plan", PlanTree)
        tree.set_heading(Heading("plan"))
        tree.say(text, "unknown")

    def copy_text(self) -> str:
        """Its statement."""
        return self._session.text

    def pane_data(self) -> PaneData | None:
        """All fields and the statement."""
        frame = self.dashboard.frame
        seen_at = frame.at if self._seen_at is None else self._seen_at
        fields = session_fields(self._session, Surroundings({}, (), seen_at, frame.at))
        return PaneData(f"session {self._session.id}", ("field", "value"), (*fields, ("statement", self._session.text)))
