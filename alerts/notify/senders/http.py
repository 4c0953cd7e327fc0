"""One HTTP request with all its limits: the standard library's client, for receivers that may be slow, huge, hostile or gone."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, unquote, urlsplit

from alerts.notify.models import Answer, Fault

_MOST_ANSWER_BYTES = 4096
_BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Answers that speak of the receiver's trouble; every other one that is not 2xx speaks of our message or our rights."""
AGENT = "aishell"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, what it asked us to wait in seconds, and the beginning of its text."""

    status: int
    reason: str
    wait_seconds: float | None
    text: str


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float, now: float) -> Answer:
    """Post a body and judge the answer; redirects are refused, because the body is signed for whom the configuration names.

    Ends within about `timeout_seconds` whatever the other side does, once its name is looked up. `now` (epoch seconds) is what a
    date in Retry-After counts from. The URL's user and password become basic authentication.
    """
    try:
        reply = _exchange(urlsplit(url), body, headers, timeout_seconds, now)
    except TimeoutError:
        return Answer(Fault.UNREACHABLE, f"no answer within {timeout_seconds:g}s")
    except ssl.SSLCertVerificationError as error:
        return Answer(Fault.UNREACHABLE, f"its certificate is not trusted: {error.verify_message}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        # The words of a ValueError may quote the URL, which is a secret.
        words = "" if isinstance(error, ValueError) else f": {error}"
        return Answer(Fault.UNREACHABLE, f"{type(error).__name__}{words}")
    return judged(reply)


def judged(reply: Reply) -> Answer:
    """What an answer means for the queue."""
    said = " ".join(f"{reply.status} {reply.reason} {reply.text}".split())
    if 200 <= reply.status < 300:
        return Answer(Fault.NONE, said)
    if 300 <= reply.status < 400:
        return Answer(Fault.REFUSED, f"{reply.status} {reply.reason}: it points elsewhere, and redirects are not followed")
    return Answer(Fault.BUSY if reply.status in _BUSY else Fault.REFUSED, said, reply.wait_seconds)


def retry_after(text: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); None where it cannot be read."""
    if text is None:
        return None
    if text.strip().isdecimal() and text.isascii():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None


def _exchange(parts: SplitResult, body: bytes, headers: Mapping[str, str], timeout_seconds: float, now: float) -> Reply:
    connection = _connection(parts, timeout_seconds)
    begun = time.monotonic()
    try:
        connection.connect()
        rest = timeout_seconds - (time.monotonic() - begun)
        with _cut_off(connection.sock, rest) as cut:
            try:
                connection.request("POST", _path(parts), body, {"User-Agent": AGENT, **_login(parts), **headers})
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                if cut.is_set():
                    raise TimeoutError from error
                raise
            text = _beginning(answer)
        wait = retry_after(answer.getheader("Retry-After"), now)
        return Reply(answer.status, answer.reason, wait, text.decode("utf-8", "replace"))
    finally:
        connection.close()


def _beginning(answer: http.client.HTTPResponse) -> bytes:
    """The first bytes of an answer; its status has come by then, so one that does not end is no failure."""
    text = b""
    with contextlib.suppress(OSError, http.client.HTTPException):
        while len(text) < _MOST_ANSWER_BYTES and (piece := answer.read1(_MOST_ANSWER_BYTES - len(text))):
            text += piece
    return text


def _connection(parts: SplitResult, timeout_seconds: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)


class _cut_off(contextlib.AbstractContextManager[threading.Event]):  # noqa: N801 - reads as a statement
    """Cuts a socket after a time: the socket's own limit begins anew with every byte that drips in."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._cut = threading.Event()
        self._timer = threading.Timer(max(0.0, seconds), self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self._cut.set()
        with contextlib.suppress(OSError):
            # Past the TLS layer, whose own way would take its state from under the thread that reads.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def __enter__(self) -> threading.Event:
        self._timer.start()
        return self._cut

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _login(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
