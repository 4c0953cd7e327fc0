"""Finding what can save and restore an engine by entry point; listing imports none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from aishell_core.errors import TargetError, UsageError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.drill import Drillable
from aishell_ops.backups.engines.contract import HasScratch, Loads, Saves
from aishell_ops.backups.models import Format, Manifest
from aishell_ops.backups.rows.contract import RowEngine, TakesRows
from aishell_ops.backups.rows.described import is_described
from aishell_ops.backups.rows.restoring import RowLoads
from aishell_ops.backups.rows.service import METHOD, RowBackups

GROUP = "aishell.backups"
ROWS = "aishell.rows"


def saved_engines() -> tuple[str, ...]:
    """The names of all engines that can be saved, own and foreign."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def saver_of(target: Target, form: Format = Format.NATIVE) -> Saves:
    """What saves a target in a form; raises UsageError where nothing does, TargetError where it cannot be opened."""
    # What is of no engine's own form is made of rows; for the own one what reads rows need not be loaded.
    rows = None if form is Format.NATIVE else _rows_of(target)
    if isinstance(rows, RowEngine) and form in rows.forms:
        return RowBackups(rows)
    engine = _engine_of(target)
    if isinstance(engine, Saves):
        return engine
    raise _unable(target.engine, "saved")


def loader_of(target: Target, manifest: Manifest) -> Loads:
    """What takes a backup back into a target; raises UsageError where nothing does, TargetError where it cannot be opened."""
    if _goes_as_rows(target, manifest):
        return _row_loads(target)
    engine = _engine_of(target)
    if isinstance(engine, Loads):
        return engine
    raise _unable(target.engine, "restored")


def driller_of(target: Target, manifest: Manifest) -> Drillable:
    """What restores a target's backup into a place of its own; raises UsageError where nothing does."""
    if _goes_as_rows(target, manifest):
        return _row_loads(target)
    engine = _engine_of(target)
    if isinstance(engine, Loads) and isinstance(engine, HasScratch):
        return cast("Drillable", engine)
    raise _unable(target.engine, "restored for a test")


def _goes_as_rows(target: Target, manifest: Manifest) -> bool:
    """Whether a backup is restored row by row: one of rows, and one of another engine that tells of its rows."""
    return manifest.method == METHOD or (is_described(manifest) and manifest.source.engine != target.engine)


def _rows_of(target: Target) -> TakesRows | None:
    """What takes rows for a target, and may give them; None where nothing does."""
    found = tuple(entry_points(group=ROWS, name=target.engine))
    if not found:
        return None
    engine = _made(target, found)
    return engine if isinstance(engine, TakesRows) else None


def _row_loads(target: Target) -> RowLoads:
    rows = _rows_of(target)
    if rows is None:
        there = ", ".join(sorted({entry.name for entry in entry_points(group=ROWS)}))
        raise UsageError(f"{target.engine} takes no rows of tables", f"these do: {there}")
    return RowLoads(rows)


def _engine_of(target: Target) -> object:
    found = tuple(entry_points(group=GROUP, name=target.engine))
    if not found:
        raise _unable(target.engine, "saved")
    return _made(target, found)


def _made(target: Target, found: tuple[EntryPoint, ...]) -> object:
    if target.obstacle is not None:
        raise TargetError(FailureCode.AUTHENTICATION, target.obstacle.message, target.obstacle.hint)
    try:
        made = cast("Callable[[], object]", found[0].load())
    except ImportError as error:
        raise UsageError(f"what saves {target.engine} cannot be loaded: {error}", "reinstall aishell-tui") from error
    return made()


def _unable(engine: str, what: str) -> UsageError:
    return UsageError(f"{engine} cannot be {what} by this version", f"these can: {', '.join(saved_engines())}")
