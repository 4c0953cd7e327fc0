"""What the screens of sessions share: cancelling and ending them, after the question, with a record and a word about how it went."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aishell_core.errors import AishellError, RefusedError
from aishell_core.units import format_duration
from aishell_core.values import Ability, EventKind, FailureCode, LockWait, Session, Severity
from aishell_tui.frame import TargetView, without_left_sessions
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.confirm import Confirmation, ConfirmScreen, where_words
from aishell_tui.session_list import NO_LAST_STATEMENT, is_idle_in_transaction
from widgets.format import clean, truncate

if TYPE_CHECKING:
    # Loaded when somebody acts.
    from aishell_core.safety.audit import AuditLog
    from aishell_ops.sessions.models import Act, Outcome, Plan

_LISTED = 8
_STATEMENT_CELLS = 60
_ABILITIES = {"cancel": Ability.CANCEL, "terminate": Ability.TERMINATE, "terminate_head": Ability.TERMINATE}


class ActingScreen(DashboardScreen):
    """A screen of sessions on which they can be acted on, where the engine and the session's protections allow it."""

    _told_damage = ""

    def chosen_sessions(self) -> tuple[Session, ...]:
        """The sessions that a key means now: the marked ones, else the selected one."""
        raise NotImplementedError

    def acted_view(self) -> TargetView | None:
        """The target that they belong to, without sessions of long ago."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        return without_left_sessions(view) if view is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What a read-only session or the engine has not is not offered at all."""
        if action in _ABILITIES:
            return self.offers(action)
        return super().check_action(action, parameters)

    def offers(self, action: str) -> bool:
        """Whether an action is offered here."""
        view = self.acted_view()
        options = self.dashboard.options
        here = view is not None and _ABILITIES[action] in view.abilities and not view.target.read_only
        return here and options.authorise is not None and not self.dashboard.look.read_only

    def withheld_actions(self) -> frozenset[str]:
        """The acts that the engine or a protection takes away."""
        return super().withheld_actions() | {action for action in _ABILITIES if not self.offers(action)}

    def action_cancel(self) -> None:
        """Cancel what the chosen sessions run."""
        from aishell_ops.sessions.models import Act

        self._ask(Act.CANCEL, self.chosen_sessions())

    def action_terminate(self) -> None:
        """End the chosen sessions."""
        from aishell_ops.sessions.models import Act

        self._ask(Act.TERMINATE, self.chosen_sessions())

    def action_terminate_head(self) -> None:
        """End the session that most others wait behind, whether a filter hides it or not; one that is only inferred has to be chosen."""
        from aishell_ops.sessions.models import Act
        from aishell_ops.sessions.plan import head_blockers, why_no_head, why_not_inferred

        view = self.acted_view()
        waits: tuple[LockWait, ...] = (view.lock_waits or ()) if view is not None else ()
        heads = head_blockers(view.sessions or (), waits) if view is not None else ()
        if not heads:
            self.say(why_no_head(waits))
            return
        if why_not_inferred(heads[0], waits):
            self.say(f"that {heads[0].id} holds the lock is only inferred; to end it, select it")
            return
        self._ask(Act.TERMINATE, heads[:1])

    def _ask(self, act: Act, sessions: tuple[Session, ...]) -> None:
        """Show the plan as a question; a plan that is not allowed is refused in words, and recorded."""
        view, options = self.acted_view(), self.dashboard.options
        if view is None or options.authorise is None:
            return
        if not sessions:
            self.say("select a session first")
            return
        from aishell_ops.sessions.plan import plan_of

        authority = options.authorise()
        waits: tuple[LockWait, ...] = view.lock_waits or ()
        place = authority.place(view.target)
        plan = plan_of(act, view.target.engine, sessions, waits, place=place, actor=authority.actor, policy=authority.policy)
        if not plan.decision.allowed:
            self._begin(plan, confirmed=False)
            return
        self.app.push_screen(ConfirmScreen(question_of(plan)), lambda yes: self._begin(plan, confirmed=bool(yes)))

    def _begin(self, plan: Plan, *, confirmed: bool) -> None:
        self.run_worker(self._carry_out(plan, confirmed=confirmed), group="acts")

    async def _carry_out(self, plan: Plan, *, confirmed: bool) -> None:
        from aishell_core.clock import SystemClock
        from aishell_ops.sessions.service import carry_out

        options, runtime = self.dashboard.options, self.dashboard.runtime
        view = self.acted_view()
        if view is None or options.authorise is None:
            return
        log = options.authorise().log
        try:
            await self._tell_damage(log)
            outcomes = await carry_out(plan, runtime.cancellable(view.name), log, SystemClock(), confirmed=confirmed)
        except RefusedError as error:
            if plan.decision.allowed:
                self.say("left alone")
            else:
                self.app.push_screen(ConfirmScreen(refusal_of(plan, error)))
            return
        except AishellError as error:
            self.say(_in_one_line(error), bad=True)
            return
        for outcome in outcomes:
            text, severity = outcome_words(plan, outcome)
            runtime.tell(view.name, EventKind.ACTION, severity, text)
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        self.say(_summary(plan, outcomes, failed), bad=bool(failed))
        runtime.refresh()

    async def _tell_damage(self, log: AuditLog) -> None:
        """Say once, in the way of everything else, that what is recorded now stands behind something damaged."""
        damage = await asyncio.to_thread(log.damage)
        if damage and damage != self._told_damage:
            self._told_damage = damage
            sentences = (clean(damage), "what you do now is recorded behind the damage", "aishell audit verify tells all of it")
            self.app.push_screen(ConfirmScreen(Confirmation("THE AUDIT LOG IS DAMAGED", sentences, refused=True)))


def question_of(plan: Plan) -> Confirmation:
    """The question before a plan is carried out: each session with what it runs and what happens to it."""
    from aishell_core.safety.decision import Confirmation as Wanted

    sentences: list[str] = []
    for victim in plan.victims[:_LISTED]:
        session = victim.session
        who = " ".join(word for word in (session.user, session.application) if word)
        age = f" for {format_duration(victim.age_seconds)}" if victim.age_seconds is not None else ""
        statement = truncate(clean(" ".join(session.text.split())), _STATEMENT_CELLS)
        without = NO_LAST_STATEMENT if is_idle_in_transaction(session) or victim.waiting_behind else "no statement"
        sentences += [f"{session.id} {clean(who)}, {session.state}{age}: {statement or without}", f"  {victim.effect}"]
    if len(plan.victims) > _LISTED:
        sentences.append(f"and {len(plan.victims) - _LISTED} more")
    sentences.append(f"as {plan.decision.role}; each is looked at again at the moment of the act")
    title = f"{plan.title[:1].upper()}{plan.title[1:]} on {where_words(plan.place)}"
    return Confirmation(title, tuple(sentences), plan.place.target if plan.confirmation is Wanted.TYPED_NAME else "")


def refusal_of(plan: Plan, error: RefusedError) -> Confirmation:
    """Why a plan is not carried out, with the lines of the configuration that would allow it."""
    title = f"{plan.title[:1].upper()}{plan.title[1:]} on {plan.place.target}: not allowed"
    return Confirmation(title, (error.message, *error.hint.splitlines()), refused=True)


def outcome_words(plan: Plan, outcome: Outcome) -> tuple[str, Severity]:
    """How it went for one session, as an event."""
    done = "cancelled the statement of" if plan.act.value == "cancel" else "ended"
    who = f"session {outcome.session.id}" + (f" of {outcome.session.user}" if outcome.session.user else "")
    if outcome.error is None:
        return f"{plan.actor.user} {done} {who}", Severity.OK
    if outcome.error.reason is FailureCode.TIMEOUT:
        # Without an answer the order may have been carried out all the same.
        return f"{plan.actor.user} perhaps {done} {who}: {outcome.error.message}", Severity.WARNING
    return f"{plan.actor.user} could not {plan.act} {who}: {outcome.error.message}", Severity.WARNING


def _summary(plan: Plan, outcomes: tuple[Outcome, ...], failed: list[Outcome]) -> str:
    if failed and failed[0].error is not None:
        first = _in_one_line(failed[0].error)
        return first if len(outcomes) == 1 else f"{len(outcomes) - len(failed)} of {len(outcomes)} done; {first}"
    done = "cancelled" if plan.act.value == "cancel" else "ended"
    return f"{done} {outcomes[0].session.id}" if len(outcomes) == 1 else f"{done} {len(outcomes)} sessions"


def _in_one_line(error: AishellError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
