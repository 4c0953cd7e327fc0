"""What the URL of a Redis may say: nothing of it is lost without a word."""

from __future__ import annotations

import pytest

from aishell_core.engines.redis_place import find_place
from aishell_core.errors import TargetError
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("sentinal=queue", "the URL holds the unknown option 'sentinal'", "did you mean sentinel?"),
        ("zzzzz=1", "the URL holds the unknown option 'zzzzz'", "leave it out"),
        ("ssl_cert_reqs=bogus", "ssl_cert_reqs is 'bogus'", "valid: none, optional, required"),
    ],
)
def test_an_option_that_says_nothing_is_refused_with_the_nearest_that_does(option: str, message: str, hint: str) -> None:
    with pytest.raises(TargetError) as caught:
        find_place(Target(TargetId("cache"), parse_location(f"redis://h/0?{option}")), {})
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_what_other_clients_read_there_is_passed_over() -> None:
    url = "redis://h/1?socket_timeout=5&max_connections=3&decode_responses=true&protocol=3&password=x"
    place = find_place(Target(TargetId("cache"), parse_location(url)), {})
    assert (place.address, place.database, place.protocol) == ("h:6379", 1, 3)


@pytest.mark.parametrize(
    ("options", "policy", "checks"),
    [
        ("", TlsPolicy.PREFER, (True, True)),
        ("", TlsPolicy.REQUIRE, (False, False)),
        ("", TlsPolicy.VERIFY_CA, (True, False)),
        ("ssl_cert_reqs=none", TlsPolicy.PREFER, (False, False)),
        ("ssl_cert_reqs=none", TlsPolicy.VERIFY_CA, (True, False)),
        ("ssl_cert_reqs=none", TlsPolicy.VERIFY_FULL, (True, True)),
        ("ssl_check_hostname=false", TlsPolicy.PREFER, (True, False)),
        ("ssl_check_hostname=false", TlsPolicy.VERIFY_FULL, (True, True)),
        ("ssl_check_hostname=true", TlsPolicy.VERIFY_CA, (True, True)),
        ("ssl_cert_reqs=required", TlsPolicy.REQUIRE, (True, True)),
        (f"ssl_ca_certs={__file__}", TlsPolicy.REQUIRE, (True, False)),
        (f"ssl_ca_certs={__file__}&ssl_check_hostname=true", TlsPolicy.REQUIRE, (True, True)),
    ],
)
def test_of_what_url_and_policy_demand_the_stricter_holds(options: str, policy: TlsPolicy, checks: tuple[bool, bool]) -> None:
    found = find_place(Target(TargetId("cache"), parse_location(f"rediss://h/0?{options}"), tls=policy), {}).encryption
    assert found is not None
    assert (found.checks_issuer, found.checks_name) == checks
