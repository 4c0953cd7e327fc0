"""What every collector is: the one seam between an engine and the rest of aishell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from aishell_core.clock import Clock
from aishell_core.targets import Target
from aishell_core.values import Ability, Part, PlanNode, Reading, Tier

Demand = frozenset[Part]
"""The parts that a visible pane or an alert rule needs now; the others are not collected."""

EVERYTHING: Demand = frozenset(Part)
NOTHING: Demand = frozenset()

Tiers = frozenset[Tier]
_MOMENT: Tiers = frozenset({Tier.HOT})
_SLOW: Tiers = frozenset({Tier.WARM, Tier.COLD})
_PLACES: Mapping[Part, Tiers] = {Part.RELATIONS: _SLOW, Part.SETTINGS: frozenset({Tier.WARM})}


class Collector(Protocol):
    """Reads one target.

    `collect` answers within its own deadline or is cancelled by the poller; it raises TargetError when the whole
    target cannot be read, and puts a Failure into the Reading for a part that cannot. Several tiers may be
    collected at the same time. `close` never raises and may be called twice.
    """

    @property
    def abilities(self) -> Ability:
        """What this collector can deliver."""

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier."""

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of a statement, without running it, as seen in a database ("" for the target's own).

        Raises TargetError where the engine or the text forbids it.
        """

    async def close(self) -> None:
        """Let go of everything."""


@runtime_checkable
class Analyzing(Protocol):
    """A collector that can also run a statement to measure its plan (`Ability.ANALYZE`), so that nothing is changed by it."""

    async def check_measuring(self, sql: str, database: str) -> None:
        """Raise the TargetError with which a statement would not be run, so that nobody is asked for what is refused then."""

    async def explain_analyze(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan with what each step took; raises TargetError where it writes, lacks values or passes the deadline."""


@runtime_checkable
class Consenting(Protocol):
    """A collector whose `explain` raises ConsentError where asking for the plan may already do something."""

    async def explain_with_consent(self, sql: str, database: str) -> tuple[PlanNode, ...]:
        """The plan all the same, because a person wants it; raises TargetError."""


@runtime_checkable
class Placing(Protocol):
    """A collector that reads some parts in other tiers than most (see `tiers_of`)."""

    def tiers_of(self, part: Part) -> Tiers:
        """The tiers in which it reads a part, or says why it cannot."""


@runtime_checkable
class Remembering(Protocol):
    """A collector that does not ask again for a while what a server has refused."""

    def forget_refusals(self) -> None:
        """Ask for all of it at the next readings: rights were given or taken, or somebody wants to know."""


def usual_tiers(part: Part) -> Tiers:
    """In which tiers a part is read when it is wanted: tables, which take long, in the slower ones, all else in the hot one.

    Settings are in each cold reading, with sizes that may take long to tell: who wants them alone has them in the warm one.
    """
    return _PLACES.get(part, _MOMENT)


def tiers_of(collector: Collector, demand: Demand) -> Tiers:
    """In which tiers these parts are read."""
    tiers = collector.tiers_of if isinstance(collector, Placing) else usual_tiers
    return frozenset[Tier]().union(*(tiers(part) for part in demand))


CollectorFactory = Callable[[Target, Clock], Collector]
"""What an entry point of the group `aishell.collectors` names; the entry point's name is the engine's."""
