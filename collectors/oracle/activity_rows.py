"""What the sessions of a server do: rows to sessions, waits and figures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.oracle import Row, ServerFacts
from aishell_core.values import Metric, Sample, Session, WaitCount

CPU = "CPU"
_STATES = ("active", "idle", "idle in transaction", "killed")
_WORDS = {"ACTIVE": "active", "KILLED": "killed", "CACHED": "cached", "SNIPED": "sniped"}
_PROCESS = re.compile(r"\((\w+)\)$")
_LOCK_EVENTS = ("enq: ", "library cache lock", "library cache pin", "row cache lock")
"""Beginnings of the events by which a session waits for a lock that another one holds."""

_BLOCKED = "VALID"


@dataclass(frozen=True, slots=True)
class Looked:
    """A row of `sessions` with what it is shown as."""

    row: Row
    session: Session
    own: bool = False

    @property
    def is_client(self) -> bool:
        """Whether it works for a client, rather than for the server itself."""
        return not self.session.kind

    @property
    def waits_for_lock(self) -> bool:
        """Whether another session holds a lock that it wants."""
        return waits_for_lock(self.row)


@dataclass(frozen=True, slots=True)
class Activity:
    """All sessions in figures; those that were not read are in `states` and `connections` by their number alone."""

    connections: int
    states: Mapping[str, int]
    blocked: int
    lock_waiters: int
    lock_seconds: float
    statement_seconds: float
    transaction_seconds: float
    idle_transaction_seconds: float
    waits: tuple[WaitCount, ...]


def session_id(instance: int, sid: int, serial: int, server: ServerFacts) -> str:
    """What ALTER SYSTEM KILL SESSION takes: number and serial number, and the instance where it is another one."""
    return f"{sid},{serial}" if instance == server.instance else f"{sid},{serial},@{instance}"


def id_of(row: Row, server: ServerFacts) -> str:
    """The identifier of the session of a row, which is one of our instance where the row does not say."""
    return session_id(int(row.get("inst") or server.instance), int(row["sid"]), int(row["serial"]), server)


def waits_for_lock(row: Row) -> bool:
    """Whether a row is of a session that waits for a lock of another one."""
    return row["blocking_status"] == _BLOCKED and row["state"] == "WAITING" and str(row["event"] or "").startswith(_LOCK_EVENTS)


def session_of(row: Row, text: str, containers: Mapping[int, str], names: Mapping[tuple[int, int], str], server: ServerFacts) -> Session:
    """One session; `names` are the identifiers of all sessions by instance and number."""
    state, program = _state(row), str(row["program"] or "")
    waiting = row["state"] == "WAITING" and row["wait_class"] != "Idle"
    active = row["status"] == "ACTIVE" and row["type"] == "USER"
    return Session(
        id=id_of(row, server),
        user=str(row["username"] or ""),
        client=_client(row),
        application=str(row["module"] or program),
        database=containers.get(int(row["con_id"] or 0), ""),
        state=state if row["type"] == "USER" else "",
        wait=str(row["event"] or "") if waiting else "",
        started_at=server.epoch(row["logon_local"]),
        statement_seconds=_running_seconds(row) if active else None,
        transaction_seconds=_seconds(row["transaction_seconds"]),
        text=text,
        details=_details(row, program, names),
        kind="" if row["type"] == "USER" else _kind(program),
        wait_class=str(row["wait_class"] or "") if waiting else "",
        state_seconds=_seconds(row["call_seconds"]),
        digest=str(row["sql_id"] or row["prev_sql_id"] or ""),
    )


def _state(row: Row) -> str:
    if row["status"] == "INACTIVE":
        return "idle" if row["transaction_seconds"] is None else "idle in transaction"
    return _WORDS.get(str(row["status"]), str(row["status"] or "").lower())


def _client(row: Row) -> str:
    machine = str(row["machine"] or "")
    return machine.rpartition("\\")[2]


def _kind(program: str) -> str:
    found = _PROCESS.search(program)
    return f"background {found[1]}" if found is not None else "background"


def _running_seconds(row: Row) -> float | None:
    """How long its statement has run; a call without one, as of a block of code, by the start of the call."""
    return _seconds(row["sql_seconds"] if row["sql_seconds"] is not None else row["call_seconds"])


def _details(row: Row, program: str, names: Mapping[tuple[int, int], str]) -> tuple[tuple[str, str], ...]:
    found = [
        ("program", program if row["module"] else ""),
        ("action", str(row["action"] or "")),
        ("OS user", str(row["osuser"] or "")),
        ("service", str(row["service_name"] or "")),
        ("schema", str(row["schemaname"] or "") if row["schemaname"] != row["username"] else ""),
        ("undo", f"{row['undo_blocks']:.0f} blocks" if row["undo_blocks"] else ""),
    ]
    final = _blocker(row, "final_blocking", names)
    if final and final != _blocker(row, "blocking", names):
        found.append(("first in the chain", final))
    return tuple(each for each in found if each[1])


def _blocker(row: Row, what: str, names: Mapping[tuple[int, int], str]) -> str:
    if row[f"{what}_status"] != _BLOCKED or row[f"{what}_session"] is None:
        return ""
    place = (int(row[f"{what}_instance"] or row["inst"]), int(row[f"{what}_session"]))
    return names.get(place, str(place[1]))


def blocker_of(row: Row, names: Mapping[tuple[int, int], str]) -> str:
    """The identifier of the session that holds this one up; its number alone where it was not seen; "" for none."""
    return _blocker(row, "blocking", names)


def _seconds(value: float | None) -> float | None:
    return None if value is None else max(0.0, float(value))


def activity_of(looked: Iterable[Looked], counts: Iterable[Row] | None) -> Activity:
    """The sessions in figures; `counts` are the rows of `session_counts` where only the working sessions were read."""
    everything = tuple(looked)
    clients = [one for one in everything if one.is_client and not one.own]
    states = dict.fromkeys(_STATES, 0)
    for one in clients:
        states[one.session.state] = states.get(one.session.state, 0) + 1
    connections = sum(one.is_client for one in everything)
    if counts is not None:
        rows = tuple(counts)
        connections = sum(int(row["sessions"]) for row in rows)
        states["idle"] = sum(int(row["sessions"]) - int(row["in_transaction"]) for row in rows if row["status"] == "INACTIVE")
        states["idle"] = max(0, states["idle"] - sum(one.own and one.session.state == "idle" for one in everything))
    waiters = [one for one in everything if one.waits_for_lock]
    idle = [one.session for one in clients if one.session.state == "idle in transaction"]
    return Activity(
        connections=connections,
        states=states,
        blocked=sum(one.row["blocking_status"] == _BLOCKED for one in everything),
        lock_waiters=len(waiters),
        lock_seconds=_largest(one.row["wait_seconds"] for one in waiters),
        statement_seconds=_largest(one.session.statement_seconds for one in clients),
        transaction_seconds=_largest(one.session.transaction_seconds for one in clients),
        idle_transaction_seconds=_largest(session.state_seconds for session in idle),
        waits=wait_counts(one for one in everything if not one.own),
    )


def wait_counts(looked: Iterable[Looked]) -> tuple[WaitCount, ...]:
    """What busy sessions wait for, by whom and by which statement; a text is that of one of them."""
    counts: dict[tuple[str, ...], int] = {}
    texts: dict[tuple[str, ...], str] = {}
    for one in looked:
        what = wait_of(one.row)
        if what is not None:
            session = one.session
            key = (*what, session.user, session.application, session.database, str(one.row["sql_id"] or ""))
            counts[key] = counts.get(key, 0) + 1
            texts.setdefault(key, session.text if key[-1] else "")
    return tuple(
        WaitCount(wait_class, wait, count, user, application, database, digest, texts[key])
        for key, count in counts.items()
        for wait_class, wait, user, application, database, digest in (key,)
    )


def wait_of(row: Row) -> tuple[str, str] | None:
    """The class and event that a busy session waits for, CPU for one that waits for nothing; None for one that rests."""
    if row["status"] != "ACTIVE":
        return None
    if row["state"] != "WAITING":
        return CPU, ""
    return None if row["wait_class"] == "Idle" else (str(row["wait_class"] or "Other"), str(row["event"] or ""))


def sampled_waits(rows: Iterable[Row], containers: Mapping[int, str], texts: Mapping[str, str]) -> tuple[WaitCount, ...]:
    """The same from rows of the active session history."""
    return tuple(
        WaitCount(
            CPU if row["state"] == "ON CPU" else str(row["wait_class"] or "Other"),
            "" if row["state"] == "ON CPU" else str(row["event"] or ""),
            int(row["sessions"]),
            str(row["username"] or ""),
            str(row["module"] or row["program"] or ""),
            containers.get(int(row["con_id"] or 0), ""),
            str(row["sql_id"] or ""),
            texts.get(str(row["sql_id"] or ""), ""),
        )
        for row in rows
    )


def activity_samples(activity: Activity) -> tuple[Sample, ...]:
    """Figures of sessions."""
    states = activity.states
    figures: tuple[tuple[Metric, float], ...] = (
        (catalogue.CONNECTIONS_USED, activity.connections),
        (catalogue.SESSIONS_ACTIVE, states["active"]),
        (catalogue.SESSIONS_IDLE_IN_TRANSACTION, states["idle in transaction"]),
        (catalogue.QUERY_DURATION, activity.statement_seconds * 1000),
        (catalogue.TRANSACTION_DURATION, activity.transaction_seconds),
        (catalogue.TRANSACTION_IDLE, activity.idle_transaction_seconds),
        (catalogue.LOCKS_WAITING, activity.lock_waiters),
        (catalogue.LOCKS_WAIT, activity.lock_seconds),
        (catalogue.ORACLE_BLOCKED, activity.blocked),
    )
    by_state = (Sample(catalogue.SESSIONS_BY_STATE, float(count), (("state", state),)) for state, count in states.items())
    return (*(Sample(metric, float(value)) for metric, value in figures), *by_state)


def _largest(seconds: Iterable[float | None]) -> float:
    return max((max(0.0, float(each)) for each in seconds if each is not None), default=0.0)
