"""Names in a condition: metrics, the raw counters behind rates, labels and variables, each with its nearest valid ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import Kind, Metric

RATE = ".rate"
TRAIT_LABELS = ("target", "engine", "role", "environment")
"""What every figure can be selected and grouped by: of its target."""

SHORT_NAMES: Mapping[str, str] = {
    "cpu.usage": "host.cpu.usage",
    "cpu.iowait": "host.cpu.iowait",
    "load.1m": "host.load.1m",
    "memory.usage": "host.memory.usage",
    "swap.usage": "host.swap.usage",
    "disk.usage": "host.disk.usage",
    "disk.free": "host.disk.free",
    "repl.lag": "replication.lag",
}
"""Names that people write for a metric of another name."""

VARIABLES: Mapping[str, float | None] = {"status": None, "clear": 0.0, "info": 1.0, "warning": 2.0, "critical": 3.0}
"""What may stand behind a dollar sign, with the value of a constant."""

_ASKS_WHETHER_UP = frozenset({"alive", "is_up", "down"})
HOW_TO_ASK_WHETHER_UP = "absent(up, 1m) says that a target does not answer"
_LABELS = re.compile(r"\bby the labels? ((?:`\w+`(?:, | and )?)+)")
_LABEL = re.compile(r"`(\w+)`")


def find_figure(name: str) -> tuple[Metric, bool] | None:
    """The metric that a name means, and whether it is the raw counter behind it; None for no name.

    A counter is in the catalogue by its rate (`deadlocks.rate`); without the ending it is the counter itself.
    """
    full = SHORT_NAMES.get(name, name)
    metric = CATALOGUE.get(full)
    if metric is not None:
        return metric, False
    metric = CATALOGUE.get(full + RATE)
    return None if metric is None or metric.kind is not Kind.COUNTER else (metric, True)


def raw_name(metric: Metric) -> str:
    """What the counter itself is called in a condition."""
    return metric.name.removesuffix(RATE)


def near_figures(name: str) -> str:
    """A hint with the nearest names of metrics."""
    names = {**{raw_name(metric): "" for metric in CATALOGUE.values()}, **dict.fromkeys(CATALOGUE, ""), **dict.fromkeys(SHORT_NAMES, "")}
    if name.lower() in _ASKS_WHETHER_UP:
        return HOW_TO_ASK_WHETHER_UP
    return near(name, names) or "aishell metrics --catalogue lists all of them"


def near(name: str, valid: Iterable[str]) -> str:
    """`did you mean …?` with at most three names; "" where none is near."""
    found = get_close_matches(name.lower(), list(valid), n=3, cutoff=0.55)
    return f"did you mean {' or '.join(found)}?" if found else ""


def meant_trait(label: str) -> str:
    """The label of every figure that a word which is none of them is a slip of; "" for any other word."""
    found = get_close_matches(label.lower(), TRAIT_LABELS, n=1, cutoff=0.75) if label not in TRAIT_LABELS else []
    return found[0] if found else ""


@cache
def figure_labels() -> frozenset[str]:
    """All labels that the catalogue's help names for any metric."""
    return frozenset[str]().union(*map(labels_of, CATALOGUE))


@cache
def labels_of(name: str) -> frozenset[str]:
    """The labels that the catalogue's help names for a metric; a metric may have others where it names none."""
    metric = CATALOGUE.get(name)
    match = _LABELS.search(metric.help) if metric else None
    return frozenset(_LABEL.findall(match[1])) if match else frozenset()
