"""ASCII for terminals that have no more."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from widgets.ascii_filter import AsciiFilter, in_ascii


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Mn", "Me", "Cf", "Zl", "Zp"])))
def test_the_width_stays_and_only_ascii_is_left(text: str) -> None:
    assert in_ascii(text).isascii()
    assert len(in_ascii(text)) == sum(cell_len(letter) for letter in text)


def test_symbols_have_plain_twins() -> None:
    segments = AsciiFilter().apply([Segment("🔎 Search…"), Segment("plain")], Color(0, 0, 0))
    assert [segment.text for segment in segments] == [">  Search.", "plain"]
