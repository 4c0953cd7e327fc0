"""TLS with a real PostgreSQL: modes, issuers, names, client certificates, and what is said when they do not fit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aishell_core.targets import TlsPolicy
from aishell_core.values import FailureCode
from tests.servers.certificates import Issuer, closed_key, for_server, issuer
from tests.servers.postgres import PostgresServer, own_folder, postgres, write_as_server
from tests.servers.postgres_session import asking, at, refusal, value

_HBA = """
hostssl all needs_certificate 127.0.0.1/32 cert
hostssl all needs_tls 127.0.0.1/32 trust
hostnossl all needs_plain 127.0.0.1/32 trust
host all postgres,anybody 127.0.0.1/32 trust
local all all trust
"""
_TRIES = 10
_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Secured:
    server: PostgresServer
    trusted: Issuer
    other: Issuer

    def url(self, options: str, user: str = "postgres", host: str = "localhost") -> str:
        return f"postgresql://{user}@{host}:{self.server.port}/postgres?{options}"

    @property
    def root(self) -> str:
        return f"sslrootcert={self.trusted.own.certificate}"


@pytest.fixture(scope="module", params=["15", "18-contrib"])  # the embedded builds of 16 and 18 have no TLS
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    trusted, other = issuer(folder, "trusted"), issuer(folder, "other")
    place = own_folder("pgtls-")
    settings = for_server(trusted.issue("localhost", names="DNS:localhost"), place)
    write_as_server(place / "root.crt", trusted.own.certificate.read_text())
    try:
        with postgres(request.param, statements=False, settings={**settings, "ssl_ca_file": str(place / "root.crt")}, hba=_HBA) as server:
            for role in ("needs_certificate", "needs_tls", "needs_plain", "anybody"):
                server.execute(f"CREATE ROLE {role} LOGIN")
            yield Secured(server, trusted, other)
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize(
    ("options", "encrypted"),
    [
        ("sslmode=disable", False),
        ("sslmode=allow", False),
        ("", True),
        ("sslmode=prefer", True),
        ("sslmode=require", True),
        ("sslmode=verify-ca&{root}", True),
        ("sslmode=verify-full&{root}", True),
        ("sslmode=require&ssl_min_protocol_version=TLSv1.3", True),
    ],
)
async def test_a_mode_encrypts_or_not(secured: Secured, options: str, encrypted: bool) -> None:
    async with asking(at(secured.url(options.format(root=secured.root)))) as session:
        assert await value(session, _ENCRYPTED) is encrypted
        assert not (await session.facts()).pooled


async def test_verification_checks_issuer_and_name(secured: Secured) -> None:
    wrong = f"sslrootcert={secured.other.own.certificate}"
    for mode in ("verify-ca", "verify-full"):
        async with asking(at(secured.url(f"sslmode={mode}&{wrong}"))) as session:
            error = await refusal(session.facts())
            assert error.reason is FailureCode.REFUSED
            assert "issuer that is not known" in error.message
            assert "sslrootcert" in error.hint
    async with asking(at(secured.url(f"sslmode=verify-full&{secured.root}", host="127.0.0.1"))) as session:
        error = await refusal(session.facts())
        assert "does not have this address in its subjectAltName" in error.message
        assert "verify-ca" in error.hint
    async with asking(at(secured.url(f"sslmode=verify-ca&{secured.root}", host="127.0.0.1"))) as session:
        assert await value(session, _ENCRYPTED) is True


async def test_an_address_must_stand_in_the_subject_alternative_name(tmp_path: Path) -> None:
    """As its CN alone it does not count, which is stricter than psql; a name counts as either."""
    signer, place = issuer(tmp_path, "signer"), own_folder("pgtls-")
    root = f"sslmode=verify-full&sslrootcert={signer.own.certificate}"
    made = (("127.0.0.1", "", False), ("127.0.0.1", "IP:127.0.0.1", True), ("localhost", "", True))
    try:
        for subject, names, fits in made:
            shown = for_server(signer.issue(subject, names=names), place)
            with postgres("15", statements=False, settings=shown, hba=_HBA) as server:
                async with asking(at(f"postgresql://postgres@{subject}:{server.port}/postgres?{root}")) as session:
                    if fits:
                        assert await value(session, _ENCRYPTED) is True
                    else:
                        assert "does not have this address in its subjectAltName" in (await refusal(session.facts())).message
    finally:
        shutil.rmtree(place)


async def test_a_name_beside_an_address_is_what_the_certificate_must_be_made_for(secured: Secured) -> None:
    for mode, root in (("verify-full", secured.root), ("verify-ca", secured.root), ("require", "")):
        async with asking(at(secured.url(f"hostaddr=127.0.0.1&sslmode={mode}&{root}"))) as session:
            assert await value(session, _ENCRYPTED) is True
    # The name that is asked for is not in the certificate, although the server is the same.
    async with asking(at(secured.url(f"hostaddr=127.0.0.1&sslmode=verify-full&{secured.root}", host="db.example"))) as session:
        assert "another host name" in (await refusal(session.facts())).message
    wrong = f"sslrootcert={secured.other.own.certificate}"
    async with asking(at(secured.url(f"hostaddr=127.0.0.1&sslmode=verify-full&{wrong}"))) as session:
        assert "issuer that is not known" in (await refusal(session.facts())).message
    mine = secured.trusted.issue("needs_certificate")
    options = f"hostaddr=127.0.0.1&sslmode=verify-full&{secured.root}&sslcert={mine.certificate}&sslkey={mine.key}"
    async with asking(at(secured.url(options, user="needs_certificate"))) as session:
        assert await value(session, "SELECT current_user::text") == "needs_certificate"


async def test_without_a_file_of_issuers_those_of_the_machine_decide(secured: Secured) -> None:
    async with asking(at(secured.url("sslmode=verify-full"))) as session:
        assert "issuer that is not known" in (await refusal(session.facts())).message
    async with asking(at(secured.url("sslmode=verify-full&sslrootcert=system"))) as session:
        assert "issuer that is not known" in (await refusal(session.facts())).message
    async with asking(at(secured.url("sslmode=verify-ca"))) as session:
        error = await refusal(session.facts())
        assert "sslrootcert" in error.hint


async def test_the_file_of_issuers_may_be_in_the_home_folder(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / ".postgresql").mkdir()
    shutil.copy(secured.trusted.own.certificate, tmp_path / ".postgresql" / "root.crt")
    async with asking(at(secured.url("sslmode=verify-full")), {"HOME": str(tmp_path)}) as session:
        assert await value(session, _ENCRYPTED) is True
    shutil.copy(secured.other.own.certificate, tmp_path / ".postgresql" / "root.crt")
    async with asking(at(secured.url("sslmode=require")), {"HOME": str(tmp_path)}) as session:
        assert "issuer that is not known" in (await refusal(session.facts())).message


async def test_the_policy_of_the_target_holds_where_the_url_says_nothing_or_less(secured: Secured) -> None:
    async with asking(at(secured.url(""), tls=TlsPolicy.OFF)) as session:
        assert await value(session, _ENCRYPTED) is False
    async with asking(at(secured.url(secured.root), tls=TlsPolicy.VERIFY_FULL)) as session:
        assert await value(session, _ENCRYPTED) is True
    async with asking(at(secured.url(secured.root, host="127.0.0.1"), tls=TlsPolicy.VERIFY_FULL)) as session:
        assert "does not have this address" in (await refusal(session.facts())).message
    async with asking(at(secured.url("sslmode=disable"), tls=TlsPolicy.REQUIRE)) as session:
        assert await value(session, _ENCRYPTED) is True
    async with asking(at(secured.url("")), {"PGSSLMODE": "disable"}) as session:
        assert await value(session, _ENCRYPTED) is False
    async with asking(at(secured.url(""), tls=TlsPolicy.REQUIRE), {"PGSSLMODE": "disable"}) as session:
        assert await value(session, _ENCRYPTED) is True


async def _refused_certificate(secured: Secured, options: str) -> str:
    """What is said where the server's words were not lost with the connection, which happens; that the next try helps is never said."""
    for _ in range(_TRIES):
        async with asking(at(secured.url(options, user="needs_certificate"))) as session:
            error = await refusal(session.facts())
        assert "try" not in error.hint
        if error.reason is FailureCode.AUTHENTICATION:
            assert "ssl_ca_file" in error.hint
            return error.message
        assert "reset when the client certificate had been shown" in error.message
        assert "its log says why" in error.hint
    raise AssertionError(error.message)


async def test_a_certificate_of_ours_is_shown_where_it_is_wanted(secured: Secured) -> None:
    mine, foreign = secured.trusted.issue("needs_certificate"), secured.other.issue("needs_certificate")
    async with asking(at(secured.url(f"sslcert={mine.certificate}&sslkey={mine.key}", user="needs_certificate"))) as session:
        assert await value(session, "SELECT current_user::text") == "needs_certificate"
    async with asking(at(secured.url("sslmode=require", user="needs_certificate"))) as session:
        error = await refusal(session.facts())
        assert error.reason is FailureCode.AUTHENTICATION
        assert "sslcert" in error.hint
    said = await _refused_certificate(secured, f"sslmode=require&sslcert={foreign.certificate}&sslkey={foreign.key}")
    assert said == f"localhost:{secured.server.port} does not accept the client certificate: unknown ca"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_a_certificate_of_ours_that_has_expired_is_told(secured: Secured, version: str) -> None:
    mine = secured.trusted.issue("needs_certificate", days=-1)
    options = f"sslmode=require&ssl_max_protocol_version={version}&sslcert={mine.certificate}&sslkey={mine.key}"
    said = await _refused_certificate(secured, options)
    assert said == f"localhost:{secured.server.port} does not accept the client certificate: certificate expired"


async def test_a_key_that_others_may_read_is_refused_where_tls_is_demanded(secured: Secured, tmp_path: Path) -> None:
    mine = secured.trusted.issue("needs_certificate")
    mine.key.chmod(0o644)
    for mode in ("require", "prefer"):
        options = f"sslmode={mode}&sslcert={mine.certificate}&sslkey={mine.key}"
        async with asking(at(secured.url(options, user="needs_certificate"))) as session:
            error = await refusal(session.facts())
        assert "others may read it" in error.message
        assert error.hint == f"chmod 600 {mine.key}"
    usual = tmp_path / ".postgresql"
    usual.mkdir()
    shutil.copy(mine.certificate, usual / "postgresql.crt")
    shutil.copy(mine.key, usual / "postgresql.key")
    (usual / "postgresql.key").chmod(0o644)
    home = {"HOME": str(tmp_path)}
    async with asking(at(secured.url("sslmode=require", user="needs_certificate")), home) as session:
        assert "others may read it" in (await refusal(session.facts())).message
    async with asking(at(secured.url("sslmode=disable")), home) as session:
        assert await value(session, _ENCRYPTED) is False
    (usual / "postgresql.key").chmod(0o600)
    async with asking(at(secured.url("sslmode=require", user="needs_certificate")), home) as session:
        assert await value(session, "SELECT current_user::text") == "needs_certificate"


async def test_a_certificate_that_cannot_be_used_is_refused_with_its_reason(secured: Secured, tmp_path: Path) -> None:
    mine, other = secured.trusted.issue("needs_certificate"), secured.trusted.issue("anybody")
    closed, odd = closed_key(mine.key, tmp_path / "closed.key", "a word"), tmp_path / "odd.key"
    odd.write_text("not a key\n")
    odd.chmod(0o600)
    for key, said in (
        (f"&sslkey={closed}", "is encrypted, and no passphrase was given"),
        (f"&sslkey={closed}&sslpassword=another", "the passphrase (sslpassword) does not open the private key"),
        (f"&sslkey={other.key}", "belongs to another certificate than"),
        (f"&sslkey={odd}", "are no certificate with its private key in PEM"),
        ("", "is there without its private key"),
    ):
        async with asking(at(secured.url(f"sslcert={mine.certificate}{key}", user="needs_certificate"))) as session:
            error = await refusal(session.facts())
        assert said in error.message
        assert "another" not in error.message.replace("another certificate", ""), "a passphrase is a secret"
    options = f"sslcert={mine.certificate}&sslkey={closed}&sslpassword=a%20word"
    async with asking(at(secured.url(options, user="needs_certificate"))) as session:
        assert await value(session, "SELECT current_user::text") == "needs_certificate"


async def test_a_server_that_wants_what_is_switched_off_is_named_with_what_to_do(secured: Secured) -> None:
    async with asking(at(secured.url("sslmode=disable", user="needs_tls"))) as session:
        error = await refusal(session.facts())
        assert error.reason is FailureCode.AUTHENTICATION
        assert "sslmode=require" in error.hint
    async with asking(at(secured.url("", user="needs_plain"))) as session:
        assert await value(session, _ENCRYPTED) is False
    async with asking(at(secured.url("sslmode=allow", user="needs_tls"))) as session:
        assert await value(session, _ENCRYPTED) is True


async def test_a_file_that_is_not_there_is_named(secured: Secured) -> None:
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        async with asking(at(secured.url(f"sslmode=require&{name}=/nowhere/{name}.pem"))) as session:
            error = await refusal(session.facts())
            assert f"{name} names /nowhere/{name}.pem" in error.message


async def test_a_file_that_is_no_certificate_is_an_error_in_words(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "odd.pem").write_text("not a certificate\n")
    async with asking(at(secured.url(f"sslmode=verify-ca&sslrootcert={tmp_path}/odd.pem"))) as session:
        error = await refusal(session.facts())
        assert "TLS with" in error.message


async def test_a_server_without_tls_is_told_apart() -> None:
    with postgres("15", statements=False) as server:
        for mode in ("require", "verify-full"):
            async with asking(at(f"{server.url()}?sslmode={mode}")) as session:
                error = await refusal(session.facts())
                assert error.reason is FailureCode.REFUSED
                assert "offers no TLS" in error.message
        async with asking(at(server.url())) as session:
            assert await value(session, _ENCRYPTED) is False


async def test_a_certificate_that_has_expired_is_told(tmp_path: Path) -> None:
    trusted, place = issuer(tmp_path, "trusted"), own_folder("pgtls-")
    try:
        with postgres(
            "15", statements=False, settings=for_server(trusted.issue("localhost", names="DNS:localhost", days=-1), place)
        ) as server:
            url = f"postgresql://postgres@localhost:{server.port}/postgres?sslmode=verify-ca&sslrootcert={trusted.own.certificate}"
            async with asking(at(url)) as session:
                assert "has expired" in (await refusal(session.facts())).message
    finally:
        shutil.rmtree(place)
