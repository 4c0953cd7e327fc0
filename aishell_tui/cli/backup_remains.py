"""What is left of backups that are none, such as of a removal that ended half-way: removed by who may remove backups, and recorded."""

from __future__ import annotations

import asyncio

from aishell_core.errors import RefusedError
from aishell_core.safety.audit_entry import Attempt
from aishell_core.safety.decision import Place, decide
from aishell_core.safety.perform import perform
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel
from aishell_core.values import TargetId
from aishell_ops.backups.layout import Line
from aishell_ops.backups.storage.address import StorageAddress
from aishell_tui.backup_desk import BackupDesk


async def remove_remains(desk: BackupDesk, address: StorageAddress, line: Line) -> int:
    """Remove what dead ones have left of one database in a storage; how many bytes that freed. Raises RefusedError, StorageError."""

    async def act() -> int:
        with desk.repository(address) as repository:
            async with desk.noticed(repository, address):
                return await asyncio.to_thread(repository.sweep_line, line)

    place = desk.authority.places.get(TargetId(line.target)) or Place(line.target, known=False)
    risk = Risk(RiskLevel.LOW, (ActionClass.ADMIN,), ("what is left of unfinished backups is removed",))
    decision = decide(desk.authority.actor, desk.authority.policy, place, risk)
    subject = f"remove what is left of backups of {line.database or line.target} in {address}"
    attempt = Attempt(desk.authority.actor, place, "", "", risk, decision, subject, confirmed=True)
    if not decision.allowed:
        desk.authority.log.record_attempt(attempt)
        raise RefusedError(decision.message, decision.hint)
    return await perform(desk.authority.log, attempt, act, clock=desk.clock)
