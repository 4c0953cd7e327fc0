"""Private keys that are closed by a passphrase: OpenSSL would ask the terminal for it, in the midst of whatever is shown there."""

from __future__ import annotations

from pathlib import Path

from aishell_core.errors import TargetError
from aishell_core.values import FailureCode


def refuse_closed_key(path: str) -> None:
    """Raise TargetError for a file whose private key is encrypted; one that is not there or cannot be read is told elsewhere."""
    try:
        is_closed = b"ENCRYPTED" in Path(path).expanduser().read_bytes()
    except (OSError, ValueError):
        return
    if is_closed:
        message = f"the private key {path} is encrypted, and no passphrase was given"
        raise TargetError(FailureCode.MISSING, message, "use a key without one: openssl pkey -in KEY -out NEW")
