"""All ways to a real server, and what is said where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from aishell_core.clock import SystemClock
from aishell_core.engines.redis import Lane, RedisError, RedisSession
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, TargetId
from tests.servers.certificates import issuer
from tests.servers.redis import VERSIONS, RedisServer, redis_server

_SECONDS = 20.0


@contextlib.asynccontextmanager
async def session(target: Target | str, environ: dict[str, str] | None = None) -> AsyncIterator[RedisSession]:
    found = Target(TargetId("redis"), parse_location(target)) if isinstance(target, str) else target
    opened = RedisSession(found, SystemClock(), environ or {})
    try:
        yield opened
    finally:
        await opened.close()


async def answer(opened: RedisSession, *words: str, seconds: float = _SECONDS, lane: Lane = Lane.QUICK) -> object:
    (found,) = (await opened.ask(words, lane=lane, deadline_seconds=seconds)).values
    return found


async def refusal(target: Target | str, environ: dict[str, str] | None = None, seconds: float = _SECONDS) -> RedisError:
    async with session(target, environ) as opened:
        with pytest.raises(RedisError) as caught:
            await answer(opened, "PING", seconds=seconds)
        return caught.value


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", ["", "protocol=3"])
async def test_every_version_is_reached_in_both_protocols(version: str, options: str) -> None:
    with redis_server(version) as server:
        async with session(server.target(options=options)) as opened:
            assert await answer(opened, "PING") == b"PONG"
            refused = await answer(opened, "NONSENSE")
            assert isinstance(refused, RedisError)
            assert refused.reason is FailureCode.MISSING
            assert len(opened.own_ids) == 1
            names = {client["name"] for client in server.connect().client_list() if client["id"] in opened.own_ids}
            assert names == {"aishell"}


async def test_a_password_comes_from_the_url_or_the_environment_and_a_wrong_one_is_told_so() -> None:
    with redis_server(requirepass="s3cret word!") as server:
        plain = f"redis://127.0.0.1:{server.port}"
        async with session(server.target()) as opened:
            assert await answer(opened, "PING") == b"PONG"
        async with session(plain, {"REDISCLI_AUTH": "s3cret word!"}) as opened:
            assert await answer(opened, "PING") == b"PONG"
        for wrong in (
            await refusal(f"redis://:wr0ng@127.0.0.1:{server.port}"),
            await refusal(f"redis://nobody:wr0ng@127.0.0.1:{server.port}"),
        ):
            assert wrong.reason is FailureCode.AUTHENTICATION
            assert "does not accept the password" in wrong.message
            assert "wr0ng" not in wrong.message + wrong.hint
        async with session(plain) as opened:
            missing = await answer(opened, "PING")
            assert isinstance(missing, RedisError)
            assert missing.reason is FailureCode.AUTHENTICATION
            assert "REDISCLI_AUTH" in missing.hint


async def test_a_password_that_changes_ends_a_session_only_when_it_connects_again() -> None:
    with redis_server(requirepass="old") as server:
        async with session(server.target()) as opened:
            assert await answer(opened, "PING") == b"PONG"
            server.connect().config_set("requirepass", "new")
            server.settings["requirepass"] = "new"
            assert await answer(opened, "PING") == b"PONG"
            server.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            with pytest.raises(RedisError, match="does not accept the password"):
                await answer(opened, "PING")


async def test_a_password_where_none_is_set_is_told_so() -> None:
    with redis_server() as server:
        found = await refusal(f"redis://:any@127.0.0.1:{server.port}")
        assert found.reason is FailureCode.AUTHENTICATION
        assert "leave the password out" in found.hint or "password" in found.message


async def test_another_database_is_used_and_one_that_is_not_there_is_told_so() -> None:
    with redis_server() as server:
        server.connect(db=3).set("k", "three")
        async with session(server.target(database="3")) as opened:
            assert await answer(opened, "GET", "k") == b"three"
        assert (await refusal(server.target(database="99"))).reason is FailureCode.MISSING
        wrong = await _wrong_target(server.target(database="shop"))
        assert "a number from 0" in wrong


async def _wrong_target(target: Target) -> str:
    from aishell_core.errors import TargetError

    async with session(target) as opened:
        with pytest.raises(TargetError) as caught:
            await answer(opened, "PING")
        return caught.value.hint


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_socket_leads_to_the_server(version: str) -> None:
    with redis_server(version, requirepass="pw") as server:
        path = server.folder / "r.sock"
        server.settings["unixsocket"] = str(path)
        server.restart()
        for url in (f"redis+unix://:pw@{path}?db=1", f"redis://:pw@/1?host={path}", f"redis://:pw@{str(path).replace('/', '%2F')}/1"):
            async with session(url) as opened:
                assert await answer(opened, "PING") == b"PONG"
                assert "db=1" in str(await answer(opened, "CLIENT", "LIST"))
        assert (await refusal(f"redis+unix://{server.folder}/none.sock")).reason is FailureCode.MISSING


async def test_the_first_of_several_servers_that_answers_is_used(unused: int) -> None:
    with redis_server() as server, redis_server() as other:
        async with session(f"redis://127.0.0.1:{unused},127.0.0.1:{server.port},127.0.0.1:{other.port}/0") as opened:
            assert f"tcp_port:{server.port}" in str(await answer(opened, "INFO", "server"))
            server.kill()
            assert f"tcp_port:{other.port}" in str(await answer(opened, "INFO", "server"))
        with other.frozen():
            server.start()
            async with session(f"redis://127.0.0.1:{other.port},127.0.0.1:{server.port}/0") as opened:
                assert f"tcp_port:{server.port}" in str(await answer(opened, "INFO", "server", seconds=6.0))
        server.kill()
        other.kill()
        gone = await refusal(f"redis://127.0.0.1:{server.port},127.0.0.1:{other.port}/0")
        assert gone.reason is FailureCode.REFUSED


@pytest.fixture
def unused() -> int:
    from tests.servers.ports import free_port

    return free_port()


async def test_nobody_at_the_port_no_such_host_and_another_language_are_told_apart(unused: int) -> None:
    assert "nobody listens there" in (await refusal(f"redis://127.0.0.1:{unused}")).message
    nowhere = await refusal("redis://no-such-host.invalid")
    assert nowhere.reason in {FailureCode.MISSING, FailureCode.REFUSED}
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=_talk_otherwise, args=(listener,), daemon=True).start()
        other = await refusal(f"redis://127.0.0.1:{listener.getsockname()[1]}")
        assert other.reason is FailureCode.REFUSED


def _talk_otherwise(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()


async def test_tls_is_checked_as_far_as_asked_for(tmp_path: Path) -> None:
    good, other = issuer(tmp_path, "good"), issuer(tmp_path, "other")
    certificate = good.issue("redis", names="DNS:localhost")
    client = good.issue("client")
    with redis_server(
        tls_cert_file=str(certificate.certificate), tls_key_file=str(certificate.key), tls_ca_cert_file=str(good.own.certificate)
    ) as server:
        from tests.servers.ports import free_port

        server.settings["tls-port"] = str(free_port())
        server.settings["tls-auth-clients"] = "optional"
        server.restart()
        port = server.settings["tls-port"]
        trusted = f"ssl_ca_certs={good.own.certificate}"
        for url in (
            f"rediss://localhost:{port}/0?{trusted}",
            f"rediss://127.0.0.1:{port}/0?{trusted}&ssl_check_hostname=false",
            f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none",
            f"rediss://localhost:{port}/0?{trusted}&ssl_certfile={client.certificate}&ssl_keyfile={client.key}",
        ):
            async with session(url) as opened:
                assert await answer(opened, "PING") == b"PONG", url
        for policy in (TlsPolicy.VERIFY_CA, TlsPolicy.REQUIRE):
            target = Target(TargetId("r"), parse_location(f"redis://127.0.0.1:{port}/0?{trusted}"), tls=policy)
            async with session(target) as opened:
                assert await answer(opened, "PING") == b"PONG", policy
        for url, words in (
            (f"rediss://localhost:{port}/0", "not trusted"),
            (f"rediss://localhost:{port}/0?ssl_ca_certs={other.own.certificate}", "not trusted"),
            (f"rediss://127.0.0.1:{port}/0?{trusted}", "not trusted"),
            (f"redis://localhost:{port}/0", "hangs up"),
        ):
            found = await refusal(url)
            assert words in found.message, url
            assert found.hint
        for options, policy in (
            ("ssl_cert_reqs=none", TlsPolicy.VERIFY_FULL),
            (f"{trusted}&ssl_check_hostname=false", TlsPolicy.VERIFY_FULL),
            (f"{trusted}&ssl_check_hostname=true", TlsPolicy.VERIFY_CA),
            (f"ssl_cert_reqs=required&ssl_ca_certs={other.own.certificate}", TlsPolicy.REQUIRE),
        ):
            found = await refusal(Target(TargetId("r"), parse_location(f"rediss://127.0.0.1:{port}/0?{options}"), tls=policy))
            assert "not trusted" in found.message, options
        # A server without TLS waits for the rest of what it takes for a command.
        assert "write redis://" in (await refusal(f"rediss://localhost:{server.port}/0?{trusted}", seconds=1.0)).hint
        assert "there is no file" in str(await _message(f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path}/none"))


async def _message(url: str) -> str:
    from aishell_core.errors import TargetError

    async with session(url) as opened:
        with pytest.raises(TargetError) as caught:
            await answer(opened, "PING")
        return caught.value.message


async def test_a_server_without_room_for_a_client_says_so_and_lets_us_in_later() -> None:
    with redis_server(maxclients="5") as server:
        held = [server.connect() for _ in range(5)]
        for client in held:
            client.ping()
        found = await refusal(server.target())
        assert found.reason is FailureCode.REFUSED
        assert "no connection left" in found.message
        async with session(server.target()) as opened:
            held.pop().close()
            held.pop().close()
            await _until_answered(opened)


async def _until_answered(opened: RedisSession) -> None:
    for _ in range(400):
        with contextlib.suppress(RedisError):
            if await answer(opened, "PING") == b"PONG":
                return
        await asyncio.sleep(0.05)
    pytest.fail("no answer")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_frozen_server_is_given_up_and_used_again_when_it_goes_on(version: str) -> None:
    with redis_server(version) as server:
        async with session(server.target()) as opened:
            assert await answer(opened, "PING") == b"PONG"
            with server.frozen():
                for lane in Lane:
                    began = time.monotonic()
                    with pytest.raises(RedisError) as caught:
                        await answer(opened, "PING", seconds=0.3, lane=lane)
                    assert caught.value.reason is FailureCode.TIMEOUT
                    assert time.monotonic() - began < 5.0
            assert await answer(opened, "PING") == b"PONG"


async def test_a_restarted_server_is_asked_again_at_once_and_a_killed_one_is_told_so() -> None:
    with redis_server() as server:
        async with session(server.target()) as opened:
            await answer(opened, "PING")
            server.restart()
            assert await answer(opened, "PING") == b"PONG"
            server.kill()
            with pytest.raises(RedisError) as caught:
                await answer(opened, "PING")
            assert caught.value.reason is FailureCode.REFUSED
            server.start()
            assert await answer(opened, "PING") == b"PONG"


async def test_at_most_two_connections_are_held_and_none_after_closing() -> None:
    with redis_server() as server:
        watcher = server.connect()
        async with session(server.target()) as opened:
            await asyncio.gather(*(answer(opened, "PING", lane=lane) for lane in Lane for _ in range(5)))
            assert sum(1 for client in watcher.client_list() if client["name"] == "aishell") == 2
        for _ in range(400):
            if not any(client["name"] == "aishell" for client in watcher.client_list()):
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("connections stay open")


async def test_a_replica_that_lost_its_primary_and_a_script_that_runs_long_are_states_with_words() -> None:
    with redis_server(replica_serve_stale_data="no") as replica:
        replica.execute("REPLICAOF", "127.0.0.1", "1")
        async with session(replica.target()) as opened:
            stale = await answer(opened, "GET", "k")
            assert isinstance(stale, RedisError)
            assert stale.reason is FailureCode.LOCKED
    with redis_server(busy_reply_threshold="50") as server:
        thread = threading.Thread(target=_loop, args=(server,), daemon=True)
        thread.start()
        async with session(server.target()) as opened:
            busy = None
            for _ in range(400):
                with contextlib.suppress(RedisError):
                    busy = await answer(opened, "INFO", seconds=2.0)
                if isinstance(busy, RedisError):
                    break
            assert isinstance(busy, RedisError)
            assert busy.reason is FailureCode.LOCKED
            assert busy.hint.startswith("SCRIPT KILL")
        server.execute("SCRIPT", "KILL")
        thread.join(30)


def _loop(server: RedisServer) -> None:
    with contextlib.suppress(redis.RedisError):
        server.execute("EVAL", "while true do end", 0)
