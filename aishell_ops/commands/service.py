"""From what somebody wrote to its result: judge, decide, record, run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from aishell_core.clock import Clock
from aishell_core.engines.base import Estimating, Placing, Runnable
from aishell_core.errors import TargetError
from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Attempt
from aishell_core.safety.decision import Place, decide
from aishell_core.safety.languages import judge
from aishell_core.safety.perform import perform
from aishell_core.safety.roles import Actor, Policy
from aishell_core.values import CommandResult, PlanNode
from aishell_ops.commands.models import Command, Plan

Explain = Callable[[str, str], Awaitable[tuple[PlanNode, ...]]]
"""Asks for the plan of a statement, which is not run, as seen in a database."""

_ESTIMATE_SECONDS = 3.0


def plan_of(
    command: Command,
    engine: str,
    *,
    place: Place,
    actor: Actor,
    policy: Policy,
    database: str = "",
    estimated_rows: float | None = None,
) -> Plan:
    """What a command can do in a database and whether it is allowed; pure."""
    risk = judge(engine, command.text, command.parameters, database=database, estimated_rows=estimated_rows)
    return Plan(command, engine, place, actor, risk, decide(actor, policy, place, risk), database, estimated_rows)


def database_of(command: Command, engine: object, otherwise: str) -> str:
    """The database in which an `engine` would run a command; `otherwise` where it cannot tell."""
    if not isinstance(engine, Placing):
        return command.database or otherwise
    try:
        return engine.database_of(command.text, command.database)
    except TargetError:
        # Then it cannot be run either, and is still decided on and recorded.
        return command.database or otherwise


async def estimated_rows(command: Command, explain: Explain, engine: object = None) -> float | None:
    """How many rows a command would touch: what the `engine` itself can tell, else what its planner expects.

    None where neither is known, or takes too long.
    """
    try:
        async with asyncio.timeout(_ESTIMATE_SECONDS):
            if isinstance(engine, Estimating):
                return await engine.estimated_rows(command.text, command.database, _ESTIMATE_SECONDS)
            return most_rows(await explain(command.text, command.database))
    except (TargetError, TimeoutError):
        return None


def most_rows(nodes: Iterable[PlanNode]) -> float | None:
    """The most rows of any step: what a statement reads counts as much as what it returns."""
    most: float | None = None
    open_nodes = list(nodes)
    while open_nodes:
        node = open_nodes.pop()
        open_nodes += node.children
        for rows in (node.rows, node.examined_rows):
            if rows is not None:
                most = rows if most is None else max(most, rows)
    return most


async def run_plan(plan: Plan, engine: Runnable, log: AuditLog, clock: Clock, *, confirmed: bool = False) -> CommandResult:
    """Run what was planned; what is not judged to write runs so that the engine itself lets nothing be written.

    Raises RefusedError where it is not allowed or was not confirmed, StateError where it cannot be recorded, TargetError.
    """
    command, attempt = plan.command, _attempt(plan, confirmed=confirmed)

    def act() -> Awaitable[CommandResult]:
        return engine.run(command.text, command.parameters, command.limits, database=command.database, read_only=not plan.risk.may_write)

    return await perform(log, attempt, act, affected=lambda result: result.affected, clock=clock)


def record_unanswered(plan: Plan, log: AuditLog) -> None:
    """Write down that the question was not answered, or wrongly; raises StateError."""
    log.record_attempt(_attempt(plan, confirmed=False))


def _attempt(plan: Plan, *, confirmed: bool) -> Attempt:
    command = plan.command
    return Attempt(
        plan.actor,
        plan.place,
        plan.engine,
        command.text,
        plan.risk,
        plan.decision,
        "run a command",
        confirmed=confirmed,
        parameters=command.parameters,
        database=plan.database,
    )
