"""The layers of a stacked chart: one for each value of a label, with signs that stay whichever others there are. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from aishell_core.series.buckets import Buckets
from widgets.palette import Role
from widgets.stack_paint import StackData, StackLayer

_SHADES = "█▓▒░"
_HUES: tuple[Role, ...] = ("chart1", "chart2", "chart3", "chart4")
_KNOWN = ("active", "idle in transaction", "idle", "idle in transaction (aborted)", "sleeping", "waiting", "blocked")
"""Names in the order in which they get their signs; the first four differ in hue and in shade, all others in one of them."""
_LETTERS: Mapping[str, str] = {"active": "A", "idle in transaction": "T", "idle": "I"}
_AT_REST = ("idle", "sleep")


@dataclass(frozen=True, slots=True)
class Sign:
    """How a layer is drawn."""

    letter: str
    role: Role
    block: str


def layer_signs(names: Iterable[str], known: Sequence[str] = _KNOWN, letters: Mapping[str, str] = _LETTERS) -> dict[str, Sign]:
    """A sign of its own for each name, the same one whichever others there are as far as the name is known."""
    signs: dict[str, Sign] = {}
    taken = set(letters.values())
    for place, name in enumerate([*known, *sorted(set(names) - set(known))]):
        letter = letters.get(name) or next((each for each in name.upper() if each.isalnum() and each not in taken), "?")
        taken.add(letter)
        signs[name] = Sign(letter, _HUES[place % len(_HUES)], _SHADES[(place + place // len(_HUES)) % len(_SHADES)])
    return signs


def layer_order(names: Iterable[str]) -> list[str]:
    """From the bottom up: what works, what keeps a transaction, all others, and what is at rest."""

    def rank(name: str) -> tuple[int, str]:
        if name == "active":
            return 0, name
        if "transaction" in name:
            return 1, name
        return (3 if name.startswith(_AT_REST) else 2), name

    return sorted(set(names), key=rank)


def stacked(series: Mapping[str, Buckets], now: Mapping[str, float | None], short: Callable[[str], str] = str) -> StackData:
    """Series on the same grid, by the name of their layer, each with its figure of now beside its name."""
    names = [name for name in layer_order(series) if _is_seen(series[name], now.get(name))]
    if not names:
        return _nothing(tuple(series.values()))
    signs, first = layer_signs(names), series[names[0]]
    buckets = zip(*(series[name].mean for name in names), strict=True)
    layers = tuple(StackLayer(short(name), signs[name].letter, signs[name].role, signs[name].block, now.get(name)) for name in names)
    return StackData(layers, tuple(map(_bucket, buckets)), first.start, first.step_seconds)


def _nothing(series: Sequence[Buckets]) -> StackData:
    """A chart without layers on the grid of the series, so that its axis tells the time all the same."""
    if not series:
        return StackData()
    known = zip(*(each.mean for each in series), strict=True)
    return StackData((), tuple(None if _bucket(values) is None else () for values in known), series[0].start, series[0].step_seconds)


def _is_seen(series: Buckets, now: float | None) -> bool:
    """Whether there is anything to draw; a layer that is nothing all the time only fills the legend."""
    return bool(now) or any(value > 0 for value in series.mean)


def _bucket(values: tuple[float, ...]) -> tuple[float, ...] | None:
    if all(math.isnan(value) for value in values):
        return None
    return tuple([0.0 if math.isnan(value) else value for value in values])
