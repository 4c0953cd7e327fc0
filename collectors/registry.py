"""Finding the collector of an engine by entry point; listing imports none of them."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from aishell_core.clock import Clock
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from collectors.contract import Collector, CollectorFactory

GROUP = "aishell.collectors"


def installed_engines() -> tuple[str, ...]:
    """The names of all engines that have a collector, own and foreign."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def open_collector(target: Target, clock: Clock) -> Collector:
    """The collector of a target; raises TargetError where there is none, it cannot be loaded, or the target has an obstacle."""
    if target.obstacle is not None:
        raise TargetError(FailureCode.AUTHENTICATION, target.obstacle.message, target.obstacle.hint)
    found = tuple(entry_points(group=GROUP, name=target.engine))
    if not found:
        raise TargetError(
            FailureCode.UNSUPPORTED,
            f"no collector for {target.engine} is installed",
            f"installed: {', '.join(installed_engines())}",
        )
    try:
        factory = cast(CollectorFactory, found[0].load())
    except ImportError as error:
        raise TargetError(
            FailureCode.UNSUPPORTED, f"the collector for {target.engine} cannot be loaded: {error}", "reinstall aishell-tui"
        ) from error
    return factory(target, clock)
