"""The way to a MySQL or MariaDB server: which of several servers, and what is set before anything is asked."""

from __future__ import annotations

import asyncio
import math
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aishell_core.deadline import whole
from aishell_core.engines.mysql_errors import (
    MysqlError,
    ServerError,
    Whereabouts,
    certificate_unheard,
    is_lost,
    no_answer,
    none_of,
    told,
    unreachable,
    without_tls,
)
from aishell_core.engines.mysql_facts import QUESTIONS, ServerFacts, facts_of, facts_statement, is_mariadb, start_statement
from aishell_core.engines.mysql_place import Place, Server
from aishell_core.engines.worker import DatabaseThread
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

if TYPE_CHECKING:
    from aishell_core.engines.mysql_connection import MysqlConnection

_LOCK_SECONDS = 1
"""How long a question of ours may stand in a queue for a lock."""
_SETTINGS = (
    "autocommit = 1",
    # The tables of transactions tell moments in the server's own time.
    "time_zone = 'SYSTEM'",
    f"lock_wait_timeout = {_LOCK_SECONDS}",
    f"innodb_lock_wait_timeout = {_LOCK_SECONDS}",
    # A text in double quotes and a backslash mean the same everywhere.
    "sql_mode = ''",
)
_READ_ONLY = "SET /* aishell */ SESSION TRANSACTION READ ONLY"


@dataclass
class Route:
    """What the lanes of one session have learnt about the way to the server: `at` is the one that answered last."""

    at: Server | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection and what the server behind it says of itself."""

    connection: MysqlConnection
    facts: ServerFacts
    server: Server


def whereabouts(place: Place, server: Server | None = None, account: str = "") -> Whereabouts:
    """What messages name, of one server or of all."""
    address = server.address if server is not None else place.address
    return Whereabouts(address, place.database, place.user, place.remark, account)


async def reach(place: Place, route: Route, seconds: float, *, settled: bool = True, database: str = "", name: str = "") -> Reached:
    """A connection to the first server that lets us in, within the seconds; raises MysqlError.

    The time is shared out among the servers that are left to try. Unless `settled`, nothing is set in the connection.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    tries = sorted(place.servers, key=lambda server: server != route.at)
    errors: list[MysqlError] = []
    for number, server in enumerate(tries):
        share = (until - loop.time()) / (len(tries) - number)
        told_seconds = min(whole(seconds) / len(tries), place.connect_seconds or math.inf)
        try:
            # A little less than there is, so that this error comes before the caller's own.
            async with asyncio.timeout(min(share * 0.97, place.connect_seconds or share)):
                reached = await _reach_one(place, server, database or place.database, name, settled=settled)
        except TimeoutError:
            errors.append(no_answer(whereabouts(place, server), format_duration(told_seconds), "connecting"))
        except MysqlError as error:
            if error.reason is FailureCode.AUTHENTICATION:
                raise  # every further try would be counted against the account
            errors.append(error)
        else:
            route.at = server
            return reached
    raise none_of(errors)


async def _reach_one(place: Place, server: Server, database: str, name: str, *, settled: bool) -> Reached:
    from aishell_core.engines.mysql_connection import MysqlConnection, NoTlsError, OwnCertificateError

    where = whereabouts(place, server)
    try:
        if not server.socket:
            await _resolve(server, name)
        connection = await MysqlConnection.open(place, server, database)
        try:
            facts = await _ask_facts(connection, place, server)
            if settled:
                await _settle(connection)
        except BaseException:
            connection.abort()
            raise
    except NoTlsError as error:
        raise without_tls(where) from error
    except OwnCertificateError as error:
        raise certificate_unheard(where) from error
    except ServerError as error:
        raise told(error, where, with_password=place.password is not None) from error
    except OSError as error:
        raise unreachable(error, where) from error
    return Reached(connection, facts, server)


async def _resolve(server: Server, name: str) -> None:
    """Find the host's address in a thread that nobody waits for at the end; the driver then finds it at once."""
    try:
        ip_address(server.host.partition("%")[0])
    except ValueError:
        thread = DatabaseThread(f"{name} resolver", idle_seconds=0.0)
        await thread.run(partial(socket.getaddrinfo, server.host, server.port, type=socket.SOCK_STREAM), 3600.0)


async def _ask_facts(connection: MysqlConnection, place: Place, server: Server) -> ServerFacts:
    found = await _ask(connection)
    version = str(found.get("version") or connection.version)
    with suppress(ServerError):
        for row in await connection.fetch(start_statement(mariadb=is_mariadb(version, str(found.get("comment") or "")))):
            found |= row
    local = bool(server.socket) or _is_loopback(server.host)
    return facts_of({**found, "version": version}, address=server.address, user=place.user, local=local, encrypted=connection.encrypted)


async def _ask(connection: MysqlConnection) -> dict[str, object]:
    """What the server tells of the questions that it knows; it is asked one by one where it does not know them all."""
    try:
        (row,) = await connection.fetch(facts_statement(QUESTIONS))
        return dict(row)
    except ServerError as error:
        if connection.closed or is_lost(error.number):
            raise
    found: dict[str, object] = {}
    for name in QUESTIONS:
        try:
            found |= dict((await connection.fetch(facts_statement((name,))))[0])
        except ServerError:
            if connection.closed:
                raise
    return found


async def _settle(connection: MysqlConnection) -> None:
    """Set what keeps us from hurting the server: all at once, else one by one as far as it lets us."""
    try:
        await connection.execute(f"SET /* aishell */ SESSION {', '.join(_SETTINGS)}")
    except ServerError:
        for setting in _SETTINGS:
            if connection.closed:
                raise
            with suppress(ServerError):
                await connection.execute(f"SET /* aishell */ SESSION {setting}")
    await connection.execute(_READ_ONLY)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
