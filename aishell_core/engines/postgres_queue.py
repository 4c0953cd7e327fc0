"""Tries that a pooler has not answered in time: they go on, so that a line of ours stands in its queue once.

PgBouncer does not read from a client that waits for one of its connections: neither the end of the socket nor a cancel
request makes it forget the client, which counts until query_wait_timeout. So whoever asks again goes on with the old place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode

if TYPE_CHECKING:
    from aishell_core.engines.postgres_place import Server
    from aishell_core.engines.postgres_route import Reached

FIRST_SECONDS = 130.0
"""How long a place is kept at first: a little longer than PgBouncer's query_wait_timeout is by default."""
_LONGEST_SECONDS = 1040.0
_LEAVE_SECONDS = 1.5


@dataclass(slots=True)
class Attempt:
    """What a try knows of itself: `in_line` from when giving it up may leave a client behind in a pooler's queue."""

    in_line: bool = False


@dataclass(slots=True)
class _Standing:
    task: asyncio.Task[Reached]
    database: str
    until: float
    attempt: Attempt = field(default_factory=lambda: Attempt(in_line=True))


class Queue:
    """The tries of one line that are under way, at most one for each server."""

    def __init__(self) -> None:
        self._standing: dict[str, _Standing] = {}
        self._patience_seconds = FIRST_SECONDS

    @property
    def stands_somewhere(self) -> bool:
        """Whether any try is still under way."""
        return bool(self._standing)

    def stands(self, server: Server) -> bool:
        """Whether a try for this server is still under way."""
        return server.address in self._standing

    async def reached(self, server: Server, database: str, begin: Callable[[Attempt], Coroutine[Any, Any, Reached]]) -> Reached:
        """What the try for a server brings, which is begun if there is none; it goes on when the caller gives up. Raises PostgresError."""
        standing = self._standing.get(server.address)
        if standing is not None:
            found = await self._outcome(server.address, standing)
            if standing.database == database and not found.connection.closed:
                return found
            await found.connection.close()
        attempt = Attempt()
        task = asyncio.create_task(begin(attempt))
        return await self._outcome(server.address, _Standing(task, database, self._until(), attempt))

    def keep(self, server: Server, database: str, work: Coroutine[Any, Any, Reached]) -> None:
        """Let work go on that ends with a connection to a server, of which the line has let go."""
        self._standing[server.address] = _Standing(asyncio.create_task(work), database, self._until())

    async def leave(self) -> None:
        """Give up all tries; raises nothing and waits only for a moment."""
        left = [each.task for each in self._standing.values()]
        await asyncio.sleep(0)  # a task that has not begun would be cancelled without a chance to hang up
        for address in tuple(self._standing):
            self._give_up(address)
        if left:
            await asyncio.wait(left, timeout=_LEAVE_SECONDS)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._patience_seconds

    async def _outcome(self, address: str, standing: _Standing) -> Reached:
        self._standing[address] = standing
        try:
            found = await asyncio.shield(standing.task)
        except asyncio.CancelledError as error:
            if standing.task.cancelled():
                self._standing.pop(address, None)
                raise PostgresError(FailureCode.REFUSED, "this session has been closed") from error
            if not standing.attempt.in_line:
                self._give_up(address)
            elif asyncio.get_running_loop().time() >= standing.until:
                # The pooler may have forgotten it, or the way there; if not, each new place comes twice as late as the one before.
                self._patience_seconds = min(2 * self._patience_seconds, _LONGEST_SECONDS)
                self._give_up(address)
            raise
        except BaseException:
            self._standing.pop(address, None)
            raise
        self._standing.pop(address, None)
        self._patience_seconds = FIRST_SECONDS
        return found

    def _give_up(self, address: str) -> None:
        task = self._standing.pop(address).task
        task.cancel()
        task.add_done_callback(_let_go)


def _let_go(ended: asyncio.Task[Reached]) -> None:
    """Hang up what has been reached although nobody waits for it any more; an error is nobody's."""
    if not ended.cancelled() and ended.exception() is None:
        ended.result().connection.abort()
