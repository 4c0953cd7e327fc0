"""The examples of the page about conditions are conditions."""

from __future__ import annotations

import re

import pytest

from aishell_tui.cli.condition_page import conditions_page
from alerts.language.checker import check_condition
from alerts.language.functions import AGGREGATIONS, FUNCTIONS
from alerts.language.parser import parse_condition

EXAMPLES = [line for block in re.findall(r"```text\n(.*?)```", conditions_page(), re.DOTALL) for line in block.splitlines()]
INLINE = [text for text in re.findall(r"`([a-z][^`\n]* > [^`\n]+)`", conditions_page()) if "x" not in text.split()]


@pytest.mark.parametrize("text", [*EXAMPLES, *INLINE])
def test_an_example_has_no_fault(text: str) -> None:
    assert not check_condition(parse_condition(text)).problems


def test_every_function_is_on_the_page() -> None:
    page = conditions_page()
    for usage in (*(each.usage for each in FUNCTIONS.values()), *(each.usage for each in AGGREGATIONS.values())):
        assert f"`{usage}`" in page
