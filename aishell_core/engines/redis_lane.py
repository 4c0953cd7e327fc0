"""One of a session's connections: made when needed, given up when it does not answer, one set of commands at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from aishell_core.deadline import whole
from aishell_core.engines.redis_errors import Lost, Overfull, RedisError, Whereabouts, broken, no_answer, told, too_large, unreachable
from aishell_core.engines.redis_place import Login, Place, database_number, find_place, written
from aishell_core.targets import Target
from aishell_core.units import format_bytes, format_duration
from aishell_core.url_places import HostPort
from aishell_core.values import FailureCode

if TYPE_CHECKING:
    from aishell_core.engines.redis_connection import Command, RedisConnection, Reply

_NAME = "aishell"
_REFUSES_PROTOCOL = re.compile("NOPROTO|NOPERM|unknown command", re.IGNORECASE)


class Line:
    """A connection and its turn; every error that leaves it is a RedisError.

    Whoever has the turn may use the other methods. Commands that are not answered when the turn ends take the
    connection with them, without waiting for the server.
    """

    def __init__(
        self, target: Target, environ: Mapping[str, str], *, database: str = "", most_bytes: int = 0, newest: bool = False
    ) -> None:
        """`database` is another one than the target's; no larger answers than `most_bytes` are held (0 for any).

        With `newest` the newer version of the protocol is spoken where the server knows it, which tells maps from lists.
        """
        self._target = target
        self._environ = environ
        self._database = database
        self._most_bytes = most_bytes
        self._newest = newest
        self._lock = asyncio.Lock()
        self._place: Place | None = None
        self._server: HostPort | None = None
        self._connection: RedisConnection | None = None
        self._stage = "connecting"
        self._closed = False
        self._before = 0
        self._until: float | None = None
        self.client_id: int | None = None

    @property
    def server(self) -> HostPort | None:
        """The server that the connection leads to, or led to last."""
        return self._server

    @property
    def connection(self) -> RedisConnection | None:
        """The connection, None without one."""
        return self._connection

    @property
    def bytes_received(self) -> int:
        """What all connections of this line have received so far."""
        return self._before + (self._connection.bytes_received if self._connection is not None else 0)

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[None]:
        """The line for oneself until the block ends; raises RedisError when the deadline comes first."""
        mine = False
        try:
            async with asyncio.timeout(seconds) as limit, self._lock:
                mine, self._stage, self._until = True, "connecting", limit.when()
                yield
        except TimeoutError as error:
            raise no_answer(self.where(), format_duration(whole(seconds)), self._stage if mine else "waiting") from error
        except asyncio.CancelledError:
            if mine:
                self.drop()
            raise

    async def ask(self, commands: Sequence[Command], *, again: bool = True) -> tuple[Reply, ...]:
        """The answers to commands that only read, each an answer or a `Refusal`; raises RedisError.

        A connection from before that has ended meanwhile, as it does when the server is restarted, is made anew once;
        without `again` it is not, so that nothing is done twice.
        """
        known = self._connection is not None and self._connection.connected
        try:
            return await self._ask_once(commands)
        except Overfull as error:
            raise too_large(self.where(), format_bytes(self._most_bytes)) from error
        except Lost as error:
            if not known or not again:
                raise broken(self.where(), greeted=True) from error
        try:
            return await self._ask_once(commands)
        except Lost as error:
            raise broken(self.where(), greeted=True) from error

    async def _ask_once(self, commands: Sequence[Command]) -> tuple[Reply, ...]:
        connection = await self.connected()
        self._stage = "asking"
        whole = False
        try:
            answers = await connection.ask(commands)
            whole = True
        finally:
            if not whole:
                self.drop()
        return answers

    async def connected(self) -> RedisConnection:
        """The connection, made when there is none; raises RedisError."""
        if self._connection is not None and self._connection.connected:
            return self._connection
        self.drop()
        self._stage = "connecting"
        place = self._place = self._find_place()
        servers = (await self._primary(place),) if place.sentinel else place.servers
        self._connection = await self._first(servers, place)
        if self._closed:
            self.drop()
            raise RedisError(FailureCode.REFUSED, "this session has been closed")
        return self._connection

    def _find_place(self) -> Place:
        place = find_place(self._target, self._environ)
        return replace(place, database=database_number(self._database)) if self._database else place

    async def _first(self, servers: Sequence[HostPort], place: Place) -> RedisConnection:
        """A connection to the first server that can be had, beginning with the one of before; raises the last one's RedisError."""
        trouble: RedisError | None = None
        for turn, server in enumerate(self._in_order(servers)):
            self._server = server
            try:
                async with asyncio.timeout(self._share(len(servers) - turn)):
                    return await self._open(server, place.login, place)
            except TimeoutError:
                trouble = no_answer(self.where(), "its share of the time", "connecting")
            except RedisError as error:
                trouble = error
        raise trouble or broken(self.where(), greeted=False)

    def _in_order(self, servers: Sequence[HostPort]) -> list[HostPort]:
        """The servers, the one that was reached last in front."""
        return sorted(servers, key=lambda server: server != self._server)

    def _share(self, parts: int) -> float | None:
        """A part of the time that is left, None where nothing bounds it or it is the last one's."""
        if self._until is None or parts < 2:
            return None
        return max(0.05, (self._until - asyncio.get_running_loop().time()) / parts)

    async def _open(self, server: HostPort, login: Login, place: Place, *, sentinel: bool = False) -> RedisConnection:
        from aishell_core.engines.redis_connection import LoginRefused, RedisConnection, reason_of_silence

        where = Whereabouts(written(server), login.user, login.password is not None, place.encryption is not None)
        database, protocol = 0 if sentinel else place.database, 3 if self._newest else place.protocol
        try:
            try:
                connection = await RedisConnection.open(server, login, database, place.encryption, protocol)
            except LoginRefused as error:
                if protocol == place.protocol or not _REFUSES_PROTOCOL.search(error.said):
                    raise
                connection = await RedisConnection.open(server, login, database, place.encryption, place.protocol)
        except LoginRefused as error:
            raise told(error.said, where, "select") from error
        except OSError as error:
            raise unreachable(error, where) from error
        except Lost as error:
            said = await reason_of_silence(server)
            raise (told(said, where) if said else broken(where, greeted=False)) from error
        if not sentinel:
            await self._introduce(connection, where)
        if self._most_bytes:
            connection.bound(self._most_bytes)
        return connection

    async def _introduce(self, connection: RedisConnection, where: Whereabouts) -> None:
        """Give the connection its name and ask for its number; a server that refuses either is no worse for it."""
        try:
            _, number = await connection.ask([("CLIENT", "SETNAME", _NAME), ("CLIENT", "ID")])
        except Lost as error:
            from aishell_core.engines.redis_connection import reason_of_silence

            connection.abort()
            said = await reason_of_silence(self._server) if self._server is not None else ""
            raise (told(said, where) if said else broken(where, greeted=False)) from error
        except BaseException:
            connection.abort()
            raise
        self.client_id = number if isinstance(number, int) else None

    async def _primary(self, place: Place) -> HostPort:
        """Where the first sentinel that answers says that the primary is; raises RedisError."""
        trouble: RedisError | None = None
        for turn, server in enumerate(place.servers):
            where = Whereabouts(written(server), place.sentinel_login.user)
            try:
                # Half of the time stays for the primary itself.
                async with asyncio.timeout(self._share(len(place.servers) - turn + 1)):
                    sentinel = await self._open(server, place.sentinel_login, place, sentinel=True)
            except TimeoutError:
                trouble = no_answer(where, "its share of the time", "connecting")
                continue
            except RedisError as error:
                trouble = error
                continue
            try:
                (found,) = await sentinel.ask([("SENTINEL", "GET-MASTER-ADDR-BY-NAME", place.sentinel)])
            except Lost as error:
                trouble = broken(where, greeted=True)
                trouble.__cause__ = error
                continue
            finally:
                sentinel.abort()
            match found:
                case [bytes(host), bytes(port)] if port.isdigit():
                    return host.decode("utf-8", "replace"), int(port)
            trouble = _unknown_primary(found, where, place.sentinel)
        raise trouble or _unknown_primary(None, self.where(), place.sentinel)

    def drop(self) -> None:
        """Let the connection go at once, whatever the server does."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._before += connection.bytes_received
            connection.abort()

    async def close(self) -> None:
        """Let go for good, also of what is under way; may be called twice."""
        self._closed = True
        if self._lock.locked():
            self.drop()
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            self._before += connection.bytes_received
            await connection.close()

    def where(self) -> Whereabouts:
        """What messages name."""
        place = self._place
        if place is None:
            location = self._target.location
            return Whereabouts(location.redacted().partition("://")[2].rpartition("@")[2].rstrip("/") or "the server", location.user)
        address = written(self._server) if self._server is not None else place.address
        return Whereabouts(address, place.login.user, place.login.password is not None, place.encryption is not None)


def _unknown_primary(found: Reply, where: Whereabouts, name: str) -> RedisError:
    from aishell_core.engines.redis_connection import Refusal

    if isinstance(found, Refusal):
        if "unknown command" in found.said.lower():
            return RedisError(
                FailureCode.UNSUPPORTED, f"{where.address} is no sentinel", "leave ?sentinel out, or give the port of a sentinel"
            )
        return told(found.said, where, "sentinel|get-master-addr-by-name")
    return RedisError(
        FailureCode.MISSING,
        f"the sentinel {where.address} watches no primary called {name}",
        "SENTINEL MASTERS lists those that it watches",
    )
