"""Rows of the catalogue on screen: one backup with its copies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aishell_ops.backups.models import Backup, BackupState
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_tui.backup_shelf import Copies, Shelved
from aishell_tui.screens.backups_rows import backup_row
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot

CLOUD = StorageAddress(StorageKind.S3, bucket="far")


@pytest.mark.parametrize(
    ("first", "copy", "notes"),
    [
        (BackupState.VERIFIED, BackupState.VERIFIED, ""),
        (BackupState.TESTED, BackupState.COMMITTED, "not verified in s3://far"),
        (BackupState.COMMITTED, BackupState.COMMITTED, ""),
        (BackupState.VERIFIED, BackupState.CORRUPT, "corrupt in s3://far"),
    ],
)
def test_a_copy_that_cannot_be_counted_on_is_named(first: BackupState, copy: BackupState, notes: str) -> None:
    backup = Backup(manifest_of(spot(1)), "a" * 64, "/near", first)
    lies = (Shelved(backup, StorageAddress(StorageKind.FOLDER)), Shelved(replace(backup, state=copy), CLOUD))
    assert backup_row(Copies(lies), NOW + 60).cells["notes"].text == notes
