"""The demo's two servers: made, started, and ended whatever became of those who started them; standard library only.

FOLDER/server/primary, FOLDER/server/replica     their data
FOLDER/server/.s.PGSQL.5432 and .5433            their sockets, the only way to them: no port is opened
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aishell_core.errors import AishellError
from aishell_tui.demo.keeping import SERVER_FOLDER
from aishell_tui.demo.postgres_client import Address, Connection, ServerError
from aishell_tui.demo.postgres_programs import ServerUser, as_user

PRIMARY, REPLICA = "primary", "replica"
PORTS = {PRIMARY: 5432, REPLICA: 5433}
SUPERUSER = "postgres"
REPLICA_SLOT = "shop_replica"

_ANSWER_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_END_SECONDS = 2.0

# How many sessions, senders and workers there may be stays as it was when the data was made: a replica must not have fewer.
# Small and without care for a crash, since everything is thrown away; but whatever can be watched is on.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "24MB",
    "dynamic_shared_memory_type": "mmap",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "replica",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "max_slot_wal_keep_size": "96MB",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "500ms",
    "max_standby_streaming_delay": "8s",
    "checkpoint_timeout": "60s",
    "autovacuum_naptime": "4s",
    "autovacuum_max_workers": "2",
    "deadlock_timeout": "1s",
    "compute_query_id": "on",
    "track_io_timing": "on",
    "track_wal_io_timing": "on",
    "track_functions": "pl",
    "log_min_duration_statement": "500ms",
    "log_lock_waits": "on",
    "log_temp_files": "0",
    "log_checkpoints": "on",
    "log_autovacuum_min_duration": "0",
    "logging_collector": "on",
    # 24 files at most, each begun anew a day later.
    "log_filename": "postgresql-%H.log",
    "log_rotation_age": "60min",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}
_STATEMENTS: Mapping[str, str] = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_planning": "off"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the servers are made with: the demo's folder, the programs' folder, the user to run as, the module for statements."""

    folder: Path
    programs: Path
    user: ServerUser | None
    statements: bool

    @property
    def servers(self) -> Path:
        """The folder that the servers' user owns."""
        return self.folder / SERVER_FOLDER

    def data(self, name: str) -> Path:
        """A server's data."""
        return self.servers / name

    def address(self, name: str) -> Address:
        """A server's socket."""
        return Address(self.servers, PORTS[name])


def environment() -> dict[str, str]:
    """What the servers' programs are to know of ours: no PGDATA or PGHOST, and messages in English."""
    kept = {name: os.environ[name] for name in ("PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


async def make_servers(plan: Plan) -> None:
    """Make the primary, and the replica as a copy of it that has never run; raises AishellError with what the program said.

    A copy before the first start needs neither a running server nor a program that not every package has.
    """
    plan.servers.mkdir(mode=0o700)
    if plan.user is not None:
        os.chown(plan.servers, plan.user.uid, plan.user.gid)
    primary, replica = plan.data(PRIMARY), plan.data(REPLICA)
    initdb = (plan.programs / "initdb", "-D", primary, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=4", "-N")
    await _run(plan, *initdb)
    await _append(plan, primary / "postgresql.conf", _configuration(plan, PRIMARY))
    await _run(plan, "cp", "-R", primary, replica)
    await _append(plan, replica / "postgresql.conf", _configuration(plan, REPLICA))
    await _append(plan, replica / "standby.signal", "")


def _configuration(plan: Plan, name: str) -> str:
    own = {
        "port": str(PORTS[name]),
        "unix_socket_directories": str(plan.servers),
        "cluster_name": "shop" if name == PRIMARY else "shop-replica",
    }
    if name == PRIMARY:
        own |= {**_SETTINGS, **(_STATEMENTS if plan.statements else {})}
    else:
        primary = plan.address(PRIMARY)
        own["primary_conninfo"] = f"host={primary.folder} port={primary.port} user={SUPERUSER} application_name=shop-replica"
        own["primary_slot_name"] = REPLICA_SLOT
    return "".join(f"{setting} = '{value}'\n" for setting, value in own.items())


async def _append(plan: Plan, path: Path, text: str) -> None:
    """Add to a file as the servers' user, whose folder it is."""
    await _run(plan, "tee", "-a", path, given=text)


async def _run(plan: Plan, *command: str | Path, given: str = "") -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        cwd="/",
        **as_user(plan.user),
    )
    try:
        _, said = await process.communicate(given.encode())
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode:
        raise AishellError(
            f"{Path(command[0]).name} failed: {last_line(said.decode(errors='replace'))}", f"it was run as: {_shown(command)}"
        )


def _shown(command: tuple[str | Path, ...]) -> str:
    return " ".join(map(str, command))


def last_line(text: str) -> str:
    """The reason why a program gave up: its last fatal error, else what it said last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL:" in line]
    return (fatal or lines or ["it said nothing"])[-1]


async def start_server(plan: Plan, name: str) -> asyncio.subprocess.Process:
    """Start a server; it is not yet ready to answer. It has a session of its own, apart from the terminal's signals."""
    with plan.folder.joinpath(f"{name}.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            plan.programs / "postgres",
            "-D",
            plan.data(name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            cwd="/",
            start_new_session=True,
            **as_user(plan.user),
        )


async def connect(plan: Plan, name: str, process: asyncio.subprocess.Process, database: str = "postgres") -> Connection:
    """A superuser's session as soon as the server gives one; raises AishellError with the server's last words when it ends."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _ANSWER_SECONDS
    while True:
        try:
            return await Connection.open(plan.address(name), SUPERUSER, database, "shop-keeper")
        except (OSError, ServerError) as error:
            if process.returncode is not None or loop.time() > end:
                raise AishellError(
                    f"the demo's {name} does not answer: {_last_words(plan, name)}", f"the server is {plan.programs / 'postgres'}"
                ) from error
            await asyncio.sleep(_LOOK_SECONDS)


def _last_words(plan: Plan, name: str) -> str:
    """What a server wrote last: into its log, or before it had one."""
    logs = sorted(plan.data(name).glob("log/*.log"), key=lambda log: log.stat().st_mtime)
    return last_line((logs[-1] if logs else plan.folder / f"{name}.log").read_text(errors="replace"))


async def end_server(process: asyncio.subprocess.Process) -> None:
    """End a server at once; its data is thrown away anyway."""
    # SIGQUIT is the server's own way of leaving at once: it takes its processes and its shared memory with it.
    for number in (signal.SIGQUIT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_SECONDS)
