"""How far a backup, a restore or a check has come: a line that renews itself on a terminal, lines of JSON for scripts."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable

from aishell_ops.backups.progress import Stage, Step
from aishell_tui.backup_text import step_text
from aishell_tui.cli.backup_shapes import BackupStep
from aishell_tui.cli.encode import to_json_line
from aishell_tui.cli.terminal import fit, printable

_AGAIN_SECONDS = 0.2
_JSON_AGAIN_SECONDS = 1.0


class Teller:
    """Is told of steps, from any thread, and shows them; `end` leaves the terminal's line as it was."""

    def __init__(self, *, json: bool, verbose: bool = False, steady: Callable[[], float] = time.monotonic) -> None:
        self._json, self._verbose, self._steady = json, verbose, steady
        self._begun = steady()
        self._shown_at = -_JSON_AGAIN_SECONDS
        self._stage: Stage | None = None
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._wrote_line = False
        self._lock = threading.Lock()

    def __call__(self, step: Step) -> None:
        """Show a step, unless one of the same stage was shown a moment ago."""
        with self._lock:
            now = self._steady()
            again = _JSON_AGAIN_SECONDS if self._json else _AGAIN_SECONDS
            if step.stage is self._stage and now - self._shown_at < again:
                return
            new, self._stage, self._shown_at = step.stage is not self._stage, step.stage, now
            if self._json:
                self._say(to_json_line(self._shape(step, now)))
            elif self._is_terminal:
                self._renew(step_text(step, now - self._begun))
            elif self._verbose and new:
                sys.stderr.write(f"{step.stage}\n")

    def end(self) -> None:
        """Remove the line."""
        with self._lock:
            if self._wrote_line:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._wrote_line = False

    def _shape(self, step: Step, now: float) -> BackupStep:
        elapsed = round(now - self._begun, 3)
        return BackupStep(step.stage.value, step.part, step.plain_bytes, step.stored_bytes, step.expected_bytes, elapsed)

    def _say(self, line: str) -> None:
        if sys.stdout is not None:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def _renew(self, text: str) -> None:
        columns = max(20, shutil.get_terminal_size((80, 24)).columns - 1)
        sys.stderr.write(f"\r\x1b[K{fit(printable(text), columns)}")
        sys.stderr.flush()
        self._wrote_line = True
