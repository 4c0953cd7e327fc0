"""What every test stands on: nothing of the user's own is read or written, and nothing outlives a test."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.processes import ProcessMark, children, end_all, marked, survivors

# The same examples each time and no limit of time: a run tells about the code alone. `make soak` searches for new ones.
settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", deadline=None, derandomize=False, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

_CHANGES_OUTPUT = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "SSH_TTY",
    "TMUX",
    "MAKEFLAGS",
    "MAKELEVEL",
)
_CHANGES_OUTPUT_PREFIXES = ("AISHELL_", "AI_SHELL_", "TEXTUAL", "LC_")
_KEPT = ("AISHELL_REQUIRE_SERVERS", "TEXTUAL_SNAPSHOT_TEMPDIR")
_PR_SET_CHILD_SUBREAPER = 36
_OF_PYTEST = "PYTEST_DEBUG_TEMPROOT"
"""Where pytest keeps the folders of the last runs."""
_TESTS = Path(__file__).parent
_LONGEST_FIRST = ("contract", "live", "app", "snapshots")
_HOMES = "homes"
_LEFT = "left"
_left_by_workers: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make orphans come back to this process on Linux, so that no test can lose one unseen, and give it a temporary folder."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _temporary_folder(config)


def _temporary_folder(config: pytest.Config) -> None:
    """A folder of this process's own for what servers and demos keep: neither another worker nor another run sweeps it."""
    os.environ.setdefault(_OF_PYTEST, tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="aishell-tests-", dir=os.environ[_OF_PYTEST]))
    folder.chmod(0o1777)  # as the usual one: servers run as users of their own
    folder.joinpath(_HOMES).mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the folders whose tests take longest: the short ones at the end fill up whoever has time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    return next((rank for rank, folder in enumerate(_LONGEST_FIRST) if _TESTS / folder in path.parents), len(_LONGEST_FIRST))


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name not in _KEPT and (name in _CHANGES_OUTPUT or name.startswith(_CHANGES_OUTPUT_PREFIXES)):
            monkeypatch.delenv(name)
    # A numbered folder of pytest's would look through those of all tests before it, thousands of times.
    monkeypatch.setenv("AISHELL_HOME", tempfile.mkdtemp(prefix="home-", dir=Path(os.environ["TMPDIR"], _HOMES)))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def aishell_home() -> Path:
    """The folder that stands for the user's own configuration and state in this test."""
    return Path(os.environ["AISHELL_HOME"])


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test(_own_surroundings: None) -> Iterator[None]:
    before = children()
    yield
    left = survivors(_started_since(before))
    end_all(left)
    if left:
        pytest.fail("still running after the test: " + "; ".join(f"{mark.pid} {mark.command}" for mark in left))


def _started_since(before: frozenset[ProcessMark]) -> frozenset[ProcessMark]:
    """What has been started since, without that which hangs below older processes: a server's own ends with the server."""
    new = children() - before
    return new.difference(*(children(mark.pid) for mark in before if new and marked(mark.pid) == mark))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep what a worker tells at its end."""
    _left_by_workers.extend(getattr(node, "workeroutput", {}).get(_LEFT, ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a server that the session started is still there; a worker leaves the word to who started it."""
    alive = survivors(children())
    end_all(alive)
    left = [f"{mark.pid} {mark.command}" for mark in alive]
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_LEFT] = left
        return
    left += _left_by_workers
    if left:
        print("still running after the last test:", *left, sep="\n  ", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
