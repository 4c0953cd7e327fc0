"""Oracle under the contract of collectors, over recorded rows: no server of it is here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aishell_core.clock import Clock
from aishell_core.engines.oracle import OracleSession
from aishell_core.targets import Target
from collectors.contract import Collector
from collectors.oracle.collector import collector_over
from tests.servers.oracle_recorded import RecordedServer, target
from tests.servers.situation import Situation

ODD_TEXT = "SELECT '[bold]x[/bold]' \x1b[31m \u202e FROM \ufffd\n"


@dataclass(frozen=True, slots=True)
class OracleSubject:
    """A server as it was recorded, with sessions that wait for each other."""

    version: str

    @property
    def name(self) -> str:
        return f"oracle-{self.version.partition('.')[0]}-recorded"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        server = RecordedServer(self.version)
        yield Situation(
            target=target(),
            open_collector=partial(_open, server),
            work=partial(_work, server),
            freeze=server.frozen,
            odd=partial(_odd, server),
            restart=server.restart,
            vanish=server.vanish,
            statement="SELECT o.id FROM orders o WHERE o.status = :1",
        )


def _open(server: RecordedServer, target: Target, clock: Clock) -> Collector:
    return collector_over(OracleSession(target, clock, {}, server.connect), target, clock)


def _work(server: RecordedServer) -> None:
    server.change("counters", *({**row, "value": row["value"] + 1000} for row in server.rows("counters")))


def _odd(server: RecordedServer) -> None:
    server.patch("sql_text", sql_text=ODD_TEXT)
    server.patch("statements", sql_text=ODD_TEXT)
    server.patch("sessions", module=ODD_TEXT)
    server.patch("segments", name=ODD_TEXT)


SUBJECTS = (OracleSubject("19.22.0.0.0"), OracleSubject("23.4.0.24.5"))
