"""A service of alerts that is killed at its n-th step and started again, for every n: `python -m tests.alert_crashes FOLDER`.

For each n one line of JSON is printed: where it was killed, what it had acknowledged to people before, and what the second
service found and told. Each service is a process of its own, forked from this one, which has imported everything and started
nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from alerts.handling import history, standing
from alerts.models import Level, Matcher, MatchOperator
from alerts.notify.models import Answer, Channel, Fault, Message
from alerts.store.database import AlertStore
from tests.alert_service import Station, usage_rule
from tests.fake_clock import FakeClock

START = 1_800_000_000.0
BOOT_SECONDS = 5_000.0
DOWN_SECONDS = 20.0
WAIT_SECONDS = 8
HOT = usage_rule("hot", level=Level.CRITICAL)
WAITS = usage_rule("waits", for_seconds=float(WAIT_SECONDS))
OF_PAY = Matcher("target", MatchOperator.EQUAL, "pay")


class Diary:
    """What a process had done before it was killed: lines in a file, which the kernel keeps."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def lines(self) -> list[str]:
        return self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []


class Killer:
    """Ends the process at one step."""

    def __init__(self, at: int, diary: Diary) -> None:
        self._left = at
        self._diary = diary

    def __call__(self, step: str) -> None:
        self._left -= 1
        if self._left == 0:
            self._diary.note(f"killed {step}")
            os.kill(os.getpid(), signal.SIGKILL)


class Post:
    """A receiver that writes down what it takes; the process may be killed right before and right after."""

    def __init__(self, diary: Diary, killer: Killer) -> None:
        self._diary = diary
        self._killer = killer

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        self._killer("send")
        self._diary.note(
            f"told {message.id} {message.kind} {dict(message.group_labels)['alertname']} {dict(message.group_labels)['target']}"
        )
        self._killer("sent")
        return Answer(Fault.NONE, "200 OK")


def a_station(folder: Path, clock: FakeClock, killer: Killer, diary: Diary) -> Station:
    return Station(folder, HOT, WAITS, clock=clock, targets=("orders", "pay"), fault=killer, post=Post(diary, killer))


async def first_life(folder: Path, clock: FakeClock, killer: Killer, diary: Diary) -> None:
    station = a_station(folder, clock, killer, diary)
    await station.watch(2, orders=0.5, pay=0.5)
    for second in range(1, 7):
        await station.watch(orders=0.95, pay=0.95 if second > 4 else 0.5)
        diary.note(f"held {second}")
        if second == 2:
            alert = next(alert for alert in station.service.view().alerts if alert.rule == "hot")
            diary.note(f"fired {alert.fired_at}")
            await station.service.acknowledge(alert.fingerprint, "ana", "on it")
            diary.note("acknowledged")
        if second == 3:
            await station.service.silence((OF_PAY,), clock.now(), clock.now() + 3600, "ana", "upgrade")
            diary.note("silenced")
    diary.note("survived")


async def second_life(folder: Path, clock: FakeClock, killer: Killer, diary: Diary) -> None:
    station = a_station(folder, clock, killer, diary)
    view = await station.watch(orders=0.95, pay=0.95)
    found: dict[str, Any] = {"alerts": {}, "silences": len(view.silences), "evaluates": view.is_evaluator}
    for alert in view.alerts:
        said = alert.acknowledgement
        found["alerts"][f"{alert.rule} {alert.key.target}"] = [str(alert.phase), alert.fired_at, said.owner if said else ""]
    diary.note("found " + json.dumps(found))
    seconds = 1
    while not any(
        alert.rule == "waits" and alert.key.target == "orders" and alert.phase.is_active for alert in station.service.view().alerts
    ):
        await station.watch(orders=0.95, pay=0.95)
        seconds += 1
    diary.note(f"waited {seconds}")
    await station.watch(3, orders=0.95, pay=0.95)
    await station.watch(3, orders=0.5, pay=0.5)
    diary.note("survived")


Life = Callable[[Path, FakeClock, Killer, Diary], Awaitable[None]]


def lived(life: Life, folder: Path, clock: FakeClock, killer: Killer, diary: Diary) -> int:
    """Live in a process of its own; its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(_run(life(folder, clock, killer, diary)))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def _run(life: Awaitable[None]) -> None:
    await life


def one_crash(folder: Path, number: int) -> dict[str, Any]:
    """Killed at one step, then started again; what came of it."""
    folder.mkdir()
    diary, after = Diary(folder / "first"), Diary(folder / "second")
    code = lived(first_life, folder / "state", FakeClock(START, BOOT_SECONDS), Killer(number, diary), diary)
    later = 10 + DOWN_SECONDS
    clock = FakeClock(START + later, BOOT_SECONDS + later)
    second_code = lived(second_life, folder / "state", clock, Killer(0, after), after)
    store = AlertStore.open_to_read(folder / "state")
    changes = Counter(f"{change.kind} {change.after.rule} {change.after.key.target}" for change in history(store, 0, START * 2))
    left = standing(store, clock, "b")
    store.close()
    return {
        "code": code,
        "second_code": second_code,
        "first": diary.lines(),
        "second": after.lines(),
        "changes": changes,
        "left": {f"{alert.rule} {alert.key.target}": str(alert.phase) for alert in left.alerts},
    }


def main(folder: Path) -> None:
    number = 0
    while True:
        number += 1
        result = one_crash(folder / str(number), number)
        print(json.dumps(result), flush=True)
        if result["code"] != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
