"""What every test stands on: nothing of the user's own is read or written, and nothing outlives a test."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.processes import children, end_all, survivors

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


def pytest_configure() -> None:
    """Make orphans come back to this process on Linux, so that no test can lose one unseen."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in tuple(os.environ):
        if name not in _KEPT and (name in _CHANGES_OUTPUT or name.startswith(_CHANGES_OUTPUT_PREFIXES)):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AISHELL_HOME", str(tmp_path_factory.mktemp("home")))
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
    left = survivors(children() - before)
    end_all(left)
    if left:
        pytest.fail("still running after the test: " + "; ".join(f"{mark.pid} {mark.command}" for mark in left))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a server that the session started is still there."""
    left = survivors(children())
    end_all(left)
    if left:
        print("still running after the last test:", *(f"{mark.pid} {mark.command}" for mark in left), sep="\n  ", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
