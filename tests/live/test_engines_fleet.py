"""The dashboard over a real server of each engine at once, while one of them hangs and one dies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.engines import NAMES, Engines, engines
from tests.servers.mysql_clients import waiters
from tests.servers.postgres_clients import clients
from tests.servers.redis import redis_server
from tests.terminal import AISHELL, opened, surroundings

_SECONDS = 120.0
_WELL = (["●"], ["▲"])
_BLIND = "FerretDB does not tell of"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


def row_of(screen: str, name: str) -> str:
    return next((line for line in screen.splitlines() if re.match(rf"\s*\S\s+{name}\s", line)), "")


def connections(screen: str, name: str) -> int:
    """The connections that the Fleet screen shows for a target, -1 for none."""
    found = re.search(r"\s(\d+)/\d", row_of(screen, name))
    return int(found[1]) if found else -1


def test_all_engines_stand_on_one_screen_and_a_hung_and_a_dead_one_change_nothing_for_the_others(servers: Engines, tmp_path: Path) -> None:
    desk = servers.desk(tmp_path)
    with redis_server() as dying:
        desk.configure(more={"dying": dying.url()})
        command: list[str | Path] = [AISHELL]
        others = [name for name in NAMES if name != "papers"]
        with opened(command, surroundings(tmp_path), columns=160, rows=45) as terminal:

            def wait_for(condition: Callable[[str], bool]) -> None:
                terminal.wait_for(condition, _SECONDS)

            terminal.wait_for(lambda screen: "Fleet" in screen, _SECONDS)
            terminal.send("1")
            wait_for(lambda screen: all(row_of(screen, name).split()[:1] in _WELL for name in (*others, "dying")) and _BLIND in screen)
            dying.kill()
            with servers.ferretdb.frozen():
                wait_for(lambda screen: all(row_of(screen, name).split()[:1] in (["✖"], ["?"]) for name in ("papers", "dying")))
                wait_for(lambda screen: _BLIND not in screen)
                # A screen that is caught while it is being painted may lack a row.
                wait_for(lambda screen: connections(screen, "orders") >= 0 and connections(screen, "shop") >= 0)
                # The others are read all the same: what changes on them is seen.
                before = connections(terminal.text, "orders"), connections(terminal.text, "shop")
                with clients(servers.postgres, 3), waiters(servers.mariadb, 3):
                    wait_for(lambda screen: connections(screen, "orders") >= before[0] + 3 and connections(screen, "shop") >= before[1] + 3)
                wait_for(lambda screen: connections(screen, "orders") < before[0] + 3 and connections(screen, "shop") < before[1] + 3)
                wait_for(lambda screen: all(row_of(screen, name).split()[:1] in _WELL for name in others))
            wait_for(lambda screen: _BLIND in screen)
