"""The connection by which data is read and written, and the limits that every answer keeps."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from aishell_core.engines.redis_commands import name_of
from aishell_core.engines.redis_errors import Lost, RedisError, broken, told
from aishell_core.engines.redis_lane import Line
from aishell_core.engines.redis_rows import is_message, value_of
from aishell_core.targets import Target
from aishell_core.values import FailureCode, Limits, Value

if TYPE_CHECKING:
    from aishell_core.engines.redis_connection import Reply

Word = str | bytes | int | float
"""A key, a field, a member or a value as it is written; a text is UTF-8."""

_LEAST_HELD_BYTES = 2**20
_STEP = 200


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a collection; `cut` names the limit that ended it ("rows", "bytes" or "time"), "" when all is there."""

    rows: tuple[Any, ...] = ()
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What was heard on a channel."""

    channel: Value
    text: Value


@dataclass(slots=True)
class Taken:
    """Rows that are taken in until a limit is reached; the sizes are those of their texts."""

    limits: Limits
    rows: list[Any] = field(default_factory=list)
    size: int = 0
    cut: str = ""

    def take(self, row: object, size: int) -> bool:
        """Take one more row; False when a limit forbids it."""
        if len(self.rows) >= self.limits.rows:
            self.cut = "rows"
        elif self.size + size > self.limits.bytes:
            self.cut = "bytes"
        else:
            self.rows.append(row)
            self.size += size
        return not self.cut

    def page(self) -> Page:
        """What was taken."""
        return Page(tuple(self.rows), self.cut)


class RedisStore:
    """One connection for data, made by the first question and made anew when it broke; raises RedisError.

    Each call takes at most `limits.seconds`, and no answer is held that is much larger than `limits.bytes`. A write is
    never sent twice: when the connection breaks under it, whether it was done is not known and the error says so.
    """

    def __init__(self, target: Target, limits: Limits | None = None, environ: Mapping[str, str] = os.environ, database: str = "") -> None:
        self._target, self._environ, self._database = target, environ, database
        self.limits = limits or Limits()
        self._line = self._new_line()

    def _new_line(self) -> Line:
        held = max(_LEAST_HELD_BYTES, 4 * self.limits.bytes)
        return Line(self._target, self._environ, database=self._database, most_bytes=held)

    async def ask(self, *words: Word, reads: bool = False, seconds: float | None = None) -> Reply:
        """The answer to one command; one that only `reads` is sent again where the connection broke."""
        line = self._line
        async with line.turn(seconds or self.limits.seconds):
            (answer,) = await line.ask([words], again=reads)
        said = getattr(answer, "said", None)
        if said is not None:
            raise told(said, line.where(), name_of([_plain(word) for word in words[:2]]))
        return answer

    async def pop(self, key: Word, *, end: bool = False) -> bytes | None:
        """Take the first value of a list, or the last; None where there is none.

        It is looked at before, and taken only if nobody changed the list meanwhile (WATCH): one beyond the limit of bytes
        stays where it is, and RedisError says so.
        """
        line = self._line
        async with line.turn(self.limits.seconds):
            while True:
                watched, value = await line.ask([("WATCH", key), ("LINDEX", key, -1 if end else 0)], again=False)
                self._raise_refused((watched, value), ("watch", "lindex"))
                if value is None or len(value) > self.limits.bytes:
                    await line.ask([("UNWATCH",)], again=False)
                    if value is None:
                        return None
                    raise _left_in_place(len(value), self.limits)
                command = "RPOP" if end else "LPOP"
                *queued, done = await line.ask([("MULTI",), (command, key), ("EXEC",)], again=False)
                self._raise_refused((*queued, done), ("multi", command.lower(), "exec"))
                if done is not None:
                    return bytes(done[0])

    def _raise_refused(self, answers: Sequence[Reply], names: Sequence[str]) -> None:
        for answer, name in zip(answers, names, strict=True):
            said = getattr(answer, "said", None)
            if said is not None:
                # What was begun on the connection must not reach into the next call.
                self._line.drop()
                raise told(said, self._line.where(), name)

    async def scan(self, command: str, key: Word | None, *options: Word, width: int = 1) -> Page:
        """The members of a collection, or the keys of the database, step by step until a limit is reached.

        `width` is how many parts one row has. What changes meanwhile may be missed or come twice; that which comes
        twice in one walk is told once.
        """
        until = time.monotonic() + self.limits.seconds
        taken, seen, cursor = Taken(self.limits), set[bytes](), b"0"
        while True:
            words = (command, cursor, *options) if key is None else (command, key, cursor, *options)
            cursor, parts = await self.ask(*words, "COUNT", _STEP, reads=True, seconds=max(0.05, until - time.monotonic()))
            for row in _rows(parts, width):
                if row[0] in seen:
                    continue
                if not taken.take(tuple(map(value_of, row)) if width > 1 else value_of(row[0]), sum(map(len, row))):
                    return taken.page()
                seen.add(row[0])
            if cursor == b"0":
                return taken.page()
            if time.monotonic() >= until:
                taken.cut = "time"
                return taken.page()

    async def listen(self, channels: Sequence[str], patterns: Sequence[str], seconds: float, messages: int) -> Page:
        """What is said on some channels until the time is over or so many messages came; on a connection of its own."""
        import asyncio

        if not math.isfinite(seconds) or seconds <= 0:
            raise RedisError(FailureCode.UNSUPPORTED, f"{seconds} is no time to listen", "give seconds above zero")
        seconds, messages = min(seconds, self.limits.seconds), min(messages, self.limits.rows)
        if not channels and not patterns:
            raise RedisError(FailureCode.UNSUPPORTED, "there is no channel to listen to", "name a channel or a pattern")
        line, taken = self._new_line(), Taken(Limits(messages, self.limits.bytes, seconds))
        try:
            async with line.turn(self.limits.seconds):
                connection = await line.connected()
                asked = [words for words in (("SUBSCRIBE", *channels), ("PSUBSCRIBE", *patterns)) if len(words) > 1]
                for answer, words in zip(await line.ask(asked, again=False), asked, strict=True):
                    if getattr(answer, "said", None) is not None:
                        raise told(answer.said, line.where(), words[0])
            async with asyncio.timeout(seconds):
                while len(taken.rows) < messages:
                    heard = await connection.next_message()
                    if is_message(heard) and not taken.take(Message(value_of(heard[-2]), value_of(heard[-1])), len(heard[-1])):
                        break
        except TimeoutError:
            taken.cut = "time"
        except Lost as error:
            raise broken(line.where(), greeted=True) from error
        finally:
            await line.close()
        return taken.page()

    async def close(self) -> None:
        """Let go of the connection; may be called twice and raises nothing."""
        await self._line.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def _left_in_place(size_bytes: int, limits: Limits) -> RedisError:
    message = f"the value has {size_bytes} bytes, more than the limit of {limits.bytes}: it was left where it is"
    return RedisError(FailureCode.UNSUPPORTED, message, "raise the limit of bytes")


def _rows(parts: Sequence[bytes], width: int) -> list[tuple[bytes, ...]]:
    return [tuple(parts[place : place + width]) for place in range(0, len(parts) - width + 1, width)]


def _plain(word: Word) -> bytes | str:
    return word if isinstance(word, bytes | str) else str(word)
