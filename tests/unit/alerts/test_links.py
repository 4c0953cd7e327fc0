"""Who follows whom is known while it is said, and kept while it cannot be: also by one who takes over."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.values import TargetId
from alerts.lease import TAKEN_AFTER_SECONDS
from alerts.links import Links
from alerts.models import Level, Phase, Traits
from alerts.rule import Inhibition, Reach
from alerts.store import link_rows
from alerts.store.database import AlertStore
from tests.alert_service import Station, usage_rule
from tests.fake_clock import FakeClock

MAIN, COPY, OTHER = TargetId("main"), TargetId("copy"), TargetId("other")
LAG = usage_rule("lag", "pool.usage > 50% and pool.usage < 90%")
DOWN = usage_rule("down", "pool.usage > 90%", level=Level.CRITICAL, inhibits=(Inhibition((), of=Reach.REPLICAS),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def known(
    links: Links, upstream: TargetId | None = None, *, is_known: bool = False, targets: tuple[TargetId, ...] = (MAIN, COPY)
) -> str | None:
    """Whom the copy follows, when it says this."""
    traits = {target: Traits(target) for target in targets}
    traits[COPY] = Traits(COPY, upstream=upstream, is_upstream_known=is_known)
    return links.fill(traits)[COPY].upstream


def test_what_was_known_last_stands_until_it_is_said_otherwise() -> None:
    links = Links()
    assert known(links) is None
    assert known(links, MAIN, is_known=True) == MAIN
    assert known(links) == MAIN
    assert known(links, targets=(COPY,)) is None, "it is not watched any more"
    assert known(links, None, is_known=True) is None
    assert known(links) is None


def test_changes_are_told_once_to_be_written() -> None:
    links = Links()
    known(links, MAIN, is_known=True)
    assert (links.changes(), links.changes()) == ({"copy": "main"}, {})
    known(links)
    known(links, MAIN, is_known=True)
    assert links.changes() == {}
    known(links, None, is_known=True)
    assert links.changes() == {"copy": None}


def test_what_is_known_stands_above_what_was_kept() -> None:
    links = Links()
    known(links, OTHER, is_known=True, targets=(MAIN, COPY, OTHER))
    links.recall({"copy": "main", "third": "main"})
    assert known(links, targets=(MAIN, COPY, OTHER)) == OTHER


def test_links_are_read_back_as_they_were_written(folder: Path) -> None:
    with closing(AlertStore.open(folder)) as store:
        store.transact(lambda connection: link_rows.save(connection, {"a": "b", "c": "d"}))
        store.transact(lambda connection: link_rows.save(connection, {"a": "x", "c": None, "e": None}))
        nothing: dict[str, str] = {}
        assert store.read(link_rows.load, nothing) == {"a": "x"}


def station(folder: Path, clock: FakeClock, holder: str, copy: Traits) -> Station:
    found = Station(folder, DOWN, LAG, clock=clock, targets=("main", "copy"), holder=holder)
    found.traits[COPY] = copy
    return found


BLIND = Traits(COPY, engine="pgbouncer", role="replica")
SEEING = Traits(COPY, engine="pgbouncer", role="replica", upstream=MAIN, is_upstream_known=True)


async def test_the_lag_of_a_replica_stays_muted_for_as_long_as_its_primary_is_down(folder: Path) -> None:
    one = station(folder, FakeClock(), "one", SEEING)
    await one.watch(15, main=0.2, copy=0.2)
    one.traits[COPY] = BLIND
    view = await one.watch(600, main=0.95, copy=0.6)
    assert {alert.rule: alert.is_muted for alert in view.alerts} == {"down": False, "lag": True}
    assert one.told == ["firing critical"]


async def test_one_who_takes_over_in_the_midst_of_it_knows_whom_the_replica_followed(folder: Path) -> None:
    clock = FakeClock()
    one = station(folder, clock, "one", SEEING)
    await one.watch(15, main=0.2, copy=0.2)
    await one.watch(5, main=0.95, copy=0.6)
    # It is killed, and the dashboard that takes over has never seen the primary.
    other = station(folder, clock, "other", BLIND)
    await clock.advance(TAKEN_AFTER_SECONDS)
    view = await other.watch(90, main=0.95, copy=0.6)
    assert {alert.rule: (alert.phase, alert.is_muted) for alert in view.alerts} == {
        "down": (Phase.FIRING, False),
        "lag": (Phase.FIRING, True),
    }
    assert other.told == []
