"""The keeper of the PostgreSQL demo: started by `postgres_launch.py`.

It makes both servers, starts them, lives the lives of all their clients, and ends everything and removes the folder as soon
as its standard input closes, which the kernel does for a dashboard that ended in any way.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from aishell_core.errors import AishellError
from aishell_tui.demo.keeping import FAILED, READY, SAY, name_process, remove, tell
from aishell_tui.demo.postgres_client import Connection, ServerError
from aishell_tui.demo.postgres_clients import DATABASE, Life, lives_on_primary, lives_on_replica
from aishell_tui.demo.postgres_programs import server_user
from aishell_tui.demo.postgres_queues import queue_up
from aishell_tui.demo.postgres_servers import (
    PRIMARY,
    REPLICA,
    REPLICA_SLOT,
    SUPERUSER,
    Plan,
    connect,
    end_server,
    make_servers,
    start_server,
)

IDLE_SLOT = "analytics_copy"
_DROP_LOST_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND wal_status = 'lost'"
_MAKE_SLOT = "SELECT pg_create_physical_replication_slot($1, true)"
_SLOT_SECONDS = 20.0


async def keep(plan: Plan) -> None:
    """Run the demo until standard input closes or a signal comes."""
    loop = asyncio.get_running_loop()
    demo = asyncio.create_task(_run(plan))
    ending = False

    def end() -> None:
        nonlocal ending
        # Once: a second cancellation would interrupt the ending of the servers.
        if not ending:
            ending = True
            loop.remove_reader(0)
            demo.cancel()

    loop.add_reader(0, lambda: None if os.read(0, 64) else end())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        await demo
    except asyncio.CancelledError:
        pass
    except AishellError as error:
        tell(FAILED, f"{error.message}\t{error.hint}")
    except (OSError, ServerError) as error:
        tell(FAILED, f"the demo's server failed: {error}\tit is the PostgreSQL in {plan.programs}")


async def _run(plan: Plan) -> None:
    servers: list[asyncio.subprocess.Process] = []
    try:
        await make_servers(plan)
        servers += [await start_server(plan, name) for name in (PRIMARY, REPLICA)]
        primary = await connect(plan, PRIMARY, servers[0])
        await primary.run(_MAKE_SLOT, REPLICA_SLOT)
        await primary.run(f"CREATE DATABASE {DATABASE}")
        tell(SAY, "filling the shop")
        await _fill(plan)
        tell(SAY, "waiting for the replica")
        replica = await connect(plan, REPLICA, servers[1])
        await _caught_up(primary, replica)
        await _forget_statements(plan)
        tell(READY)
        name_process("shop-keeper")
        await _live(plan, primary, replica)
    finally:
        await asyncio.gather(*map(end_server, servers))


async def _fill(plan: Plan) -> None:
    session = await Connection.open(plan.address(PRIMARY), SUPERUSER, DATABASE, "shop-keeper")
    if plan.statements:
        with suppress(ServerError):
            await session.run("CREATE EXTENSION pg_stat_statements")
    await session.execute(Path(__file__).with_name("postgres_schema.sql").read_text(encoding="utf-8"))
    session.abandon()


async def _forget_statements(plan: Plan) -> None:
    """Let the server count from here on: what filled the shop is none of its work."""
    if not plan.statements:
        return
    session = await Connection.open(plan.address(PRIMARY), SUPERUSER, DATABASE, "shop-keeper")
    with suppress(ServerError):
        await session.run("SELECT pg_stat_statements_reset()")
    session.abandon()


async def _caught_up(primary: Connection, replica: Connection) -> None:
    """Return when the replica has replayed what the primary has written so far."""
    wanted = (await primary.run("SELECT pg_current_wal_lsn()::text"))[0][0]
    while True:
        if (await replica.run("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", wanted))[0][0]:
            return
        await asyncio.sleep(0.02)


async def _live(plan: Plan, primary: Connection, replica: Connection) -> None:
    chance = random.Random(os.urandom(8))  # noqa: S311  (a workload, not secrets)
    lives = (
        *lives_on_primary(plan.address(PRIMARY), chance),
        queue_up(plan.address(PRIMARY), chance),
        *lives_on_replica(plan.address(REPLICA), chance),
        _hold_replay(replica, chance),
        _forget_slot(primary),
    )
    async with asyncio.TaskGroup() as group:
        for life in lives:
            group.create_task(_logged(life, plan.folder / "keeper.log"))


async def _logged(life: Life, log: Path) -> None:
    """A client that ends by a mistake of ours leaves a trace, and the others go on."""
    try:
        await life
    except Exception:  # noqa: BLE001  (the border of a client: whatever ended it must not end the demo)
        with suppress(OSError), log.open("a") as file:
            traceback.print_exc(file=file)


async def _hold_replay(replica: Connection, chance: random.Random) -> None:
    """Now and then the replica does not replay for a while, and then catches up."""
    await asyncio.sleep(chance.uniform(10, 15))
    while True:
        await replica.run("SELECT pg_wal_replay_pause()")
        await asyncio.sleep(chance.uniform(8, 16))
        await replica.run("SELECT pg_wal_replay_resume()")
        await asyncio.sleep(chance.uniform(30, 50))


async def _forget_slot(primary: Connection) -> None:
    """A slot whose reader never comes back keeps WAL until the server gives it up; then somebody makes it anew."""
    while True:
        with suppress(ServerError):
            await primary.run(_DROP_LOST_SLOT, IDLE_SLOT)
            await primary.run(_MAKE_SLOT, IDLE_SLOT)
        await asyncio.sleep(_SLOT_SECONDS)


def main(folder: Path, programs: Path, statements: bool) -> None:
    """Keep a demo in a folder and remove the folder at the end."""
    try:
        asyncio.run(keep(Plan(folder, programs, server_user(), statements)))
    finally:
        remove(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "statements")
