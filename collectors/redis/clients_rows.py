"""The clients of a server as sessions and as waits. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from aishell_core.engines.redis_commands import is_script
from aishell_core.engines.redis_text import Fields, number
from aishell_core.values import Session, WaitCount

BLOCKED = "Blocked"
"""The class of a wait in a command that waits for another client, as BLPOP does."""
_PAUSED = "Paused"
_WAITS = "blocked"
IN_TRANSACTION = "idle in transaction"
_NO_COMMAND = {"", "NULL"}
_KINDS = (("S", "replica"), ("M", "primary"))
_DETAILS = (
    ("library", "lib-name"),
    ("library version", "lib-ver"),
    ("channels", "sub"),
    ("patterns", "psub"),
    ("shard channels", "ssub"),
    ("watched keys", "watch"),
    ("input buffer bytes", "qbuf"),
    ("output buffer bytes", "omem"),
    ("answers waiting", "oll"),
    ("commands", "tot-cmds"),
    ("bytes received", "tot-net-in"),
    ("bytes sent", "tot-net-out"),
    ("protocol", "resp"),
    ("flags", "flags"),
    ("file descriptor", "fd"),
)
_SILENT = {"", "0"}

Started = Callable[[str, str, float], float]
"""Gives the start of a client, the same at every look, from its number, address and what this look makes of it."""


class ClientStarts:
    """When each client connected: a server tells ages in whole seconds, so that a start is settled at the first look."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}
        self._seen: dict[tuple[str, str], float] = {}

    def begin(self) -> None:
        """A new list of clients follows; those of the last one are what is known."""
        self._known, self._seen = self._seen, {}

    def of(self, number: str, address: str, computed: float) -> float:
        """The start of a client: that of before, unless the number has gone to another one."""
        key = (number, address)
        before = self._known.get(key)
        start = before if before is not None and abs(before - computed) <= 2.0 else computed
        self._seen[key] = start
        return start


def sessions_of(clients: Iterable[Fields], now: float, started: Started, own: frozenset[str]) -> tuple[Session, ...]:
    """CLIENT LIST as sessions, without those of `own` numbers; `now` is the epoch second of the look."""
    return tuple(_session(client, now, started) for client in clients if client.get("id") not in own)


def _session(client: Fields, now: float, started: Started) -> Session:
    flags = client.get("flags", "")
    age, idle = number(client, "age"), number(client, "idle")
    identifier, address = client.get("id", ""), client.get("addr", "")
    command = client.get("cmd", "")
    blocked = "b" in flags
    state = _state(client, flags, idle)
    return Session(
        id=identifier,
        user=client.get("user", ""),
        client=address,
        application=client.get("name", "") or client.get("lib-name", ""),
        database=client.get("db", ""),
        state=state,
        wait=_shown(command) if blocked else "",
        wait_class=BLOCKED if blocked else "",
        started_at=None if age is None else started(identifier, address, now - age),
        statement_seconds=idle if state == "running" else None,
        text="" if command in _NO_COMMAND else _shown(command),
        details=tuple((name, text) for name, field in _DETAILS if (text := client.get(field, "")) not in _SILENT),
        kind=next((kind for flag, kind in _KINDS if flag in flags), ""),
        state_seconds=idle,
        digest="" if command in _NO_COMMAND else command,
        memory_bytes=number(client, "tot-mem"),
        if_cancelled=_if_cancelled(command, state),
        if_terminated="its connection is closed, the commands that it has queued are dropped" if state == IN_TRANSACTION else "",
    )


def _if_cancelled(command: str, state: str) -> str:
    """What CLIENT UNBLOCK would do, or SCRIPT KILL while a script keeps the server busy."""
    if state == _WAITS:
        return f"its {_shown(command) or 'command'} waits no longer and ends with the error UNBLOCKED"
    if is_script(_shown(command)):
        return "its script ends with an error if it runs for long and has written nothing; else there is nothing to cancel"
    return "nothing: it waits for nothing, and no other command can be cancelled"


def _state(client: Fields, flags: str, idle: float | None) -> str:
    """What a client does: one that sent nothing for a second is idle, because commands take microseconds."""
    if "b" in flags:
        return _WAITS
    if "O" in flags:
        return "running"  # it is shown every command, which costs the server much
    if (number(client, "multi") or 0.0) >= 0 and client.get("multi", "-1") != "-1":
        return IN_TRANSACTION
    if "P" in flags:
        return "subscribed"
    return "active" if idle == 0 else "idle"


def _shown(command: str) -> str:
    return command.replace("|", " ").upper()


def waits_of(info: Fields, sessions: Iterable[Session] | None) -> tuple[WaitCount, ...]:
    """Who waits in a blocking command, in detail where the clients were read, and whether all clients are held up."""
    found: list[WaitCount] = []
    if sessions is not None:
        sorts = Counter(
            (each.wait, each.user, each.application, each.database, each.digest, each.text) for each in sessions if each.wait_class
        )
        found += [WaitCount(BLOCKED, wait, count, *who) for (wait, *who), count in sorts.items()]
    elif blocked := number(info, "blocked_clients"):
        found.append(WaitCount(BLOCKED, "", int(blocked)))
    paused = info.get("paused_actions", "none")
    if paused != "none":
        waiting = max(1, int(number(info, "connected_clients") or 1))
        found.append(WaitCount(_PAUSED, f"{paused}: {info.get('paused_reason', '')}".rstrip(": "), waiting))
    return tuple(found)


def counts_of(info: Fields) -> Mapping[str, float]:
    """Clients by what they do, as far as INFO tells it without a look at each of them."""
    connected, blocked = number(info, "connected_clients"), number(info, "blocked_clients")
    subscribed = number(info, "pubsub_clients")
    if connected is None or blocked is None:
        return {}
    counts = {"blocked": blocked}
    if subscribed is not None:
        counts["subscribed"] = subscribed
    counts["connected"] = max(0.0, connected - sum(counts.values()))
    return counts
