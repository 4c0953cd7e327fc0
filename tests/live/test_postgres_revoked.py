"""A right that is taken from a role while a dashboard watches: at the first reading without it nothing is shown as if it were fresh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from aishell_core.catalogue import PG_DATABASE_SIZE
from aishell_core.clock import SystemClock
from aishell_core.series.store import SeriesStore
from aishell_core.values import FailureCode, Part, Reading, Tier
from aishell_tui.frame import TargetView, absorb
from aishell_tui.watch import Watch
from collectors.registry import open_collector
from collectors.schedule import Schedule
from tests.servers.postgres import PostgresServer, postgres
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


_SELDOM = Schedule(
    hot_seconds=0.2, warm_seconds=3600, cold_seconds=3600, deadline_seconds=10, warm_deadline_seconds=30, cold_deadline_seconds=30
)
"""The slower tiers are read once by themselves; what comes again was asked for."""


@asynccontextmanager
async def _watched(server: PostgresServer, user: str) -> AsyncIterator[Watch]:
    target = server.target(user=user)
    watch = Watch(target, SeriesStore(), SystemClock(), open_collector, _SELDOM, {}, lambda _event: None, lambda: 0.0)
    polling = asyncio.create_task(watch.poller.run())
    try:
        yield watch
    finally:
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling


@pytest.mark.parametrize("version", ["15", "18"])
async def test_what_the_slower_tiers_told_does_not_stand_until_their_next_turn(version: str) -> None:
    with postgres(version, statements=False) as server:
        server.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor", "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC")
        other = server.connect()
        async with _watched(server, "watcher") as watch:

            def sizes() -> set[str]:
                snapshot = watch.view.snapshot
                return {dict(key.labels)["database"] for key in snapshot.find(PG_DATABASE_SIZE.name) if snapshot.value(key) is not None}

            async def are_told(*, hidden: bool) -> bool:
                failure = watch.view.failure_of("databases")
                return ("template1" in sizes()) is not hidden and (failure is not None) is hidden

            await until(lambda: are_told(hidden=False))
            server.execute("REVOKE pg_monitor FROM watcher")
            await until(lambda: are_told(hidden=True))
            server.execute("GRANT pg_monitor TO watcher")
            await until(lambda: are_told(hidden=False))
        other.close()


async def test_a_right_that_was_given_is_found_when_everything_is_read_anew() -> None:
    closed = "FUNCTION pg_catalog.pg_ls_waldir()"
    with postgres("15", statements=False) as server:
        server.execute(
            "CREATE ROLE watcher LOGIN IN ROLE pg_monitor", "CREATE SEQUENCE numbers", f"REVOKE EXECUTE ON {closed} FROM pg_monitor"
        )
        async with _watched(server, "watcher") as watch:

            def refused() -> set[tuple[Tier, str]]:
                told = watch.view.failures_by_tier
                return {(tier, each.part) for tier, failures in told for each in failures if each.code is FailureCode.PRIVILEGE}

            async def are_refused() -> bool:
                return {(Tier.WARM, "disk"), (Tier.COLD, "sequences")} <= refused()

            async def are_told() -> bool:
                return not refused()

            await until(are_refused)
            server.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO watcher", f"GRANT EXECUTE ON {closed} TO pg_monitor")
            watch.poller.poke()
            await until(are_told)
