"""The driver for MySQL and MariaDB, without 8 MiB of cryptography that it would load at once and that few connections need.

They are needed for one thing alone: a password that is sent without TLS to a server that wants it encrypted with its own key.
They are loaded then.
"""

from __future__ import annotations

import importlib
import sys

_KEPT_AWAY = "cryptography" not in sys.modules
if _KEPT_AWAY:
    sys.modules["cryptography"] = None  # type: ignore[assignment]
try:
    import aiomysql
    from pymysql import _auth
    from pymysql.constants import CLIENT, CR, FIELD_TYPE
    from pymysql.err import MySQLError
    from pymysql.protocol import FieldDescriptorPacket, MysqlPacket
finally:
    if _KEPT_AWAY:
        del sys.modules["cryptography"]


def _encrypted_password(password: bytes, salt: bytes, public_key: bytes) -> bytes:
    """A password as only the server can read it; the driver's module, loaded again, brings its own way of doing that."""
    importlib.reload(_auth)
    found: bytes = _auth.sha2_rsa_encrypt(password, salt, public_key)
    return found


if _KEPT_AWAY:
    _auth.sha2_rsa_encrypt = _encrypted_password

__all__ = ["CLIENT", "CR", "FIELD_TYPE", "FieldDescriptorPacket", "MySQLError", "MysqlPacket", "aiomysql"]
