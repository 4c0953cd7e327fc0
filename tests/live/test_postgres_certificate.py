"""The end of the certificate that a real PostgreSQL shows, read by the cold tier and judged by the rule that ships."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from aishell_core import catalogue
from aishell_core.engines.certificate import end_of
from aishell_core.engines.postgres import Lane, PostgresSession
from aishell_core.targets import Target, parse_location
from aishell_core.values import Reading, TargetId
from collectors.contract import NOTHING
from collectors.postgres.cold import ColdTier
from tests.servers.certificates import Issuer, for_server, issuer
from tests.servers.postgres import PostgresServer, own_folder, postgres
from tests.servers.postgres_session import PatientSession, value
from tests.servers.postgres_tiers import AheadClock, figure, until

_HBA = "host all all 127.0.0.1/32 trust\nlocal all all trust\n"
_DAY_SECONDS = 86_400.0
_PID = "SELECT pg_backend_pid()"


@contextmanager
def encrypted(version: str, signer: Issuer, place: Path, **settings: str) -> Iterator[PostgresServer]:
    """A server whose certificate ends in nine days and that logs who comes and goes."""
    shown = for_server(signer.issue("localhost", days=9), place)
    logged = {"log_connections": "on", "log_disconnections": "on"}
    with postgres(version, statements=False, settings={**shown, **logged, **settings}, hba=_HBA) as server:
        server.execute("CREATE ROLE watcher LOGIN")
        yield server


@asynccontextmanager
async def watching(server: PostgresServer, clock: AheadClock, options: str) -> AsyncIterator[tuple[PostgresSession, ColdTier]]:
    """A session of the role and the cold tier over it."""
    target = Target(TargetId("orders"), parse_location(f"postgresql://watcher@127.0.0.1:{server.port}/postgres?{options}"))
    session = PatientSession(target, clock)
    try:
        yield session, ColdTier(session, target, clock)
    finally:
        await session.close()


def _days(reading: Reading) -> float:
    left = figure(reading, catalogue.PG_CERTIFICATE_LEFT)
    assert left is not None, reading.failures
    return left / _DAY_SECONDS


def _most_at_once(log: str) -> int:
    """How many connections of the role there were at once, as the server logs them."""
    now = most = 0
    for line in log.splitlines():
        now += ("connection authorized: user=watcher" in line) - ("disconnection:" in line and "user=watcher" in line)
        most = max(most, now)
    return most


@pytest.mark.parametrize("version", ["15", "18-contrib"])  # the embedded builds of 16 and 18 have no TLS
async def test_the_time_until_the_certificate_ends_is_told_by_the_two_connections_that_are_there(version: str, tmp_path: Path) -> None:
    signer, place, clock = issuer(tmp_path, "signer"), own_folder("pgcert-"), AheadClock()
    with encrypted(version, signer, place) as server:
        before = server.log()
        async with watching(server, clock, "sslmode=require") as (session, tier):
            assert await value(session, "SELECT 1", lane=Lane.QUICK) == 1
            assert _days(await tier.read(NOTHING)) == pytest.approx(9, abs=0.01)
            # A renewed one counts although the connection was made before: it is made anew, and the other one stays.
            for_server(signer.issue("localhost", days=90), place)
            server.execute("SELECT pg_reload_conf()")
            quick = await value(session, _PID, lane=Lane.QUICK)

            async def renewed() -> bool:
                clock.ahead += 120
                return _days(await tier.read(NOTHING)) > 80

            await until(renewed)
            slow = await value(session, _PID, lane=Lane.SLOW)
            clock.ahead += 1800
            assert _days(await tier.read(NOTHING)) == pytest.approx(90, abs=0.1)
            assert await value(session, _PID, lane=Lane.SLOW) == slow, "one that ends late is not looked at all the time"
            clock.ahead += 3600
            await tier.read(NOTHING)
            assert await value(session, _PID, lane=Lane.SLOW) != slow
            assert await value(session, _PID, lane=Lane.QUICK) == quick
            held = server.execute("SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'watcher'")
            assert held == [[2]]
        log = server.log().removeprefix(before)
        assert _most_at_once(log) == 2
        assert log.count("connection received") == log.count("connection authorized"), "no handshake without a login"
        assert "startup packet" not in log
        async with watching(server, clock, "sslmode=disable") as (_session, tier):
            assert figure(await tier.read(NOTHING), catalogue.PG_CERTIFICATE_LEFT) is None


async def test_a_connection_to_a_full_server_is_kept(tmp_path: Path) -> None:
    """There might be no place for it any more."""
    clock = AheadClock()
    with encrypted("15", issuer(tmp_path, "signer"), own_folder("pgcert-"), max_connections="8") as server:
        async with watching(server, clock, "sslmode=require") as (session, tier):
            before = _days(await tier.read(NOTHING))
            slow = await value(session, _PID, lane=Lane.SLOW)
            clock.ahead = 86_400
            assert _days(await tier.read(NOTHING)) == pytest.approx(before - 1, abs=0.01)
            assert await value(session, _PID, lane=Lane.SLOW) == slow


def test_what_is_no_certificate_has_no_end(tmp_path: Path) -> None:
    import ssl

    made = issuer(tmp_path, "signer").issue("localhost", days=20_000)
    encoded = ssl.PEM_cert_to_DER_cert(made.certificate.read_text())
    end = end_of(encoded)
    assert end == pytest.approx(time.time() + 20_000 * _DAY_SECONDS, abs=600), "also one that ends after 2049, in the longer notation"
    assert [end_of(encoded[:length]) for length in range(0, 150, 7)] == [None] * 22
    chance = random.Random(7)
    for _each in range(2000):
        damaged = bytearray(encoded)
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert end_of(bytes(damaged)) is None or isinstance(end_of(bytes(damaged)), float)
