"""Reading the profiler's collections: what is new in them, and each entry once."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Cost, Failure, FailureCode, Part, Statement
from collectors.budget import Budget
from collectors.mongodb.figures import at, text
from collectors.mongodb.profile_rows import FIELDS, ProfileCounts, level_of, switch_on
from collectors.mongodb.questions import Answer, Questions

_LEVELS_SECONDS = 60.0
_EVERY_SECONDS = 4.5
"""The cadence; a little less than the five seconds within which the screen promises to move."""

_MOST_DATABASES = 50
_AT_FIRST, _AT_ONCE = 1000, 500
_OWN = frozenset({"admin", "config", "local"})


@dataclass
class _Place:
    """One database's profile: the time of the entry that was read last, and how many of that time were read."""

    last: object = None
    of_last: int = 0


@dataclass(frozen=True, slots=True)
class ProfileLook:
    """What the profiler has counted so far; `statements` is None where it was not read now."""

    statements: tuple[Statement, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class ProfileReader:
    """Reads system.profile of the databases whose profiling is on."""

    def __init__(self, questions: Questions, clock: Clock) -> None:
        self._questions = questions
        self._clock = clock
        self._counts = ProfileCounts()
        self._places: dict[str, _Place] = {}
        self._levels: dict[str, int] = {}
        self._levels_until = 0.0
        self._due = 0.0
        self._failures: tuple[Failure, ...] = ()

    async def read(self, budget: Budget) -> ProfileLook:
        """What is new since the last time, when it is time for it; raises MongoError."""
        now = self._clock.steady()
        if now < self._due:
            return ProfileLook(None, self._failures)
        self._due = now + _EVERY_SECONDS
        cost = Cost()
        failures: list[Failure] = []
        if now >= self._levels_until:
            cost += await self._look_at_levels(budget, failures)
            self._levels_until = now + _LEVELS_SECONDS
        for database in self._profiled:
            answer = await self._read_new(database, budget)
            cost += answer.cost
            failures += answer.failures
        off = self._off()
        self._failures = (*failures, *((off,) if off is not None else ()))
        return ProfileLook(self._counts.statements(), self._failures, cost)

    @property
    def _profiled(self) -> list[str]:
        return [name for name, level in self._levels.items() if level > 0]

    async def _look_at_levels(self, budget: Budget, failures: list[Failure]) -> Cost:
        command = {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True}
        listed = await self._questions.command(Part.STATEMENTS, command, budget)
        cost, levels = listed.cost, {}
        failures += listed.failures
        found = at(listed.document, "databases")
        names = [text(each, "name") for each in found] if isinstance(found, list) else []
        for name in [each for each in names if each and each not in _OWN][:_MOST_DATABASES]:
            answer = await self._questions.command(Part.STATEMENTS, {"profile": -1}, budget, database=name, name=f"profile {name}")
            cost += answer.cost
            failures += answer.failures[:1] if not failures else ()
            levels[name] = level_of(answer.document)
        self._levels = levels
        return cost

    async def _read_new(self, database: str, budget: Budget) -> Answer:
        place = self._places.setdefault(database, _Place())
        command: dict[str, object] = {"find": "system.profile", "projection": dict.fromkeys(FIELDS, 1), "singleBatch": True}
        if place.last is None:
            # What is there already, the newest of it.
            command |= {"sort": {"$natural": -1}, "limit": _AT_FIRST, "batchSize": _AT_FIRST}
        else:
            most = _AT_ONCE + place.of_last
            command |= {"filter": {"ts": {"$gte": place.last}}, "sort": {"$natural": 1}, "limit": most, "batchSize": most}
        answer = await self._questions.documents(Part.STATEMENTS, command, budget, database=database, name=f"system.profile {database}")
        entries = answer.documents or ()
        self._counts.add(_new(place, entries[::-1] if place.last is None else entries))
        return answer

    def _off(self) -> Failure | None:
        """That nothing is written down anywhere, with the command that would change it."""
        if self._profiled or not self._levels:
            return None
        name = next(iter(self._levels))
        message = "profiling is off in all databases, so statements are estimated from what is seen running"
        return Failure(Part.STATEMENTS, FailureCode.MISSING, message, switch_on(name), self._clock.now())


def _new(place: _Place, entries: tuple[Document, ...]) -> tuple[Document, ...]:
    """The entries that were not read before; several may have the same time, and keep their order."""
    skip = 0
    if place.last is not None:
        same = [index for index, entry in enumerate(entries) if at(entry, "ts") == place.last]
        skip = min(place.of_last, len(same))
    new = entries[skip:]
    if new:
        last = at(new[-1], "ts")
        before = place.of_last if last == place.last else 0
        place.last, place.of_last = last, before + sum(at(entry, "ts") == last for entry in new)
    return new
