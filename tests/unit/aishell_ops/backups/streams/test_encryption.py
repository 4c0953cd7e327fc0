"""Files of age: what is encrypted is opened by others, and header and payload are as the format says."""

from __future__ import annotations

import io
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Encryption
from aishell_ops.backups.streams.contract import Reader, Writer
from aishell_ops.backups.streams.encryption import encrypt, encrypt_by_pyrage, recipient
from aishell_ops.backups.streams.sealing import header_of
from tests.servers.required import require_server

CHUNK = 64 << 10
MIB = 1 << 20
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, MIB - 1, MIB, MIB + 1, 2 * MIB + 3 * CHUNK)
CONTENT = random.Random(3).randbytes(max(SIZES))
Way = Callable[[Encryption, Reader, Writer], None]


class _Odd:
    """Gives pieces of odd sizes."""

    def __init__(self, content: bytes) -> None:
        self._rest = memoryview(content)
        self._chance = random.Random(len(content))

    def read(self, size: int) -> bytes:
        size = min(size, self._chance.choice((1, 700, CHUNK - 1, CHUNK, CHUNK + 1, 300_000, MIB)))
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


def _by_pyrage(encryption: Encryption, plain: Reader, stored: Writer) -> None:
    encrypt_by_pyrage([recipient(text) for text in encryption.recipients], plain, stored)


def _encrypted(content: bytes, *recipients: str, way: Way = encrypt) -> bytes:
    taken = io.BytesIO()
    way(Encryption(recipients=recipients), _Odd(content), taken)  # type: ignore[arg-type]
    return taken.getvalue()


@pytest.mark.parametrize("way", [encrypt, _by_pyrage], ids=["quick", "pyrage"])
@pytest.mark.parametrize("size", SIZES)
def test_each_of_several_keys_opens_a_stream_of_any_size(size: int, way: Way) -> None:
    keys = [pyrage.x25519.Identity.generate() for _ in range(3)]
    stored = _encrypted(CONTENT[:size], *(str(key.to_public()) for key in keys), way=way)
    assert all(pyrage.decrypt(stored, [key]) == CONTENT[:size] for key in keys)


@pytest.mark.parametrize("size", [0, CHUNK, 2 * MIB + 3 * CHUNK])
def test_the_program_age_opens_it(tmp_path: Path, size: int) -> None:
    require_server("age", "age")
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{key}\n")
    stored = _encrypted(CONTENT[:size], str(key.to_public()))
    ran = subprocess.run(["age", "--decrypt", "-i", tmp_path / "key"], input=stored, capture_output=True, check=True)
    assert ran.stdout == CONTENT[:size]


@pytest.mark.parametrize("make", [Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048)], ids=["ed25519", "rsa"])
def test_keys_of_ssh_open_it(make: Callable[[], Ed25519PrivateKey | rsa.RSAPrivateKey]) -> None:
    key = make()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    stored = _encrypted(CONTENT[:CHUNK], key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
    assert pyrage.decrypt(stored, [pyrage.ssh.Identity.from_buffer(secret)]) == CONTENT[:CHUNK]


def test_nobody_else_opens_it_and_no_two_files_have_a_key_in_common() -> None:
    key, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    first, second = (_encrypted(b"content", str(key.to_public())) for _ in range(2))
    assert first != second
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(first, [other])
    head, tail = len(first.partition(b"--- ")[0]) + 48, len(b"content") + 32
    assert len(first) == head + tail
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(first[:head] + second[-tail:], [key])


def test_the_header_names_the_keys_that_were_meant_and_no_other() -> None:
    keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
    stored = _encrypted(b"content", *(str(key.to_public()) for key in keys))
    assert stored.partition(b"--- ")[0].count(b"-> X25519 ") == 2


def test_a_key_that_a_header_was_not_made_for_finds_no_file_key_in_it() -> None:
    key, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    whole = pyrage.encrypt(b"", [key.to_public()])
    assert header_of(whole, str(other)) is None
    found = header_of(whole, str(key))
    assert found is not None
    assert repr(found.file_key) not in repr(found)


@pytest.mark.parametrize("way", [encrypt, _by_pyrage], ids=["quick", "pyrage"])
@pytest.mark.parametrize("side", ["reader", "writer"])
def test_a_fault_of_either_side_is_the_one_that_is_told(way: Way, side: str) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise BackupError("the reader broke")

        def write(self, data: bytes | memoryview) -> None:
            raise BackupError("the writer broke")

    key = str(pyrage.x25519.Identity.generate().to_public())
    reader: Reader = Broken() if side == "reader" else _Odd(CONTENT)
    with pytest.raises(BackupError, match=f"the {side} broke"):
        way(Encryption(recipients=(key,)), reader, Broken() if side == "writer" else io.BytesIO())  # type: ignore[arg-type]
