"""Rows of the catalogue on screen: one backup with its copies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aishell_core.values import Severity
from aishell_ops.backups.models import Backup, BackupState, Lack, LackingCopy
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_tui.backup_shelf import Copies, Shelved
from aishell_tui.screens.backups_rows import backup_row
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot
from widgets.glyphs import ASCII, UNICODE

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
    assert backup_row(Copies(lies), NOW + 60, UNICODE).cells["notes"].text == notes


def test_each_storage_has_a_mark_of_what_its_copy_is_worth() -> None:
    backup = Backup(manifest_of(spot(1)), "a" * 64, "/near", BackupState.VERIFIED)
    near = Shelved(backup, StorageAddress(StorageKind.FOLDER))
    missing = LackingCopy("gs://far", Lack.MISSING, "the disk is full")
    unread = Copies((near, Shelved(replace(backup, state=BackupState.COMMITTED), CLOUD)), (missing,))
    row = backup_row(unread, NOW + 60, UNICODE)
    assert row.cells["where"].text == "disk ✓ s3 gcs ✗"
    assert (row.cells["notes"].text, row.severity) == ("missing in gs://far, not verified in s3://far", Severity.WARNING)
    assert row.note == (("gs://far missing: the disk is full", "warning"),)
    assert backup_row(unread, NOW + 60, ASCII).cells["where"].text == "disk + s3 gcs x"
