"""Answers of Redis as tables: what a command brings, in columns and rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aishell_core.engines.redis_text import clients_of, info_of, readable
from aishell_core.values import Value

_TEXTS_OF_FIELDS = frozenset({"info", "cluster|info"})
_PAIRS = frozenset(
    {"hgetall", "config|get", "memory|stats", "xinfo|stream", "acl|getuser", "hrandfield", "pubsub|numsub", "pubsub|shardnumsub"}
)
_COUNTS = frozenset(
    {
        *("del", "unlink", "hdel", "sadd", "srem", "zrem", "expire", "pexpire", "persist", "lrem"),
        *("setnx", "hsetnx", "move", "copy", "renamenx", "xdel", "xtrim", "zremrangebyrank", "zremrangebyscore", "touch"),
    }
)
"""Commands that answer with the number of things that they changed; HSET and ZADD tell only the new ones, LPUSH the whole length."""
_SCANS = frozenset({"scan", "sscan", "hscan", "zscan"})


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of an answer, how much it changed, and what the server said beside."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    affected: int | None = None
    note: str = ""


def value_of(reply: object) -> Value:
    """An answer or a part of it: a text where its bytes are one, else the bytes themselves."""
    if isinstance(reply, bytes):
        try:
            return reply.decode()
        except UnicodeDecodeError:
            return reply
    if reply is None or isinstance(reply, bool | int | float):
        return reply
    if isinstance(reply, Mapping):
        return {readable(name): value_of(value) for name, value in reply.items()}
    if isinstance(reply, list | tuple | set | frozenset):
        return tuple(value_of(each) for each in reply)
    said = getattr(reply, "said", None)
    return readable(said if said is not None else reply)


def table_of(name: str, reply: object) -> Table:
    """The answer to a command as a table: pairs by field, lists row by row, one value as one row."""
    if name in _TEXTS_OF_FIELDS and isinstance(reply, bytes | str):
        return Table(("field", "value"), tuple(info_of(reply).items()))
    if name == "client|list" and isinstance(reply, bytes | str):
        return _clients(reply)
    if name in _SCANS and isinstance(reply, list) and len(reply) == 2 and isinstance(reply[1], list | Mapping):
        inner = table_of("hgetall" if name in {"hscan", "zscan"} else "", reply[1])
        cursor = readable(reply[0])
        return Table(inner.columns, inner.rows, note="" if cursor == "0" else f"there is more: go on with cursor {cursor}")
    if isinstance(reply, Mapping):
        return Table(("field", "value"), tuple((value_of(key), value_of(value)) for key, value in reply.items()))
    if isinstance(reply, list | tuple | set | frozenset):
        return _listed(name, list(reply))
    affected = reply if name in _COUNTS and isinstance(reply, int) and not isinstance(reply, bool) else None
    return Table(("value",), ((value_of(reply),),), affected)


def _listed(name: str, parts: Sequence[object]) -> Table:
    if name in _PAIRS and len(parts) % 2 == 0 and not any(isinstance(each, list | tuple) for each in parts):
        return Table(("field", "value"), tuple((value_of(a), value_of(b)) for a, b in zip(parts[::2], parts[1::2], strict=True)))
    widths = {len(each) for each in parts if isinstance(each, list | tuple)}
    if len(widths) == 1 and all(isinstance(each, list | tuple) for each in parts) and (width := widths.pop()) > 0:
        columns = tuple(str(place) for place in range(1, width + 1))
        return Table(columns, tuple(tuple(value_of(cell) for cell in each) for each in parts if isinstance(each, list | tuple)))
    return Table(("value",), tuple((value_of(each),) for each in parts))


def _clients(text: bytes | str) -> Table:
    """CLIENT LIST with a column for each of its fields."""
    clients = tuple(clients_of(text))
    columns = tuple(dict.fromkeys(name for client in clients for name in client))
    return Table(columns, tuple(tuple(client.get(name) for name in columns) for client in clients))


def messages_table(messages: Sequence[object], note: str) -> Table:
    """What a subscriber heard: the channel and the message; a pattern's messages name their channel too."""
    rows = tuple((value_of(each[-2]), value_of(each[-1])) for each in messages if is_message(each) and isinstance(each, list | tuple))
    return Table(("channel", "message"), rows, note=note)


def is_message(reply: object) -> bool:
    """Whether what came to a subscriber is a message, and not the answer to his subscribing."""
    return isinstance(reply, list | tuple) and len(reply) >= 3 and readable(reply[0]) in {"message", "pmessage", "smessage"}
