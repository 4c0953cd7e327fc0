"""What physical backups of every engine have in common."""

from __future__ import annotations

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import ObjectProof, ProofLevel


def uncounted(level: ProofLevel) -> tuple[ObjectProof, ...]:
    """Nothing can be counted at the moment that files show; raises BackupError when it is asked for."""
    if level is not ProofLevel.NONE:
        message = "rows cannot be counted in the moment that a physical backup shows: it is known only at its end"
        raise BackupError(message, "take --proof none; a dump is proven")
    return ()
