"""What it costs to know ten thousand backups: the list and the plan of retention."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from aishell_ops.backups.catalogue import refresh
from aishell_ops.backups.ids import new_id
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.manifest import encode
from aishell_ops.backups.models import (
    BackupKind,
    Compression,
    Format,
    Manifest,
    ObjectProof,
    Part,
    ProofLevel,
    Record,
    RecordKind,
    Source,
)
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.retention import Policy, plan_retention
from aishell_ops.backups.storage.folder import FolderStorage
from benchmarks.backups_subject import aishell, configure
from benchmarks.report import Figure, Section, bounded

_BACKUPS = 10_000
_TABLES = 50
_HOUR_SECONDS = 3600.0
_MOST_SECONDS = 1.0
_LINE = Line("app", "shop")
_KEEP = Policy(last=7, daily=30, weekly=12, monthly=24)


def _manifest(spot: Spot, started_at: float) -> Manifest:
    return Manifest(
        id=spot.id,
        job="",
        source=Source(_LINE.target, "sqlite", _LINE.database, "sqlite:///shop.db", "3.40.1"),
        kind=BackupKind.FULL,
        method="sqlite_backup",
        format=Format.NATIVE,
        started_at=started_at,
        finished_at=started_at + 60,
        compression=Compression.ZSTD,
        parts=(Part("database.sqlite.zst", 1_000_000, 4, "a" * 64, "b" * 64),),
        proof=ProofLevel.FULL,
        objects=tuple(ObjectProof(f"table{number}", 1000, "c" * 64) for number in range(_TABLES)),
    )


def _fill(root: Path, now: float) -> None:
    """Committed and verified backups, one an hour, written as files at once: how they come there is measured elsewhere."""
    for number in range(_BACKUPS):
        at = now - (_BACKUPS - number) * _HOUR_SECONDS
        spot = Spot(_LINE, new_id(at))
        for key, content in (
            (spot.part_key("database.sqlite.zst"), b"none"),
            (spot.manifest_key, encode(_manifest(spot, at))),
            (spot.record_key(Record(RecordKind.VERIFIED, at + 100)), encode(Record(RecordKind.VERIFIED, at + 100))),
        ):
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(content)


def _list_and_plan(root: Path, state: Path, now: float) -> tuple[float, int]:
    """The CPU and the wall time count; both look the same on a quiet machine, so that the larger one is told."""
    cpu, wall = time.process_time(), time.monotonic()
    found = refresh(Repository(FolderStorage(root), time.time), state, str(root), now)
    plan = plan_retention(found.backups, _KEEP, now)
    return max(time.process_time() - cpu, time.monotonic() - wall), len(plan.kept) + len(plan.removed)


def shelf_section() -> Section:
    """The first look, which reads all, and every later one."""
    with tempfile.TemporaryDirectory(prefix="aishell-shelf-") as name:
        home, now = Path(name), time.time()
        root = home / "storage"
        _fill(root, now)
        first, seen = _list_and_plan(root, home / "state", now)
        later, _ = _list_and_plan(root, home / "state", now)
        configure(home, "sqlite:///nowhere.db")
        with (home / "config.yaml").open("a") as file:
            file.write(f"backup:\n  storage: {json.dumps(str(root))}\n")
        aishell(home, "backup", "list")
        listed = aishell(home, "backup", "list", "--json")
    if seen != _BACKUPS:
        raise RuntimeError(f"{seen} of {_BACKUPS} backups were seen")
    return Section(
        f"{_BACKUPS:,} backups",
        "python -m benchmarks.backups shelf",
        (
            bounded("list and plan of retention", later, _MOST_SECONDS, "s", digits=2),
            Figure("the first look, which reads every manifest", f"{first:.2f} s"),
            Figure("aishell backup list --json, the start of the program and the output included", f"{listed.seconds:.2f} s"),
        ),
        (f"Hourly backups of a database with {_TABLES} tables in a folder, each with a record of its verification.",),
    )
