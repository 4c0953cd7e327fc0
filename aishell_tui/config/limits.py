"""Thresholds of single metrics: values with the unit of their metric, laid over those of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, Field

from aishell_core.catalogue import CATALOGUE
from aishell_core.documents.fields import fault, kind_of
from aishell_core.errors import AishellError
from aishell_core.units import parse_duration, parse_ratio, parse_size
from aishell_core.values import Metric, Thresholds, Unit

OFF = "off"


class Limit(BaseModel):
    """The thresholds of one metric, as they are written."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    warning: str | int | float | None = Field(default=None, description="From this value on it is a warning; `off` for never.")
    critical: str | int | float | None = Field(default=None, description="From this value on it is critical; `off` for never.")


def _milliseconds(text: str) -> float:
    return parse_duration(text) * 1000


def _size_rate(text: str) -> float:
    return parse_size(text.removesuffix("/s"))


_PARSERS: Mapping[Unit, tuple[Callable[[str], float], str]] = {
    Unit.SECONDS: (parse_duration, "30s"),
    Unit.MILLISECONDS: (_milliseconds, "30s"),
    Unit.BYTES: (parse_size, "64MiB"),
    Unit.BYTES_PER_SECOND: (_size_rate, "10MiB/s"),
    Unit.RATIO: (parse_ratio, "90%"),
}


def unknown_metric(name: str) -> tuple[str, str]:
    """What is wrong with a name that is not in the catalogue, and the nearest ones."""
    near = get_close_matches(name, CATALOGUE, n=3, cutoff=0.5)
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    return f"there is no metric {name!r}", f"{guess}aishell metrics --catalogue lists all of them"


def parse_limit(metric: Metric, value: str | float | None, default: float | None) -> float | None:
    """A threshold in the metric's own unit, None for off, the default where nothing is written; raises a fault."""
    if value is None:
        return default
    if value == OFF:
        return None
    parser, example = _PARSERS.get(metric.unit, (None, "10"))
    if parser is None:
        return _number(metric, value)
    if not isinstance(value, str) and metric.unit is not Unit.RATIO:
        raise fault(f"{value} has no unit, and {metric.name} is measured in {metric.unit}", f"write it as in {example}")
    try:
        return parser(str(value))
    except AishellError as error:
        raise fault(error.message, error.hint) from error


def _number(metric: Metric, value: str | float) -> float:
    if isinstance(value, str | bool):
        raise fault(f"a number is wanted here, but {kind_of(value)} was found", f"{metric.name} is a plain number ({metric.unit})")
    return float(value)


def thresholds_of(metric: Metric, limit: Limit) -> Thresholds:
    """The metric's thresholds with those of the configuration laid over them; raises a fault for values that contradict."""
    before = metric.thresholds
    warning = parse_limit(metric, limit.warning, before.warning)
    critical = parse_limit(metric, limit.critical, before.critical)
    if warning is not None and critical is not None and warning != critical and (warning < critical) is before.falling:
        word = "below" if before.falling else "above"
        raise fault(f"critical must be {word} warning for {metric.name}", "set both, or switch one off with off")
    return replace(before, warning=warning, critical=critical)
