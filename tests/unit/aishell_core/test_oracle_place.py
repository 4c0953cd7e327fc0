"""Where an Oracle database is: URLs, net service names, TLS, and what a URL may not say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from aishell_core.engines.oracle_errors import OracleError
from aishell_core.engines.oracle_place import Place, Trust, find_place
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId


def place(url: str, environ: Mapping[str, str] | None = None, tls: TlsPolicy = TlsPolicy.PREFER) -> Place:
    return find_place(Target(TargetId("a"), parse_location(url), tls=tls), environ or {})


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("oracle://u@h/shop.example", "(HOST=h)(PORT=1521)))(CONNECT_DATA=(SERVICE_NAME=shop.example))"),
        ("oracle://u@h:1522?sid=ORCL", "(PORT=1522)))(CONNECT_DATA=(SID=ORCL))"),
        ("oracle://u@a,b:1600/s", "(HOST=a)(PORT=1521))(ADDRESS=(PROTOCOL=tcp)(HOST=b)(PORT=1600))"),
        ("oracle://u@h/s?protocol=tcps", "(PROTOCOL=tcps)(HOST=h)"),
        ("oracle://u@[::1]/s", "(HOST=::1)(PORT=1521)"),
        ("oracle://u@h/s?server_type=dedicated", "(SERVICE_NAME=s)(SERVER=dedicated)"),
    ],
)
def test_a_url_becomes_a_connect_descriptor(url: str, part: str) -> None:
    assert part in place(url).dsn


def test_a_url_without_a_host_is_a_net_service_name() -> None:
    found = place("oracle://u@/SHOP", {"TNS_ADMIN": "/etc/oracle"})
    assert (found.dsn, found.config_dir, found.by_alias) == ("SHOP", "/etc/oracle", True)


def test_two_task_stands_in_for_a_name_that_the_url_does_not_say() -> None:
    assert place("oracle://u@/", {"TWO_TASK": "SHOP"}).dsn == "SHOP"
    with pytest.raises(OracleError, match="neither a host nor a net service name"):
        place("oracle://u@/")


@pytest.mark.parametrize(
    ("options", "policy", "trust"),
    [
        ("", TlsPolicy.PREFER, None),
        ("protocol=tcps", TlsPolicy.PREFER, Trust.NAME),
        ("wallet_location=/w", TlsPolicy.PREFER, Trust.NAME),
        ("protocol=tcps&ssl_server_dn_match=off", TlsPolicy.PREFER, Trust.ISSUER),
        ("", TlsPolicy.REQUIRE, Trust.NONE),
        ("", TlsPolicy.VERIFY_CA, Trust.ISSUER),
        ("ssl_server_dn_match=off", TlsPolicy.VERIFY_FULL, Trust.NAME),
    ],
)
def test_how_far_tls_checks_the_server(options: str, policy: TlsPolicy, trust: Trust | None) -> None:
    assert place(f"oracle://u@h/s?{options}", tls=policy).trust is trust


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("walet_location=/w", "no option 'walet_location'", "did you mean wallet_location?"),
        ("mode=sysdb", "mode of the URL cannot be 'sysdb'", "did you mean sysdba?"),
        ("diagnostics_pack=yes", "cannot be 'yes'", "licensed"),
        ("sid=a)(b", "cannot be the name of a sid", "oracle://user@host"),
    ],
)
def test_what_a_url_may_not_say_is_named_with_the_nearest(options: str, message: str, hint: str) -> None:
    with pytest.raises(OracleError) as caught:
        place(f"oracle://u@h/s?{options}")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_pack_counts_as_licensed_only_where_the_url_says_so() -> None:
    assert not place("oracle://u@h/s").licensed
    assert place("oracle://u@h/s?diagnostics_pack=licensed").licensed


def test_no_secret_is_shown() -> None:
    found = place("oracle://u:hush@h/s?wallet_location=/w&wallet_password=hush2")
    assert "hush" not in repr(found)
    assert found.wallet_password is not None
    assert found.wallet_password.reveal() == "hush2"
    location = parse_location("oracle://u:hush@h/s?wallet_password=hush2")
    assert "hush" not in location.redacted() + repr(location)


def test_whose_tables_are_meant_stands_in_the_url() -> None:
    assert place("oracle://u@h/s").schema == ""
    assert place("oracle://u@h/s?schema=SHOP").schema == "SHOP"
    with pytest.raises(OracleError, match="no option 'shema'") as caught:
        place("oracle://u@h/s?shema=SHOP")
    assert caught.value.hint == "did you mean schema?"
