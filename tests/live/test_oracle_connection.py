"""python-oracledb itself against sockets that are no Oracle server: what it meets on the way is told in words and in time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.oracle import OracleSession
from aishell_core.errors import TargetError
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, Limits, Session, TargetId, Tier
from collectors.contract import NOTHING
from collectors.oracle.collector import open_oracle
from tests.servers.certificates import issuer
from tests.servers.sqlite_client import eventually

pytest.importorskip("oracledb")

_SECONDS = 1.0
_PATIENCE_SECONDS = 30.0


def refusal(number: int) -> bytes:
    """A listener's packet of refusal: length, sort 4, two reasons, and the text with the error (Oracle Net's REFUSE)."""
    text = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={number})(ERROR_STACK=(ERROR=(CODE={number})(EMFI=4))))".encode()
    return (len(text) + 12).to_bytes(2) + b"\0\0\x04\0\0\0\x22\0" + len(text).to_bytes(2) + text


@asynccontextmanager
async def answering(data: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port that answers the first bytes with some of its own, and closes; None closes without an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if data is not None:
            await reader.read(10)
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def met(url: str, tls: TlsPolicy = TlsPolicy.PREFER, seconds: float = _PATIENCE_SECONDS, **environ: str) -> TargetError:
    """What a session meets at a URL."""
    session = OracleSession(Target(TargetId("o"), parse_location(url), tls=tls), SystemClock(), environ)
    try:
        with pytest.raises(TargetError) as caught:
            await session.facts(deadline_seconds=seconds)
    finally:
        await session.close()
    return caught.value


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "closed the connection at once"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "begins with HTTP/1.1"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "begins with SSH-2.0-"),
        (bytes(64), r"begins with \x00"),
        (b"\xff" * 2000, r"begins with \xff"),
    ],
    ids=["nothing", "http", "ssh", "zeros", "ones"],
)
async def test_what_is_no_listener_is_told_by_its_first_bytes(data: bytes | None, says: str) -> None:
    async with answering(data) as port:
        error = await met(f"oracle://u:p@127.0.0.1:{port}/shop")
    assert error.reason is FailureCode.REFUSED
    assert says in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("number", "reason", "says"),
    [
        (12514, FailureCode.MISSING, "knows no service shop"),
        (12505, FailureCode.MISSING, "knows no"),
        (12528, FailureCode.REFUSED, "not open"),
    ],
)
async def test_a_listeners_refusal_is_told_by_its_number(number: int, reason: FailureCode, says: str) -> None:
    async with answering(refusal(number)) as port:
        error = await met(f"oracle://u:p@127.0.0.1:{port}/shop")
    assert error.reason is reason
    assert says in error.message


async def test_a_port_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = await met(f"oracle://u:p@127.0.0.1:{port}/shop")
    assert (error.reason, error.message) == (FailureCode.REFUSED, f"nothing listens at 127.0.0.1:{port}")


async def test_a_host_that_nobody_knows() -> None:
    error = await met("oracle://u:p@no-such-host.invalid/shop")
    assert error.reason in {FailureCode.REFUSED, FailureCode.TIMEOUT}
    assert "no-such-host.invalid" in error.message


@pytest.mark.parametrize("tls", [TlsPolicy.PREFER, TlsPolicy.REQUIRE])
async def test_a_server_that_never_answers_is_given_up_at_the_deadline_and_its_socket_closed(tls: TlsPolicy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(_PATIENCE_SECONDS)
        error = await met(f"oracle://u:p@127.0.0.1:{silent.getsockname()[1]}/shop", tls, _SECONDS)
        assert error.reason is FailureCode.TIMEOUT
        accepted, _ = silent.accept()
        with accepted:
            accepted.settimeout(_PATIENCE_SECONDS)
            await asyncio.to_thread(_drain, accepted)


def _drain(accepted: socket.socket) -> None:
    """Read to the end, which comes when the other side has closed."""
    try:
        while accepted.recv(4096):
            pass
    except ConnectionResetError:
        return


async def test_the_program_goes_on_while_a_server_is_silent() -> None:
    """The driver has an event loop of its own, so that nothing it does can hold up this one."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asking = asyncio.create_task(met(f"oracle://u:p@127.0.0.1:{silent.getsockname()[1]}/shop", seconds=_SECONDS))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 3
        assert (await asking).reason is FailureCode.TIMEOUT


async def test_the_thread_of_a_session_ends_when_it_is_closed() -> None:
    name = "oracle o"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await met(f"oracle://u:p@127.0.0.1:{silent.getsockname()[1]}/shop", seconds=0.2)
    await asyncio.to_thread(eventually, lambda: all(thread.name != name for thread in threading.enumerate()))


async def test_every_way_to_ask_meets_the_same_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    collector = open_oracle(Target(TargetId("o"), parse_location(f"oracle://u:p@127.0.0.1:{port}/shop")), SystemClock())
    session = OracleSession(Target(TargetId("o"), parse_location(f"oracle://u:p@127.0.0.1:{port}/shop")), SystemClock(), {})
    for ask in (
        lambda: collector.collect(Tier.HOT, NOTHING),
        lambda: collector.explain("SELECT 1 FROM dual"),
        lambda: session.run("SELECT 1 FROM dual", (), Limits(seconds=2)),
        lambda: session.cancel(Session("1,2"), 2),
    ):
        with pytest.raises(TargetError, match="nothing listens"):
            await ask()
    await collector.close()
    await session.close()


async def test_a_net_service_name_is_looked_up_in_tnsnames(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    entry = f"SHOP = (DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={port}))(CONNECT_DATA=(SERVICE_NAME=shop)))\n"
    (tmp_path / "tnsnames.ora").write_text(entry)
    assert (await met("oracle://u:p@/SHOP", TNS_ADMIN=str(tmp_path))).reason is FailureCode.REFUSED
    missing = await met("oracle://u:p@/OTHER", TNS_ADMIN=str(tmp_path))
    assert missing.reason is FailureCode.MISSING
    assert "OTHER is not known" in missing.message
    assert "TNS_ADMIN" in (await met("oracle://u:p@/OTHER")).hint


@pytest.mark.parametrize(
    "options",
    [
        *(f"mode={mode}" for mode in ("sysdba", "sysoper", "sysbackup", "sysdg", "syskm", "sysrac", "SYSDBA")),
        "proxy_user=SHOP",
        "edition=E1",
    ],
)
async def test_the_driver_takes_every_option(options: str) -> None:
    async with answering(refusal(12514)) as port:
        assert "no service shop" in (await met(f"oracle://u:p@127.0.0.1:{port}/shop?{options}")).message


async def test_a_certificate_from_an_issuer_that_is_not_known_is_refused(tmp_path: Path) -> None:
    certificate = issuer(tmp_path, "ours").issue("localhost", names="DNS:localhost,IP:127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    async with answering(refusal(12514), context) as port:
        error = await met(f"oracle://u:p@127.0.0.1:{port}/shop?protocol=tcps")
        assert error.reason is FailureCode.REFUSED
        assert "TLS with 127.0.0.1" in error.message
        unchecked = await met(f"oracle://u:p@127.0.0.1:{port}/shop", TlsPolicy.REQUIRE)
        assert "no service shop" in unchecked.message, "encrypted and not checked, as the policy says"


async def test_nonsense_behind_tls_is_told_by_its_first_bytes_too(tmp_path: Path) -> None:
    certificate = issuer(tmp_path, "ours").issue("localhost", names="DNS:localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    async with answering(bytes(64), context) as port:
        error = await met(f"oracle://u:p@127.0.0.1:{port}/shop", TlsPolicy.REQUIRE)
    assert r"begins with \x00" in error.message


def run_without(module: str, code: str) -> str:
    """What a program of ours prints where a module is not installed."""
    prepared = f"import sys; sys.modules[{module!r}] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", prepared], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def test_without_the_driver_the_extra_is_named() -> None:
    code = """
import asyncio
from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId, Tier
from collectors.registry import open_collector

async def main():
    collector = open_collector(Target(TargetId("o"), parse_location("oracle://u:p@127.0.0.1:1/shop")), SystemClock())
    try:
        await collector.collect(Tier.HOT, frozenset())
    except TargetError as error:
        print(error.reason, error.message, error.hint, sep="|")
    await collector.close()

asyncio.run(main())
"""
    told = "unsupported|Oracle needs the driver oracledb, which is not installed|pip install 'aishell-tui[oracle]'\n"
    assert run_without("oracledb", code) == told


def test_the_driver_is_loaded_only_when_a_server_is_to_be_read() -> None:
    code = "import collectors.oracle.collector; print('oracledb' in [name for name, module in sys.modules.items() if module])"
    assert run_without("none_of_ours", code) == "False\n"


async def test_a_url_without_a_password_says_where_to_write_one() -> None:
    error = await met("oracle://127.0.0.1:1/shop")
    assert error.reason is FailureCode.AUTHENTICATION
    assert "password: {env: NAME}" in error.hint
