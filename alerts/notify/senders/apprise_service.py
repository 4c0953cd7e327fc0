"""The one module that imports Apprise: reading a channel's URL, and sending one message through one fresh service object.

A service object paces itself by sleeping (up to 5.5 s between two messages), so each message gets one of its own, and how often a
channel is used is decided before. Apprise tells of a try only whether it worked; the status, the text and the wait that a receiver
asked for are overheard below its HTTP library, where answers are also cut and given a time limit as a whole.
"""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

import apprise
import requests
from apprise.common import OverflowMode
from urllib3.exceptions import HTTPError

from alerts.models import Level
from alerts.notify.models import Answer, Channel, Fault, Message, MessageKind
from alerts.notify.senders.http import Reply, judged, retry_after
from alerts.notify.senders.mail import overhearing_mail
from alerts.notify.urls import INCIDENT_KEYS, LEFT_OPEN, leaves_open, scheme_of

_MOST_ANSWER_BYTES = 1 << 20
"""Some services need their whole answer to go on, such as a list of rooms."""
_TOLD_BYTES = 500
_MAIL = {"mailto", "mailtos"}
_SHORTEST_SECRET = 6
_MOST_THREADS = 200
_TYPES = {Level.CRITICAL: apprise.NotifyType.FAILURE, Level.WARNING: apprise.NotifyType.WARNING, Level.INFO: apprise.NotifyType.INFO}

# Apprise tells of bad URLs by logging alone, and with no handler Python prints that on the terminal that a dashboard draws on.
logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").propagate = False


def _no_attachment(*_given: object, **_options: object) -> None:
    """Every file that a service would read comes through here, whatever option names it: there is none."""


apprise.AppriseAttachment.instantiate = staticmethod(_no_attachment)  # type: ignore[method-assign]


@cache
def known_schemes() -> frozenset[str]:
    """The schemes of all services that can be used here."""
    found: set[str] = set()
    for service in apprise.Apprise().details()["schemas"]:
        found.update(service["protocols"] or (), service["secure_protocols"] or ())
    return frozenset(found)


def is_readable(url: str) -> bool:
    """Whether a service takes the URL; nothing is sent."""
    return _service(url, 10.0) is not None


def declared_options() -> dict[str, frozenset[str]]:
    """The options of all services' URLs, each with the names by which the services tell people what it is."""
    found: dict[str, set[str]] = {}
    for service in apprise.Apprise().details(show_disabled=True)["schemas"]:
        for option, told in service["details"]["args"].items():
            found.setdefault(option.lower(), set()).add(str(told.get("name", "")))
    return {option: frozenset(names) for option, names in found.items()}


class AppriseService:
    """Sends messages through Apprise."""

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        """Try once: one service object, no tries of Apprise's own, no redirects."""
        url = fitted(channel.url.reveal().strip(), message)
        if message.kind is MessageKind.RESOLVED and leaves_open(url):
            # Apprise would say that all went well, and send nothing.
            return Answer(Fault.NONE, "nothing was sent: the alert stays open there, because Apprise cannot close it")
        service = _service(url, channel.timeout_seconds)
        if service is None:
            return Answer(Fault.REFUSED, "the service cannot read its URL any more")
        calls = apprise.Apprise(asset=service.asset)
        calls.add(service)
        with _overhearing(now, channel.timeout_seconds) as heard, overhearing_mail(message.had) as letters:
            result = calls.notify(
                title=message.title, body=message.body, notify_type=_type_of(message), body_format=apprise.NotifyFormat.TEXT
            )
        answer = _answer(result, heard)
        if letters.had and letters.refused:
            answer = Answer(Fault.REFUSED, letters.answer())
        had = () if answer.is_delivered else tuple(sorted(letters.had))
        return Answer(answer.fault, without_secrets(answer.text, url), answer.wait_seconds, had)


def fitted(url: str, message: Message) -> str:
    """The URL for one message: its incident for services that open and close them, its thread for mail; what the URL says itself stays."""
    scheme = scheme_of(url)
    given = url.partition("?")[2].lower()
    extra: dict[str, str] = {}
    if scheme in INCIDENT_KEYS:
        extra = {"action": "map", INCIDENT_KEYS[scheme]: message.incident}
    elif scheme in LEFT_OPEN and message.kind is not MessageKind.RESOLVED:
        # Of itself Apprise would make a note of what is only information, to an alert that it does not know.
        extra = {"action": "new", "alias": message.incident}
    elif scheme in _MAIL:
        # A digest of ends stands in the thread of each of them, which it ends.
        threads = " ".join(f"<{incident}@aishell>" for incident in (message.ends or (message.incident,))[:_MOST_THREADS])
        extra = {"format": "text", "+References": threads, "+In-Reply-To": threads, "+X-Aishell-Message": message.id}
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in extra.items() if f"{name.lower()}=" not in given)
    return url if not added else f"{url}{'&' if '?' in url else '?'}{added}"


def without_secrets(text: str, url: str) -> str:
    """A text without any part of a URL that is long enough to be a secret."""
    place, _, query = url.partition("://")[2].partition("?")
    # The names of options are no secrets, and are words that answers are made of.
    values = [option.partition("=")[2] if "=" in option else option for option in query.split("&")]
    found = [part for text_ in (place, *values) for part in re.split(r"[/:@?&=#,]+", text_)]
    parts = {piece for part in found for piece in (part, unquote(part)) if len(piece) >= _SHORTEST_SECRET}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def _type_of(message: Message) -> apprise.NotifyType:
    """How a service marks a message, and whether an incident ends: success ends it."""
    return apprise.NotifyType.SUCCESS if message.is_end else _TYPES[message.level]


def _service(url: str, timeout_seconds: float) -> apprise.NotifyBase | None:
    """A fresh service object that keeps nothing on disk, follows no redirect, tries once and cuts what is too long; None for a bad URL."""
    asset = apprise.AppriseAsset(
        app_id="aishell",
        app_desc="aishell",
        storage_mode="memory",
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        interpret_emojis=False,
        timezone="UTC",
        language="en",
        # Without a limit of Apprise's own it sends in the thread that calls it, and not in a pool that the program's end waits for.
        service_timeout=0,
        allow_templates=False,
    )
    service = apprise.Apprise.instantiate(url.strip(), asset=asset, suppress_exceptions=True)
    if service is None:
        return None
    service.redirects = False
    service.retry = 0
    service.optional = False
    service.tags = set()
    service.socket_connect_timeout = timeout_seconds
    service.socket_read_timeout = timeout_seconds
    if "overflow=" not in url.lower():
        service.overflow_mode = OverflowMode.TRUNCATE
    return service


def _answer(result: apprise.AppriseResult, heard: _Heard) -> Answer:
    """What a try means: by the last thing the receiver said, or, where it said nothing over HTTP, by the words of the service."""
    words = "; ".join(dict.fromkeys(entry.message for entry in result.logs() if entry.message))
    last = heard.replies[-1] if heard.replies else None
    if not result and heard.faults and last is None:
        return Answer(Fault.UNREACHABLE, heard.faults[-1])
    if result:
        return Answer(Fault.NONE, "taken" if last is None else judged(last).text)
    if last is None or result.status is apprise.AppriseResultStatus.TIMEOUT:
        return Answer(Fault.UNREACHABLE, words or "no answer")
    verdict = judged(last)
    if verdict.is_delivered:
        # The receiver was content and the service was not: what it misses stands in its words.
        return Answer(Fault.REFUSED, words or verdict.text)
    return verdict


@dataclass(frozen=True, slots=True)
class _Heard:
    """What receivers answered within one try, and why one could not be trusted, in words that hold no secret."""

    now: float
    timeout_seconds: float
    replies: list[Reply] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


_heard: ContextVar[_Heard | None] = ContextVar("heard", default=None)


@contextlib.contextmanager
def _overhearing(now: float, timeout_seconds: float) -> Iterator[_Heard]:
    """Collects the answers of all requests that are made within, in whichever thread Apprise makes them: it hands the context on."""
    heard = _Heard(now, timeout_seconds)
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def _untrusted(error: Exception) -> str:
    """Why a certificate is not trusted, or that TLS failed: the words of the library are long and hold the URL."""
    cause: object = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        within = cause.args[0] if isinstance(cause, BaseException) and cause.args else None
        cause = getattr(cause, "reason", None) or (within if isinstance(within, BaseException) else None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    return f"TLS failed: {getattr(cause, 'reason', None) or type(cause).__name__}"


class _OverheardAdapter(requests.adapters.HTTPAdapter):
    """Notes what a receiver answered, and reads no more of it than is good for us."""

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401
        """Besides the library's own authorities those that OpenSSL knows are trusted: `SSL_CERT_FILE` names them."""
        host, pool = super().build_connection_pool_key_attributes(*args, **options)
        if pool.get("cert_reqs") == "CERT_REQUIRED":
            pool["ssl_context"] = ssl.create_default_context()
        return host, pool

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - the library's
        listening = _heard.get()
        begun = time.monotonic()
        try:
            response = super().send(request, *args, **options)
        except requests.exceptions.SSLError as error:
            if listening is not None:
                listening.faults.append(_untrusted(error))
            raise
        if listening is None:
            return response
        replies, now, timeout_seconds = listening.replies, listening.now, listening.timeout_seconds
        _read(response, begun + timeout_seconds)
        text = response.content[:_TOLD_BYTES].decode("utf-8", "replace")
        wait = retry_after(response.headers.get("Retry-After"), now)
        replies.append(Reply(response.status_code, response.reason or "", wait, text))
        return response


def _read(response: requests.Response, until: float) -> None:
    """Read an answer's body, up to a size and a moment of the steady clock: its own limit begins anew with every byte.

    The status has come by then, and says whether the message was taken; what is left of the body is thrown away.
    """
    pieces: list[bytes] = []
    size = 0
    with contextlib.suppress(OSError, HTTPError):
        while size < _MOST_ANSWER_BYTES and time.monotonic() < until:
            piece = response.raw.read1(8192, decode_content=True)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
    response.raw.close()
    # The place where the library keeps a body that was read; it has no other way to hand in one.
    response._content = b"".join(pieces)
    response._content_consumed = True


# Plugins call `requests.post`, which builds a session of its own each time, with the adapter that is found here.
requests.sessions.HTTPAdapter = _OverheardAdapter  # type: ignore[attr-defined]
