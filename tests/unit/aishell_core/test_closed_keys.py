"""A private key with a passphrase is refused before OpenSSL could ask the terminal for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.engines import mongodb_place, mysql_place, redis_place
from aishell_core.errors import TargetError
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from tests.servers.certificates import closed_key, issuer


def _find(url: str) -> object:
    target = Target(TargetId("t"), parse_location(url))
    if target.engine == "mongodb":
        return mongodb_place.find_place(target)
    return redis_place.find_place(target, {}) if target.engine == "redis" else mysql_place.find_place(target, {"HOME": "/nowhere"})


@pytest.mark.parametrize(
    "url",
    [
        "mysql://h/?ssl-cert={certificate}&ssl-key={key}",
        "rediss://h/0?ssl_certfile={certificate}&ssl_keyfile={key}",
        "mongodb://h/?tlsCertificateKeyFile={key}",
    ],
)
def test_an_encrypted_private_key_is_refused(url: str, tmp_path: Path) -> None:
    mine = issuer(tmp_path, "good").issue("mine")
    closed = closed_key(mine.key, tmp_path / "closed.key", "a word")
    _find(url.format(certificate=mine.certificate, key=mine.key))
    with pytest.raises(TargetError, match="is encrypted, and no passphrase was given") as caught:
        _find(url.format(certificate=mine.certificate, key=closed))
    assert "openssl pkey" in caught.value.hint
