"""Reading settings, those in force and those that the next start will take."""

from __future__ import annotations

from aishell_core.engines.oracle import ServerFacts
from aishell_core.values import Part
from collectors.budget import Budget
from collectors.oracle.questions import Questions
from collectors.oracle.settings_rows import pending_samples, settings_of
from collectors.pieces import Piece


class SettingsReader:
    """Reads v$system_parameter and v$spparameter."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def read(self, server: ServerFacts, budget: Budget, *, in_figures: bool = False) -> Piece:
        """The settings, with a figure where `in_figures`; raises TargetError when the server cannot be reached."""
        found = await self._questions.ask(server, "settings", Part.SETTINGS, budget)
        stored = await self._questions.ask(server, "stored_settings", Part.SETTINGS, budget)
        cost = found.cost + stored.cost
        failures = (*found.failures, *stored.failures)
        if found.rows is None:
            return Piece((), (), found.failures, cost)
        settings = settings_of(found.rows, stored.rows or ())
        samples = pending_samples(settings) if in_figures and stored.rows is not None else ()
        return Piece(samples, (("settings", settings),), failures, cost)
