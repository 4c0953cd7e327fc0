"""A strip that is drawn once and replaced: it keeps nothing for being cut or dressed again."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from textual.cache import FIFOCache
from textual.strip import Strip


class _Forgetful(FIFOCache[object, object]):
    """A cache that never has anything, shared by all strips."""

    __slots__ = ()

    def __setitem__(self, key: object, value: object) -> None:
        """Nothing is kept."""


_NOTHING = _Forgetful(0)


class LineStrip(Strip):
    """A strip without most of its caches.

    Each of the library's has seven, a kilobyte in all, and every piece that was ever cut from it stays with it. The lines of
    all screens are some thousand strips, of which hardly one is cut twice in the same way.
    """

    __slots__ = ()
    _divide_cache = _crop_cache = _style_cache = _line_length_cache = _crop_extend_cache = _offsets_cache = _NOTHING  # type: ignore[assignment]

    def __init__(self, segments: Iterable[Segment], cell_length: int | None = None) -> None:
        self._segments = list(segments)
        self._cell_length = cell_length
        # Without colours every line goes through a filter at each painting.
        self._filter_cache = FIFOCache(1)
        self._render_cache = None
        self._link_ids = None
        self._cell_count = None
