"""The texts of statements by their SQL_ID: each is asked for once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from aishell_core.engines.oracle import ServerFacts
from aishell_core.values import Cost, Part
from collectors.budget import Budget
from collectors.oracle.questions import Questions

_KEPT = 4000
_PER_READING = 12
"""So many are asked for at one reading; the others have their turn at the next ones."""

_LEAST_LEFT_SECONDS = 0.5


class Texts:
    """Asks for texts, the shared pool's own index finds each at once, and keeps those seen last."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._known: OrderedDict[str, str] = OrderedDict()

    @property
    def known(self) -> Mapping[str, str]:
        """The texts by SQL_ID."""
        return self._known

    def note(self, sql_id: str, text: str) -> None:
        """Keep a text that came by itself; one that was asked for whole stays."""
        if text and not self._known.get(sql_id):
            self._keep(sql_id, text)

    async def learn(self, server: ServerFacts, wanted: Iterable[str], budget: Budget) -> Cost:
        """Ask for the texts that are not known; raises TargetError when the server cannot be reached."""
        cost, asked = Cost(), 0
        for sql_id in dict.fromkeys(wanted):
            if sql_id in self._known:
                self._known.move_to_end(sql_id)
                continue
            if not sql_id or asked == _PER_READING or budget.left < _LEAST_LEFT_SECONDS or self._questions.is_refused("sql_text"):
                continue
            asked += 1
            found = await self._questions.ask(server, "sql_text", Part.SESSIONS, budget, {"sql_id": sql_id}, seconds=1.0)
            cost += found.cost
            if found.rows is not None:
                # One that has left the shared pool is not asked for again.
                self._keep(sql_id, str(found.row["sql_text"] or "") if found.row is not None else "")
        return cost

    def _keep(self, sql_id: str, text: str) -> None:
        self._known[sql_id] = text
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
