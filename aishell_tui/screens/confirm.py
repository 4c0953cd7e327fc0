"""The question before something is done: what, where, its effect; the answer is No unless somebody means Yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input
from typing_extensions import override

from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.text_view import TextView

if TYPE_CHECKING:
    from aishell_core.safety.decision import Place

_LEAST_CELLS = 20


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is about to be done, in a title and sentences; `typed` is what has to be typed first, "" for a plain yes.

    A `refused` one says only why it is not done; there is nothing to answer.
    """

    title: str
    sentences: tuple[str, ...] = ()
    typed: str = ""
    refused: bool = False


def where_words(place: Place) -> str:
    """A target with what the configuration says that it is."""
    return place.described


class _Question(TextView, can_focus=False):
    """The sentences over as many lines as they need."""

    def __init__(self, question: Confirmation) -> None:
        super().__init__(heading=Heading(question.title))
        self._question = question
        self._wrong = ""

    def show_wrong(self, typed: str) -> None:
        """Say that something else was typed."""
        self._wrong = f"{typed!r} is not the name" if typed else ""
        self.update_lines()

    @override
    def content(self, width: int) -> Sequence[Spans]:
        """The sentences and how to answer."""
        room = max(_LEAST_CELLS, width - 4)
        lines: list[Spans] = [
            ((f"  {' ' * (len(each) - len(each.lstrip()))}", "text"), (line, "text"))
            for each in self._question.sentences
            for line in wrap(each, room)
        ]
        if self._question.refused:
            lines += [(), (("  ", "text"), ("esc or enter", "key"), (" back", "text"))]
        elif self._question.typed:
            asked: Spans = (("  Type ", "text"), (self._question.typed, "bold"), (" to go on, then enter; ", "text"), ("esc", "key"))
            lines += [(), (*asked, (" leaves it", "text")), (("  ", "text"), (self._wrong, "critical"))]
        else:
            lines += [(), (("  ", "text"), ("y", "key"), (" yes   ", "text"), ("n, esc or enter", "key"), (" no, leave it", "text"))]
        return lines


class ConfirmScreen(ModalScreen[bool]):
    """Asks; returns whether to go on. Everything but a clear yes is a no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer(False)", "leave", show=False),
        Binding("n,q,enter", "answer(False)", "no", show=False),
        Binding("y", "answer(True)", "yes", show=False),
    ]

    def __init__(self, question: Confirmation) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question, and a line to type in where that is asked."""
        with Vertical(id="confirm"):
            yield _Question(self._question)
            if self._question.typed:
                line = Input(compact=True)
                line.cursor_blink = False
                yield line

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A single letter answers only where nothing has to be typed."""
        return not (action == "answer" and parameters == (True,) and (self._question.typed or self._question.refused))

    def action_answer(self, go_on: bool) -> None:
        """Close with the answer."""
        self.dismiss(go_on)

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == self._question.typed:
            self.dismiss(True)
        elif not event.value.strip():
            self.dismiss(False)
        else:
            self.query_one(_Question).show_wrong(event.value.strip())
            event.input.value = ""
