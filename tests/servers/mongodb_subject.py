"""MongoDB under the contract of collectors: FerretDB, and documents of versions 6, 7 and 8 over the wire protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from collectors.mongodb.collector import open_mongodb
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.mongodb_wire import WireServer, wire_server
from tests.servers.mongodb_wire_protocol import ask
from tests.servers.situation import Situation

ODD_NAME = "[bold]o'd\"d[/bold] \x1b[31m\x07 \u202e é"


@dataclass(frozen=True, slots=True)
class FerretSubject:
    """FerretDB with a collection."""

    @property
    def name(self) -> str:
        return "mongodb-ferretdb"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        with ferretdb() as server:
            fill(server)
            yield Situation(
                target=server.target(database="shop"),
                open_collector=open_mongodb,
                work=partial(_work, server),
                freeze=server.frozen,
                odd=partial(_make_odd, server),
                restart=server.restart,
                vanish=server.kill,
                statement='{"find": "users", "filter": {"name": "user 7"}}',
            )


def _work(server: FerretServer) -> None:
    server.ask({"find": "users", "filter": {"name": "user 7"}}, "shop")


def fill(server: FerretServer) -> None:
    """A collection of 500 users, with an index."""
    server.ask({"insert": "users", "documents": [{"_id": number, "name": f"user {number}"} for number in range(500)]}, "shop")
    server.ask({"createIndexes": "users", "indexes": [{"key": {"name": 1}, "name": "by_name"}]}, "shop")


def _make_odd(server: FerretServer) -> None:
    """A name full of markup and control characters, as far as the server takes one."""
    server.ask({"create": "[bold]o'd_d[/bold] \u202e é"}, "shop")
    server.ask({"createIndexes": "users", "indexes": [{"key": {"[red]x[/red]": 1}, "name": "[link=x]é"}]}, "shop")


@dataclass(frozen=True, slots=True)
class WireSubject:
    """A server of ours with the documents of one version; each question makes its counters grow."""

    version: str
    kind: str

    @property
    def name(self) -> str:
        return f"mongodb-{self.version}-{self.kind}"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        with wire_server(self.version, self.kind) as server:
            yield Situation(
                target=server.target(database="shop"),
                open_collector=open_mongodb,
                work=partial(_served, server),
                freeze=server.frozen,
                odd=partial(make_odd, server),
                restart=server.restart,
                vanish=server.kill,
                statement='{"find": "orders", "filter": {"status": "open"}}',
            )


def _served(server: WireServer) -> None:
    assert ask(server.port, {"ping": 1})["ok"] == 1.0


def make_odd(server: WireServer) -> None:
    """Names and operations full of markup and control characters, and bytes that are no UTF-8."""
    server.change(
        set={
            "operations > documents > 0 > appName": ODD_NAME,
            "operations > documents > 0 > command > filter": {ODD_NAME: "\x1b]0;title\x07 [red]x[/red]", "proper bytes": 1},
            f"collections > namespaces > shop.{ODD_NAME}": {
                "type": "collection",
                "options": {},
                "count": 1,
                "size": 1,
                "storageSize": 1,
                "freeStorageSize": 0,
                "avgObjSize": 1,
                "indexes": [{"name": ODD_NAME, "key": {ODD_NAME: 1}, "size": 1, "accesses": 0}],
            },
        },
        damage=[[b"proper bytes", b"\xff\xfe odd\xc3( \x80 !"]],
    )


SUBJECTS = (FerretSubject(), WireSubject("5", "primary"), WireSubject("8", "secondary"))
