"""Which backup somebody means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aishell_ops.backups.ids import LATEST
from aishell_ops.backups.models import BackupId
from aishell_ops.backups.state import backup_of
from aishell_ops.backups.storage.address import parse_storage
from aishell_tui.backup_shelf import Shelf, Shelved
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot


def test_the_latest_of_two_in_one_second_is_the_one_that_was_begun_later(tmp_path: Path) -> None:
    """Their ids tell the second alone, and what stands behind it is chance."""
    first, second = (
        replace(manifest_of(spot()), id=BackupId(f"20261121-020000-{end}"), started_at=at)
        for end, at in (("zzzz", NOW), ("aaaa", NOW + 0.5))
    )
    address = parse_storage(str(tmp_path))
    shelf = Shelf(tuple(Shelved(backup_of(one, "", "", (), NOW + 60), address) for one in (first, second)))
    assert shelf.named(LATEST).backup.id == second.id
