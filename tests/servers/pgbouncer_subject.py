"""PgBouncer's console under the contract of collectors, with session and with transaction pooling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pg8000.native

from collectors.pgbouncer.collector import open_pgbouncer
from tests.servers.pgbouncer import Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.situation import Situation

_ODD_DATABASE = "[bold]d[/bold] \x1b[31m\x07 \u202e"
_ODD_APPLICATION = b"\xff\xfe[red]x[/red]\x1b[2J"


class _Deaf(pg8000.native.Connection):  # type: ignore[misc]
    """A client that does not mind what the pooler tells it of itself, which is no Unicode when its own name is none."""

    def handle_PARAMETER_STATUS(self, data: bytes, context: object) -> None:  # noqa: N802 - the driver's name
        return


@dataclass(frozen=True, slots=True)
class PgbouncerSubject:
    """A pooler with a client, in front of a server of its own."""

    pool_mode: str
    auth: str

    @property
    def name(self) -> str:
        return f"pgbouncer-{self.pool_mode}-{self.auth}"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        with postgres() as server, pgbouncer(server, pool_mode=self.pool_mode, auth=self.auth) as pooler:
            _work(pooler)
            yield Situation(
                target=pooler.console_target(),
                open_collector=open_pgbouncer,
                work=partial(_work, pooler),
                freeze=pooler.frozen,
                hold=partial(_held, server, pooler),
                odd=partial(_odd, server, pooler),
                restart=pooler.restart,
                vanish=pooler.stop,
            )


def _work(pooler: Pgbouncer) -> None:
    with contextlib.closing(pooler.connect()) as client:
        client.run("SELECT 1")


@contextmanager
def _held(server: PostgresServer, pooler: Pgbouncer) -> Iterator[None]:
    """The server behind the pool stands still while a client is linked to it."""
    client = pooler.connect()
    client.run("BEGIN")
    with server.frozen():
        yield
    client.close()


def _odd(server: PostgresServer, pooler: Pgbouncer) -> None:
    server.execute(f'CREATE DATABASE "{_ODD_DATABASE}"')
    pooler.connect(_ODD_DATABASE).run("SELECT 1")
    pooler.connect(application=_ODD_APPLICATION, kind=_Deaf)


SUBJECTS = (PgbouncerSubject("session", "scram-sha-256"), PgbouncerSubject("transaction", "md5"))
