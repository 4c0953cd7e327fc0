"""Running aishell's commands: inside the test, or as a process of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from aishell_tui.cli import boundary
from aishell_tui.cli.arguments import Choice
from aishell_tui.cli.encode import Json
from aishell_tui.cli.tree import app

PROGRAM = Path(sys.executable).parent / "aishell"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str
    cpu_seconds: float = 0.0

    def json(self) -> dict[str, Json]:
        """Its standard output as the one JSON object that it must be."""
        return _object(self.out)

    def error(self) -> tuple[str, str, str]:
        """Code, message and hint of the JSON error on its standard error, which must hold nothing else."""
        body = _object(self.err)["error"]
        assert isinstance(body, dict)
        assert set(body) == {"code", "message", "hint"}
        return str(body["code"]), str(body["message"]), str(body["hint"])


def _object(text: str) -> dict[str, Json]:
    found = json.loads(text, parse_constant=_refuse)
    assert isinstance(found, dict)
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def run_here(capsys: pytest.CaptureFixture[str], *arguments: str, given: Choice | None = None) -> Ran:
    """Run a command line inside this process; `given` is handed to it as its context's object."""
    capsys.readouterr()
    code = boundary.run(app if given is None else partial(app, obj=given), arguments)
    captured = capsys.readouterr()
    return Ran(code, captured.out, captured.err)


def run_process(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    command: Sequence[str | Path] = (PROGRAM,),
) -> Ran:
    """Run a command line as a process of its own, with its CPU time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        timeout=180,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode(), cpu_seconds)
