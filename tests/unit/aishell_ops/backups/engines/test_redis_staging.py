"""What was restored into Redis is on its disk before it is said to be restored: a crash behind that loses none of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from aishell_core.engines.redis_wire import Wire
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


def _kept(wire: _Answering) -> None:
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
