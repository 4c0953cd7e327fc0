"""One channel of replication as the server's status tells it, in either of its vocabularies. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_RUNNING = "yes"
_LARGEST_FILE = 2.0**33
"""More bytes than a binary log has: a file's number times this and the place in it grow together."""

_FILE_NUMBER = re.compile(r"\.(\d+)$")
_QUERY = re.compile(r"\bQuery: '\s*(\w+(?:\s+\w+)?).*", re.DOTALL)
_VALUE = re.compile(r"\b(Duplicate entry |[Ii]ncorrect [\w ]*value: )'.*'(?= for (?:key|column|function)\b)", re.DOTALL)
"""The value of a row in the server's messages ER_DUP_ENTRY, ER_TRUNCATED_WRONG_VALUE and ER_TRUNCATED_WRONG_VALUE_FOR_FIELD."""

_MOST_WORDS = 1000
_FILTERS = (
    "Replicate_Do_DB",
    "Replicate_Ignore_DB",
    "Replicate_Do_Table",
    "Replicate_Ignore_Table",
    "Replicate_Wild_Do_Table",
    "Replicate_Wild_Ignore_Table",
    "Replicate_Rewrite_DB",
    "Replicate_Ignore_Server_Ids",
    "Replicate_Do_Domain_Ids",
    "Replicate_Ignore_Domain_Ids",
)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A place in a binary log: its file and the bytes before it there."""

    file: str
    position: int

    @property
    def order(self) -> float:
        """A number that grows with the log, over the ends of files."""
        number = _FILE_NUMBER.search(self.file)
        return (int(number[1]) if number else 0) * _LARGEST_FILE + self.position

    def __str__(self) -> str:
        return f"{self.file}:{self.position}"


@dataclass(frozen=True, slots=True)
class Channel:
    """What the server says of one channel (MySQL) or connection (MariaDB).

    `io` and `sql` are the server's words for whether its threads run. Seconds are as the server tells them; errors are
    "" where there is none. `received` and `applied` are sets of transactions in the server's notation.
    """

    name: str
    host: str
    port: int
    io: str
    sql: str
    io_state: str
    sql_state: str
    io_error: str
    sql_error: str
    read_to: LogPlace
    applied_to: LogPlace
    relay_bytes: float
    relay_position: float
    behind_seconds: float | None
    delay_seconds: float
    delay_left_seconds: float | None
    received: str
    applied: str
    identifiers: str
    source_id: str
    parallel: str
    encrypted: bool
    filters: str

    @property
    def io_runs(self) -> bool:
        """Whether it is connected to its source."""
        return self.io.lower() == _RUNNING

    @property
    def sql_runs(self) -> bool:
        """Whether it applies what it has received."""
        return self.sql.lower() == _RUNNING

    @property
    def waiting_bytes(self) -> float | None:
        """The log that was received and is not applied: exact within one file of the source, else by the relay log's size.

        None where nothing was ever received.
        """
        if not self.read_to.file:
            return None
        if self.read_to.file == self.applied_to.file:
            return max(0.0, float(self.read_to.position - self.applied_to.position))
        return max(0.0, self.relay_bytes - self.relay_position)


def channel_of(row: Mapping[str, Any]) -> Channel:
    """A channel from a row of SHOW REPLICA STATUS, SHOW SLAVE STATUS or SHOW ALL SLAVES STATUS.

    The old names are read as the new ones: Master is Source, Slave is Replica.
    """
    told = {name.replace("Master", "Source").replace("Slave", "Replica"): value for name, value in row.items()}
    number, text = _number, _text
    return Channel(
        name=text(told, "Channel_Name") or text(told, "Connection_name"),
        host=text(told, "Source_Host"),
        port=int(number(told, "Source_Port") or 0),
        io=text(told, "Replica_IO_Running"),
        sql=text(told, "Replica_SQL_Running"),
        io_state=text(told, "Replica_IO_State"),
        sql_state=text(told, "Replica_SQL_Running_State") or text(told, "Replica_SQL_State"),
        io_error=_error(told, "Last_IO"),
        sql_error=_error(told, "Last_SQL"),
        read_to=LogPlace(text(told, "Source_Log_File"), int(number(told, "Read_Source_Log_Pos") or 0)),
        applied_to=LogPlace(text(told, "Relay_Source_Log_File"), int(number(told, "Exec_Source_Log_Pos") or 0)),
        relay_bytes=number(told, "Relay_Log_Space") or 0.0,
        relay_position=number(told, "Relay_Log_Pos") or 0.0,
        behind_seconds=number(told, "Seconds_Behind_Source"),
        delay_seconds=number(told, "SQL_Delay") or 0.0,
        delay_left_seconds=number(told, "SQL_Remaining_Delay"),
        received=text(told, "Retrieved_Gtid_Set") or text(told, "Gtid_IO_Pos"),
        applied=text(told, "Executed_Gtid_Set") or text(told, "Gtid_Replica_Pos"),
        identifiers=_identifiers(told),
        source_id=text(told, "Source_UUID") or text(told, "Source_Server_Id"),
        parallel=text(told, "Parallel_Mode"),
        encrypted=text(told, "Source_SSL_Allowed").lower() == "yes",
        filters="; ".join(f"{name.removeprefix('Replicate_')}={text(told, name)}" for name in _FILTERS if text(told, name)),
    )


def error_words(number: float | None, text: str) -> str:
    """An error as it may be shown: of a statement in it only what sort it is, and no value of a row; "" for none.

    A statement may hold a password; a value is somebody's data, which the account that aishell has may not even read.
    """
    if not number and not text.strip():
        return ""
    words = " ".join(_VALUE.sub(r"\1'…'", _QUERY.sub(r"Query: \1 …", text)).split())
    shown = words if len(words) <= _MOST_WORDS else words[: _MOST_WORDS - 1] + "…"
    return f"{number:.0f} {shown}".strip() if number else shown


def _error(told: Mapping[str, Any], name: str) -> str:
    return error_words(_number(told, f"{name}_Errno"), _text(told, f"{name}_Error"))


def _identifiers(told: Mapping[str, Any]) -> str:
    """How it finds its place at the source: by global identifiers, or by file and position."""
    using = _text(told, "Using_Gtid")
    if using:
        return "" if using.lower() == "no" else using.lower()
    return "auto-position" if _text(told, "Auto_Position") == "1" else ""


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return "" if value is None else str(value).strip()


def _number(told: Mapping[str, Any], name: str) -> float | None:
    try:
        return float(_text(told, name))
    except ValueError:
        return None
