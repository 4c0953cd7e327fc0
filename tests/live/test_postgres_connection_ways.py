"""Ways to a real PostgreSQL: URL, environment, password file, service file, sockets, several servers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.engines.postgres import Lane
from aishell_core.values import FailureCode
from tests.command_line import PROGRAM
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_session import asking, at, own_backends, refusal, value
from tests.servers.sqlite_client import eventually

_HBA = "host all guarded all scram-sha-256\nhost all all all trust\nlocal all all trust\nhost replication all all trust\n"
_WHO = "SELECT current_user || '@' || current_database()"
_PASSWORD = "pass:wo\\rd' w@th #all?"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15", statements=False, hba=_HBA) as found:
        literal = _PASSWORD.replace("'", "''")
        found.execute("SET standard_conforming_strings = on", f"CREATE ROLE guarded LOGIN PASSWORD '{literal}'", "CREATE ROLE plain LOGIN")
        found.execute("CREATE DATABASE shop")
        yield found


def _line(*fields: object) -> str:
    return ":".join(str(field).replace("\\", "\\\\").replace(":", "\\:") for field in fields)


async def test_the_environment_says_all_that_the_url_does_not(server: PostgresServer) -> None:
    environ = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "plain", "PGDATABASE": "shop"}
    async with asking(at("postgresql://"), environ) as session:
        assert await value(session, _WHO) == "plain@shop"
    async with asking(at("postgresql:///postgres"), environ) as session:
        assert await value(session, _WHO) == "plain@postgres"
    async with asking(at("postgresql://postgres@/"), environ) as session:
        assert await value(session, _WHO) == "postgres@shop"
    async with asking(at("postgresql://localhost/"), environ) as session:
        assert await value(session, _WHO) == "plain@shop"
    async with asking(at(f"postgresql://127.0.0.1:{free_port()}/"), environ) as session:
        assert "nothing listens" in (await refusal(session.facts())).message


async def test_the_password_of_the_environment_is_used_and_that_of_the_url_is_above_it(server: PostgresServer) -> None:
    url = f"postgresql://guarded@127.0.0.1:{server.port}/postgres"
    async with asking(at(url), {"PGPASSWORD": _PASSWORD}) as session:
        assert await value(session, _WHO) == "guarded@postgres"
    async with asking(at(f"{url}?password=wrong"), {"PGPASSWORD": _PASSWORD}) as session:
        assert (await refusal(session.facts())).sqlstate == "28P01"


async def test_the_password_file_is_read_with_its_escapes(server: PostgresServer, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    lines = ["# a comment", _line("elsewhere", "*", "*", "*", "wrong"), _line("*", server.port, "*", "guarded", _PASSWORD)]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    url = f"postgresql://guarded@127.0.0.1:{server.port}/postgres"
    async with asking(at(url), {"PGPASSFILE": str(file)}) as session:
        assert await value(session, _WHO) == "guarded@postgres"
    async with asking(at(f"{url}?passfile={file}")) as session:
        assert await value(session, _WHO) == "guarded@postgres"
    file.rename(tmp_path / ".pgpass")
    async with asking(at(url), {"HOME": str(tmp_path)}) as session:
        assert await value(session, _WHO) == "guarded@postgres"


async def test_a_password_file_that_others_may_read_is_not_read_and_that_is_said(server: PostgresServer, tmp_path: Path) -> None:
    file = tmp_path / ".pgpass"
    file.write_text(_line("*", "*", "*", "guarded", _PASSWORD) + "\n")
    file.chmod(0o640)
    async with asking(at(f"postgresql://guarded@127.0.0.1:{server.port}/postgres"), {"HOME": str(tmp_path)}) as session:
        error = await refusal(session.facts())
    assert (error.reason, error.sqlstate) == (FailureCode.AUTHENTICATION, "28P01")
    assert f"chmod 600 {file}" in error.hint
    assert _PASSWORD not in error.message + error.hint


async def test_a_service_is_found_by_url_and_by_environment(server: PostgresServer, tmp_path: Path) -> None:
    file = tmp_path / ".pg_service.conf"
    file.write_text(
        f"# services\n[shop]\nhost=127.0.0.1\nport={server.port}\nuser=guarded\npassword={_PASSWORD}\ndbname=shop\n[other]\nhost=10.0.0.1\n"
    )
    home = {"HOME": str(tmp_path)}
    async with asking(at("postgresql:///?service=shop"), home) as session:
        assert await value(session, _WHO) == "guarded@shop"
    async with asking(at("postgresql://"), {**home, "PGSERVICE": "shop", "PGUSER": "plain", "PGDATABASE": "nowhere"}) as session:
        assert await value(session, _WHO) == "guarded@shop"
    async with asking(at("postgresql://plain@/postgres?service=shop"), home) as session:
        assert await value(session, _WHO) == "plain@postgres"
    file.rename(tmp_path / "elsewhere.conf")
    async with asking(at("postgresql:///?service=shop"), {"PGSERVICEFILE": str(tmp_path / "elsewhere.conf")}) as session:
        assert await value(session, _WHO) == "guarded@shop"
    async with asking(at("postgresql:///?service=shop"), {"PGSYSCONFDIR": str(tmp_path)}) as session:
        assert "unknown" in (await refusal(session.facts())).message


async def test_a_service_that_nobody_describes_is_named(tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text("[shop]\nhost=h\nhots=x\n[odd]\nhost h\n")
    for name, said in (("shpo", "not described"), ("shop", "unknown option 'hots'"), ("odd", "line 5 of")):
        async with asking(at(f"postgresql:///?service={name}"), {"HOME": str(tmp_path)}) as session:
            assert said in (await refusal(session.facts())).message


async def test_a_host_that_is_no_name_is_an_error_in_words() -> None:
    async with asking(at(f"postgresql://{'a' * 70}/x")) as session:
        error = await refusal(session.facts())
    assert error.reason is FailureCode.MISSING
    assert "is no host name" in error.message


async def test_a_unix_socket_is_reached_by_its_folder(server: PostgresServer) -> None:
    folder = str(server.folder)
    for url in (
        f"postgresql://plain@/shop?host={folder}&port={server.port}",
        f"postgresql://plain@{folder.replace('/', '%2F')}:{server.port}/shop",
    ):
        async with asking(at(url)) as session:
            assert await value(session, _WHO) == "plain@shop"
            facts = await session.facts()
            assert facts.local
            assert facts.address == f"{folder}:{server.port}"
    async with asking(at("postgresql://plain@/shop"), {"PGHOST": folder, "PGPORT": str(server.port)}) as session:
        assert await value(session, _WHO) == "plain@shop"
    async with asking(at(f"postgresql://plain@/shop?host={folder}&port=1")) as session:
        error = await refusal(session.facts())
        assert f"nothing listens at {folder}:1" in error.message


async def test_options_of_the_url_reach_the_server_and_unknown_ones_are_refused(server: PostgresServer) -> None:
    async with asking(at(f"{server.url()}?options=-c%20work_mem%3D5MB&connect_timeout=3&keepalives=1")) as session:
        assert await value(session, "SHOW work_mem") == "5MB"
    async with asking(at(f"{server.url()}?sslmod=require")) as session:
        error = await refusal(session.facts())
        assert "unknown option 'sslmod'" in error.message
        assert error.hint == "did you mean sslmode?"
    for option in ("sslmode=strict", "target_session_attrs=best", "connect_timeout=soon", "sslnegotiation=odd"):
        async with asking(at(f"{server.url()}?{option}")) as session:
            error = await refusal(session.facts())
            assert option.partition("=")[0] in error.message.replace("`", "")


async def test_a_host_that_nobody_knows_is_named() -> None:
    async with asking(at("postgresql://u@no-such-host.invalid/x")) as session:
        error = await refusal(session.facts())
    assert error.reason is FailureCode.REFUSED
    assert "no-such-host.invalid" in error.message
    assert "not known" in error.message


def test_nothing_of_the_resolver_is_waited_for_at_the_end_of_the_program() -> None:
    """A name server that does not answer must not keep the program from ending; a name with many dots asks it for long."""
    program = (
        "import asyncio, socket, time\n"
        "socket.getaddrinfo = lambda *a, **k: time.sleep(600)\n"
        "from tests.servers.postgres_session import at\n"
        "from aishell_core.engines.postgres import PostgresSession\n"
        "from aishell_core.clock import SystemClock\n"
        "async def ask():\n"
        "    try: await PostgresSession(at('postgresql://u@hangs.example/x'), SystemClock(), {}).facts(deadline_seconds=0.3)\n"
        "    except Exception as error: print(error)\n"
        "asyncio.run(ask())\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert "gave no connection within" in ended.stdout


@pytest.fixture(scope="module")
def pair(server: PostgresServer) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    with standby_of(server) as standby:
        yield server, standby


def _both(pair: tuple[PostgresServer, PostgresServer], attributes: str) -> str:
    primary, standby = pair
    return f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres?target_session_attrs={attributes}"


def test_a_target_of_several_servers_is_named_after_all_and_tells_which_one_answers(
    pair: tuple[PostgresServer, PostgresServer], tmp_path: Path
) -> None:
    primary, standby = pair
    for attributes, answering in (("primary", primary), ("standby", standby)):
        asked = subprocess.run(
            [PROGRAM, "status", "--target", _both(pair, attributes), "--json"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "AISHELL_HOME": str(tmp_path)},
        )
        (target,) = json.loads(asked.stdout)["targets"]
        assert target["name"] == f"postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        assert target["server"] == f"127.0.0.1:{answering.port}"


@pytest.mark.parametrize(
    ("attributes", "standby"),
    [("any", False), ("primary", False), ("read-write", False), ("standby", True), ("read-only", True), ("prefer-standby", True)],
)
async def test_the_first_server_of_the_wanted_sort_is_taken(
    pair: tuple[PostgresServer, PostgresServer], attributes: str, standby: bool
) -> None:
    for url in (_both(pair, attributes), _both(pair[::-1], attributes)):
        async with asking(at(url)) as session:
            facts = await session.facts()
            if attributes != "any":
                assert facts.in_recovery is standby
            assert facts.address == f"127.0.0.1:{(pair[1] if facts.in_recovery else pair[0]).port}"
            assert "read-only" in (await refusal(session.query("CREATE TABLE t ()", lane=Lane.SLOW, deadline_seconds=20.0))).message
            assert await value(session, "SHOW default_transaction_read_only") == "on"
    await asyncio.to_thread(eventually, lambda: own_backends(pair[0]) + own_backends(pair[1]) == 0)


async def test_a_primary_whose_default_is_read_only_is_not_taken_for_writing(pair: tuple[PostgresServer, PostgresServer]) -> None:
    pair[0].execute("ALTER DATABASE shop SET default_transaction_read_only = on")
    url = f"postgresql://postgres@127.0.0.1:{pair[0].port}/shop?target_session_attrs="
    async with asking(at(f"{url}read-write")) as session:
        assert "read-only by default" in (await refusal(session.facts())).message
    async with asking(at(f"{url}read-only")) as session:
        assert (await session.facts()).database == "shop"
    async with asking(at(f"{url}primary")) as session:
        assert (await session.facts()).database == "shop"
    pair[0].execute("ALTER DATABASE shop RESET default_transaction_read_only")


async def test_where_no_server_is_as_wanted_each_is_told_with_its_reason(pair: tuple[PostgresServer, PostgresServer]) -> None:
    nobody = free_port()
    url = f"postgresql://postgres@127.0.0.1:{nobody},127.0.0.1:{pair[0].port}/postgres?target_session_attrs=standby"
    async with asking(at(url)) as session:
        error = await refusal(session.facts())
    assert f"nothing listens at 127.0.0.1:{nobody}" in error.message
    assert f"127.0.0.1:{pair[0].port} is a primary, and standby is wanted" in error.message


async def test_a_server_that_hangs_leaves_time_for_the_next_one() -> None:
    with postgres("15", statements=False) as first, postgres("15", statements=False) as second:
        url = f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres"
        async with asking(at(url)) as session:
            assert (await session.facts()).address.endswith(str(first.port))
            await value(session, "SELECT 1", lane=Lane.SLOW)
            with first.frozen():
                await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=0.3))
                assert await value(session, "SELECT inet_server_port()", seconds=8.0) == second.port
                assert await value(session, "SELECT inet_server_port()", lane=Lane.SLOW, seconds=8.0) == second.port
            assert await value(session, "SELECT inet_server_port()") == second.port
        async with asking(at(f"{url}?connect_timeout=2")) as session:
            with first.frozen():
                async with asyncio.timeout(30):  # half of the deadline, where the option was passed over
                    assert (await session.facts(deadline_seconds=120.0)).address.endswith(str(second.port))


async def test_after_a_failover_the_promoted_server_is_asked() -> None:
    with postgres("15", statements=False) as primary, standby_of(primary) as standby:
        url = _both((primary, standby), "primary")
        async with asking(at(url)) as session, asking(at(_both((primary, standby), "prefer-standby"))) as reader:
            assert (await session.facts()).address.endswith(str(primary.port))
            assert (await reader.facts()).address.endswith(str(standby.port))
            primary.kill()
            await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=20.0))
            error = await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=20.0))
            assert "is a standby, and primary is wanted" in error.message
            standby.execute("SELECT pg_promote()")
            assert await value(session, "SELECT inet_server_port()") == standby.port
            assert not (await session.facts()).in_recovery
            assert await value(reader, "SELECT inet_server_port()") == standby.port
            assert not (await reader.facts()).in_recovery
