"""The page of keys is the table of keys."""

from __future__ import annotations

from pathlib import Path

from tests.keys_page import keys_page

PAGE = Path(__file__).parents[3] / "docs" / "keys.md"


def test_the_page_of_keys_is_the_table_of_keys() -> None:
    assert PAGE.read_text(encoding="utf-8") == keys_page(), "make it anew: python -m tests.keys_page > docs/keys.md"
