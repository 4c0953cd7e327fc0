"""The machine itself under the contract of collectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from collectors.host.collector import open_host
from tests.servers.situation import Situation


@dataclass(frozen=True, slots=True)
class HostSubject:
    """This machine."""

    name: str = "host"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        yield Situation(Target(TargetId("here"), Location("host", host="localhost")), open_host)


SUBJECTS = (HostSubject(),)
