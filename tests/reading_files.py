"""Readings of real servers as JSON and back: recorded once, drawn often. Pure."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum, Flag
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from aishell_core import catalogue
from aishell_core.values import Ability, Metric, Reading, Sample, Tier, WaitCount

Json = Any
_TIMES = frozenset({"at", "started_at", "last_vacuum_at", "last_analyze_at"})
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Recording:
    """What one server told: figures and waits of its quick tier a second apart, all of its last reading, and the slower tiers."""

    url: str
    abilities: Ability
    hot: tuple[Reading, ...]
    slow: tuple[Reading, ...]


def encode(recording: Recording) -> Json:
    """The recording as JSON; figures of the quick tier stand in columns, None where a reading lacks one."""
    keys = dict.fromkeys((sample.metric.name, sample.labels) for reading in recording.hot for sample in reading.samples)
    found = [{(sample.metric.name, sample.labels): sample.value for sample in reading.samples} for reading in recording.hot]
    return {
        "url": recording.url,
        "abilities": [each.name for each in recording.abilities],
        "at": [reading.at for reading in recording.hot],
        "figures": [[name, _plain(labels), [_short(each.get((name, labels))) for each in found]] for name, labels in keys],
        "waits": [_plain(reading.waits) for reading in recording.hot],
        "hot": _plain(replace(recording.hot[-1], samples=(), waits=None)),
        "slow": [_plain(reading) for reading in recording.slow],
    }


def decode(text: Json) -> Recording:
    """The recording again."""
    last: Reading = _typed(Reading, text["hot"])
    columns = [(catalogue.find_metric(name), tuple(map(tuple, labels)), values) for name, labels, values in text["figures"]]
    hot = []
    for place, at in enumerate(text["at"]):
        samples = tuple(Sample(metric, values[place], labels) for metric, labels, values in columns if values[place] is not None)
        whole = last if place == len(text["at"]) - 1 else Reading(last.target, Tier.HOT, at, facts=last.facts, cost=last.cost)
        waits = None if text["waits"][place] is None else tuple(_typed(WaitCount, each) for each in text["waits"][place])
        hot.append(replace(whole, samples=samples, waits=waits))
    abilities = Ability.NONE
    for name in text["abilities"]:
        abilities |= Ability[name]
    return Recording(text["url"], abilities, tuple(hot), tuple(_typed(Reading, each) for each in text["slow"]))


def shifted(recording: Recording, seconds: float) -> Recording:
    """The same so many seconds later, with all moments that it tells of."""
    return replace(
        recording,
        hot=tuple(_shifted(each, seconds) for each in recording.hot),
        slow=tuple(_shifted(each, seconds) for each in recording.slow),
    )


def _shifted(value: Any, seconds: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_shifted(each, seconds) for each in value)
    if not is_dataclass(value) or isinstance(value, type | Metric):
        return value
    changed: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        new = old + seconds if field.name in _TIMES and old is not None else _shifted(old, seconds)
        if new is not old:
            changed[field.name] = new
    return replace(value, **changed) if changed else value


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}") if abs(value) < 1e6 else value


def _plain(value: Any) -> Json:
    """A value as JSON; fields that have their default are left out."""
    if isinstance(value, Metric):
        return value.name
    if isinstance(value, Flag):
        return value.value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_plain_fields(value))
    return value


def _plain_fields(value: Any) -> Iterator[tuple[str, Json]]:
    for field in fields(value):
        found = getattr(value, field.name)
        if found != field.default:
            yield field.name, _plain(found)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _typed(kind: Any, value: Json) -> Any:
    """JSON as a value of a type, by the type's own fields."""
    if value is None:
        return None
    if kind is Metric:
        return catalogue.find_metric(value)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _typed(next(each for each in get_args(kind) if each is not type(None)), value)
    if origin is tuple:
        return _typed_items(get_args(kind), value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _typed(hints[name], each) for name, each in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


def _typed_items(kinds: Sequence[Any], value: Json) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        return tuple(_typed(kinds[0], each) for each in value)
    return tuple(_typed(kind, each) for kind, each in zip(kinds, value, strict=True))
