"""Noticing that the terminal is gone: not every terminal that goes away sends SIGHUP, and then nobody ends the program."""

from __future__ import annotations

import errno
import os
import termios
import threading
from collections.abc import Callable

HUNG_UP = 129
_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 4.0


def is_gone(descriptor: int) -> bool:
    """Whether a descriptor that was a terminal is none any more: its other end was closed."""
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return bool(error.args) and error.args[0] in {errno.EIO, errno.ENOTTY, errno.EBADF, errno.ENXIO}
    return False


class TerminalWatch(threading.Thread):
    """Looks once a second from a thread of its own, since an event loop that writes to a dead terminal may stand still.

    When the terminal is gone `ask` is called to end the program in order; if it still runs a few seconds later,
    `clean_up` is called and the process ends at once.
    """

    def __init__(
        self,
        descriptor: int,
        ask: Callable[[], object],
        clean_up: Callable[[], None],
        *,
        look_seconds: float = _LOOK_SECONDS,
        grace_seconds: float = _GRACE_SECONDS,
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        super().__init__(name="aishell-terminal", daemon=True)
        self._descriptor = descriptor
        self._ask = ask
        self._clean_up = clean_up
        self._look_seconds = look_seconds
        self._grace_seconds = grace_seconds
        self._leave = leave
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until stopped or until the terminal is gone."""
        while not self._stopped.wait(self._look_seconds):
            if is_gone(self._descriptor):
                self._ask()
                if not self._stopped.wait(self._grace_seconds):
                    self._clean_up()
                    self._leave(HUNG_UP)
                return

    def stop(self) -> None:
        """Look no more; the program ends in order."""
        self._stopped.set()
