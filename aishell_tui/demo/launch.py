"""Start the demo's workload, and make sure that nothing of it stays behind."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from aishell_core.errors import AishellError, StateError
from aishell_core.targets import Environment, Location, Target
from aishell_core.values import TargetId
from aishell_tui.demo.keeping import DATABASE_NAME, FAILED, READY, SAY
from aishell_tui.demo.strays import end_strays
from aishell_tui.places import make_folder

TARGET_NAME = TargetId("shop")
WORKLOAD_GONE = "the demo's clients are gone: nothing happens any more; start it anew"
_PREFIX = "demo-"
_LOCK_NAME = "owner.lock"
# A folder without its lock file is either just being made or left by somebody who died while making it.
_BIRTH_SECONDS = 60.0
_START_SECONDS = 30.0
_STOP_SECONDS = 3.0


@dataclass(slots=True)
class Demo:
    """A running demo; its folder is removed with it, so the dashboard's own state belongs there too."""

    targets: tuple[Target, ...]
    process: subprocess.Popen[bytes]
    folder: Path
    _lock: int
    deadline_seconds: float = _START_SECONDS
    stop_seconds: float = _STOP_SECONDS

    @property
    def target(self) -> Target:
        """The first of its targets."""
        return self.targets[0]

    def wait_until_ready(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Return when the database and its clients are there; raises AishellError where they cannot be.

        What the keeper does meanwhile is handed to `say`.
        """
        end = time.monotonic() + self.deadline_seconds
        output = self.process.stdout
        rest = b""
        while output is not None:
            line, found, after = rest.partition(b"\n")
            if not found:
                readable, _, _ = select.select([output], [], [], max(0.0, end - time.monotonic()))
                piece = os.read(output.fileno(), 4096) if readable else b""
                if not piece:
                    self._fail("the demo's workload did not start", f"see whether this works: {' '.join(self._command())}")
                rest += piece
                continue
            rest = after
            word, _, text = line.decode(errors="replace").partition(" ")
            if word == READY:
                return
            if word == SAY:
                say(text)
            elif word == FAILED:
                self._fail(*text.split("\t", 1))

    def _fail(self, message: str, hint: str = "") -> NoReturn:
        self.stop()
        raise AishellError(message, hint)

    def trouble(self) -> str:
        """What has become of the demo itself, "" while it runs: a server without its clients looks like one at rest."""
        if self._lock < 0 or self.process.poll() is None:
            return ""
        return WORKLOAD_GONE

    def stop(self) -> None:
        """End the workload and remove its folder; may be called twice."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            # The keeper has a session of its own, so its group is exactly the keeper and its clients.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self._lock >= 0:
            drop_folder(self.folder, self._lock)
            self._lock = -1

    def _command(self) -> tuple[str, ...]:
        return tuple(map(str, self.process.args)) if isinstance(self.process.args, list) else ()


def start_demo(folder: Path, *, wait: bool = True) -> Demo:
    """Start a demo in a fresh folder below `folder`, or in the temporary folder where that cannot be written.

    What dead demos left there is removed first. With `wait=False` the caller has something better to do until
    `wait_until_ready`. Raises AishellError when the workload does not start.
    """
    own, lock = new_folder(writable(folder), folder)
    target = Target(TARGET_NAME, Location("sqlite", path=own / DATABASE_NAME), Environment.DEVELOPMENT, origin="demo")
    demo = Demo((target,), start_keeper("workload", (), own, lock), own, lock)
    if wait:
        demo.wait_until_ready()
    return demo


def new_folder(root: Path, usual: Path) -> tuple[Path, int]:
    """A fresh folder for a demo with its owner's lock, after what dead demos of either kind have left was removed.

    `usual` is where demos lie unless something keeps them from it; the others are in the temporary folder.
    """
    for place in dict.fromkeys((root, usual, temporary_folder())):
        sweep(place)
    own = Path(tempfile.mkdtemp(prefix=_prefix(root), dir=root))
    lock = os.open(own / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return own, lock


def start_keeper(module: str, arguments: Sequence[str | Path], own: Path, lock: int, *, alone: bool = True) -> subprocess.Popen[bytes]:
    """Start a module of the demo as the keeper of a folder; `alone` when it needs nothing but the standard library."""
    package_root = Path(__file__).parents[2]
    # Without site-packages and the user's own modules it starts in a few milliseconds and stays small.
    flags = ("-S", "-s") if alone else ()
    return subprocess.Popen(
        [sys.executable, *flags, "-P", "-m", f"{__package__}.{module}", str(own), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(package_root)},
        # Signals of the terminal go to the dashboard alone; its end closes the pipe, which ends the workload.
        start_new_session=True,
        # The folder counts as owned as long as the dashboard, the keeper or any of its clients lives.
        pass_fds=(lock,),
        cwd=own,
    )


def writable(folder: Path) -> Path:
    """The folder, made where it is missing, or the temporary folder where it cannot be written."""
    with suppress(OSError, StateError):
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    return temporary_folder()


def temporary_folder() -> Path:
    """The folder for what need not last."""
    return Path(tempfile.gettempdir())


def sweep(root: Path) -> tuple[Path, ...]:
    """Remove the folders of demos whose owners are all dead (nobody holds their lock), end their servers, and return them."""
    removed = []
    for folder in root.glob(f"{_prefix(root)}*"):
        if _is_ours(folder) and _is_ownerless(folder):
            _clear(folder)
            removed.append(folder)
    return tuple(removed)


def drop_folder(folder: Path, lock: int) -> None:
    """Remove a demo's own folder and let go of its lock."""
    _clear(folder)
    os.close(lock)


def _clear(folder: Path) -> None:
    end_strays(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _prefix(root: Path) -> str:
    """How demos' folders are called; where others keep their things too the name says whose they are."""
    return f"aishell-{_PREFIX}" if root == temporary_folder() else _PREFIX


def _is_ours(folder: Path) -> bool:
    with suppress(OSError):
        return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    return False


def _is_ownerless(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        with suppress(OSError):
            return time.time() - folder.stat().st_mtime > _BIRTH_SECONDS
        return False
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
