"""Redis and Valkey under the contract of collectors."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis

from collectors.redis.collector import open_redis
from tests.servers.redis import RedisServer, redis_server
from tests.servers.situation import Situation
from tests.servers.sqlite_client import eventually

ODD_KEY = b"[bold]k[/bold]:\xff\xfe\x1b[31m\x00\x07 \xe2\x80\xae\n"
ODD_NAME = b"[red]x[/red]\\x1b"


@dataclass(frozen=True, slots=True)
class RedisSubject:
    """A server with some keys, clients and an entry in its slow log."""

    version: str
    options: str = ""

    @property
    def name(self) -> str:
        return f"redis-{self.version}{'-resp3' if self.options else ''}"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        with redis_server(self.version, slowlog_log_slower_than="0") as server:
            _work(server)
            yield Situation(
                target=server.target(options=self.options),
                open_collector=open_redis,
                work=partial(_work, server),
                freeze=server.frozen,
                hold=partial(_held, server),
                odd=partial(make_odd, server),
                restart=server.restart,
                vanish=server.kill,
            )


def _work(server: RedisServer) -> None:
    client = server.connect()
    client.set("page:home", "x" * 100, ex=1000)
    client.get("page:home")
    client.hset("user:1", mapping={"name": "a", "city": "b"})


@contextmanager
def _held(server: RedisServer) -> Iterator[None]:
    """A client waits in BLPOP, and one keeps a transaction open that nobody ends."""
    idle = server.connect()
    idle.execute_command("MULTI")
    waiter = server.connect(socket_timeout=None)
    thread = threading.Thread(target=_wait, args=(waiter,), daemon=True)
    thread.start()
    eventually(lambda: server.connect().info("clients")["blocked_clients"] == 1)
    try:
        yield
    finally:
        server.execute("RPUSH", "queue", "job")
        thread.join(30)
        idle.close()


def _wait(client: Any) -> None:
    with contextlib.suppress(redis.RedisError):
        client.execute_command("BLPOP", "queue", 0)


def make_odd(server: RedisServer) -> None:
    """Keys, client names and commands full of markup, control characters and bytes that are no text."""
    client = server.connect()
    client.set(ODD_KEY, b"\xff\x00\x1b[31m")
    client.set(b"\xff" * 300, "long")
    client.set(b"\xff" * 299 + b"\xfe", "long")
    client.rpush(b"list\r\n" + ODD_KEY, *range(10))
    client.execute_command("CLIENT", "SETNAME", ODD_NAME)
    with contextlib.suppress(redis.ResponseError):
        client.execute_command(b"\xff[bold]NO\x1b\r\n", ODD_KEY)
    with contextlib.suppress(redis.ResponseError):
        client.execute_command("EVAL", b"-- \xff\x1b[2J\n error('[red]')", 1, ODD_KEY)


SUBJECTS = (RedisSubject("6"), RedisSubject("7"), RedisSubject("8", "protocol=3"), RedisSubject("valkey-9"))
