"""The server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), for one user."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

_ROUNDS = 4096
FAILED = 18
"""AuthenticationFailed in the server's list of errors."""


class Login:
    """One conversation; `done` once the client has shown that it knows the password."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._salt = secrets.token_bytes(16)
        self._salted = hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, _ROUNDS)
        self._first = ""
        self._mine = ""
        self.done = False

    def start(self, payload: bytes) -> dict[str, Any]:
        """The answer to saslStart."""
        self._first = payload.decode().removeprefix("n,,")
        fields = _fields(self._first)
        if fields["n"] != self._user:
            return _refused()
        self._mine = f"r={fields['r']}{secrets.token_hex(12)},s={base64.b64encode(self._salt).decode()},i={_ROUNDS}"
        return {"conversationId": 1, "done": False, "payload": self._mine.encode(), "ok": 1.0}

    def go_on(self, payload: bytes) -> dict[str, Any]:
        """The answer to saslContinue."""
        if self.done:
            return {"conversationId": 1, "done": True, "payload": b"", "ok": 1.0}
        text = payload.decode()
        fields, bare = _fields(text), text.rpartition(",p=")[0]
        exchanged = f"{self._first},{self._mine},{bare}".encode()
        key = _hmac(self._salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), exchanged)
        proof = base64.b64encode(bytes(one ^ other for one, other in zip(key, signature, strict=True))).decode()
        if not hmac.compare_digest(proof, fields["p"]):
            return _refused()
        self.done = True
        shown = base64.b64encode(_hmac(_hmac(self._salted, b"Server Key"), exchanged))
        return {"conversationId": 1, "done": True, "payload": b"v=" + shown, "ok": 1.0}


def _fields(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(","))


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _refused() -> dict[str, Any]:
    return {"ok": 0.0, "errmsg": "Authentication failed.", "code": FAILED, "codeName": "AuthenticationFailed"}
