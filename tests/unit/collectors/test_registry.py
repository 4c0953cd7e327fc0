"""Collectors are found by entry point."""

from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from collectors.registry import installed_engines, open_collector


def test_the_shipped_engines_are_listed() -> None:
    assert {"host", "sqlite"} <= set(installed_engines())


async def test_a_target_gets_its_collector(tmp_path: Path) -> None:
    target = Target(TargetId("a"), Location("sqlite", path=tmp_path / "a.db"))
    await open_collector(target, SystemClock()).close()


def test_an_engine_without_a_collector_is_told_with_what_there_is() -> None:
    with pytest.raises(TargetError) as caught:
        open_collector(Target(TargetId("a"), Location("foreign", host="db")), SystemClock())
    assert "no collector for foreign" in caught.value.message
    assert "sqlite" in caught.value.hint
