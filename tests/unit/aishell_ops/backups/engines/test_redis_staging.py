"""What was restored into Redis is on its disk before it is said to be restored: a crash behind that loses none of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from aishell_core.engines.redis_wire import Refused, Wire
from aishell_ops.backups.engines.redis_server import Server
from aishell_ops.backups.engines.redis_staging import Staging
from aishell_ops.backups.errors import BackupError

_LOG = {"aof_enabled": 1, "aof_last_write_status": "ok", "aof_pending_bio_fsync": 0, "aof_buffer_length": 0}


class _Answering:
    """A connection whose server saves no snapshots, and tells of its log of changes one thing after the other."""

    def __init__(self, *told: dict[str, Any]) -> None:
        self.left = [{**_LOG, **one} for one in told]

    def ask(self, *command: str) -> bytes:
        assert command == ("INFO", "persistence")
        return "".join(f"{name}:{value}\r\n" for name, value in self.left.pop(0).items()).encode()

    def try_ask(self, *command: str) -> list[bytes]:
        assert command == ("CONFIG", "GET", "save")
        return [b"save", b""]


class _Saving:
    """A server that makes a snapshot already, all of whose snapshots end within one second; `ears` are how many times it hears at most."""

    def __init__(self, ears: int) -> None:
        self.ears, self.asked, self.looked, self.changes = ears, 0, 0, 7

    def ask(self, *command: str) -> bytes:
        assert command == ("INFO", "persistence")
        self.looked += 1
        under_way = int(self.looked < 4)
        told = {"aof_enabled": 0, "rdb_last_bgsave_status": "ok", "rdb_last_save_time": 1_700_000_000, "aof_rewrite_in_progress": 0}
        found = {**told, "rdb_bgsave_in_progress": under_way, "rdb_changes_since_last_save": self.changes}
        return "".join(f"{name}:{value}\r\n" for name, value in found.items()).encode()

    def try_ask(self, *command: str) -> object:
        if command != ("BGSAVE", "SCHEDULE"):
            return [b"save", b"3600 1"]
        self.asked += 1
        if self.asked == 1:
            return Refused("ERR Background save already in progress")
        self.changes = 0 if self.asked <= self.ears else 7
        return b"Background saving started"


def test_a_snapshot_that_was_under_way_is_not_taken_for_one_of_what_was_restored() -> None:
    wire = _Saving(ears=2)
    _kept(wire)
    assert wire.asked == 2


def test_a_server_that_makes_no_snapshot_is_told_and_not_waited_for_without_an_end() -> None:
    wire = _Saving(ears=0)
    with pytest.raises(BackupError, match="it began no snapshot though it was asked 5 times"):
        _kept(wire)


def _kept(wire: _Answering | _Saving) -> None:
    Staging(cast(Wire, wire), Server("redis", "6.2.0", {}), {}).keep_on_disk()


@pytest.mark.parametrize("busy", [{"aof_buffer_length": 2_000_000}, {"aof_pending_bio_fsync": 1}])
def test_a_log_that_the_server_holds_back_is_waited_for(busy: dict[str, int]) -> None:
    wire = _Answering(busy, busy, {}, {"aof_buffer_length": 5})
    _kept(wire)
    assert len(wire.left) == 1


def test_a_server_without_a_log_is_asked_once() -> None:
    wire = _Answering({"aof_enabled": 0, "aof_buffer_length": 7}, {})
    _kept(wire)
    assert len(wire.left) == 1


def test_a_log_that_cannot_be_written_is_told() -> None:
    with pytest.raises(BackupError, match="could not save them to its disk: its log says why"):
        _kept(_Answering({"aof_buffer_length": 9}, {"aof_buffer_length": 9, "aof_last_write_status": "err"}))
