"""Reading collections and indexes: as many as the time allows, the others the next time."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.clock import Clock
from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Cost, Failure, FailureCode, Part, Relation
from collectors.budget import Budget
from collectors.mongodb.figures import at, part, text
from collectors.mongodb.questions import Answer, Questions
from collectors.mongodb.relations_rows import Looked, relations_of, top_samples
from collectors.pieces import Piece

_AGAIN_SECONDS = 60.0
"""So long a collection's figures are good for."""

_LEAST_SECONDS = 0.5
"""With less time left no further collection is begun."""

_MOST_COLLECTIONS = 1000
_OWN = frozenset({"admin", "config", "local"})
_TIMED_OUT = frozenset({FailureCode.TIMEOUT})


@dataclass(frozen=True, slots=True)
class _Known:
    read_at: float
    relations: tuple[Relation, ...]


class RelationsReader:
    """Reads what there is, and keeps of each collection what was read last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], _Known] = {}

    async def read(self, questions: Questions, budget: Budget, *, usage: bool) -> Piece:
        """All collections, those that were read longest ago anew; `usage` where the server has `top` and $indexStats."""
        places, failures, cost = await self._places(questions, budget)
        self._known = {place: self._known[place] for place in places if place in self._known}
        totals: Document = {}
        if usage:
            top = await questions.command("top", {"top": 1}, budget)
            totals, cost = part(top.document, "totals"), cost + top.cost
            failures += top.failures
        due = sorted((place for place in places if self._is_due(place)), key=self._age)
        for place in due:
            if budget.left < _LEAST_SECONDS:
                break
            cost += await self._look(questions, budget, place, places[place], part(totals, f"{place[0]}.{place[1]}"), failures, usage=usage)
        missing = sum(place not in self._known for place in places)
        if missing:
            message = f"{missing} of {len(places)} collections were not read yet; the next readings bring them"
            failures.append(Failure(Part.RELATIONS, FailureCode.UNSUPPORTED, message, "", questions.now))
        relations = tuple(relation for place in places if place in self._known for relation in self._known[place].relations)
        return Piece(top_samples(totals), (("relations", relations),), tuple(_once(failures)), cost)

    def _is_due(self, place: tuple[str, str]) -> bool:
        known = self._known.get(place)
        return known is None or self._clock.steady() - known.read_at >= _AGAIN_SECONDS

    def _age(self, place: tuple[str, str]) -> float:
        known = self._known.get(place)
        return known.read_at if known is not None else -1.0

    async def _places(self, questions: Questions, budget: Budget) -> tuple[dict[tuple[str, str], str], list[Failure], Cost]:
        """Database, name and kind of each collection."""
        listed = await questions.command(
            Part.RELATIONS, {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True}, budget, name="databases"
        )
        failures, cost = list(listed.failures), listed.cost
        found = at(listed.document, "databases")
        names = [text(each, "name") for each in found] if isinstance(found, list) else []
        places: dict[tuple[str, str], str] = {}
        for database in [name for name in names if name not in _OWN]:
            command = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True}
            answer = await questions.documents(Part.RELATIONS, command, budget, database=database, name=f"collections {database}")
            failures += answer.failures
            cost += answer.cost
            for each in answer.documents or ():
                if not text(each, "name").startswith("system.") and len(places) < _MOST_COLLECTIONS:
                    places[database, text(each, "name")] = text(each, "type")
        return places, failures, cost

    async def _look(
        self,
        questions: Questions,
        budget: Budget,
        place: tuple[str, str],
        kind: str,
        top: Document,
        failures: list[Failure],
        *,
        usage: bool,
    ) -> Cost:
        """Read one collection, and keep what was read."""
        database, name = place
        storage: Document = {"$collStats": {"storageStats": {}}}
        asked: list[Answer] = []
        if kind != "view":
            asked = [
                await self._aggregate(questions, budget, place, storage),
                await questions.documents(Part.RELATIONS, {"listIndexes": name}, budget, database=database, name=f"indexes {place}"),
            ]
            if usage:
                asked.append(await self._aggregate(questions, budget, place, {"$indexStats": {}}))
        told = [failure for answer in asked for failure in answer.failures if failure.code is not FailureCode.MISSING]
        failures += told
        if not any(failure.code in _TIMED_OUT for failure in told):
            indexes = asked[1].documents or () if asked else ()
            uses = asked[2].documents if len(asked) > 2 else None
            looked = Looked(database, name, kind, asked[0].document if asked else {}, indexes, uses)
            self._known[place] = _Known(self._clock.steady(), relations_of(looked, top, self._clock.now()))
        return sum((answer.cost for answer in asked), Cost())

    async def _aggregate(self, questions: Questions, budget: Budget, place: tuple[str, str], stage: Document) -> Answer:
        database, name = place
        command = {"aggregate": name, "pipeline": [stage], "cursor": {}}
        return await questions.documents(Part.RELATIONS, command, budget, database=database, name=f"{next(iter(stage))} {place}")


def _once(failures: list[Failure]) -> list[Failure]:
    """One failure for each part and code: a missing role shows at every collection."""
    return list({(failure.part, failure.code): failure for failure in reversed(failures)}.values())
