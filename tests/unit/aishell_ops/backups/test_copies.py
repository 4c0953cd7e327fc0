"""Which copies of a backup are missing, told from what was tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What
from aishell_ops.backups.copies import annotations_of, missing_copies, wanted_in
from aishell_ops.backups.models import BackupId, Lack, LackingCopy
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot

FAR, FARTHER = "s3://far", "gs://farther"


def _tried(what: What, outcome: AttemptOutcome, storage: str = "/near", message: str = "") -> Attempt:
    return Attempt(what, "shop", "sqlite", "shop.db", "", storage, BackupId("x"), NOW, outcome=outcome, message=message)


SAVE = _tried(What.SAVE, AttemptOutcome.DONE)
FAILED = _tried(What.COPY, AttemptOutcome.FAILED, FAR, "the disk is full")
DONE = _tried(What.COPY, AttemptOutcome.DONE, FAR)


@pytest.mark.parametrize(
    ("there", "tried", "reasons"),
    [
        ((), (SAVE, FAILED), ["the disk is full"]),
        ((), (SAVE,), ["the program ended before it was made"]),
        ((FAR,), (SAVE, FAILED), []),
        ((), (SAVE, DONE), []),
        ((), (SAVE, FAILED, DONE), []),
        ((), (), []),
        ((), (_tried(What.SAVE, AttemptOutcome.RUNNING),), []),
        ((), (SAVE, FAILED, _tried(What.COPY, AttemptOutcome.RUNNING, FAR)), []),
        ((), (SAVE, FAILED, _tried(What.TEST, AttemptOutcome.RUNNING)), ["the disk is full"]),
    ],
    ids=["failed", "never begun", "there", "removed", "made up for", "made elsewhere", "being saved", "being copied", "being tested"],
)
def test_a_copy_is_missing_that_never_came_about(there: tuple[str, ...], tried: tuple[Attempt, ...], reasons: list[str]) -> None:
    assert [one.reason for one in missing_copies((FAR,), there, tried)] == reasons


@pytest.mark.parametrize(
    ("tried", "reasons"),
    [((SAVE, FAILED), ["the disk is full"]), ((SAVE,), []), ((SAVE, FAILED, DONE), [])],
    ids=["failed", "unknown", "made"],
)
def test_of_a_storage_that_nobody_saw_is_told_what_failed_here(tried: tuple[Attempt, ...], reasons: list[str]) -> None:
    assert [one.reason for one in missing_copies((FAR,), (), tried, unseen={FAR})] == reasons


def test_each_storage_counts_for_itself() -> None:
    assert missing_copies((FAR, FARTHER), (), (SAVE, DONE)) == (LackingCopy(FARTHER, Lack.MISSING, "the program ended before it was made"),)


def test_a_manifest_names_the_storages_that_were_to_get_a_copy() -> None:
    manifest = replace(manifest_of(spot()), annotations=(("by", "ada"), *annotations_of((FAR, FARTHER))))
    assert wanted_in(manifest) == (FAR, FARTHER)
