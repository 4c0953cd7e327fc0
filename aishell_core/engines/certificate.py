"""When the certificate ends that a server shows: by a handshake of our own, because it may show another one than when we connected.

Nothing is checked here and nothing but the handshake is sent: whether the certificate is trusted is for the connection to say.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime

POSTGRES_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's SSLRequest, which is answered by one S."""
_GRANTED = b"S"
_SEQUENCE, _VERSION, _SHORT_TIME = 0x30, 0xA0, 0x17
_LONG_FORM = 0x80


async def postgres_certificate_end(host: str, port: int, name: str, seconds: float) -> float | None:
    """The epoch second at which a PostgreSQL server's certificate ends; None where it has none to show.

    `name` is whom it is asked for. Raises OSError (also for TLS that fails) and TimeoutError.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(POSTGRES_REQUEST)
            if await reader.read(1) != _GRANTED:
                return None
            await writer.start_tls(_unchecking(), server_hostname=name or host)
            shown = writer.get_extra_info("ssl_object")
            encoded = shown.getpeercert(binary_form=True) if shown is not None else None
            return end_of(encoded) if encoded else None
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


def end_of(certificate: bytes) -> float | None:
    """The end of a certificate's validity (X.509 in DER, RFC 5280) in epoch seconds; None where it cannot be read."""
    try:
        _, outer, _ = _element(certificate, 0)
        _, inner, _ = _element(outer, 0)
        tag, _, place = _element(inner, 0)
        # The version may be left out; serial number, algorithm and issuer come before the validity.
        for _each in range(3 if tag == _VERSION else 2):
            _, _, place = _element(inner, place)
        tag, validity, _ = _element(inner, place)
        _, _, place = _element(validity, 0)
        form, text, _ = _element(validity, place)
        if tag != _SEQUENCE:
            return None
        digits = text.decode("ascii")
        if form == _SHORT_TIME:
            digits = ("19" if digits >= "5" else "20") + digits
        return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError):
        return None


def _element(data: bytes, place: int) -> tuple[int, bytes, int]:
    """The tag and the content of what begins at a place, and where the next one does."""
    tag, length, place = data[place], data[place + 1], place + 2
    if length & _LONG_FORM:
        count = length & ~_LONG_FORM
        length, place = int.from_bytes(data[place : place + count]), place + count
    if place + length > len(data):
        raise ValueError("an element is cut off")
    return tag, data[place : place + length], place + length


def _unchecking() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
