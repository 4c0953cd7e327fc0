"""Where a MongoDB is: several hosts, names behind which the resolver knows servers, TLS policies, options."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_place import Place, find_place
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId


def place(url: str, tls: TlsPolicy = TlsPolicy.PREFER) -> Place:
    return find_place(Target(TargetId("m"), parse_location(url), tls=tls))


def test_one_host_is_watched_for_itself_and_several_are_a_set() -> None:
    assert place("mongodb://db1").direct
    assert not place("mongodb://db1/?replicaSet=rs0").direct
    found = place("mongodb://db1:1,db2/shop?replicaSet=rs0")
    assert found.servers == ("db1:1", "db2:27017")
    assert not found.direct
    assert found.options["readPreference"] == "primaryPreferred"
    assert not place("mongodb://db1/?directConnection=false").direct


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("mongodb://", ("localhost:27017",)),
        ("mongodb://[::1]:5/x", ("[::1]:5",)),
        ("mongodb://%2Ftmp%2Fmongodb-27017.sock/x", ("%2Ftmp%2Fmongodb-27017.sock",)),
        ("mongodb+srv://shop.example.net/x", ("shop.example.net",)),
    ],
)
def test_each_way_to_write_a_server_is_understood(url: str, servers: tuple[str, ...]) -> None:
    assert place(url).servers == servers
    assert place(url).srv == url.startswith("mongodb+srv")


def test_the_user_is_looked_for_where_the_url_says() -> None:
    assert place("mongodb://u:p@h").source == "admin"
    assert place("mongodb://u:p@h/shop").source == "shop"
    assert place("mongodb://u:p@h/shop?authSource=admin").source == "admin"


def test_a_password_is_never_shown() -> None:
    assert "s3cret" not in repr(place("mongodb://u:s3cret@h/?tls=true"))


@pytest.mark.parametrize(
    ("policy", "url", "expected"),
    [
        (TlsPolicy.PREFER, "mongodb://h", {}),
        (TlsPolicy.PREFER, "mongodb://h/?tls=true", {"tls": True}),
        (TlsPolicy.PREFER, "mongodb://h/?ssl=true", {"tls": True}),
        (TlsPolicy.PREFER, "mongodb+srv://h.example.net", {"tls": True}),
        (TlsPolicy.OFF, "mongodb+srv://h.example.net", {"tls": False}),
        (TlsPolicy.REQUIRE, "mongodb://h", {"tls": True, "tlsInsecure": True}),
        (TlsPolicy.VERIFY_CA, "mongodb://h", {"tls": True, "tlsAllowInvalidHostnames": True}),
        (TlsPolicy.VERIFY_FULL, "mongodb://h", {"tls": True}),
        # Of both the stricter holds.
        (TlsPolicy.OFF, "mongodb://h/?tls=true", {"tls": True}),
        (TlsPolicy.OFF, "mongodb://h/?ssl=false", {"tls": False}),
        (TlsPolicy.REQUIRE, "mongodb://h/?tls=false", {"tls": True, "tlsInsecure": True}),
        (TlsPolicy.REQUIRE, "mongodb://h/?tlsAllowInvalidHostnames=true", {"tls": True, "tlsAllowInvalidHostnames": True}),
        (TlsPolicy.VERIFY_CA, "mongodb://h/?tlsInsecure=true", {"tls": True, "tlsAllowInvalidHostnames": True}),
        (TlsPolicy.VERIFY_CA, "mongodb://h/?tlsAllowInvalidHostnames=false", {"tls": True, "tlsAllowInvalidHostnames": False}),
        (TlsPolicy.VERIFY_FULL, "mongodb://h/?tls=true&tlsInsecure=true", {"tls": True}),
        (TlsPolicy.VERIFY_FULL, "mongodb://h/?tls=true&tlsAllowInvalidCertificates=true", {"tls": True}),
        (TlsPolicy.VERIFY_FULL, "mongodb://h/?tls=true&tlsAllowInvalidHostnames=true", {"tls": True}),
    ],
)
def test_a_policy_says_how_far_the_certificate_is_checked(policy: TlsPolicy, url: str, expected: dict[str, bool]) -> None:
    found = place(url, policy).options
    assert {name: value for name, value in found.items() if name.startswith("tls")} == expected


def test_a_file_of_issuers_means_tls_that_is_checked(tmp_path: Path) -> None:
    issuers = tmp_path / "ca.pem"
    issuers.write_text("")
    found = place(f"mongodb://h/?tlsCAFile={issuers}", TlsPolicy.REQUIRE).options
    assert found["tls"] is True
    assert "tlsInsecure" not in found


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("mongodb://h/?replicaSte=rs0", "replicaSte", "replicaSet"),
        ("mongodb://h/?tls=perhaps", "perhaps", "true or false"),
        ("mongodb://h/?tlsCAFile=/nowhere/ca.pem", "/nowhere/ca.pem", "PEM"),
    ],
)
def test_an_option_that_cannot_be_is_named_with_what_to_write(url: str, message: str, hint: str) -> None:
    with pytest.raises(MongoError) as caught:
        place(url)
    assert message in caught.value.message
    assert hint in caught.value.hint
