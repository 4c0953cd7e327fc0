"""Rows of another engine on their way into MongoDB, killed between two commands: the old stays, and the next restore goes well."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import bson
import pytest

from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.rows.engines.mongodb import MongodbCollections
from aishell_ops.backups.storage.folder import FolderStorage
from tests.live.backup_mongodb_kit import OURS, contents, databases
from tests.live.backup_rows_kit import sqlite_side
from tests.row_world import Side
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb

KILLS = 6
"""At so many of the commands, spread over all of them, the process is killed."""

_KILLED = """
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from typing import Any, cast
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.rows.engines.mongodb import MongodbCollections
from aishell_ops.backups.storage.folder import FolderStorage
from tests.row_world import Side

storage, url, last = FolderStorage(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
(backup,) = Repository(storage, time.time).scan().backups
side = Side(MongodbCollections(), Target(TargetId("place"), parse_location(url)))
calls, within, lock = 0, False, threading.Lock()

def count(frame, event, argument):
    '''Ends this process without a word at one of the commands by which rows come and take their place.'''
    global calls, within
    if event != "call" or not frame.f_code.co_filename.endswith(("mongodb_held.py", "mongodb_publish.py")):
        return
    name = frame.f_code.co_name
    with lock:
        within = within or name == "begin"
        if within and name in ("command", "insert"):
            calls += 1
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)

threading.setprofile(count)
sys.setprofile(count)
asyncio.run(side.load(storage, backup, LoadRequest(replace=True)))
print(calls)
"""


@pytest.fixture
def server() -> Iterator[FerretServer]:
    with ferretdb() as found:
        yield found


def _old(server: FerretServer) -> None:
    """One collection of a name that comes, one of another: the first is replaced, the second stays."""
    for name in databases(server):
        server.ask({"dropDatabase": 1}, name)
    server.ask({"insert": "orders", "documents": [{"_id": 7, "old": True}]}, "shop")
    server.ask({"createIndexes": "orders", "indexes": [{"key": {"old": 1}, "name": "by_old"}]}, "shop")
    server.ask({"insert": "stays", "documents": [{"_id": "x"}]}, "shop")


def _all(server: FerretServer) -> dict[str, object]:
    """All collections with what came into them: a row gets another _id each time."""
    found: dict[str, object] = {}
    for name, value in contents(server).items():
        documents, *rest = cast("tuple[Any, ...]", value)
        fields = [{key: each for key, each in one.items() if not isinstance(each, bson.ObjectId)} for one in documents]
        found[name] = (sorted(fields, key=repr), *rest)
    return found


def _there(server: FerretServer) -> dict[str, object]:
    return {name: value for name, value in _all(server).items() if not name.startswith(OURS)}


def _restored_until(server: FerretServer, storage: Path, call: int) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", _KILLED, str(storage), server.url("shop"), str(call)]
    around = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(arguments, env=around, capture_output=True, text=True, timeout=300, check=False)


async def test_a_kill_at_any_command_leaves_the_old_documents(server: FerretServer, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        for name in ("orders", "customers"):
            connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, note TEXT)")
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", [(number, f"{name} {number}") for number in range(200)])
    storage = FolderStorage(tmp_path / "backups")
    backup = await sqlite_side(tmp_path / "shop.db").save(storage)
    place = Side(MongodbCollections(), server.target(database="shop"))
    _old(server)
    before = _there(server)
    done = await asyncio.to_thread(_restored_until, server, storage.root, 0)
    assert done.returncode == 0, done.stderr
    calls, saved = int(done.stdout), _there(server)
    assert calls > KILLS
    assert (set(saved), saved["stays"]) == ({"orders", "customers", "stays"}, before["stays"])
    for call in sorted({1 + number * calls // KILLS for number in range(KILLS)}):
        _old(server)
        done = await asyncio.to_thread(_restored_until, server, storage.root, call)
        assert done.returncode == -signal.SIGKILL, done.stderr
        if (there := _there(server)) not in (before, saved):
            # In the midst of taking its place: whoever restores next brings the old documents back first.
            assert any(name.startswith(OURS) for name in _all(server)), (call, there)
        await place.load(storage, backup, LoadRequest(replace=True))
        assert _all(server) == saved, call
