"""The driver for MySQL comes without what few connections need, and gets that when one does."""

from __future__ import annotations

import subprocess
import sys

import pytest

_KEYS = """
import sys
from aishell_core.engines import mysql_connection
from pymysql import _auth
assert not any(name.partition(".")[0] == "cryptography" for name in sys.modules), "it was loaded at once"
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
salt = bytes(range(1, 21))
secret = _auth.sha2_rsa_encrypt(b"s3cret", salt, public)
mixed = key.decrypt(secret, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
print(bytes(one ^ salt[place % 20] for place, one in enumerate(mixed)).rstrip(b"\\0").decode())
"""


def test_a_password_is_encrypted_with_the_servers_key_by_what_is_loaded_only_then() -> None:
    pytest.importorskip("cryptography")
    done = subprocess.run([sys.executable, "-c", _KEYS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("s3cret\n", 0), done.stderr
