"""Who waits in the queues of a pooler, aishell itself set apart."""

from __future__ import annotations

import pytest

from aishell_core.values import Pool
from collectors.pgbouncer.queue import Waiters, waiters_of, without_own
from collectors.pgbouncer.rows import Row

POOL = Pool(
    "shop", "app", "transaction", clients_active=2.0, clients_waiting=3.0, servers_active=2.0, servers_idle=0.0, max_wait_seconds=101.0
)


def client(application: str, wait: str, state: str = "waiting", user: str = "app") -> Row:
    return {"database": "shop", "user": user, "state": state, "application_name": application, "wait": wait, "wait_us": "500000"}


CLIENTS = (client("hog", "0", "active"), client("aishell", "101"), client("aishell", "30"), client("web", "4"))


def test_a_place_of_aishell_in_the_queue_is_not_counted_and_told() -> None:
    (pool,) = without_own((POOL,), waiters_of(CLIENTS, ()))
    assert (pool.clients_waiting, pool.max_wait_seconds, pool.clients_active) == (1.0, 4.5, 2.0)
    assert pool.details[0] == ("not counted", "2 connections of aishell itself wait")


def test_where_aishell_alone_waits_nobody_does() -> None:
    (alone,) = without_own((POOL,), waiters_of(CLIENTS[:2], ()))
    assert (alone.clients_waiting, alone.max_wait_seconds) == (0.0, 0.0)
    assert alone.details == (("not counted", "1 connection of aishell itself waits"),)


def test_the_queues_of_others_stay_as_the_pooler_tells_them() -> None:
    assert without_own((POOL,), waiters_of((client("web", "4"),), ())) == (POOL,)
    assert without_own((POOL,), waiters_of((client("aishell", "4", user="other"),), ())) == (POOL,)
    assert waiters_of((client("aishell", "4", "active"),), ()) == {}


@pytest.mark.parametrize(("forced", "pool"), [("app", ("shop", "app")), (None, ("shop", "web"))])
def test_a_pool_goes_by_the_user_that_its_database_forces(forced: str | None, pool: tuple[str, str]) -> None:
    databases: tuple[Row, ...] = ({"name": "shop", "force_user": forced},)
    assert waiters_of((client("aishell", "1", user="web"),), databases) == {pool: Waiters(own=1)}
