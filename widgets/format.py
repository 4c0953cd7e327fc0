"""Text in cells: cleaning, fitting, bars, sparklines and ages; all pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from rich.cells import cell_len, set_cell_size

from aishell_core.units import format_duration
from widgets.glyphs import Glyphs

Align = Literal["left", "right", "center"]

_CONTROL_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_PLAIN_TWINS = str.maketrans("–—…‹›“”‘’«»×·µ→←↑↓▸◀▴▾●▲✖", "--~<>\"\"''<>x.u><^v><^v.!X")
_SPACES = {0xA0: " ", 0x202F: " ", 0x2007: " ", 0x3000: "  "}
_EMOJI_SELECTOR = "\ufe0f"


def clean(text: str, *, ascii_only: bool = False) -> str:
    """Foreign text made harmless for a terminal: what is not printable becomes a visible symbol, one for one.

    Control characters become their pictures (a line break is `␊`, an escape `␛`), bidirectional overrides, zero-width
    and unassigned characters become the replacement character. With `ascii_only` a dash or a quotation mark becomes
    its plain twin and every other character becomes `?`.
    """
    if text.isascii() and text.isprintable():
        return text
    if ascii_only:
        return "".join([character if " " <= character <= "~" else "?" for character in text.translate(_PLAIN_TWINS)])
    if not text.isprintable():
        text = text.translate(_SPACES).translate(_CONTROL_PICTURES)
        if not text.isprintable():
            text = "".join([character if character.isprintable() else _REPLACEMENT for character in text])
    # Terminals disagree about the width of what this selector follows; without it they agree.
    return text.replace(_EMOJI_SELECTOR, "")


def cell_width(text: str) -> int:
    """The number of terminal cells that clean text takes."""
    return len(text) if text.isascii() else cell_len(text)


def truncate(text: str, width: int, ellipsis: str = "…") -> str:
    """Clean text in at most `width` cells; what was cut ends in the ellipsis."""
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    if text.isascii():
        return text[: width - 1] + ellipsis
    return set_cell_size(text, width - 1) + ellipsis


def wrap(text: str, width: int) -> list[str]:
    """Clean text in lines of at most `width` cells, broken between words; a word that is wider is broken in itself."""
    if width < 2:
        return [truncate(text, width, "")]
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and cell_width(line) + 1 + cell_width(word) <= width:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        while cell_width(word) > width:
            # Each piece holds at least one character, whatever width it is said to have.
            piece = word[:width] if word.isascii() else set_cell_size(word, width).rstrip(" ") or word[0]
            lines.append(piece)
            word = word[len(piece) :]
        line = word
    return [*lines, line] if line or not lines else lines


def fit(text: str, width: int, align: Align = "left", ellipsis: str = "…") -> str:
    """Clean text in exactly `width` cells, cut with the ellipsis or padded with spaces."""
    short = truncate(text, width, ellipsis)
    room = max(width, 0) - cell_width(short)
    if room <= 0:
        return short
    match align:
        case "left":
            return short + " " * room
        case "right":
            return " " * room + short
        case "center":
            return " " * (room // 2) + short + " " * (room - room // 2)


def bar(ratio: float | None, width: int, glyphs: Glyphs) -> str:
    """A bar of exactly `width` cells for a share between 0 and 1; None and NaN are blank, any share above 0 shows."""
    if ratio is None or not math.isfinite(ratio) or width <= 0:
        return " " * max(width, 0)
    steps = len(glyphs.bars)
    filled = round(min(max(ratio, 0.0), 1.0) * width * steps)
    if filled == 0 and ratio > 0:
        filled = 1
    whole, part = divmod(filled, steps)
    return (glyphs.bars[-1] * whole + (glyphs.bars[part - 1] if part else "")).ljust(width)


def sparkline(values: Sequence[float | None], width: int, glyphs: Glyphs, *, low: float | None = 0.0, high: float | None = None) -> str:
    """The newest values as a line of exactly `width` cells, one value a cell, the newest at the right.

    A value that is None or NaN is a blank. `low` and `high` fix the scale; None takes it from the values shown.
    """
    shown = [math.nan if value is None else value for value in values[-width:]] if width > 0 else []
    known = [value for value in shown if math.isfinite(value)]
    if not known:
        return " " * max(width, 0)
    floor = min(known) if low is None else low
    span = (max(known) if high is None else high) - floor
    top = len(glyphs.ramp) - 1
    return "".join([_spark(value, floor, span, top, glyphs) for value in shown]).rjust(width)


def _spark(value: float, floor: float, span: float, top: int, glyphs: Glyphs) -> str:
    if not math.isfinite(value):
        return " "
    share = (value - floor) / span if 0 < span < math.inf else 0.0
    return glyphs.ramp[math.ceil(min(max(share, 0.0), 1.0) * top)]


def age_text(seconds: float | None) -> str:
    """How long ago something was, in whole units: `0s`, `12s`, `3m05s`; unknown is `n/a`."""
    if seconds is None or not math.isfinite(seconds):
        return "n/a"
    return format_duration(float(max(0, math.floor(seconds))))


def joined(texts: Iterable[str], separator: str = "  ") -> str:
    """The texts that are not empty, with the separator between them."""
    return separator.join(text for text in texts if text)
