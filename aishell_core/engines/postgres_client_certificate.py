"""A certificate of our own that a PostgreSQL server may want to see: whether it and its key can be used, before anything is sent."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_OF_ROOT = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
"""What nobody else may do with a key of root's: its group may read it."""
_GIVE_BOTH = "give both by ?sslcert=FILE&sslkey=FILE"


def check_closed(key: Path) -> None:
    """Raise PostgresError for a private key that others may read, which every client refuses."""
    try:
        status = key.stat()
    except OSError:
        return
    if stat.S_ISREG(status.st_mode) and status.st_mode & (_OTHERS if status.st_uid else _OTHERS_OF_ROOT):
        raise PostgresError(FailureCode.MISSING, f"the private key {key} is not used, because others may read it", f"chmod 600 {key}")


def check_usable(certificate: Path, key: Path | None, passphrase: str) -> None:
    """Raise PostgresError for a certificate whose key is missing, another one's, or closed by another passphrase."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: passphrase)
    except ssl.SSLError as error:
        raise _unusable(certificate, key, passphrase, error.reason or "") from error
    except (OSError, ValueError) as error:  # a passphrase may be too long
        raise PostgresError(FailureCode.MISSING, f"the certificate {certificate} or its key cannot be read: {error}", _GIVE_BOTH) from error


def _unusable(certificate: Path, key: Path | None, passphrase: str, reason: str) -> PostgresError:
    if _is_encrypted(key or certificate):
        if passphrase:
            message = f"the passphrase (sslpassword) does not open the private key {key or certificate}"
            return PostgresError(FailureCode.MISSING, message, "check sslpassword in the URL or the service file")
        message = f"the private key {key or certificate} is encrypted, and no passphrase was given"
        return PostgresError(
            FailureCode.MISSING, message, "give it as sslpassword in the service file or the URL, or use a key without one"
        )
    if key is None:
        message = f"the certificate {certificate} is there without its private key"
        return PostgresError(
            FailureCode.MISSING, message, "give the key's file by ?sslkey=FILE, or put it into ~/.postgresql/postgresql.key"
        )
    if reason == "KEY_VALUES_MISMATCH":
        return PostgresError(FailureCode.MISSING, f"the private key {key} belongs to another certificate than {certificate}", _GIVE_BOTH)
    said = f" ({reason.replace('_', ' ').lower()})" if reason else ""
    message = f"{certificate} and {key} are no certificate with its private key in PEM{said}"
    return PostgresError(FailureCode.MISSING, message, _GIVE_BOTH)


def _is_encrypted(key: Path) -> bool:
    try:
        return b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return False
