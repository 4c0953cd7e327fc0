"""Ways into real MySQL and MariaDB servers: URL, option files, login path, socket, TLS, methods of logging in, and deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from aishell_core.engines.mysql import Lane
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, TargetId
from tests.servers.certificates import issuer
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import asking, refusal, until, value
from tests.servers.ports import free_port

ODD_PASSWORD = "p@ss/wörd:#?"


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param, settings={"max-connections": "40"}) as running:
        running.execute(
            "CREATE DATABASE shop", f"CREATE USER watcher@'%' IDENTIFIED BY '{ODD_PASSWORD}'", "GRANT SELECT ON shop.* TO watcher@'%'"
        )
        yield running


def at(url: str, *, tls: TlsPolicy = TlsPolicy.PREFER) -> Target:
    return Target(TargetId("my"), parse_location(url), tls=tls)


async def test_the_server_says_what_it_is_and_the_same_start_each_time(server: MysqlServer) -> None:
    async with asking(server.target(database="shop")) as session:
        facts = await session.facts()
        slow = await session.facts(Lane.SLOW)
    assert facts.mariadb is server.mariadb
    assert facts.version.startswith("10.11." if server.mariadb else "8.0.")
    assert facts.version_num // 100 == (1011 if server.mariadb else 800)
    assert facts.account == "root@127.0.0.1"
    assert facts.database == "shop"
    assert facts.max_connections == 40
    assert facts.started_at == slow.started_at
    assert facts.connection_id != slow.connection_id


async def test_our_connection_can_neither_write_nor_wait_long_and_leaves_no_transaction(server: MysqlServer) -> None:
    async with asking(server.target()) as session:
        error = await refusal(value(session, "CREATE TABLE shop.t (id int)"))
        assert error.reason is FailureCode.UNSUPPORTED
        assert (
            await value(session, "SELECT CONCAT(@@lock_wait_timeout, @@innodb_lock_wait_timeout, @@autocommit + 0, @@sql_mode) AS v")
            == "111"
        )
        own = (await session.facts()).connection_id
        assert server.execute(f"SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = {own}") == [(0,)]


async def test_a_question_is_ended_by_the_server_and_the_connection_stays(server: MysqlServer) -> None:
    slow = "SELECT COUNT(*) AS n FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c"
    async with asking(server.target()) as session:
        before = (await session.facts()).connection_id
        error = await refusal(value(session, slow, seconds=3.0))
        assert error.reason is FailureCode.TIMEOUT

        async def same() -> bool:
            return bool(await value(session, "SELECT CONNECTION_ID() AS id", seconds=20.0) == before)

        assert await until(same)


async def test_a_password_with_any_sign_comes_from_the_url_a_file_or_the_environment(server: MysqlServer, tmp_path: Path) -> None:
    question = "SELECT CURRENT_USER() AS account"
    async with asking(server.target(user="watcher", password=ODD_PASSWORD)) as session:
        assert await value(session, question) == "watcher@%"
    async with asking(server.target(user="watcher"), {"MYSQL_PWD": ODD_PASSWORD}) as session:
        assert await value(session, question) == "watcher@%"
    (tmp_path / ".my.cnf").write_text(f"[client]\nuser = watcher\npassword = '{ODD_PASSWORD}'\nhost = 127.0.0.1\nport = {server.port}\n")
    async with asking(at("mysql:///shop"), {"HOME": str(tmp_path)}) as session:
        assert await value(session, question) == "watcher@%"
        assert await value(session, "SELECT DATABASE() AS name") == "shop"
    error = await refusal(_facts(server.target(user="watcher", password="wrong")))
    assert error.reason is FailureCode.AUTHENTICATION
    assert "wrong" not in error.message
    assert "MYSQL_PWD" in error.hint


async def _facts(target: Target, environ: dict[str, str] | None = None) -> object:
    async with asking(target, environ) as session:
        return await session.facts()


def _veiled(text: str) -> bytes:
    """A file of login paths as mysql_config_editor writes it."""
    key = bytes(range(20))
    folded = bytearray(16)
    for place, byte in enumerate(key):
        folded[place % 16] ^= byte
    written = bytearray(bytes(4) + key)
    for line in text.splitlines(keepends=True):
        padding = 16 - len(line.encode()) % 16
        cipher = Cipher(algorithms.AES(bytes(folded)), modes.ECB()).encryptor()
        piece = cipher.update(line.encode() + bytes([padding]) * padding) + cipher.finalize()
        written += struct.pack("<i", len(piece)) + piece
    return bytes(written)


async def test_a_login_path_says_user_password_host_and_port(server: MysqlServer, tmp_path: Path) -> None:
    file = tmp_path / "login.cnf"
    file.write_bytes(_veiled(f'[shop]\nuser = "watcher"\npassword = "{ODD_PASSWORD}"\nhost = "127.0.0.1"\nport = "{server.port}"\n'))
    file.chmod(0o600)
    environ = {"MYSQL_TEST_LOGIN_FILE": str(file)}
    async with asking(at("mysql:///?login-path=shop"), environ) as session:
        assert await value(session, "SELECT CURRENT_USER() AS account") == "watcher@%"
    error = await refusal(_facts(at("mysql:///?login-path=none"), environ))
    assert error.reason is FailureCode.MISSING
    assert "mysql_config_editor" in error.hint


async def test_a_unix_socket_is_a_way_too(server: MysqlServer) -> None:
    for url in (f"mysql://root@localhost/?socket={server.socket}", f"mariadb://root@{str(server.socket).replace('/', '%2F')}/"):
        async with asking(at(url)) as session:
            facts = await session.facts()
        assert facts.address == str(server.socket)
        assert facts.local
        assert not facts.encrypted


async def test_where_nothing_listens_and_where_no_database_is_are_told_apart(server: MysqlServer, tmp_path: Path) -> None:
    error = await refusal(_facts(at(f"mysql://root@127.0.0.1:{free_port()}/")))
    assert error.reason is FailureCode.REFUSED
    assert "nothing listens" in error.message
    error = await refusal(_facts(at(f"mysql://root@localhost/?socket={tmp_path / 'none'}")))
    assert error.reason is FailureCode.REFUSED
    error = await refusal(_facts(server.target(database="nowhere")))
    assert error.reason is FailureCode.MISSING
    assert "nowhere" in error.message
    error = await refusal(_facts(server.target(options="ssl-mod=required")))
    assert error.reason is FailureCode.UNSUPPORTED
    assert error.hint == "did you mean ssl-mode?"


async def test_the_grant_that_is_named_lets_an_account_into_its_database_and_no_other(server: MysqlServer) -> None:
    server.execute("CREATE DATABASE shop_1", "CREATE DATABASE shopx1", "CREATE USER stranger@'%' IDENTIFIED BY 'pw'")
    error = await refusal(_facts(server.target(user="stranger", password="pw", database="shop_1")))
    assert error.reason is FailureCode.PRIVILEGE
    assert error.hint.startswith("GRANT SELECT ON `shop\\_1`.* TO ")
    server.execute(error.hint)
    assert await _facts(server.target(user="stranger", password="pw", database="shop_1"))
    assert (await refusal(_facts(server.target(user="stranger", password="pw", database="shopx1")))).reason is FailureCode.PRIVILEGE


async def test_of_several_servers_the_first_that_answers_is_used(server: MysqlServer) -> None:
    async with asking(at(f"mysql://root@127.0.0.1:{free_port()},127.0.0.1:{server.port}/")) as session:
        assert await value(session, "SELECT 1 AS one") == 1


async def test_a_server_of_another_kind_is_no_crash() -> None:
    left = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x05\x00\x00\x00HELLO")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        error = await refusal(_facts(at(f"mysql://root@127.0.0.1:{port}/")))
        await asyncio.wait_for(left.wait(), 20.0)
    assert error.reason is FailureCode.REFUSED
    assert error.hint


async def test_an_account_whose_method_is_missing_is_told_which_one_is_not() -> None:
    settings = {"plugin-dir": "/usr/lib/mysql/plugin", "plugin-load-add": "auth_ed25519"}
    with mysql(MARIADB, settings=settings) as server:
        server.execute("CREATE USER curve@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
        error = await refusal(_facts(server.target(user="curve", password="secret")))
    assert error.reason is FailureCode.AUTHENTICATION
    assert "client_ed25519" in error.message
    assert "mysql_native_password" in error.hint


async def test_tls_is_used_and_checked_as_far_as_it_is_asked_for(tmp_path: Path) -> None:
    good, other = issuer(tmp_path, "good"), issuer(tmp_path, "other")
    certificate = good.issue("server", names="DNS:localhost,IP:127.0.0.1")
    settings = {"ssl-cert": str(certificate.certificate), "ssl-key": str(certificate.key), "ssl-ca": str(good.own.certificate)}
    with mysql(MARIADB, settings=settings) as server:
        trusted, strange = f"ssl-ca={good.own.certificate}", f"ssl-ca={other.own.certificate}"
        for options in ("", "ssl-mode=required", f"ssl-mode=verify_ca&{trusted}", f"ssl-mode=verify_identity&{trusted}", trusted):
            async with asking(server.target(options=options)) as session:
                assert (await session.facts()).encrypted, options
                assert await value(
                    session, "SELECT VARIABLE_VALUE AS v FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"
                )
        async with asking(server.target(options="ssl-mode=disabled")) as session:
            assert not (await session.facts()).encrypted
        for options in (f"ssl-mode=verify_ca&{strange}", f"ssl-mode=verify_identity&{strange}", "ssl-mode=verify_identity"):
            error = await refusal(_facts(server.target(options=options)))
            assert error.reason is FailureCode.REFUSED
            assert "issuer" in error.message
        for policy in (TlsPolicy.OFF, TlsPolicy.REQUIRE):
            error = await refusal(_facts(at(server.url(options=strange), tls=policy)))
            assert "issuer" in error.message, "what the URL asks for holds"
        async with asking(at(server.url(options=trusted), tls=TlsPolicy.VERIFY_FULL)) as session:
            assert (await session.facts()).encrypted


async def test_a_certificate_of_another_name_is_refused_only_where_names_are_checked(tmp_path: Path) -> None:
    good = issuer(tmp_path, "good")
    certificate = good.issue("elsewhere", names="DNS:elsewhere.example")
    with mysql(MARIADB, settings={"ssl-cert": str(certificate.certificate), "ssl-key": str(certificate.key)}) as server:
        options = f"ssl-mode={{}}&ssl-ca={good.own.certificate}"
        error = await refusal(_facts(server.target(options=options.format("verify_identity"))))
        assert "another host name" in error.message
        async with asking(server.target(options=options.format("verify_ca"))) as session:
            assert (await session.facts()).encrypted


async def test_a_client_certificate_that_is_of_no_use_is_an_error_and_leaves_nothing_behind(server: MysqlServer, tmp_path: Path) -> None:
    good = issuer(tmp_path, "good")
    mine, other = good.issue("mine"), good.issue("other")
    for options in (f"ssl-cert={mine.certificate}&ssl-key={other.key}", f"ssl-cert={mine.certificate}"):
        error = await refusal(_facts(server.target(options=options)))
        assert error.reason is FailureCode.REFUSED
        # An exception in what the collector throws away fails the test.
        gc.collect()


async def test_a_client_certificate_that_the_server_refuses_is_told_as_that(tmp_path: Path) -> None:
    """Also with TLS 1.3, whose clients go on before the server has looked at it, and may be cut off before they hear why."""
    good, other = issuer(tmp_path, "good"), issuer(tmp_path, "other")
    own, mine, foreign = good.issue("server", names="DNS:localhost"), good.issue("mine"), other.issue("foreign")
    expired = good.issue("expired", days=-1)
    settings = {"ssl-cert": str(own.certificate), "ssl-key": str(own.key), "ssl-ca": str(good.own.certificate)}
    for versions in ("TLSv1.2", "TLSv1.3"):
        with mysql(MARIADB, settings={**settings, "tls-version": versions}) as server:
            async with asking(server.target(options=f"ssl-cert={mine.certificate}&ssl-key={mine.key}")) as session:
                assert (await session.facts()).encrypted
            for shown in (foreign, expired):
                error = await refusal(_facts(server.target(options=f"ssl-cert={shown.certificate}&ssl-key={shown.key}")))
                assert "the client certificate" in error.message
                assert "issuer" in error.hint
                assert "next try" not in error.hint


async def test_a_server_without_tls_gets_no_password_where_tls_is_required() -> None:
    with mysql(MARIADB) as server:
        error = await refusal(_facts(server.target(password="secret", options="ssl-mode=required")))
        assert error.reason is FailureCode.REFUSED
        assert "offers no TLS" in error.message
        error = await refusal(_facts(at(server.url(), tls=TlsPolicy.REQUIRE)))
        assert "offers no TLS" in error.message


async def test_mysqls_own_method_works_with_tls_and_is_refused_in_the_clear_where_the_key_is_not_known(server: MysqlServer) -> None:
    if server.mariadb:
        server.execute("CREATE USER IF NOT EXISTS native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')")
        async with asking(server.target(user="native", password="secret", options="ssl-mode=disabled")) as session:
            assert await value(session, "SELECT 1 AS one") == 1
        return
    server.execute("CREATE USER IF NOT EXISTS sha@'%' IDENTIFIED WITH caching_sha2_password BY 'secret'", "FLUSH PRIVILEGES")
    error = await refusal(_facts(server.target(user="sha", password="secret", options="ssl-mode=disabled")))
    assert error.reason is FailureCode.AUTHENTICATION
    assert error.message.startswith("the password of user sha was not sent: without TLS")
    assert "get-server-public-key" in error.message
    assert error.hint == "use TLS: ?ssl-mode=required in the URL"
    async with asking(server.target(user="sha", password="secret", options="ssl-mode=disabled&get-server-public-key=1")) as session:
        assert await value(session, "SELECT 1 AS one") == 1
    async with asking(server.target(user="sha", password="secret", options="ssl-mode=required")) as session:
        assert (await session.facts()).encrypted
