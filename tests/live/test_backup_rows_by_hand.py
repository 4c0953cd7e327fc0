"""Rows without aishell: the recovery sheet is pasted into a shell, and what comes out of it is what was saved."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from aishell_ops.backups.models import Backup, Format
from aishell_ops.backups.storage.folder import FolderStorage
from tests.live.backup_rows_kit import (
    MY_EDGES,
    PG_EDGES,
    PG_ENVIRON,
    PG_ODD,
    contents,
    fresh,
    my_contents,
    my_side,
    pg_contents,
    pg_side,
    sqlite_shop,
    sqlite_side,
)
from tests.servers.mysql import VERSIONS, mysql
from tests.servers.postgres import postgres

pytestmark = pytest.mark.parametrize("form", [Format.CSV, Format.JSON])


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def _paste(backup: Backup, around: Mapping[str, str] = os.environ) -> None:
    """All commands of the sheet, as a shell gets them from somebody who copies them."""
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    script = "\n".join(line for line in sheet.splitlines() if line.startswith("     "))
    done = await asyncio.to_thread(
        subprocess.run, ["sh", "-e", "-c", script], cwd=backup.location, env=around, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def test_a_file(storage: FolderStorage, tmp_path: Path, form: Format) -> None:
    path = sqlite_shop(tmp_path / "shop.db")
    backup = await sqlite_side(path).save(storage, form)
    await _paste(backup)
    assert contents(Path(backup.location) / "new.db") == contents(path)


@pytest.mark.parametrize("version", ["15", "18"])
async def test_postgres(storage: FolderStorage, form: Format, version: str) -> None:
    with postgres(version) as server:
        fresh(server, *PG_EDGES, *PG_ODD)
        server.execute(*PG_EDGES[:2], database="template1")  # types of somebody's own have to be there before
        backup = await pg_side(server).save(storage, form)
        await _paste(backup, {**PG_ENVIRON, "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres"})
        tables = ("keyed", "many", "parted", "odd", '"od d"."T ""x"""')
        assert pg_contents(server, "restored", tables) == pg_contents(server, "shop", tables)
        listed = "b, i2, i4, i8, n, n2, f4, f8, t, v, c, y, d, tm, ts, tz, iv, u, j, jb, ai, at, bi, vb, m, ip, money, r, tt"
        edges = f"SELECT ({listed})::text FROM edges ORDER BY id"
        assert server.execute(edges, database="restored") == server.execute(edges, database="shop")


@pytest.mark.parametrize("version", VERSIONS)
async def test_mysql(storage: FolderStorage, tmp_path: Path, form: Format, version: str) -> None:
    with mysql(version) as server:
        server.execute("CREATE DATABASE shop")
        server.execute(*MY_EDGES, database="shop")
        backup = await my_side(server).save(storage, form)
        (tmp_path / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={server.socket}\nskip-ssl\n")
        await _paste(backup, {**os.environ, "HOME": str(tmp_path)})
        assert my_contents(server, "restored") == my_contents(server, "shop")
