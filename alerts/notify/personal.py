"""What leaves the house as text: personal data, secrets and literals masked, nothing that a service would take for markup. Pure.

The texts of evidence have lost their literals before they get here; this is the second lock on the door.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LONGEST = 400
_MARKUP = re.compile(r"<(?=[!@#])|@(?=(?:everyone|here|channel|all|room)\b)", re.IGNORECASE)
"""What Slack, Discord, Matrix and others would call people by."""
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"), "***"),
    (re.compile(r"\b(password|passwd|pwd|secret|token|api_?key)(\s*[=:]\s*)\S+", re.IGNORECASE), r"\1\2***"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"\b(?:xox[abpr]-|gh[pousr]_|sk-|AKIA)[\w-]{8,}"), "[token]"),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "[e-mail]"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), "[iban]"),
    (re.compile(r"(?<![\w+])\+\d[\d ()/-]{7,}\d"), "[phone]"),
)
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_SQL = re.compile(r"\b(select|insert|update|delete|values|where|set|call|exec)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def harmless(text: str) -> str:
    """A text on one line that may be sent: masked, cut, without control characters and without what calls people by name."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text[: 4 * _LONGEST]).split())
    line = _MARKUP.sub(lambda match: f"{match[0]} ", masked(line))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def masked(text: str) -> str:
    """A text without e-mail addresses, phone, card and account numbers, passwords, tokens, and the literals of SQL in it."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    text = _CARD.sub(lambda match: "[card]" if _is_card(match[0]) else match[0], text)
    return _LITERAL.sub("?", text) if _SQL.search(text) else text


def _is_card(text: str) -> bool:
    """Whether digits are the number of a card (Luhn's check of ISO/IEC 7812)."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0
