"""aishell sessions cancel and terminate: ending what sessions do, after a look, a question and with a record."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_core.values import FailureCode, Part, Reading, Session, Tier
from aishell_tui.cli.acting import (
    ConfirmOption,
    DryRunOption,
    YesOption,
    answered,
    how_to_confirm,
    only_target,
    tell_damaged_log,
)
from aishell_tui.cli.arguments import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    ReadOnlyOption,
    TargetOption,
    choice,
    configuration,
    examples,
    selected,
    tell_warnings,
)
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import note, say

if TYPE_CHECKING:
    from aishell_core.targets import Target
    from aishell_ops.sessions.models import Act, Outcome, Plan
    from aishell_tui.authority import Authority
    from collectors.contract import Collector

IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of sessions, as aishell sessions lists them.", show_default=False)
]
HeadOption = Annotated[
    bool, typer.Option("--head-blocker", help="The session that most others wait behind and that waits for nobody itself.")
]
_NOT_ALL = 3


def register(app: typer.Typer) -> None:
    """Add the commands to the group of sessions."""
    app.command(
        "cancel",
        epilog=examples("aishell sessions cancel --head-blocker -d app --dry-run"),
    )(cancel)
    app.command(
        "terminate",
        epilog=examples(
            "aishell sessions terminate --head-blocker -d app --dry-run", "aishell sessions terminate --head-blocker -d app --yes"
        ),
    )(terminate)


def cancel(
    context: typer.Context,
    ids: IdsArgument = None,
    database: DatabaseOption = None,
    target: TargetOption = None,
    config: ConfigOption = None,
    head_blocker: HeadOption = False,
    yes: YesOption = False,
    confirm: ConfirmOption = "",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """Cancel what sessions run; their connections stay.

    The sessions are listed first, with what will happen to them. Each is looked at again at the moment of the act: one
    that has ended, or whose id belongs to another session by now, is left alone. Every attempt is recorded.

    The exit code is 0 when all was done, 3 when something was not, 77 when a role or a protection refused it.
    """
    from aishell_ops.sessions.models import Act

    del read_only  # `choice` takes it from the context, as what stands before the command's name
    return _act(context, Act.CANCEL, ids, _Answers(database, target, config, head_blocker, yes, confirm, dry_run, json))


def terminate(
    context: typer.Context,
    ids: IdsArgument = None,
    database: DatabaseOption = None,
    target: TargetOption = None,
    config: ConfigOption = None,
    head_blocker: HeadOption = False,
    yes: YesOption = False,
    confirm: ConfirmOption = "",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """End sessions; their open transactions are rolled back.

    The sessions are listed first, with what will happen to them. Each is looked at again at the moment of the act: one
    that has ended, or whose id belongs to another session by now, is left alone. Every attempt is recorded.

    The exit code is 0 when all was done, 3 when something was not, 77 when a role or a protection refused it.
    """
    from aishell_ops.sessions.models import Act

    del read_only  # `choice` takes it from the context, as what stands before the command's name
    return _act(context, Act.TERMINATE, ids, _Answers(database, target, config, head_blocker, yes, confirm, dry_run, json))


@dataclass(frozen=True, slots=True)
class _Answers:
    """The options of both commands."""

    database: list[str] | None
    target: list[str] | None
    config: Path | None
    head_blocker: bool
    yes: bool
    confirm: str
    dry_run: bool
    json: bool


def _act(context: typer.Context, act: Act, ids: list[str] | None, answers: _Answers) -> int:
    from aishell_tui.authority import authority_of
    from aishell_tui.cli.reports import session_acts as reports
    from aishell_tui.oneshot import run

    if bool(ids) == answers.head_blocker:
        raise UsageError("give the ids of sessions, or --head-blocker", "aishell sessions --waiting shows who waits for whom")
    chosen = choice(context, answers.config, answers.target, answers.database)
    loaded = configuration(chosen)
    one = only_target(selected(chosen, loaded))
    tell_warnings(chosen, loaded)
    plan, outcomes = run(_Acts(one, authority_of(loaded, (one,)), answers).carry_out(act, tuple(dict.fromkeys(ids or ()))))
    if answers.json:
        say(to_json(reports.acts_report(plan, outcomes)))
    elif outcomes is not None:
        say(reports.outcomes_text(plan, outcomes))
    if outcomes is None and not plan.decision.allowed:
        raise RefusedError(plan.decision.message, plan.decision.hint)
    return _NOT_ALL if any(outcome.error is not None for outcome in outcomes or ()) else 0


class _Acts:
    """One act on sessions of one target."""

    def __init__(self, target: Target, authority: Authority, answers: _Answers) -> None:
        self._target, self._authority, self._answers = target, authority, answers

    async def carry_out(self, act: Act, ids: tuple[str, ...]) -> tuple[Plan, tuple[Outcome, ...] | None]:
        """Look, plan, say, ask, do; without outcomes where it was only to be planned."""
        from aishell_core.clock import SystemClock
        from aishell_core.engines.base import Cancellable
        from aishell_ops.sessions.service import carry_out, record_unanswered
        from aishell_tui.cli.reports import session_acts as reports
        from collectors.registry import open_collector

        clock = SystemClock()
        collector = open_collector(self._target, clock)
        try:
            if not isinstance(collector, Cancellable) or act.ability not in collector.abilities:
                raise TargetError(
                    FailureCode.UNSUPPORTED,
                    f"{self._target.name} has no sessions that could be told to {act}",
                    "aishell connect URL says what works",
                )
            plan = await self._plan(collector, act, ids)
            if not self._answers.json:
                note(reports.plan_text(plan))
            if self._answers.dry_run:
                return plan, None
            log = self._authority.log
            tell_damaged_log(log, as_json=self._answers.json)
            unanswered = partial(record_unanswered, plan, log)
            yes, typed = self._answers.yes, self._answers.confirm
            confirmed = plan.decision.allowed and answered(
                plan.confirmation, plan.place, plan.title, yes=yes, typed=typed, record_unanswered=unanswered
            )
            with how_to_confirm(plan.decision, plan.place):
                return plan, await carry_out(plan, collector, log, clock, confirmed=confirmed)
        finally:
            await collector.close()

    async def _plan(self, collector: Collector, act: Act, ids: tuple[str, ...]) -> Plan:
        from aishell_ops.sessions.plan import plan_of

        reading = await collector.collect(Tier.HOT, frozenset({Part.SESSIONS, Part.LOCKS}))
        waits, who = reading.lock_waits or (), self._authority
        place = who.place(self._target)
        return plan_of(act, self._target.engine, _chosen(reading, ids), waits, place=place, actor=who.actor, policy=who.policy)


def _chosen(reading: Reading, ids: tuple[str, ...]) -> tuple[Session, ...]:
    """The sessions with these ids, else the head blocker; raises UsageError and TargetError.

    A head blocker that is only inferred is not taken: with an innocent session ended, all that wait would still wait.
    """
    from aishell_ops.sessions.plan import head_blockers, why_no_head, why_not_inferred

    if reading.sessions is None:
        why = next((each for each in reading.failures if each.part == Part.SESSIONS), next(iter(reading.failures), None))
        raise TargetError(FailureCode.PRIVILEGE, why.message if why else "its sessions cannot be read", why.hint if why else "")
    if not ids:
        waits = reading.lock_waits or ()
        heads = head_blockers(reading.sessions, waits)
        mend = next((each.hint for each in reading.failures if each.part == Part.LOCKS and each.hint), "")
        told = f"; so that it is told: {mend}" if mend else ""
        if not heads:
            raise UsageError(why_no_head(waits), f"aishell sessions --waiting shows who waits for whom, and for what{told}")
        why_not = why_not_inferred(heads[0], waits)
        if why_not:
            raise UsageError(why_not, f"give its id instead of --head-blocker if you know that it is the one{told}")
        return heads[:1]
    by_id = {session.id: session for session in reading.sessions}
    missing = [name for name in ids if name not in by_id]
    if missing:
        near = get_close_matches(missing[0], by_id, n=1)
        hint = f"did you mean {near[0]}?" if near else "aishell sessions lists them"
        raise UsageError(f"there is no session {missing[0]!r}", hint)
    return tuple(by_id[name] for name in ids)
