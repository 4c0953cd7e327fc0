"""A right that is taken from a role while a dashboard watches: at the first reading without it nothing is shown as if it were fresh."""

from __future__ import annotations

import pytest

from aishell_core.series.store import SeriesStore
from aishell_core.values import FailureCode, Part, Reading
from aishell_tui.frame import TargetView, absorb
from tests.servers.postgres import postgres
from tests.servers.postgres_clients import hot_tier
from tests.servers.postgres_tiers import until

_SESSIONS = frozenset({Part.SESSIONS, Part.LOCKS})


@pytest.mark.parametrize("version", ["15", "18"])
@pytest.mark.parametrize(
    ("right", "whom", "lost"),
    [
        ("SELECT ON pg_catalog.pg_stat_database", "PUBLIC", {"transactions.rate", "cache.hit_ratio", "deadlocks.rate", "temp.bytes.rate"}),
        ("SELECT ON pg_catalog.pg_stat_activity", "PUBLIC", {"sessions.active", "transaction.duration", "query.duration"}),
    ],
)
async def test_figures_that_are_refused_stand_no_longer_than_the_first_refusal(version: str, right: str, whom: str, lost: set[str]) -> None:
    with postgres(version, statements=False) as server:
        server.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        target = server.target(user="watcher")
        store = SeriesStore()
        view = TargetView(target, store.snapshot(target.name))

        def take(reading: Reading) -> TargetView:
            store.add(reading, 1.0)
            return absorb(view, reading, store.snapshot(target.name), 1.0)

        def shown() -> set[str]:
            return {key.metric.name for key in view.snapshot.keys() if view.snapshot.value(key) is not None}  # noqa: SIM118 - no mapping

        async with hot_tier(server, user="watcher") as hot:

            async def whole() -> bool:
                nonlocal view
                server.execute("SELECT 1")
                view = take(await hot.read(_SESSIONS))
                return lost <= shown() and bool(view.sessions)

            await until(whole)
            server.execute(f"REVOKE {right} FROM {whom}")
            view = take(await hot.read(_SESSIONS))
            assert not lost & shown(), "no reading of them went well, so none of them is there"
            (failure,) = [each for each in view.failures if each.code is FailureCode.PRIVILEGE]
            assert failure.hint == f'GRANT {right} TO "watcher";'
            assert (view.sessions is None) is ("pg_stat_activity" in right)
