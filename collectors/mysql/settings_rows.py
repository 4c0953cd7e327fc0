"""Settings as values, without what must not be seen: no reading here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aishell_core import catalogue
from aishell_core.values import Sample, Setting
from collectors.setting_masks import masked

_SOURCES = {
    "compile-time": "default",
    "compiled": "default",
    "sql": "set while it runs",
    "dynamic": "set while it runs",
    "config": "configuration file",
    "global": "configuration file",
    "server": "configuration file",
    "explicit": "configuration file",
    "extra": "configuration file",
    "user": "configuration file",
    "login": "configuration file",
    "persisted": "persisted",
    "command-line": "command line",
    "command_line": "command line",
    "environment": "environment",
    "auto": "chosen by the server",
}
_MOST_VALUE = 2000
_SET_BY_US = frozenset(
    {
        *("autocommit", "foreign_key_checks", "innodb_lock_wait_timeout", "lock_wait_timeout", "max_execution_time", "sql_mode"),
        *("time_zone", "transaction_read_only", "unique_checks"),
    }
)
"""Where the server tells the source of the value in our own session, and that is set by us."""


def settings_of(rows: Iterable[Mapping[str, Any]], persisted: Iterable[Mapping[str, Any]] = ()) -> tuple[Setting, ...]:
    """The settings in force, with those marked whose `persisted` value waits for a restart; secrets are masked."""
    waiting = {str(row["name"]).lower() for row in persisted}
    return tuple(_setting(row, str(row["name"]).lower(), waiting) for row in rows)


def _setting(row: Mapping[str, Any], name: str, waiting: set[str]) -> Setting:
    value = "" if row["value"] is None else str(row["value"])
    shown = value if len(value) <= _MOST_VALUE else value[: _MOST_VALUE - 1] + "…"
    source = "" if name in _SET_BY_US else str(row["source"] or "").lower()
    return Setting(name, masked(name, shown), "", _SOURCES.get(source, source), name in waiting)


def pending_samples(persisted: Iterable[Mapping[str, Any]] | None) -> tuple[Sample, ...]:
    """How many settings wait for a restart; nothing where that is not known."""
    return () if persisted is None else (Sample(catalogue.MYSQL_SETTINGS_PENDING, float(len(tuple(persisted)))),)
