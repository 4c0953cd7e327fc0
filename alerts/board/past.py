"""What the board wants to know of the time before it: asked of whoever keeps history."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aishell_core.series.keys import NameAndLabels
from aishell_core.state.history import History
from aishell_core.values import TargetId
from alerts.board.series import Series


@dataclass(frozen=True, slots=True)
class PastRequest:
    """Figures of a target, by the names of the catalogue, from `since` to `until` in epoch seconds."""

    target: TargetId
    metrics: tuple[str, ...]
    since: float
    until: float

    def moved(self, seconds: float) -> PastRequest:
        """The same by a clock that is ahead by so much."""
        return replace(self, since=self.since + seconds, until=self.until + seconds)


class Past:
    """The series with long windows that nobody has been asked about yet."""

    __slots__ = ("_lacking",)

    def __init__(self) -> None:
        self._lacking: dict[int, Series] = {}

    def note(self, series: Series) -> None:
        """A long window over a series has begun."""
        self._lacking[id(series)] = series

    def forget(self, series: Series) -> None:
        """The series is gone."""
        self._lacking.pop(id(series), None)

    def requests(self) -> tuple[PastRequest, ...]:
        """What to ask, one request for each target; a series that was never read is not asked for yet."""
        due = [series for series in self._lacking.values() if series.was_read]
        for series in due:
            del self._lacking[id(series)]
        found: dict[TargetId, list[Series]] = {}
        for series in due:
            found.setdefault(series.key.target, []).append(series)
        return tuple(
            PastRequest(
                target,
                tuple(sorted({series.metric.name for series in several})),
                min(series.at - series.reach_seconds for series in several),
                max(series.at for series in several),
            )
            for target, several in found.items()
        )


def fill(found: Mapping[NameAndLabels, Series], request: PastRequest, history: History, ahead_seconds: float = 0.0) -> None:
    """Give series what is kept of them; the clock of the request and of what is kept is ahead of theirs by so much."""
    for name in request.metrics:
        for key in history.find(name):
            series = found.get(key.name_and_labels)
            if series is not None:
                rollups = history.rollups(key).between(request.since, request.until)
                if ahead_seconds:
                    rollups = replace(rollups, times=array("d", [at - ahead_seconds for at in rollups.times]))
                for steps in series.steps.values():
                    steps.put_before(rollups)
