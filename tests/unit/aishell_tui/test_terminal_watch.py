"""A terminal that goes away without a signal."""

import os
import pty
import threading

from aishell_tui.terminal_watch import HUNG_UP, TerminalWatch, is_gone


def test_a_terminal_is_there_until_its_other_end_is_closed() -> None:
    master, slave = pty.openpty()
    assert not is_gone(slave)
    os.close(master)
    assert is_gone(slave)
    os.close(slave)


def test_the_program_is_asked_first_and_ended_when_it_does_not_answer() -> None:
    master, slave = pty.openpty()
    told: list[str] = []
    left = threading.Event()

    def leave(code: int) -> None:
        told.append(f"left {code}")
        left.set()

    watch = TerminalWatch(
        slave, lambda: told.append("asked"), lambda: told.append("cleaned"), look_seconds=0.01, grace_seconds=0.05, leave=leave
    )
    watch.start()
    os.close(master)
    assert left.wait(60)
    watch.join()
    assert told == ["asked", "cleaned", f"left {HUNG_UP}"]
    os.close(slave)


def test_a_program_that_ends_in_order_is_left_alone() -> None:
    master, slave = pty.openpty()
    told: list[str] = []
    watch = TerminalWatch(slave, lambda: told.append("asked"), lambda: told.append("cleaned"), look_seconds=0.01, leave=lambda code: None)
    watch.start()
    watch.stop()
    watch.join(10)
    assert told == []
    os.close(master)
    os.close(slave)
