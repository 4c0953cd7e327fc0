"""The end of the certificate that a real PostgreSQL shows, read by the cold tier and judged by the rule that ships."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from aishell_core import catalogue
from aishell_core.clock import SystemClock
from aishell_core.engines.certificate import end_of
from aishell_core.engines.postgres import PostgresSession
from aishell_core.targets import Target, parse_location
from aishell_core.values import Reading, TargetId
from collectors.contract import NOTHING
from collectors.postgres.cold import ColdTier
from tests.servers.certificates import for_server, issuer
from tests.servers.postgres import own_folder, postgres
from tests.servers.postgres_tiers import figure

_HBA = "host all all 127.0.0.1/32 trust\nlocal all all trust\n"
_DAY_SECONDS = 86_400.0


async def cold_reading(url: str) -> Reading:
    session = PostgresSession(Target(TargetId("orders"), parse_location(url)), clock := SystemClock(), {})
    try:
        return await ColdTier(session, Target(TargetId("orders"), parse_location(url)), clock).read(NOTHING)
    finally:
        await session.close()


@pytest.mark.parametrize("version", ["15", "18-contrib"])  # the embedded builds of 16 and 18 have no TLS
async def test_the_time_until_the_certificate_ends_is_told_where_the_connection_is_encrypted(version: str, tmp_path: Path) -> None:
    signer, place = issuer(tmp_path, "signer"), own_folder("pgcert-")
    with postgres(version, statements=False, settings=for_server(signer.issue("localhost", days=9), place), hba=_HBA) as server:
        address = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
        log = server.log()
        left = figure(await cold_reading(f"{address}?sslmode=require"), catalogue.PG_CERTIFICATE_LEFT)
        assert left == pytest.approx(9 * _DAY_SECONDS, abs=600)
        assert "startup packet" not in server.log().removeprefix(log), "the server does not complain of our handshake"
        plain = await cold_reading(f"{address}?sslmode=disable")
        assert figure(plain, catalogue.PG_CERTIFICATE_LEFT) is None
        # A renewed one counts as soon as the server reads it, although our connection was made before.
        session = PostgresSession(Target(TargetId("orders"), parse_location(f"{address}?sslmode=require")), SystemClock(), {})
        try:
            before = await session.certificate_end(5.0)
            for_server(signer.issue("localhost", days=90), place)
            server.execute("SELECT pg_reload_conf()")
            until = time.monotonic() + 30
            while (end := await session.certificate_end(5.0)) == before and time.monotonic() < until:
                pass
            assert (end or 0) - (before or 0) == pytest.approx(81 * _DAY_SECONDS, abs=600)
        finally:
            await session.close()


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
