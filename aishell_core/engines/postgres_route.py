"""The way to a PostgreSQL server: which of several servers, what may be set at the start, and whether a pooler stands between."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aishell_core.deadline import whole
from aishell_core.engines.postgres_errors import (
    PostgresError,
    ServerError,
    Whereabouts,
    entry_grant,
    no_answer,
    none_of,
    told,
    unfit,
    unreachable,
)
from aishell_core.engines.postgres_facts import QUESTIONS, ServerFacts, facts_of, facts_statement
from aishell_core.engines.postgres_place import Attributes, Place, Server
from aishell_core.engines.postgres_pooler_words import meaning_of
from aishell_core.engines.postgres_queue import Attempt, Queue
from aishell_core.engines.worker import DatabaseThread
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

if TYPE_CHECKING:
    from aishell_core.engines.postgres_connection import PostgresConnection

LOCK_MILLISECONDS = 1000
"""How long a question of ours may stand in a queue for a lock."""
_CACHED_STATEMENTS = 200
_APPLICATION: Mapping[str, str] = {"application_name": "aishell"}
_SETTINGS: Mapping[str, str] = {
    **_APPLICATION,
    "lock_timeout": str(LOCK_MILLISECONDS),
    "idle_in_transaction_session_timeout": "10000",
    "default_transaction_read_only": "on",
}
_SET_AFTERWARDS: Mapping[str, str] = {
    # Nobody's function of the same name is to be called with our rights (https://wiki.postgresql.org/wiki/CVE-2018-1058).
    "search_path": "pg_catalog",
    # Compiling a plan takes longer than any question of ours.
    "jit": "off",
}
"""Not given at the start, because a statement of somebody else's is planned with the server's own values (SET … = DEFAULT)."""
_NOT_TAKEN = {"08P01", "42704", "22023", "0A000", "55P02", "42501"}
"""What servers and poolers say to a startup parameter that they do not take; these are no errors of logging in."""


@dataclass
class Route:
    """What the lanes of one session have learnt about the way to the server.

    `settings` are the startup parameters that are taken; `wrapped` when what else is to be set can only be set inside
    each transaction, `bare` when there are no transactions either. `at` is the server that answered last.
    """

    settings: Mapping[str, str] = field(default_factory=lambda: _SETTINGS)
    wrapped: bool = False
    bare: bool = False
    questions: tuple[str, ...] = QUESTIONS
    at: Server | None = None
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def let_go(self, connection: PostgresConnection) -> None:
        """Drop a connection without waiting; a question that it is in the middle of is cancelled at the server."""
        if connection.busy:
            task = asyncio.get_running_loop().create_task(connection.close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        else:
            connection.abort()

    async def left(self) -> None:
        """Wait until the server has been told of all questions that were given up, which takes a moment; raises nothing."""
        if self._leaving:
            await asyncio.wait(self._leaving)

    @property
    def queues(self) -> bool:
        """Whether a pooler may let us wait before it even answers a login: one takes few of our startup parameters."""
        return self.wrapped or self.settings is not _SETTINGS

    def expect_pooler(self) -> None:
        """Behave as through a pooler: nothing is kept in the server between two questions."""
        self.settings, self.wrapped = _APPLICATION, True


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection and what the server behind it says of itself."""

    connection: PostgresConnection
    facts: ServerFacts
    server: Server


def whereabouts(place: Place, database: str = "", server: Server | None = None) -> Whereabouts:
    """What messages name, of one server or of all."""
    return Whereabouts(server.address if server is not None else place.address, database or place.database, place.user, place.remark)


async def reach(place: Place, route: Route, queue: Queue, milliseconds: int, seconds: float, database: str = "", name: str = "") -> Reached:
    """A connection to the first server that is as wanted, within the seconds; raises PostgresError.

    The time is shared out among the servers that are left to try. `milliseconds` is the first statement_timeout; in the
    queue are the tries that outlived the time of an earlier call.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    tries = _tries(place, route)
    errors: list[PostgresError] = []
    for number, (server, wanted) in enumerate(tries):
        share = (until - loop.time()) / (len(tries) - number)
        told_seconds = min(whole(seconds) / len(tries), place.connect_seconds or math.inf)
        where = whereabouts(place, database, server)
        try:
            # A little less than there is, so that this error comes before the caller's own.
            async with asyncio.timeout(min(share * 0.97, place.connect_seconds or share)):
                begin = partial(_reach_one, place, route, server, database or place.database, milliseconds, name)
                reached = await queue.reached(server, database or place.database, begin)
        except TimeoutError:
            errors.append(no_answer(where, format_duration(told_seconds), "queued" if queue.stands(server) else "connecting"))
        except PostgresError as error:
            if error.reason is FailureCode.AUTHENTICATION:
                raise  # every further try would be counted against the role
            errors.append(error)
        else:
            misfit = misfit_of(reached.facts, wanted)
            if not misfit:
                route.at = server
                return reached
            reached.connection.abort()
            errors.append(unfit(misfit, where, wanted))
    raise none_of(errors)


def _tries(place: Place, route: Route) -> list[tuple[Server, Attributes]]:
    """The servers in the order of the URL, the one that answered last first; preferring a standby is asking twice."""
    servers = sorted(place.servers, key=lambda server: server != route.at)
    if place.attributes is Attributes.PREFER_STANDBY:
        return [(server, wanted) for wanted in (Attributes.STANDBY, Attributes.ANY) for server in servers]
    return [(server, place.attributes) for server in servers]


def misfit_of(facts: ServerFacts, wanted: Attributes) -> str:
    """What a server is instead of what is wanted, "" when it is as wanted."""
    match wanted:
        case Attributes.PRIMARY if facts.in_recovery:
            return "a standby"
        case Attributes.READ_WRITE if facts.in_recovery or facts.read_only:
            return "a standby" if facts.in_recovery else "read-only by default"
        case Attributes.STANDBY if not facts.in_recovery:
            return "a primary"
        case Attributes.READ_ONLY if not (facts.in_recovery or facts.read_only):
            return "a primary that takes writes"
        case _:
            return ""


async def _reach_one(place: Place, route: Route, server: Server, database: str, milliseconds: int, name: str, attempt: Attempt) -> Reached:
    where = whereabouts(place, database, server)
    try:
        if not server.is_socket:
            await _resolve(server, name)
        connection = await _open(place, route, server, database, milliseconds, attempt)
        attempt.in_line = True  # a pooler lets in whom it has no connection for, and lets the first question wait
        try:
            facts = await _ask_facts(connection, route, server)
            if "default_transaction_read_only" in _startup(place, route, milliseconds):
                facts = replace(facts, read_only=False)  # that is our own
            if facts.pooled and not route.wrapped:
                # Statements kept in the pooler's connections would meet other clients there, so this one is made anew.
                route.expect_pooler()
                connection.abort()
                connection = await _open(place, route, server, database, milliseconds, attempt)
                facts = replace(await _ask_facts(connection, route, server), pooled=True)
            await _settle(connection, route, place, milliseconds)
        except BaseException:
            route.let_go(connection)
            raise
    except ServerError as error:
        raise told(error, where, with_password=server.password is not None) from error
    except (OSError, UnicodeError) as error:  # a name with a part that is too long, or not UTF-8
        raise unreachable(error, where) from error
    return Reached(connection, facts, server)


async def _resolve(server: Server, name: str) -> None:
    """Find the host's address in a thread that nobody waits for at the end; the driver then finds it at once."""
    try:
        ip_address(server.host.partition("%")[0])
    except ValueError:
        thread = DatabaseThread(f"{name} resolver", idle_seconds=0.0)
        await thread.run(partial(socket.getaddrinfo, server.host, server.port, type=socket.SOCK_STREAM), 3600.0)


async def _open(place: Place, route: Route, server: Server, database: str, milliseconds: int, attempt: Attempt) -> PostgresConnection:
    from aishell_core.engines.postgres_connection import PostgresConnection

    known = route.settings
    while True:
        given = route.settings
        settings = _startup(place, route, milliseconds)
        attempt.in_line = route.queues
        try:
            return await PostgresConnection.open(
                place, server, database, settings, cached_statements=0 if route.wrapped else _CACHED_STATEMENTS
            )
        except ServerError as error:
            if meaning_of(error.sqlstate, error.message) not in _NOT_TAKEN or not given or _is_shut(error):
                route.settings = known  # they were not the reason
                raise
            if route.settings is given:  # else the other line has just learnt the same
                route.settings = _APPLICATION if given is _SETTINGS else {}


def _is_shut(error: ServerError) -> bool:
    """Whether the database is closed to the role, which has the code of a parameter that may not be set."""
    return bool(entry_grant(error.message, ""))


def _startup(place: Place, route: Route, milliseconds: int) -> dict[str, str]:
    settings = dict(route.settings)
    if "lock_timeout" in settings:
        settings["statement_timeout"] = str(milliseconds)
        if place.options:
            settings["options"] = place.options
        if place.attributes in {Attributes.READ_ONLY, Attributes.READ_WRITE}:
            del settings["default_transaction_read_only"]  # else the server's own could not be told
    return settings


async def _ask_facts(connection: PostgresConnection, route: Route, server: Server) -> ServerFacts:
    told_facts = await _ask(connection, route)
    told_facts.setdefault("version", connection.parameter("server_version"))
    told_facts.setdefault("superuser", connection.parameter("is_superuser"))
    told_facts.setdefault("encoding", connection.parameter("server_encoding"))
    pid = told_facts.get("pid")
    pooled = isinstance(pid, int) and pid != connection.server_pid
    return facts_of(told_facts, server.address, local=_is_local(server, pid), pooled=pooled)


async def _ask(connection: PostgresConnection, route: Route) -> dict[str, object]:
    """What the server tells of the questions that it knows; it is asked one by one where it does not know them all."""
    try:
        (row,) = await connection.fetch_once(facts_statement(route.questions))
        return dict(row)
    except ServerError as error:
        if connection.closed or error.sqlstate.startswith(("08", "57P", "53")):
            raise
    found: dict[str, object] = {}
    for name in route.questions:
        try:
            (row,) = await connection.fetch_once(facts_statement((name,)))
        except ServerError:
            if connection.closed:
                raise
        else:
            found.update(row)
    route.questions = tuple(found)
    return found


def _is_local(server: Server, pid: object) -> bool:
    """Whether the server's processes can be looked at here: a port of this machine may lead into another one."""
    if not (server.is_socket or server.host == "localhost" or _is_loopback(server.host)):
        return False
    from aishell_core.engines.host import process_name

    return isinstance(pid, int) and "postgres" in process_name(pid)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _settle(connection: PostgresConnection, route: Route, place: Place, milliseconds: int) -> None:
    """Set what could not or should not be given at the start, as far as the server lets us; a pooler would give it to others."""
    if route.wrapped:
        return
    given = _startup(place, route, milliseconds)
    wanted = {**_SETTINGS, "statement_timeout": str(milliseconds)}
    missing = [f"SET /* aishell */ {name} = '{value}'" for name, value in wanted.items() if name not in given]
    missing += [f"SET /* aishell */ {name} = {value}" for name, value in _SET_AFTERWARDS.items()]
    try:
        await connection.execute("; ".join(missing))
    except ServerError:
        for statement in missing:
            if connection.closed:
                raise
            with suppress(ServerError):
                await connection.execute(statement)
