"""Screen updates in as few bytes as a terminal needs.

Textual re-sends a line from the left edge of the widget up to the changed cells, repeats the whole style before and a
reset after every piece of text. Over a slow line that is most of the traffic, so an app passes its updates through
`compact` before they are displayed:

    def _display(self, screen, renderable):
        super()._display(screen, compact(renderable, colours=not self.no_color))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip
from typing_extensions import override

from widgets.difference import is_one_cell_text

_Piece = tuple[int, int, Iterable[Segment]]
"""What is sent where: line, column, text."""

_ON = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53")
_OFF = ("22", "22", "23", "24", "25", "25", "27", "28", "29", "24", "54", "54", "55")
_INTENSITY = 0b11
_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}


class _Pen(NamedTuple):
    """What a terminal is set to: attribute bits and colour codes, empty for its own colours."""

    attributes: int = 0
    colour: str = ""
    ground: str = ""


_PLAIN = _Pen()
_OWN_COLOUR, _OWN_GROUND = "39", "49"


def compact(renderable: RenderableType | None, *, colours: bool) -> RenderableType | None:
    """The same screen update in fewer bytes, without any colour code unless `colours`; anything else is passed through."""
    if isinstance(renderable, ChopsUpdate):
        return CompactUpdate(renderable, tuple(_changed(renderable)), colours=colours)
    if isinstance(renderable, LayoutUpdate):
        return CompactUpdate(renderable, tuple(_everything(renderable)), colours=colours)
    return renderable


def _changed(update: ChopsUpdate) -> Iterator[_Piece]:
    for y, begin, end in update.spans:
        for chop_end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            first, last = max(x, begin), min(chop_end, end)
            if strip is not None and first < last:
                yield y, first, _cropped(strip, first - x, last - x)


def _cropped(strip: Strip, begin: int, end: int) -> Iterable[Segment]:
    """The cells of a strip from `begin` to before `end`."""
    if begin <= 0 and end >= strip.cell_length:
        return strip
    if not is_one_cell_text(strip.text):
        return strip.crop(begin, end)
    # Strip.crop measures every character and builds a strip with its caches; here a character is a cell.
    kept: list[Segment] = []
    at = 0
    for text, style, _ in strip:
        after = at + len(text)
        if after > begin:
            kept.append(Segment(text[max(0, begin - at) : end - at], style))
            if after >= end:
                break
        at = after
    return kept


def _everything(update: LayoutUpdate) -> Iterator[_Piece]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            # A place that no widget covers has no strip.
            if strip is not None:
                yield y, x, strip
                x += strip.cell_length


class CompactUpdate(CompositorUpdate):
    """A screen update that sends what it has to: changed cells, and of each style only what differs from the one before."""

    def __init__(self, update: CompositorUpdate, pieces: Iterable[_Piece], *, colours: bool) -> None:
        self._update = update
        self._pieces = tuple(pieces)
        self._colours = colours

    def __rich_console__(self, console: Console, options: object) -> Iterator[Segment]:
        yield Segment(self.render_segments(console))

    @override
    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal, as text; the terminal is left with its own colours."""
        system = _SYSTEMS.get(console.color_system or "") if self._colours else None
        out: list[str] = []
        line = -1
        pen = _PLAIN
        for y, x, segments in self._pieces:
            out.append(f"\x1b[{x + 1}G" if y == line else f"\x1b[{y + 1};{x + 1}H")
            line = y
            for text, style, _ in segments:
                wanted = _PLAIN if style is None else _pen_of(style, system)
                if wanted != pen:
                    out.append(_change(pen, wanted))
                    pen = wanted
                out.append(text if style is None or style.link is None else _linked(text, style.link))
        if pen != _PLAIN:
            out.append("\x1b[0m")
        return "".join(out)


def _linked(text: str, link: str) -> str:
    return f"\x1b]8;;{link}\x1b\\{text}\x1b]8;;\x1b\\"


@lru_cache(maxsize=4096)
def _pen_of(style: Style, system: ColorSystem | None) -> _Pen:
    attributes = 0
    for bit, on in enumerate(_attributes(style)):
        attributes |= bool(on) << bit
    if system is None:
        return _Pen(attributes)
    colour = ";".join(style.color.downgrade(system).get_ansi_codes()) if style.color else ""
    ground = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False)) if style.bgcolor else ""
    return _Pen(attributes, "" if colour == _OWN_COLOUR else colour, "" if ground == _OWN_GROUND else ground)


def _attributes(style: Style) -> tuple[bool | None, ...]:
    return (
        style.bold,
        style.dim,
        style.italic,
        style.underline,
        style.blink,
        style.blink2,
        style.reverse,
        style.conceal,
        style.strike,
        style.underline2,
        style.frame,
        style.encircle,
        style.overline,
    )


@lru_cache(maxsize=4096)
def _change(pen: _Pen, wanted: _Pen) -> str:
    """The shortest sequence from one setting to another: a difference, or a reset and everything."""
    full = ["0", *_on(wanted.attributes), *filter(None, (wanted.colour, wanted.ground))]
    gone, come = pen.attributes & ~wanted.attributes, wanted.attributes & ~pen.attributes
    if gone & _INTENSITY:
        # One code ends both bold and dim.
        come |= wanted.attributes & _INTENSITY
    codes = sorted({_OFF[bit] for bit in range(len(_OFF)) if gone >> bit & 1}) + _on(come)
    if pen.colour != wanted.colour:
        codes.append(wanted.colour or _OWN_COLOUR)
    if pen.ground != wanted.ground:
        codes.append(wanted.ground or _OWN_GROUND)
    return f"\x1b[{min(';'.join(codes), ';'.join(full), key=len)}m"


def _on(attributes: int) -> list[str]:
    return [_ON[bit] for bit in range(len(_ON)) if attributes >> bit & 1]
