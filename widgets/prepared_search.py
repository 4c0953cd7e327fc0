"""Searching the same things again and again, as at every key of a filter; no drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from widgets.table_order import Pattern

T = TypeVar("T")


class PreparedSearch(Generic[T]):
    """Keeps the texts of thousands of things in the form in which they are searched, while somebody searches them."""

    def __init__(self, texts_of: Callable[[T], Sequence[str]]) -> None:
        """`texts_of` gives the texts of a thing, one for each cell in which it is shown."""
        self._texts_of = texts_of
        self._things: tuple[T, ...] = ()
        self._texts: list[str] = []
        self._ignores_case = False

    def found(self, things: tuple[T, ...], pattern: Pattern | None) -> tuple[T, ...]:
        """The things that a pattern lets through, in their order; without one all of them, and no text is kept."""
        if pattern is None:
            self._things, self._texts = (), []
            return things
        if things is not self._things or pattern.ignores_case is not self._ignores_case:
            self._things, self._ignores_case = things, pattern.ignores_case
            self._texts = [pattern.prepared(self._texts_of(thing)) for thing in things]
        finds, wanted = pattern.finds, not pattern.inverted
        return tuple([thing for thing, text in zip(things, self._texts, strict=True) if finds(text) is wanted])
