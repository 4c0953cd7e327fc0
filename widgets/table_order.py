"""The order of a table's rows: sorting, filtering, and holding still while somebody works with a row; no drawing."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from widgets.table_model import Row, ShownRow

_SEARCHED_CHARACTERS = 2000
_CELL_END = "\n"
_FLAGS = re.MULTILINE | re.DOTALL
_SPECIAL = frozenset(".^$*+?{}[]\\|()")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the user typed as a filter or search; `error` says why it is taken literally instead of as an expression.

    With `ignores_case` it is looked for in texts in lower case. `literal` is the whole expression where it is plain text.
    `^` and `$` hold at the ends of each cell; where it `has_blanks` it may also reach from one cell into the next.
    """

    text: str
    expression: re.Pattern[str]
    inverted: bool = False
    error: str = ""
    ignores_case: bool = False
    literal: str = ""
    has_blanks: bool = False

    def found_in(self, row: Row) -> bool:
        """Whether the row holds the expression, inverted or not."""
        return self.matches(row) != self.inverted

    def matches(self, row: Row) -> bool:
        """Whether the row holds the expression."""
        return self.finds(self.prepared(row.texts()))

    def prepared(self, texts: Sequence[str]) -> str:
        """The texts of cells in the form in which they are searched; worth keeping where that is done again and again."""
        joined = _CELL_END.join([text.replace(_CELL_END, " ") if _CELL_END in text else text for text in texts])
        return joined[:_SEARCHED_CHARACTERS].lower() if self.ignores_case else joined[:_SEARCHED_CHARACTERS]

    def finds(self, prepared: str) -> bool:
        """Whether prepared texts hold the expression."""
        return self._holds(prepared) or (self.has_blanks and self._holds(prepared.replace(_CELL_END, " ")))

    def _holds(self, text: str) -> bool:
        return self.literal in text if self.literal else self.expression.search(text) is not None


def parse_pattern(text: str) -> Pattern | None:
    """A regular expression, inverted by a leading `!`; letter case counts only where a capital is typed. Empty is None."""
    inverted = text.startswith("!")
    body = text[1:] if inverted else text
    if not body:
        return None
    ignores_case = body == body.lower()
    try:
        expression, error = re.compile(body, _FLAGS), ""
    except re.error as reason:
        expression, error = re.compile(re.escape(body), _FLAGS), f"not a regular expression ({reason}), searched as it stands"
    literal = body if error or _SPECIAL.isdisjoint(body) else ""
    return Pattern(text, expression, inverted, error, ignores_case, literal, " " in body)


class RowOrder:
    """The rows in the order of the screen.

    While `frozen`, the order stays: values go on changing in place, new rows come at the end, vanished ones stay
    where they were and are marked. With `new_in_place` rows that are new, or came back, stand above all that rank below
    them: what is new and heavy must not hide at the end of a ranking. `vanished` makes what stands for a row that has vanished.
    """

    def __init__(self, *, new_in_place: bool = False, vanished: Callable[[Row], Row] | None = None) -> None:
        self._new_in_place = new_in_place
        self._vanished = vanished
        self.rows: tuple[Row, ...] = ()
        self.shown: tuple[ShownRow, ...] = ()
        self.sort_key: str | None = None
        self.descending = False
        self.pattern: Pattern | None = None
        self.frozen = False
        self._added: frozenset[str] = frozenset()

    @property
    def new_count(self) -> int:
        """How many of the shown rows came while the order was held and still exist."""
        return sum(1 for shown in self.shown if shown.row.id in self._added and not shown.gone) if self._added else 0

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Take the new state of all rows; of two rows with one id the last counts."""
        self.rows = tuple({row.id: row for row in rows}.values())
        self.arrange()

    def arrange(self) -> None:
        """Work out the order anew."""
        wanted = [row for row in self.rows if self.pattern is None or self.pattern.found_in(row)]
        fresh = self._sorted(wanted)
        if self.frozen:
            self.shown = self._held(fresh)
        else:
            self.shown, self._added = tuple(ShownRow(row) for row in fresh), frozenset()

    def release(self) -> None:
        """End the hold: vanished rows go, the order is that of now."""
        self.frozen = False
        self.arrange()

    def resort(self) -> None:
        """Sort once more even while held; vanished rows go."""
        held, self.frozen = self.frozen, False
        self.arrange()
        self.frozen = held

    def place_of(self, row_id: str | None) -> int | None:
        """The index of a row on the screen."""
        return next((index for index, shown in enumerate(self.shown) if shown.row.id == row_id), None) if row_id is not None else None

    def _held(self, fresh: list[Row]) -> tuple[ShownRow, ...]:
        alive = {row.id: row for row in self.rows}
        stays = [shown for shown in self.shown if not (self._new_in_place and shown.gone and shown.row.id in alive)]
        placed = {shown.row.id for shown in stays}
        kept = [ShownRow(alive[shown.row.id]) if shown.row.id in alive else self._gone(shown) for shown in stays]
        added = [ShownRow(row) for row in fresh if row.id not in placed]
        self._added |= {shown.row.id for shown in added}
        return _merged(kept, added, {row.id: place for place, row in enumerate(fresh)}) if self._new_in_place else (*kept, *added)

    def _gone(self, shown: ShownRow) -> ShownRow:
        return shown if shown.gone else ShownRow(self._vanished(shown.row) if self._vanished is not None else shown.row, gone=True)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        key = self.sort_key
        if key is None:
            return rows
        ranked = [(row.cell(key).rank(), row) for row in rows]
        known = [(rank, row) for rank, row in ranked if rank is not None]
        known.sort(key=lambda pair: pair[0], reverse=self.descending)
        return [row for _, row in known] + [row for rank, row in ranked if rank is None]


def _merged(kept: Sequence[ShownRow], added: Sequence[ShownRow], ranks: Mapping[str, int]) -> tuple[ShownRow, ...]:
    """The kept rows as they stand, and each added one, which come by rank, before the first that ranks below it."""
    found: list[ShownRow] = []
    waiting = deque(added)
    for shown in kept:
        while waiting and ranks[waiting[0].row.id] < ranks.get(shown.row.id, -1):
            found.append(waiting.popleft())
        found.append(shown)
    return (*found, *waiting)
