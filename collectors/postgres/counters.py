"""Reading what a server counts, alone or together with its sessions in groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aishell_core.engines.postgres import ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, essential
from collectors.postgres.activity_rows import Seen, groups_of
from collectors.postgres.hot_questions import HotQuestions
from collectors.postgres.slow_questions import Budget

COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class CountersLook:
    """The counters of one moment; `groups` are the sessions where they were asked for."""

    row: Mapping[str, Any]
    groups: tuple[Seen, ...] | None = None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


async def read_pulse(questions: HotQuestions, server: ServerFacts, budget: Budget) -> CountersLook | Failure:
    """Counters and sessions by one statement; a Failure where the server refuses that statement. Raises TargetError."""
    answer = await questions.ask_or_note(server, "pulse", COUNTERS, budget)
    if isinstance(answer, Failure):
        return answer
    row = dict(answer.rows[0])
    try:
        return CountersLook(row, groups_of(row.pop("groups")), (), answer.cost)
    except ValueError:
        # Bytes that are no text in the database's encoding may have swallowed a sign of the JSON around them.
        return Failure(COUNTERS, FailureCode.UNSUPPORTED, "names or statements of sessions cannot be read as text")


async def read_counters(questions: HotQuestions, server: ServerFacts, budget: Budget) -> CountersLook:
    """The counters, by plainer statements where the server refuses the best one. Raises TargetError."""
    answer = await questions.ask_or_note(server, "counters", COUNTERS, budget)
    if not isinstance(answer, Failure):
        return CountersLook(answer.rows[0], None, (), answer.cost)
    plain = await questions.ask_or_note(server, "counters_plain", COUNTERS, budget)
    if isinstance(plain, Failure):
        return CountersLook({}, None, essential((answer, plain)))
    return CountersLook(plain.rows[0], None, (answer,), plain.cost)
