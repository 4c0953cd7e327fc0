"""One program that evaluates alerts, for tests that run several: `python -m tests.alert_program FOLDER NAME`.

It is the real service with the real notifier; what it sends is a line in the file `post`. The figure that all programs see
stands in the file `value`, and what one program shows in the file of its name.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from aishell_core.clock import SystemClock
from alerts.notify.models import Answer, Channel, ChannelKind, Fault, Message
from alerts.notify.notifier import Notifier
from alerts.ports import Transact
from alerts.service import AlertService
from tests.alert_service import Books, book_of, traits_of, usage, usage_rule

_SECONDS = 0.1


class Post:
    """A receiver that takes everything."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / "post"
        self._name = name

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{self._name} {message.kind} {message.id}\n")
        return Answer(Fault.NONE, "200 OK")


async def main(folder: Path, name: str) -> None:
    clock = SystemClock()
    traits = traits_of("orders")

    def teller(transact: Transact, may_tell: Callable[[], bool]) -> Notifier:
        senders = dict.fromkeys(ChannelKind, Post(folder, name))
        return Notifier(book_of().routes, transact, senders=senders, clock=clock, may_send=may_tell)

    rules = Books(book_of(usage_rule()))
    service = AlertService(folder / "state", rules=rules, clock=clock, traits=lambda: traits, make_teller=teller, holder=name)
    running = asyncio.create_task(service.run())
    while not running.done():
        service.observe(usage(float((folder / "value").read_text()), clock.now()), 1.0)
        _show(folder / name, service)
        await asyncio.sleep(_SECONDS)
    running.result()


def _show(path: Path, service: AlertService) -> None:
    view = service.view()
    state = ",".join(str(alert.phase) for alert in view.alerts) or "nothing"
    whole = path.with_suffix(".new")
    whole.write_text(f"{view.is_evaluator} {view.evaluation.is_alive} {state}")
    whole.replace(path)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
