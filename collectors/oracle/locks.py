"""Reading who waits for whose lock, and only while somebody waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_core.engines.oracle import ServerFacts
from aishell_core.values import Cost, Failure, LockWait, Part
from collectors.budget import Budget
from collectors.oracle.activity import ActivityLook
from collectors.oracle.locks_rows import lock_waits_of, object_number
from collectors.oracle.questions import Questions

_MOST_NAMES = 10
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class LocksLook:
    """The edges of the lock graph."""

    waits: tuple[LockWait, ...]
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class LocksReader:
    """Reads the modes of locks and the names of what they are on, and keeps the names."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._names: dict[int, str] = {}

    async def read(self, server: ServerFacts, budget: Budget, activity: ActivityLook) -> LocksLook:
        """The edges among the sessions of a moment; raises TargetError when the server cannot be read."""
        waiting = [one for one in activity.looked or () if one.waits_for_lock]
        if not waiting:
            return LocksLook(())
        locks = await self._questions.ask(server, "locks", Part.LOCKS, budget, seconds=1.0)
        cost, failures = locks.cost, list(locks.failures)
        numbers = dict.fromkeys(number for one in waiting if (number := object_number(one.row)) is not None)
        for number in [each for each in numbers if each not in self._names][:_MOST_NAMES]:
            found = await self._questions.ask(server, "lock_object", Part.LOCKS, budget, {"object_id": number}, seconds=1.0)
            cost += found.cost
            if found.rows is None:
                failures += found.failures
                break
            self._note(number, " ".join(f"{row['owner']}.{row['object_name']}" for row in found.rows[:1]))
        waits = lock_waits_of(waiting, locks.rows or (), activity.names, self._names)
        return LocksLook(waits, tuple(failures), cost)

    def _note(self, number: int, name: str) -> None:
        if len(self._names) >= _KEPT:
            self._names.clear()
        self._names[number] = name or f"object {number}"
