"""What is told among the events, and what is not."""

from __future__ import annotations

from aishell_core.values import Setting, TargetId
from aishell_tui.changes import setting_events

PG = TargetId("pg")


def _texts(before: Setting, after: Setting) -> list[str]:
    return [event.text for event in setting_events(PG, (before,), (after,), 1.0)]


def test_a_changed_setting_is_told_with_both_values() -> None:
    assert _texts(Setting("work_mem", "4096"), Setting("work_mem", "8192")) == ["setting work_mem changed from 4096 to 8192"]


def test_a_value_of_no_text_is_told_as_empty() -> None:
    none, some = Setting("archive_command", ""), Setting("archive_command", "copy %p")
    assert _texts(none, some) == ["setting archive_command changed from (empty) to copy %p"]
    assert _texts(some, none) == ["setting archive_command changed from copy %p to (empty)"]


def test_a_setting_that_nobody_sets_is_no_news() -> None:
    name = "shared_memory_size_in_huge_pages"
    assert _texts(Setting(name, "70", derived=True), Setting(name, "80", derived=True)) == []
