"""A thousand alerts of one reading, told to a real receiver while somebody types: `python -m benchmarks.alert_burst`."""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aishell_core.clock import SystemClock
from alerts.handling import standing
from alerts.lease import own_boot
from alerts.store.database import AlertStore
from benchmarks.backups_subject import configure
from benchmarks.measure import Measured
from benchmarks.report import Figure, Section, bounded, machine, render
from tests.servers.receivers import Receiver, http_receiver
from tests.servers.redis import RedisServer, redis_server
from tests.terminal import AISHELL, surroundings

_ALERTS = 1_000
_STANDING, _MORE = 30, 40
_LIMIT = 50
_INTERVAL_SECONDS = 1.0
_MOST_INTERVALS = 2.0
_MOST_KEY_MILLISECONDS = 50.0
_KEYS = 20
_SETTLED_SECONDS = 15.0
_READY_SECONDS = 60.0


def _furnish(home: Path, server: RedisServer, receiver: Receiver) -> None:
    configure(home, server.url())
    rest = f"condition: connections.used > {_LIMIT}, for: 0s, group_by: [target], channels: [hook]"
    rules = "".join(f"    - {{name: burst {number}, {rest}}}\n" for number in range(_ALERTS))
    with (home / "config.yaml").open("a") as file:
        file.write(f"alerts:\n  builtin: []\n  channels:\n    hook: webhook+http://{receiver.address}/\n  rules:\n{rules}")


@contextmanager
def _clients(server: RedisServer, count: int) -> Iterator[None]:
    clients = [server.connect() for _ in range(count)]
    for client in clients:
        client.ping()
    try:
        yield
    finally:
        for client in clients:
            client.close()


def _wait_for_evaluation(home: Path) -> None:
    """Wait until the rules are loaded and were judged once: what begins before is told when the program has started."""
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        with closing(AlertStore.open_to_read(home / "state")) as store:
            if standing(store, SystemClock(), own_boot()).evaluation.evaluated_at is not None:
                return
        time.sleep(0.05)
    raise TimeoutError("no rule was evaluated")


def _first_request_seconds(receiver: Receiver, breach_at: float, found: list[float]) -> None:
    while not receiver.requests and time.monotonic() - breach_at < _READY_SECONDS:
        time.sleep(0.005)
    found.append(time.monotonic() - breach_at)


def _measure() -> tuple[float, int, tuple[float, ...]]:
    """Seconds from the breach to the first request, requests by then and a while later, and milliseconds per key meanwhile."""
    with tempfile.TemporaryDirectory() as name, redis_server() as server, http_receiver() as receiver, _clients(server, _STANDING):
        home = Path(name)
        _furnish(home, server, receiver)
        command: list[str | Path] = [AISHELL, "--config", home / "config.yaml"]
        with Measured(command, surroundings(home), columns=160, rows=45) as run:
            run.first_frame(lambda screen: "app" in screen, _READY_SECONDS)
            run.terminal.send("4i")
            run.terminal.wait_for(lambda screen: screen.count("127.0.0.1") > _STANDING // 2, _READY_SECONDS)
            _wait_for_evaluation(home)
            run.key_delays(["j"] * 3)
            with _clients(server, _MORE):
                told: list[float] = []
                waiting = threading.Thread(target=_first_request_seconds, args=(receiver, time.monotonic(), told))
                waiting.start()
                delays = run.key_delays(["j", "j", "j", "k"] * (_KEYS // 4))
                waiting.join()
                run.steady(0.0, _SETTLED_SECONDS)
            return told[0], len(receiver.requests), delays


def burst_section() -> Section:
    """The figures of a burst."""
    seconds, requests, delays = _measure()
    return Section(
        f"{_ALERTS:,} alerts in one reading",
        "python -m benchmarks.alert_burst",
        (
            bounded(
                "from the breach to the channel's request, `for: 0`", seconds / _INTERVAL_SECONDS, _MOST_INTERVALS, "intervals", digits=2
            ),
            bounded("messages to the channel for all of them", float(requests), 1.0, "", digits=0),
            bounded(
                "a key on the Sessions screen meanwhile, 95th percentile",
                statistics.quantiles(delays, n=20)[-1],
                _MOST_KEY_MILLISECONDS,
                "ms",
            ),
            Figure("the same, median", f"{statistics.median(delays):.1f} ms"),
        ),
        (
            f"One Redis, {_ALERTS:,} rules on its connections, which {_MORE} clients bring beyond their limit at once; readings each "
            f"{_INTERVAL_SECONDS:g} s; the breach is the moment in which the last client has connected,"
            " after the rules were evaluated for the first time.",
        ),
    )


if __name__ == "__main__":
    sys.stdout.write(render((burst_section(),), machine(), datetime.now(UTC).date().isoformat()))
