"""A session with a Redis or Valkey server: two connections at most for reading, each set of commands with a deadline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aishell_core.clock import Clock
from aishell_core.engines.redis_actions import cancel_client, terminate_client
from aishell_core.engines.redis_errors import RedisError, Whereabouts, told
from aishell_core.engines.redis_lane import Line
from aishell_core.engines.redis_place import find_place
from aishell_core.engines.redis_run import run_command
from aishell_core.targets import Target
from aishell_core.values import CommandResult, Cost, Limits, Session, Value

if TYPE_CHECKING:
    import socket

    from aishell_core.engines.redis_connection import Command


class Lane(StrEnum):
    """Which of the two connections a question takes: what is asked each second, or what may take long."""

    QUICK = "quick"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to commands that were sent together, each an answer or a RedisError, and what they cost."""

    values: tuple[Any, ...]
    cost: Cost


class RedisSession:
    """Asks one server; every error that leaves it is a TargetError (a `RedisError` with the server's own word).

    A connection that breaks or does not answer in time is dropped and made anew by the next question. Nothing is
    connected before the first one.
    """

    def __init__(self, target: Target, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._target = target
        self._clock = clock
        self._environ = environ
        self._lines = {lane: Line(target, environ) for lane in Lane}

    def load(self) -> None:
        """Load the driver, so that no deadline of a question has to pay for that."""
        import aishell_core.engines.redis_connection  # noqa: F401 - for its sake alone

    async def ask(self, *commands: Command, lane: Lane, deadline_seconds: float) -> Answers:
        """The answers to commands that only read; raises RedisError where the server cannot be asked at all."""
        line = self._lines[lane]
        async with line.turn(deadline_seconds):
            await line.connected()
            received, began = line.bytes_received, self._clock.steady()
            found = await line.ask(commands)
            cost = Cost(len(commands), self._clock.steady() - began, max(0, line.bytes_received - received))
            where = line.where()
        return Answers(tuple(_mapped(value, command, where) for value, command in zip(found, commands, strict=True)), cost)

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """End what a client waits for (CLIENT UNBLOCK ... ERROR), or the script that keeps the server busy; raises TargetError."""
        line = Line(self._target, self._environ)
        try:
            async with line.turn(deadline_seconds):
                await cancel_client(line, session, self._clock.now())
        finally:
            await line.close()

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """Close the connection of exactly this client (CLIENT KILL ID ... ADDR ...); raises TargetError."""
        line = Line(self._target, self._environ)
        try:
            async with line.turn(deadline_seconds):
                await terminate_client(line, session, self._clock.now())
        finally:
            await line.close()

    def database_of(self, _command: str, database: str) -> str:
        """The number of the database; raises RedisError."""
        return database or str(find_place(self._target, self._environ).database)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one command brought, on a connection of its own; `parameters` are further words of it. Raises TargetError."""
        return await run_command(self._target, self._environ, command, parameters, limits, database=database, read_only=read_only)

    @property
    def own_ids(self) -> frozenset[str]:
        """The numbers of this session's own clients, as CLIENT LIST shows them."""
        return frozenset(str(line.client_id) for line in self._lines.values() if line.client_id is not None)

    def where(self, lane: Lane = Lane.QUICK) -> Whereabouts:
        """What messages name."""
        return self._lines[lane].where()

    @property
    def socket(self) -> socket.socket | None:
        """The socket of the quick connection, to find out who is at its other end."""
        connection = self._lines[Lane.QUICK].connection
        return connection.socket if connection is not None else None

    @property
    def by_sentinel(self) -> bool:
        """Whether sentinels say where the primary is."""
        return bool(self._target.location.option("sentinel"))

    def look_again(self) -> None:
        """Ask the sentinels anew before the next question: the server that was reached is no primary any more."""
        for line in self._lines.values():
            line.drop()

    async def close(self) -> None:
        """Let go of both connections; may be called twice and raises nothing."""
        for line in self._lines.values():
            await line.close()


def _mapped(value: Any, command: Command, where: Whereabouts) -> Any:  # noqa: ANN401 - an answer
    """An answer, or the error that the server gave instead of one."""
    from aishell_core.engines.redis_connection import Refusal

    return told(value.said, where, command_name(command)) if isinstance(value, Refusal) else value


def command_name(command: Command) -> str:
    """The name of a command as ACL SETUSER wants it: `info`, or `client|list` for one of several words."""
    words = [str(word).lower() for word in command[:2]]
    return "|".join(words) if words[0] in _CONTAINERS and len(words) > 1 else words[0]


_CONTAINERS = frozenset(
    {"acl", "client", "cluster", "command", "config", "function", "latency", "memory", "module", "object", "pubsub"}
) | {
    "script",
    "sentinel",
    "slowlog",
    "xgroup",
    "xinfo",
}

__all__ = ["Answers", "Lane", "RedisError", "RedisSession", "command_name"]
