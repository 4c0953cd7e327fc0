"""A dashboard over database files that are really saved and restored, for tests of the screens of backups."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.safety.audit_reading import read_audit
from aishell_core.safety.decision import Place
from aishell_core.safety.roles import Actor, Grant, Policy, Role
from aishell_core.targets import Environment, Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.repository import Inventory, Repository
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_tui.app import AishellApp
from aishell_tui.authority import Authority
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.schedule import Schedule
from tests.scripted import Script, scripted


class House:
    """Two databases in files, the folder that their backups lie in, and who acts."""

    def __init__(self, folder: Path, *, role: Role = Role.ADMIN, environment: Environment = Environment.DEVELOPMENT) -> None:
        self.state, self.backups = folder / "state", folder / "backups"
        self.shop, self.orders = folder / "shop.db", folder / "orders.db"
        self.state.mkdir(mode=0o700)
        for path, rows in ((self.shop, 3), (self.orders, 50)):
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)")
                connection.executemany("INSERT INTO goods (name) VALUES (?)", [(f"piece {number}",) for number in range(rows)])
        paths = {"shop": self.shop, "orders": self.orders}
        self.targets = tuple(Target(TargetId(name), Location("sqlite", path=path), environment=environment) for name, path in paths.items())
        policy = Policy((Grant(role, users=("ada",)),), configured=True, file="/etc/aishell.yaml")
        places = {each.name: Place(each.name, environment) for each in self.targets}
        self.authority = Authority(Actor("ada", 1000), policy, self.state, places)

    def names(self, path: Path | None = None) -> list[str]:
        """What is in a database, the shop's unless another is named."""
        with closing(sqlite3.connect(path or self.shop)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM goods ORDER BY id")]

    def write(self, name: str) -> None:
        """Something is written into the shop."""
        with closing(sqlite3.connect(self.shop)) as connection, connection:
            connection.execute("INSERT INTO goods (name) VALUES (?)", (name,))

    def inventory(self) -> Inventory:
        """What lies in the storage: backups, and what only looks like the beginning of one."""
        with closing(FolderStorage(self.backups)) as storage:
            return Repository(storage, SystemClock().now).scan()

    def recorded(self) -> list[tuple[str, str, str]]:
        """What was attempted: the first two words of its subject, the decision, and the result."""
        entries = read_audit(self.state).entries
        return [(" ".join(each.subject.split()[:2]), each.decision, each.result) for each in entries]

    @asynccontextmanager
    async def dashboard(
        self, *names: str, size: tuple[int, int] = (100, 30), **changes: object
    ) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
        """The application on these targets, the shop alone without a name."""
        targets = tuple(each for each in self.targets if each.name in (names or ("shop",)))
        options = DashboardOptions(targets=targets, authorise=lambda: self.authority, backup_folder=self.backups)
        runtime = Runtime(
            targets,
            clock=SystemClock(),
            open_collector=scripted({each.name: Script() for each in targets}),
            schedule=Schedule(hot_seconds=0.2, warm_seconds=1, deadline_seconds=5),
            thresholds={},
            state_folder=None,
            jitter=lambda: 0.0,
        )
        app = AishellApp(runtime, replace(options, **changes))  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            yield app, pilot
