"""What the tests of MongoDB's backups have in common: taking, restoring, and what a person would look at."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from aishell_core.clock import SystemClock
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SaveRequest
from aishell_ops.backups.engines.mongodb import MongodbBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, ProofLevel
from aishell_ops.backups.progress import Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.mongodb_ferretdb import FerretServer

CLOCK = SystemClock()
ENVIRON = {**os.environ, "PATH": ""}
"""Without mongodump, wherever the tests run."""
ODD = "od d.T \n--é😀"
OURS = "aishell_"


def engine(*folders: Path) -> MongodbBackups:
    return MongodbBackups(ENVIRON, folders)


def repository(storage: Storage) -> Repository:
    return Repository(storage, time.time)


def spot(target: Target, backup: Backup) -> Spot:
    return Spot(Line(str(target.name), backup.manifest.source.database), backup.id)


async def taken(
    target: Target, storage: Storage, recipe: Recipe | None = None, *, folders: tuple[Path, ...] = (), tell: Tell = nobody, **request: Any
) -> Backup:
    order = Order(target, SaveRequest(**request), recipe=recipe or Recipe(), proof=ProofLevel.FULL)
    return await take(engine(*folders), repository(storage), order, CLOCK, tell=tell)


async def planned(target: Target, backup: Backup, **request: Any) -> LoadPlan:
    return await plan_restore(engine(), backup, RestoreOrder(target, LoadRequest(**request)))


async def restored(
    target: Target, storage: Storage, backup: Backup, keys: Keys | None = None, *, tell: Tell = nobody, **request: Any
) -> Restored:
    order = RestoreOrder(target, LoadRequest(**request), keys)
    plan = await plan_restore(engine(), backup, order)
    return await restore(engine(), repository(storage), spot(target, backup), backup, order, plan, CLOCK, tell=tell)


def names(server: FerretServer, database: str = "shop") -> list[str]:
    """All collections, ours among them."""
    return sorted(one["name"] for one in server.ask({"listCollections": 1}, database)["cursor"]["firstBatch"])


def contents(server: FerretServer, database: str = "shop") -> dict[str, object]:
    """What a person would look at: all documents, options and indexes."""
    found: dict[str, object] = {}
    for one in server.ask({"listCollections": 1}, database)["cursor"]["firstBatch"]:
        name = one["name"]
        documents = server.ask({"find": name, "batchSize": 100_000, "sort": {"_id": 1}}, database)["cursor"]["firstBatch"]
        indexes = server.ask({"listIndexes": name}, database)["cursor"]["firstBatch"]
        found[name] = (documents, one["options"], sorted(indexes, key=lambda index: str(index["name"])))
    return found


def databases(server: FerretServer) -> set[str]:
    return {one["name"] for one in server.ask({"listDatabases": 1})["databases"]}


def fill(server: FerretServer, database: str = "shop", orders: int = 1500) -> None:
    """A database with several collections, each with something that the others lack."""
    for name in databases(server):
        server.ask({"dropDatabase": 1}, name)
    many = [{"_id": number, "city": "ABC"[number % 3], "price": number / 7, "lines": [{"n": number}]} for number in range(orders)]
    server.ask({"insert": "orders", "documents": many}, database)
    indexes = [{"key": {"city": 1, "price": -1}, "name": "by_city"}, {"key": {"price": 1}, "name": "p", "unique": True}]
    server.ask({"createIndexes": "orders", "indexes": indexes}, database)
    server.ask({"insert": "customers", "documents": [{"_id": "é\n", "n": None}, {"_id": 5, "n": True}]}, database)
    server.ask({"insert": ODD, "documents": [{"_id": 1, "": "empty name"}]}, database)
    server.ask({"create": "empty"}, database)
    server.ask({"create": "capped", "capped": True, "size": 100_000, "max": 50}, database)
    server.ask({"insert": "capped", "documents": [{"_id": number} for number in range(5)]}, database)


def damage(server: FerretServer, database: str = "shop") -> None:
    server.ask({"delete": "orders", "deletes": [{"q": {"city": "A"}, "limit": 0}]}, database)
    server.ask({"dropIndexes": "orders", "index": "p"}, database)
    server.ask({"drop": "customers"}, database)
    server.ask({"insert": "late", "documents": [{"_id": 1}]}, database)
