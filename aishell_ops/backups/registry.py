"""Finding what can save and restore an engine by entry point; listing imports none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from aishell_core.errors import TargetError, UsageError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.drill import Drillable
from aishell_ops.backups.engines.contract import HasScratch, Loads, Saves

GROUP = "aishell.backups"


def saved_engines() -> tuple[str, ...]:
    """The names of all engines that can be saved, own and foreign."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def saver_of(target: Target) -> Saves:
    """What saves a target; raises UsageError where nothing does, TargetError where it cannot be opened."""
    engine = _engine_of(target)
    if isinstance(engine, Saves):
        return engine
    raise _unable(target.engine, "saved")


def loader_of(target: Target) -> Loads:
    """What takes backups back into a target; raises UsageError where nothing does, TargetError where it cannot be opened."""
    engine = _engine_of(target)
    if isinstance(engine, Loads):
        return engine
    raise _unable(target.engine, "restored")


def driller_of(target: Target) -> Drillable:
    """What restores a target's backups into a place of their own; raises UsageError where nothing does."""
    engine = _engine_of(target)
    if isinstance(engine, Loads) and isinstance(engine, HasScratch):
        return cast("Drillable", engine)
    raise _unable(target.engine, "restored for a test")


def _engine_of(target: Target) -> object:
    if target.obstacle is not None:
        raise TargetError(FailureCode.AUTHENTICATION, target.obstacle.message, target.obstacle.hint)
    found = tuple(entry_points(group=GROUP, name=target.engine))
    if not found:
        raise _unable(target.engine, "saved")
    try:
        made = cast("Callable[[], object]", found[0].load())
    except ImportError as error:
        raise UsageError(f"what saves {target.engine} cannot be loaded: {error}", "reinstall aishell-tui") from error
    return made()


def _unable(engine: str, what: str) -> UsageError:
    return UsageError(f"{engine} cannot be {what} by this version", f"these can: {', '.join(saved_engines())}")
