"""Cells that are made when they are asked for: of a thousand rows only those in view are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from widgets.table_model import Cell

T = TypeVar("T")


class LazyCells(Mapping[str, Cell], Generic[T]):
    """The cells of one thing, by column; two of the same thing are the same."""

    __slots__ = ("_made", "_makers", "_thing")

    def __init__(self, thing: T, makers: Mapping[str, Callable[[T], Cell]]) -> None:
        self._thing = thing
        self._makers = makers
        self._made: dict[str, Cell] = {}

    @property
    def thing(self) -> T:
        """What the cells are of."""
        return self._thing

    def __getitem__(self, key: str) -> Cell:
        cell = self._made.get(key)
        if cell is None:
            cell = self._made[key] = self._makers[key](self._thing)
        return cell

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyCells) and bool(other._thing == self._thing) and other._makers is self._makers

    __hash__ = None  # type: ignore[assignment]
