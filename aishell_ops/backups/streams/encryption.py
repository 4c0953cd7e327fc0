"""Encryption in the format of age, which any `age` program can open; pyrage is imported here alone.

With a passphrase a key is made for the backup alone: the parts are encrypted to it, and the key itself, encrypted by the
passphrase, lies beside them as `key.age`, which is how age too keeps a key behind a passphrase.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pyrage

from aishell_core.errors import ConfigError
from aishell_core.targets import Secret
from aishell_ops.backups.errors import BackupError, DamagedError, LockedError
from aishell_ops.backups.models import Encryption
from aishell_ops.backups.streams.contract import Keys, Reader, Writer

SUFFIX = ".age"
_PIECE_BYTES = 1 << 20
HOW_TO_OPEN = "name the key in the configuration (backup, encryption, identities), or give --identity FILE"


def recipient(text: str) -> object:
    """The public key that a text is, of age or of SSH; raises ConfigError."""
    for kind in (pyrage.x25519.Recipient, pyrage.ssh.Recipient):
        try:
            return cast(object, kind.from_str(text.strip()))
        except pyrage.RecipientError:
            continue
    raise ConfigError(
        f"{text[:24]!r} is no public key that backups can be encrypted to",
        "it begins with age1, ssh-ed25519 or ssh-rsa; age-keygen makes one",
    )


def identity(secret: Secret) -> object:
    """The secret key that a text is, of age or of SSH; raises ConfigError without showing it."""
    lines = [line for line in secret.reveal().splitlines() if line.strip() and not line.startswith("#")]
    try:
        if len(lines) == 1:
            return cast(object, pyrage.x25519.Identity.from_str(lines[0].strip()))
        return cast(object, pyrage.ssh.Identity.from_buffer(secret.reveal().encode()))
    except (pyrage.IdentityError, ValueError):
        raise ConfigError("what was given is no secret key of age or SSH", "an age key file has a line AGE-SECRET-KEY-1...") from None


def key_behind(passphrase: Secret) -> tuple[Encryption, bytes]:
    """A new key behind a passphrase: how the parts are encrypted to it, and the content of `key.age`."""
    key = pyrage.x25519.Identity.generate()
    shut = pyrage.passphrase.encrypt(f"{key}\n".encode(), passphrase.reveal())
    return Encryption(recipients=(str(key.to_public()),), passphrase=True), shut


def open_key(content: bytes, passphrase: Secret) -> Secret:
    """The secret key in `key.age`; raises LockedError when the passphrase is not the one."""
    try:
        return Secret(pyrage.passphrase.decrypt(content, passphrase.reveal()).decode().strip())
    except pyrage.DecryptError:
        raise LockedError("the passphrase does not open this backup", "it is the one that the backup was made with") from None


def encrypt(encryption: Encryption, plain: Reader, stored: Writer) -> None:
    """Encrypt a stream to its end; whoever has one of the secret keys can open it. Raises what the reader or writer raises."""
    recipients = [recipient(text) for text in encryption.recipients]
    source, sink = _Giver(plain), _Taker(stored)
    try:
        pyrage.encrypt_io(source, sink, recipients)
    except (pyrage.EncryptError, OSError) as fault:
        raise source.fault or sink.fault or BackupError(f"the stream could not be encrypted: {fault}") from None
    sink.end()


def decrypt(keys: Keys, stored: Reader, plain: Writer, where: str) -> None:
    """Decrypt a stream to its end; `where` names it.

    Raises LockedError without a key that fits, DamagedError when the stream was changed or cut, and what the reader or writer raises.
    """
    identities = [identity(secret) for secret in keys.identities]
    if not identities:
        raise LockedError(f"{where} is encrypted, and no secret key is at hand", HOW_TO_OPEN)
    source, sink = _Giver(stored), _Taker(plain)
    try:
        pyrage.decrypt_io(source, sink, identities)
    except (pyrage.DecryptError, OSError) as fault:
        raise source.fault or sink.fault or _undecryptable(str(fault), where) from None
    sink.end()


def _undecryptable(words: str, where: str) -> LockedError | DamagedError:
    if "no matching keys" in words.lower():
        return LockedError(
            f"{where} is encrypted to other keys than those at hand", "the recovery sheet names the public keys it is encrypted to"
        )
    return DamagedError(f"{where} cannot be decrypted: it has been changed or cut", "restore from another copy or another backup")


class _Giver:
    """Gives large pieces in the small ones that the library asks for, and keeps the fault that the library would hide."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._rest = memoryview(b"")
        self.fault: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            try:
                self._rest = memoryview(self._reader.read(_PIECE_BYTES))
            except BaseException as fault:
                self.fault = fault
                raise
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


class _Taker:
    """Takes small pieces and hands on large ones; keeps the fault that the library would hide."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._pieces: list[bytes] = []
        self._bytes = 0
        self.fault: BaseException | None = None

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._bytes += len(data)
        if self._bytes >= _PIECE_BYTES:
            self.end()
        return len(data)

    def flush(self) -> None:
        """What the library calls at its end; nothing is lost that is held back until `end`."""

    def end(self) -> None:
        """Hand on what is held back."""
        pieces, self._pieces, self._bytes = b"".join(self._pieces), [], 0
        try:
            self._writer.write(pieces)
        except BaseException as fault:
            self.fault = fault
            raise


def public_keys(secrets: Iterable[Secret]) -> tuple[str, ...]:
    """The public keys of secret keys of age; those of SSH are left out."""
    found = map(identity, secrets)
    return tuple(str(one.to_public()) for one in found if isinstance(one, pyrage.x25519.Identity))
