"""What was read, and what all reports of it have in common: state, exit code, names of figures, failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aishell_core.errors import ExitCode
from aishell_core.values import Failure, Labels, Part, Severity, Thresholds, worst
from aishell_tui.cli.shapes import FailureRow, MetricValue
from aishell_tui.frame import TargetView

_EXIT_CODES = {
    Severity.OK: ExitCode.OK,
    Severity.WARNING: ExitCode.WARNING,
    Severity.CRITICAL: ExitCode.CRITICAL,
    Severity.UNKNOWN: ExitCode.UNKNOWN,
}
_PARTS = frozenset(Part)
_GLYPHS = {Severity.OK: "●", Severity.WARNING: "▲", Severity.CRITICAL: "✖", Severity.UNKNOWN: "?"}
_ASCII = {Severity.OK: ".", Severity.WARNING: "!", Severity.CRITICAL: "X", Severity.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Looked:
    """The judged views, the worst first, the moment of the look, and the thresholds that the configuration changes."""

    views: tuple[TargetView, ...]
    at: float
    thresholds: Mapping[str, Thresholds]

    @property
    def state(self) -> Severity:
        """The worst state of all targets."""
        return worst([view.assessment.severity for view in self.views])


def exit_code(state: Severity) -> int:
    """The exit code that says a state to scripts."""
    return int(_EXIT_CODES[state])


def glyph(state: Severity, unicode: bool) -> str:
    """The sign of a state."""
    return (_GLYPHS if unicode else _ASCII)[state]


def series_name(name: str, labels: Labels) -> str:
    """A metric with its labels: host.disk.usage{mount="/"}."""
    if not labels:
        return name
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def metric_values(view: TargetView, now: float) -> dict[str, MetricValue]:
    """Every figure of a target that is known, by its name with labels, in the order of the names."""
    found = {}
    for key in view.snapshot.keys():  # noqa: SIM118 - a method of the snapshot, which is no mapping
        value = view.snapshot.value(key)
        updated = view.snapshot.updated_at(key)
        if value is not None:
            age = None if updated is None else round(max(0.0, now - updated), 3)
            found[series_name(key.metric.name, key.labels)] = MetricValue(value, key.metric.unit.value, age)
    return dict(sorted(found.items()))


def told_once(failures: Iterable[Failure]) -> Iterable[Failure]:
    """Each failure once, though several tiers may have met it."""
    return {(failure.part, failure.message): failure for failure in failures}.values()


def failure_rows(failures: Iterable[Failure]) -> tuple[FailureRow, ...]:
    """Failures as they are printed."""
    return tuple(FailureRow(failure.part, failure.code.value, failure.message, failure.hint) for failure in told_once(failures))


def failures_about(failures: Iterable[Failure], *parts: Part) -> list[Failure]:
    """The failures that people should see who ask for these parts: all but those of other parts."""
    return [failure for failure in failures if failure.part in parts or failure.part not in _PARTS]


def failure_lines(failures: Iterable[Failure]) -> list[str]:
    """Failures for people: why, and what to do."""
    return [f"  {failure.part}: {failure.message}" + (f" ({failure.hint})" if failure.hint else "") for failure in told_once(failures)]
