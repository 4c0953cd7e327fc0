"""Interim."""
from __future__ import annotations
from collections.abc import Sequence
from pathlib import Path
from aishell_core.errors import StateError
from aishell_core.series.rollup import RollupBatch
from aishell_core.state.history import History
from aishell_core.values import Event, TargetId
class StateDatabase:
    """Interim."""
    is_writer = True
    @classmethod
    def open(cls, folder: Path, *, writable: bool = True) -> StateDatabase: raise StateError("no state database in this build yet", "")
    def try_become_writer(self) -> bool: return True
    def write_rollups(self, batches: Sequence[RollupBatch]) -> None: ...
    def history(self, target: TargetId, since: float, until: float) -> History: return History(target)
    def append_events(self, events: Sequence[Event]) -> None: ...
    def events(self, since: float, until: float, limit: int = 1000) -> tuple[Event, ...]: return ()
    def prune(self, now: float) -> None: ...
    def close(self) -> None: ...
