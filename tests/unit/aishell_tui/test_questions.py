"""The questions before something is run: where it is, and what has to be typed."""

from __future__ import annotations

import pytest

from aishell_core.safety.decision import Place
from aishell_core.targets import Environment
from aishell_tui.screens.confirm import confirmation_on


@pytest.mark.parametrize(
    ("place", "where", "typed"),
    [
        (Place("shop", Environment.DEVELOPMENT), "Run it on shop (development)", ""),
        (Place("shop", Environment.PRODUCTION), "Run it on shop (production)", "shop"),
        (Place("shop", Environment.DEVELOPMENT, known=False), "Run it on shop (not configured, so taken for production)", "shop"),
    ],
)
def test_a_target_that_only_the_command_line_names_is_asked_about_as_production(place: Place, where: str, typed: str) -> None:
    question = confirmation_on(place, "Run it", ())
    assert (question.title, question.typed) == (where, typed)
