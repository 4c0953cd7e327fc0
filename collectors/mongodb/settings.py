"""Reading parameters, options and the balancer."""

from __future__ import annotations

from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Part
from collectors.budget import Budget
from collectors.mongodb.questions import Answer, Questions
from collectors.mongodb.settings_rows import balancer_settings, settings_of
from collectors.pieces import Piece


async def read_settings(questions: Questions, budget: Budget, *, router: bool) -> list[Piece]:
    """All settings that may be read; raises MongoError when the server cannot be reached."""
    parameters = await questions.command(Part.SETTINGS, {"getParameter": "*"}, budget)
    options = await questions.command(Part.SETTINGS, {"getCmdLineOpts": 1}, budget)
    balancer: Answer = await questions.command("balancer", {"balancerStatus": 1}, budget) if router else Answer(({},))
    failures, document = (*parameters.failures, *options.failures, *balancer.failures), balancer.document
    cost = parameters.cost + options.cost + balancer.cost
    if parameters.documents is None and options.documents is None:
        return [Piece((), (), failures, cost)]
    known: Document = parameters.document
    settings = (*balancer_settings(document), *settings_of(known, options.document))
    return [Piece((), (("settings", settings),), failures, cost)]
