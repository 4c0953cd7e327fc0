"""Searching thousands of texts at every key."""

import pytest

from widgets.prepared_search import PreparedSearch
from widgets.table_order import parse_pattern

TEXTS = ("SELECT a FROM Orders", "select b from stock", "UPDATE stock SET n = (1)", "")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("select", (0, 1)),
        ("Orders", (0,)),
        ("orders", (0,)),
        ("Stock", ()),
        ("!stock", (0, 3)),
        ("^select .* (orders|stock)$", (0, 1)),
        ("(1)", (2,)),
        ("n = (1", (2,)),
        ("", (0, 1, 2, 3)),
    ],
)
def test_a_search_finds_what_a_filter_lets_through(text: str, kept: tuple[int, ...]) -> None:
    search: PreparedSearch[int] = PreparedSearch(lambda thing: ("shop", TEXTS[thing]))
    assert search.found((0, 1, 2, 3), parse_pattern(text)) == kept


class Texts:
    """Texts that remember which of them were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def texts_of(self, thing: int) -> tuple[str]:
        self.asked.append(thing)
        return (TEXTS[thing],)


def test_texts_are_made_once_for_all_keys_of_a_filter_and_again_for_other_things() -> None:
    texts, things = Texts(), (0, 1, 2)
    search = PreparedSearch(texts.texts_of)
    for text in ("s", "se", "sel", "se"):
        search.found(things, parse_pattern(text))
    assert texts.asked == [0, 1, 2]
    assert search.found((1, 2), parse_pattern("sel")) == (1,)
    assert texts.asked == [0, 1, 2, 1, 2]


def test_no_text_is_kept_when_nobody_searches() -> None:
    texts, things = Texts(), (0, 1)
    search = PreparedSearch(texts.texts_of)
    search.found(things, parse_pattern("s"))
    assert search.found(things, None) is things
    search.found(things, parse_pattern("s"))
    assert texts.asked == [0, 1, 0, 1]
