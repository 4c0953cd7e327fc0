"""Redis and Valkey: damage, death and stops in the middle leave the old data or the whole new, and no backup that is none."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_wire import open_wire, reach
from aishell_core.errors import TargetError
from aishell_core.targets import Secret
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.redis_staging import MARK
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Compression, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.redis_backups import (
    AT_ONCE,
    CLOCK,
    ENVIRON,
    SPOT_LINE,
    client_of,
    contents_of,
    damage,
    engine_of,
    filled,
    plan_for,
    put_back,
    repository_in,
    save,
)
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, OTHER


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, **AT_ONCE) as found:
        yield found


@pytest.fixture
def shop(server: RedisServer) -> RedisServer:
    """A server with a key of every kind."""
    return filled(server)


@pytest.fixture(scope="module")
def debian() -> Iterator[RedisServer]:
    with redis_server(**AT_ONCE) as found:
        yield found


@pytest.fixture
def one(debian: RedisServer) -> RedisServer:
    """The same on one server, for what is of no version."""
    return filled(debian)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def test_a_snapshot_that_no_server_loads_is_damaged(one: RedisServer, storage: FolderStorage) -> None:
    """What lies in the storage is what was written there, and still no server can do anything with it."""
    backup = await save(one, storage, Recipe(Compression.NONE), ProofLevel.NONE)
    engine, plan = engine_of(one), await plan_for(one, backup, replace=True)
    path = Path(backup.location) / "parts" / "dump.rdb"
    content = path.read_bytes()
    async with engine.loading(one.target("re"), backup.manifest, plan) as loading:
        with loading.sink(backup.manifest.parts[0]).opened(threading.Event()) as writer:
            at = content.index(b"short list")
            writer.write(content[:at] + b"long  list" + content[at + 10 :])
        with pytest.raises(DamagedError, match="a server does not load the snapshot: "):
            await loading.finish(lambda _: None, threading.Event())
    assert one.execute("GET", "string 1") == b"0"


async def test_a_damaged_part_leaves_the_old_data(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    damage(one)
    before = contents_of(one)
    path = Path(backup.location) / "parts" / backup.manifest.parts[0].name
    content = path.read_bytes()
    dice = random.Random(4)
    for _ in range(3):
        at = dice.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(DamagedError, match=r"dump\.rdb\.zst"):
            await put_back(one, storage, backup, replace=True)
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedError, match=r"dump\.rdb\.zst"):
        await put_back(one, storage, backup, replace=True)
    assert contents_of(one) == before


async def test_a_key_that_the_server_does_not_take_is_named_and_the_old_data_stay(one: RedisServer, storage: FolderStorage) -> None:
    one.execute("SET", "the 'big' one", random.Random(2).randbytes(2_000_000))
    backup = await save(one, storage)
    with redis_server(proto_max_bulk_len="1048576", **AT_ONCE) as small:
        small.execute("SET", "old", "1")
        with pytest.raises(BackupError) as caught:
            await put_back(one, storage, backup, target=small.target("re"), replace=True)
        assert "the 'big' one" in caught.value.message or "broke" in caught.value.message
        await asyncio.to_thread(eventually, lambda: small.execute("INFO", "keyspace") == {"db0": {"keys": 1, "expires": 0, "avg_ttl": 0}})
        assert small.execute("GET", "old") == b"1"


async def test_who_empties_the_prepared_database_stops_the_exchange(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    damage(one)
    before = contents_of(one)
    engine, order = engine_of(one), RestoreOrder(one.target("re"), LoadRequest(replace=True))
    plan = await plan_restore(engine, backup, order)

    def tell(step: Step) -> None:
        if step.stage is Stage.PUBLISHING:
            with client_of(one) as client:
                client.execute_command("SELECT", 15)
                client.execute_command("FLUSHDB")

    with pytest.raises(BackupError, match="somebody else has emptied database 15"):
        await restore(engine, repository_in(storage), Spot(SPOT_LINE, backup.id), backup, order, plan, CLOCK, tell=tell)
    assert contents_of(one) == before


_KILLED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.redis import RedisBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
import threading

storage, url, last, folder = FolderStorage(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
engine = RedisBackups(folders=[folder])
repository = Repository(storage, time.time)
backup = repository.scan().backups[0]
order = RestoreOrder(Target(TargetId("re"), parse_location(url)), LoadRequest(replace=True))
calls, within = 0, False
ASKING = {"begin", "publish", "_select"}

def count(frame, event, argument):
    '''Ends this process without a word at one of the steps by which a restore is prepared and put in its place.'''
    global calls
    if event != "call" or not within:
        return
    name, file, caller = frame.f_code.co_name, frame.f_code.co_filename, frame.f_back
    scratch = file.endswith(("redis_scratch.py", "kept_folder.py")) and name in ("watch", "proofs", "_not_loaded")
    filling = file.endswith("redis_staging.py") and name in ("flush", "_compare")
    asking = name == "ask" and caller.f_code.co_filename.endswith("redis_staging.py") and caller.f_code.co_name in ASKING
    if scratch or filling or asking:
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

threading.setprofile(count)

async def main():
    global within
    plan = await plan_restore(engine, backup, order)
    within = True
    await restore(engine, repository, Spot(Line("re", "all"), backup.id), backup, order, plan, SystemClock())

asyncio.run(main())
print(calls)
"""


def _restored_until(server: RedisServer, storage: Path, call: int, temporary: Path) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    arguments = [str(storage), server.url(), str(call), str(server.program.parent)]
    return subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


async def test_a_kill_at_any_moment_leaves_the_old_or_the_new_and_the_next_restore_tidies_up(
    shop: RedisServer, storage: FolderStorage, tmp_path: Path
) -> None:
    saved = contents_of(shop)
    backup = await save(shop, storage)
    temporary = tmp_path / "t"
    temporary.mkdir()
    done = await asyncio.to_thread(_restored_until, shop, storage.root, 0, temporary)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout)
    assert calls > 20
    assert contents_of(shop) == saved
    damage(shop)
    before, mark = contents_of(shop), MARK.encode()
    seen = set()
    for call in sorted({*random.Random(5).sample(range(1, calls), 5), calls - 12, calls}):
        done = await asyncio.to_thread(_restored_until, shop, storage.root, call, temporary)
        assert done.returncode == -signal.SIGKILL, done.stderr
        found = contents_of(shop)
        prepared = {name.split(" ")[0] for name in found if repr(mark) in name}
        untouched = {name: value for name, value in found.items() if name.split(" ")[0] not in prepared}
        assert untouched in (before, saved), call
        seen.add(untouched == saved)
        if untouched == saved:
            damage(shop)
        # The server for the proof has ended with its restore, and its folder is gone.
        await asyncio.to_thread(eventually, lambda: list(temporary.iterdir()) == [])
    assert False in seen
    assert (await put_back(shop, storage, backup, replace=True)).comparison.is_proof
    assert contents_of(shop) == saved


async def test_the_password_is_in_no_process_list_and_in_no_object(storage: FolderStorage) -> None:
    with redis_server(requirepass="hunter2 #'\"$", **AT_ONCE) as server:
        with client_of(server) as client:
            client.mset({f"key {number}": random.Random(number).randbytes(3000) for number in range(3000)})
        seen: list[str] = []

        def tell(step: Step) -> None:
            for kind in ("cmdline", "environ"):
                for path in Path("/proc").glob(f"[0-9]*/{kind}"):
                    with suppress(OSError):
                        if path.parent.name != str(server.pid):
                            seen.append(path.read_bytes().decode(errors="replace"))

        target = server.target("re", password=quote(server.password))
        order = Order(target, recipe=Recipe(Compression.NONE))
        backup = await take(engine_of(server), repository_in(storage), order, CLOCK, tell=tell)
        wanted = RestoreOrder(target, LoadRequest(replace=True))
        plan = await plan_restore(engine_of(server), backup, wanted)
        await restore(engine_of(server), repository_in(storage), Spot(SPOT_LINE, backup.id), backup, wanted, plan, CLOCK, tell=tell)
        assert seen
        assert "hunter2" not in "".join(seen)
        assert "hunter2" not in repr((order, plan, wanted))
        for found in storage.list():
            if "/parts/" not in found.key:
                assert b"hunter2" not in storage.get(found.key)[0], found.key


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_dies_in_the_middle_is_told_and_leaves_nothing(storage: FolderStorage, version: str) -> None:
    with redis_server(version, **AT_ONCE) as server:
        with client_of(server) as client:
            client.mset({f"key {number}": random.Random(number).randbytes(500_000) for number in range(120)})
        killed = threading.Event()

        def tell(step: Step) -> None:
            if step.stage is Stage.SAVING and step.plain_bytes > 4 << 20 and not killed.is_set():
                killed.set()
                server.kill()
                for child in psutil.process_iter(["cwd"]):
                    if child.info["cwd"] == str(server.folder):
                        child.kill()

        with pytest.raises((BackupError, TargetError)):
            await take(engine_of(server), repository_in(storage), Order(server.target("re"), proof=ProofLevel.FULL), CLOCK, tell=tell)
        assert killed.is_set()
        assert list(storage.list()) == []


async def test_a_server_that_stands_still_is_given_up(one: RedisServer) -> None:
    access = await reach(one.target("re"), ENVIRON)
    with open_wire(access, silence_seconds=0.5) as wire, one.frozen(), pytest.raises(RedisError, match="did not answer within"):
        wire.ask("PING")


async def test_a_backup_that_is_stopped_lets_go_of_the_server(one: RedisServer, storage: FolderStorage) -> None:
    with redis_server(repl_diskless_sync="yes", repl_diskless_sync_delay="600") as server:
        work = asyncio.create_task(save(server, storage))
        await asyncio.to_thread(eventually, lambda: server.execute("INFO", "replication")["connected_slaves"] == 1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await asyncio.to_thread(eventually, lambda: server.execute("INFO", "replication")["connected_slaves"] == 0)
        assert list(storage.list()) == []


async def test_a_wrong_key_opens_nothing(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage, ENCRYPTED)
    damage(one)
    before = contents_of(one)
    with pytest.raises(BackupError):
        await put_back(one, storage, backup, Keys((Secret(OTHER),)), replace=True)
    assert contents_of(one) == before
