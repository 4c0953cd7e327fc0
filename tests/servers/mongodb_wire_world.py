"""What the fixture server knows: the documents of one MongoDB version, and what a test has changed of them."""

from __future__ import annotations

import copy
import datetime as dt
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bson import json_util

DATA = Path(__file__).parents[1] / "data" / "mongodb"
VERSIONS = ("5", "6", "7", "8")
Document = dict[str, Any]


class RefusedError(Exception):
    """An error that the server gives, with its number and name."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.document = {"ok": 0.0, "errmsg": message, "code": code, "codeName": name}


UNAUTHORIZED, NOT_FOUND, NO_COMMAND = (13, "Unauthorized"), (26, "NamespaceNotFound"), (59, "CommandNotFound")


class World:
    """One server of a kind: primary, secondary, standalone or mongos."""

    def __init__(self, version: str, kind: str, address: str) -> None:
        options = json_util.JSONOptions(tz_aware=True)
        self.documents: Document = {
            file.stem: json_util.loads(file.read_text(), json_options=options) for file in sorted((DATA / version).glob("*.json"))
        }
        self.version = version
        self.kind = kind
        self.address = address
        self.began = time.time()
        self.counts: Counter[str] = Counter()
        self.refused: dict[str, Document] = {}
        self.delays: dict[str, float] = {}
        self.damaged: dict[bytes, bytes] = {}
        self.killed: list[Document] = []
        self.stubborn = False
        self.stored: dict[str, list[Document]] = {}
        self._settle()

    def _settle(self) -> None:
        status, hello = self.documents["server_status"]["document"], self.documents["hello"]["document"]
        if self.kind in {"standalone", "mongos"}:
            del status["repl"]
            for name in ("hosts", "setName", "setVersion", "primary", "me", "electionId", "lastWrite"):
                hello.pop(name, None)
        if self.kind == "mongos":
            for name in ("wiredTiger", "storageEngine", "queues", "flowControl", "electionMetrics", "opcountersRepl", "globalLock"):
                status.pop(name, None)
            status["process"], hello["msg"] = "mongos", "isdbgrid"
        if self.kind == "secondary":
            for each in (status["repl"], hello):
                each.update(isWritablePrimary=False, secondary=True, me="db3.shop.example:27017")
            members = self.documents["replica_set_status"]["document"]["members"]
            for member in members:
                member.pop("self", None)
            members[2]["self"] = True
            self.documents["replica_set_status"]["document"]["myState"] = 2

    def change(self, wish: Mapping[str, Any]) -> Document:
        """What a test wants otherwise.

        `set` by path (names with ` > ` between them), `refuse` and `allow` commands, `delay` them, `store` documents;
        what is killed goes on in a `stubborn` one.
        """
        self.stubborn = bool(wish.get("stubborn", self.stubborn))
        for path, value in wish.get("set", {}).items():
            _put(self.documents, path.split(" > "), value)
        for name, (code, code_name, message) in wish.get("refuse", {}).items():
            self.refused[name] = RefusedError(code, code_name, message).document
        for name in wish.get("allow", ()):
            self.refused.pop(name, None)
        self.delays.update(wish.get("delay", {}))
        for namespace, documents in wish.get("store", {}).items():
            self.stored[namespace] = documents
        for proper, odd in wish.get("damage", ()):
            self.damaged[bytes(proper)] = bytes(odd)
        return {"ok": 1.0, "killed": self.killed, "counts": dict(self.counts)}

    @property
    def served(self) -> int:
        """The commands that were answered, those of tests left out."""
        return self.counts.total()

    def server_status(self) -> Document:
        """serverStatus with the counters that grow by being asked."""
        status: Document = copy.deepcopy(self.documents["server_status"]["document"])
        lived = time.time() - self.began
        status["pid"] = os.getpid()
        status["uptimeMillis"] = int(lived * 1000)
        status["uptime"] = lived
        status["localTime"] = dt.datetime.now(dt.UTC)
        if "opcounters" in status:
            status["opcounters"]["command"] += self.served
            status["opLatencies"]["commands"]["ops"] += self.served
            status["opLatencies"]["commands"]["latency"] += 200 * self.served
            status["network"]["numRequests"] += self.served
        return status

    def operations(self, options: Mapping[str, Any]) -> list[Document]:
        """$currentOp, with operations that get older."""
        found: list[Document] = copy.deepcopy(self.documents["operations"]["documents"])
        lived = int((time.time() - self.began) * 1e6)
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        for one in found:
            one["currentOpTime"] = now
            if "microsecs_running" in one:
                one["microsecs_running"] += lived
                one["secs_running"] = one["microsecs_running"] // 1_000_000
            if transaction := one.get("transaction"):
                transaction["timeOpenMicros"] += lived
                transaction["timeActiveMicros" if one["active"] else "timeInactiveMicros"] += lived
        if not options.get("allUsers"):
            found = [one for one in found if {"user": "shop-web", "db": "admin"} in one.get("effectiveUsers", ())]
        if not options.get("idleConnections"):
            found = [one for one in found if one["active"] or one["type"] == "idleSession"]
        return found


def _put(place: Any, path: list[str], value: object) -> None:
    """Set or, with None, remove a value in documents and lists."""
    for name in path[:-1]:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    last: Any = int(path[-1]) if isinstance(place, list) else path[-1]
    if value is None:
        del place[last]
    else:
        place[last] = value


Answer = Callable[[World, Document], Document]
