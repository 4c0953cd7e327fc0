"""What the contract suite needs of a server: a way to start it, and ways to make its life hard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aishell_core.clock import Clock
from aishell_core.targets import Target
from collectors.contract import Collector


@dataclass(frozen=True, slots=True)
class Situation:
    """A server that runs, with some life in it.

    Each callable is None where the engine cannot be brought into that situation; the tests about it are then left out.
    `work` does something that counters count. `freeze` stops the server, or a client that holds a lock, in the middle;
    `goes_on` says that it is such a client, and that the target itself tells what it can meanwhile.
    `hold` leaves a lock behind with a dead or idle owner. `odd` brings names and statements full of markup and odd bytes.
    `restart` begins a new life that counts from 0. `vanish` makes the target unreachable for good.
    """

    target: Target
    open_collector: Callable[[Target, Clock], Collector]
    work: Callable[[], None] | None = None
    freeze: Callable[[], AbstractContextManager[None]] | None = None
    hold: Callable[[], AbstractContextManager[None]] | None = None
    odd: Callable[[], None] | None = None
    restart: Callable[[], None] | None = None
    vanish: Callable[[], None] | None = None
    statement: str = ""
    goes_on: bool = False


class Subject(Protocol):
    """An engine under contract: a module of `tests.servers` joins the suite with a `SUBJECTS` tuple of these."""

    @property
    def name(self) -> str:
        """How the tests call it."""

    def run(self, folder: Path) -> AbstractContextManager[Situation]:
        """Start it in an empty folder of its own."""
