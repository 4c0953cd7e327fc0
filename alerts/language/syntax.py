"""The syntax tree of a condition: frozen nodes, each with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text: offset of its first character, and its length."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Expression:
    """Any node of the tree."""

    span: Span
