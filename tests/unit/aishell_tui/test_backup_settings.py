"""How a backup is made: what a command says goes before its job, and that before the usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_ops.backups.models import Compression, Method, ProofLevel
from aishell_tui.backup_jobs import with_kept, written_job
from aishell_tui.backup_settings import BackupSettings, Settings, Wish
from aishell_tui.config.load import load_config

CONFIG = """
backup: {compression: zstd, level: 5, proof: full}
backups:
  - {name: files, method: physical}
  - {name: tables, method: directory, jobs: 4, level: 9}
  - {name: packed, compression: gzip}
  - {name: pressed, compression: gzip, level: 2}
"""


@pytest.fixture
def settings(tmp_path: Path) -> BackupSettings:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return BackupSettings(load_config(path, environ={}).backups, {"AISHELL_HOME": str(tmp_path)})


def told(found: Settings) -> tuple[str, int, int | None, ProofLevel]:
    return found.method, found.jobs, found.level, found.proof


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(), ("", 1, 5, ProofLevel.FULL)),
        (Wish(job="files"), ("physical", 1, 5, ProofLevel.NONE)),
        (Wish(job="tables"), ("directory", 4, 9, ProofLevel.FULL)),
        (Wish(job="tables", jobs=1, method=Method.LOGICAL, level=1), ("logical", 1, 1, ProofLevel.FULL)),
        (Wish(job="tables", method=Method.PHYSICAL), ("physical", 4, 9, ProofLevel.NONE)),
        (Wish(job="files", method=Method.DIRECTORY), ("directory", 1, 5, ProofLevel.FULL)),
        (Wish(job="files", proof=ProofLevel.COUNTS), ("physical", 1, 5, ProofLevel.COUNTS)),
        (Wish(job="packed"), ("", 1, None, ProofLevel.FULL)),
        (Wish(job="pressed"), ("", 1, 2, ProofLevel.FULL)),
        (Wish(job="pressed", compression=Compression.BZIP2), ("", 1, None, ProofLevel.FULL)),
        (Wish(job="pressed", compression=Compression.ZSTD), ("", 1, 5, ProofLevel.FULL)),
    ],
)
def test_what_is_said_nearer_goes_first(settings: BackupSettings, wish: Wish, expected: tuple[str, int, int | None, ProofLevel]) -> None:
    assert told(settings.of(wish)) == expected


def test_a_kept_schedule_has_the_options_of_the_command(tmp_path: Path) -> None:
    from aishell_ops.backups.book import KeptSchedule

    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    options = {"name": "kept", "schedule": "0 2 * * *", "method": "directory", "jobs": 3, "level": 7, "storage": str(tmp_path / "there")}
    kept = KeptSchedule("kept", written_job(options), 0.0, "me")
    found = BackupSettings(with_kept(load_config(path, environ={}).backups, (kept,)), {}).of(Wish(job="kept"))
    assert told(found) == ("directory", 3, 7, ProofLevel.FULL)
    assert [str(storage.path) for storage in found.storages] == [str(tmp_path / "there")]


@pytest.mark.parametrize(
    ("wish", "places"),
    [
        (Wish(), ["near"]),
        (Wish(job="far"), ["far"]),
        (Wish(job="own"), ["own"]),
        (Wish(job="both"), ["own", "far"]),
        (Wish(job="twice"), ["far"]),
        (Wish(job="both", folder=Path("/other")), ["other"]),
        (Wish(job="own", folder=Path("/other"), cloud=True), ["other", "far"]),
    ],
)
def test_where_it_goes(tmp_path: Path, wish: Wish, places: list[str]) -> None:
    """A job with a storage of its own and the cloud goes to both, as the command with both options does."""
    path = tmp_path / "config.yaml"
    jobs = ["{name: far, cloud: true}", "{name: own, storage: /own}", "{name: both, storage: /own, cloud: true}"]
    jobs += ["{name: twice, storage: /far, cloud: true}"]
    path.write_text("\n".join(["backup: {storage: /near, cloud: /far}", "backups:", *(f"  - {job}" for job in jobs), ""]))
    found = BackupSettings(load_config(path, environ={}).backups, {}).of(wish)
    assert [storage.path.name for storage in found.storages if storage.path is not None] == places
