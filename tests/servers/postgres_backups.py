"""Backups of a real PostgreSQL server for the tests: taken, restored and tried out with its own programs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from aishell_core.clock import SystemClock
from aishell_ops.backups.drill import Drill, drill
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SaveRequest
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, ProofLevel
from aishell_ops.backups.progress import Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.postgres import PostgresServer

CLOCK = SystemClock()
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bench:
    """A server with a storage for its backups."""

    server: PostgresServer
    storage: FolderStorage

    @property
    def engine(self) -> PostgresBackups:
        return PostgresBackups(ENVIRON, (self.server.binaries.folder,))

    @property
    def repository(self) -> Repository:
        return Repository(self.storage, time.time)

    async def take(
        self,
        recipe: Recipe | None = None,
        proof: ProofLevel = ProofLevel.FULL,
        tell: Tell = nobody,
        user: str = "postgres",
        **request: object,
    ) -> Backup:
        target = self.server.target("pg", database="shop", user=user)
        order = Order(target, SaveRequest(**request), recipe=recipe or Recipe(), proof=proof)  # type: ignore[arg-type]
        return await take(self.engine, self.repository, order, CLOCK, tell=tell)

    async def plan(
        self, backup: Backup, keys: Keys | None = None, user: str = "postgres", **request: object
    ) -> tuple[RestoreOrder, LoadPlan]:
        order = RestoreOrder(self.server.target("pg", database="shop", user=user), LoadRequest(**request), keys)  # type: ignore[arg-type]
        return order, await plan_restore(self.engine, backup, order)

    async def restore(
        self, backup: Backup, keys: Keys | None = None, tell: Tell = nobody, user: str = "postgres", **request: object
    ) -> Restored:
        order, plan = await self.plan(backup, keys, user, **request)
        return await restore(self.engine, self.repository, self.spot(backup), backup, order, plan, CLOCK, tell=tell)

    async def test(self, backup: Backup, keys: Keys | None = None, tell: Tell = nobody) -> Drill:
        target = self.server.target("pg", database="shop")
        return await drill(self.engine, self.repository, self.spot(backup), target, CLOCK, keys=keys, tell=tell)

    def spot(self, backup: Backup) -> Spot:
        return Spot(Line("pg", backup.manifest.source.database), backup.id)

    def databases(self) -> set[str]:
        return {row[0] for row in self.server.execute("SELECT datname FROM pg_database")}

    def commands(self, backup: Backup) -> list[str]:
        """What the recovery sheet says to run."""
        sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
        return [line.strip().split("    #")[0] for line in sheet.splitlines() if line.startswith("     ")]

    def run_all(self, commands: list[str], folder: str | Path) -> None:
        around = {**ENVIRON, "PGHOST": "127.0.0.1", "PGPORT": str(self.server.port), "PGUSER": "postgres"}
        around["PATH"] = f"{self.server.binaries.folder}:{around['PATH']}"
        for command in commands:
            done = subprocess.run(command, shell=True, cwd=folder, env=around, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"

    def begun_elsewhere(self, script: str, temporary: Path, *arguments: str) -> subprocess.Popen[str]:
        """A process of its own that does something with the backups, to be killed; it uses a folder of its own for what is temporary."""
        around = {**ENVIRON, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
        told = [str(self.storage.root), self.server.url(database="shop"), str(self.server.binaries.folder), *arguments]
        return subprocess.Popen([sys.executable, "-c", script, *told], env=around, stdout=subprocess.PIPE, text=True)


def moved(server: PostgresServer, folder: Path, port: int) -> PostgresServer:
    """The same programs with the data folder of another place; it is not started yet."""
    return replace(server, folder=folder, port=port, process=None, _clients=[])
