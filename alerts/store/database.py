"""The state database as alerts use it. Who evaluates is a lease of its own (`alerts/lease.py`)."""

from __future__ import annotations

from pathlib import Path

from aishell_core.state.store import Fault, Store, no_fault
from aishell_core.state.upgrade import Steps, shipped_steps
from alerts.store.spare import in_memory

__all__ = ["AlertStore", "Fault", "no_fault"]


class AlertStore(Store):
    """One open state database, to read and write alerts."""

    @classmethod
    def spare(cls, steps: Steps | None = None) -> AlertStore:
        """One in memory, empty, for while the disk takes nothing."""
        return cls(Path("the state database in memory"), in_memory(shipped_steps() if steps is None else steps))
