"""Who of a mail's recipients has it: overheard below the standard library's SMTP client, which Apprise uses.

Apprise sends each recipient a mail of their own, with all carbon copies, and tells of all of them only whether everything worked. So
here each address gets a mail once, one that has it is not sent another, and what the server said of each is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import smtplib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

_DIGEST_CHARACTERS = 16


@dataclass(slots=True)
class Letters:
    """What became of one message: digests of the addresses that have it, and what the server said of those that it refused."""

    had: set[str]
    refused: dict[str, str] = field(default_factory=dict)

    def answer(self) -> str:
        """What was said of those who were refused, without their addresses."""
        count = len(self.refused)
        words = "; ".join(dict.fromkeys(self.refused.values()))
        return f"{count} recipient{'s' if count > 1 else ''} refused, {len(self.had)} reached: {words}"


_letters: ContextVar[Letters | None] = ContextVar("letters", default=None)


def digest_of(address: str) -> str:
    """What stands for an address where it is kept: enough to know it again, and no address."""
    return hashlib.sha256(address.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]


@contextlib.contextmanager
def overhearing_mail(had: Sequence[str]) -> Iterator[Letters]:
    """Collects what becomes of all mails that are sent within; those in `had` (digests) are sent none."""
    letters = Letters(set(had))
    token = _letters.set(letters)
    try:
        yield letters
    finally:
        _letters.reset(token)


_plain_sendmail = smtplib.SMTP.sendmail


def _sendmail(
    self: smtplib.SMTP,
    from_addr: str,
    to_addrs: str | Sequence[str],
    *mail: Any,  # noqa: ANN401 - the library's
    **options: Any,  # noqa: ANN401 - the library's
) -> dict[str, tuple[int, bytes]]:
    """Send to those who have no such mail yet; as the library's own outside of `overhearing_mail`."""
    letters = _letters.get()
    if letters is None:
        return _plain_sendmail(self, from_addr, to_addrs, *mail, **options)
    addresses = [to_addrs] if isinstance(to_addrs, str) else list(to_addrs)
    wanted = [address for address in addresses if digest_of(address) not in letters.had and address not in letters.refused]
    if not wanted:
        return {}
    try:
        refused = _plain_sendmail(self, from_addr, wanted, *mail, **options)
    except smtplib.SMTPRecipientsRefused as error:
        _note(letters, error.recipients)
        raise
    except smtplib.SMTPResponseException as error:
        _note(letters, dict.fromkeys(wanted, (error.smtp_code, _bytes(error.smtp_error))))
        raise
    _note(letters, refused)
    letters.had.update(digest_of(address) for address in wanted if address not in refused)
    return refused


def _note(letters: Letters, refused: dict[str, tuple[int, bytes]]) -> None:
    for address, (code, words) in refused.items():
        text = words.decode("utf-8", "replace").replace(address, "this address")
        letters.refused[address] = f"{code} {' '.join(text.split())}"


def _bytes(words: bytes | str) -> bytes:
    return words.encode("utf-8", "replace") if isinstance(words, str) else words


# Apprise makes the client itself, in whichever of its modules that is.
smtplib.SMTP.sendmail = _sendmail  # type: ignore[method-assign]
