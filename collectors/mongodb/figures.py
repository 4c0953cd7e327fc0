"""Taking figures out of documents; what is not there, or is no number, is unknown. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Labels, Metric, Sample


def at(document: Document, *path: str) -> object:
    """What stands at a path of names; None where it ends early."""
    here: object = document
    for name in path:
        if not isinstance(here, dict):
            return None
        here = here.get(name)
    return here


def number(document: Document, *path: str) -> float | None:
    """The number at a path of names; None for anything that is none, and for one that cannot be (negative, infinite)."""
    found = at(document, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if math.isfinite(found) and found >= 0 else None


def part(document: Document, *path: str) -> Document:
    """The document at a path of names, an empty one where there is none."""
    found = at(document, *path)
    return found if isinstance(found, dict) else {}


def text(document: Document, *path: str) -> str:
    """The text at a path of names; "" for anything that is none."""
    found = at(document, *path)
    return found if isinstance(found, str) else ""


def first(*found: float | None) -> float | None:
    """The first that is known."""
    return next((each for each in found if each is not None), None)


def samples_of(figures: Iterable[tuple[Metric, float | None]], labels: Labels = ()) -> tuple[Sample, ...]:
    """Samples of those figures that are known."""
    return tuple(Sample(metric, value, labels) for metric, value in figures if value is not None)
