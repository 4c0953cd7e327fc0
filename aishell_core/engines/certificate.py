"""When the certificate ends that a server showed; whether it is trusted is for the connection to say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_SEQUENCE, _VERSION, _SHORT_TIME = 0x30, 0xA0, 0x17
_LONG_FORM = 0x80


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """What a connection was shown: when that certificate ends (epoch seconds), and how many seconds ago it was first looked at."""

    ends_at: float
    age_seconds: float


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
