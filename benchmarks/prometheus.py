"""Prometheus on this machine, scraping invented targets each second and evaluating rules over them."""

from __future__ import annotations

import random
import re
import shutil
import socket
import statistics
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from benchmarks.alert_rules import exposition, figures

_WARM_UP_SECONDS = 75.0
_MEASURED_SECONDS = 20.0
_READY_SECONDS = 60.0
_ITERATIONS = re.compile(r"^prometheus_rule_group_iterations_total\{[^}]*\} (\S+)$", re.MULTILINE)
_MISSED = re.compile(r"^prometheus_rule_group_iterations_missed_total\{[^}]*\} (\S+)$", re.MULTILINE)
_DURATION = re.compile(r"^prometheus_rule_group_last_duration_seconds\{[^}]*\} (\S+)$", re.MULTILINE)
_RULES = re.compile(r"^prometheus_rule_group_rules\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one evaluation of all rules takes: by Prometheus' own measure, and the CPU of its process beyond that of scraping."""

    duration_milliseconds: float
    cpu_milliseconds: float


def is_there() -> bool:
    """Whether the program is installed."""
    return shutil.which("prometheus") is not None


def version() -> str:
    """Its version."""
    done = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).split()[2]


def measure(folder: Path, rule_files: list[str]) -> list[Evaluated]:
    """What each set of rules takes per second; all run one after the other in one Prometheus, over windows that are full."""
    with _targets() as port, _running(folder, port) as (process, own_port):
        time.sleep(_WARM_UP_SECONDS)
        idle = _spent(process, own_port)
        found = []
        for rules in rule_files:
            (folder / "rules.yml").write_text(rules, encoding="utf-8")
            process.send_signal(1)
            _wait(own_port, rules.count("- alert:"))
            spent = _spent(process, own_port)
            cpu = (spent.cpu_milliseconds - idle.cpu_milliseconds) / max(spent.evaluations, 1e-9)
            found.append(Evaluated(spent.duration_milliseconds, cpu))
        return found


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU of the process, evaluations of all rules, both per second, and the mean duration of these."""

    cpu_milliseconds: float
    evaluations: float
    duration_milliseconds: float


def _spent(process: psutil.Process, port: int) -> _Spent:
    begin, before, durations, done = time.monotonic(), process.cpu_times(), list[float](), _evaluations(port)
    while time.monotonic() - begin < _MEASURED_SECONDS:
        time.sleep(1.0)
        durations += [float(text) * 1000 for text in _DURATION.findall(_metrics(port))]
    after, seconds = process.cpu_times(), time.monotonic() - begin
    cpu = after.user + after.system - before.user - before.system
    evaluations = _evaluations(port) - done
    return _Spent(cpu / seconds * 1000, evaluations / seconds, statistics.mean(durations) if durations else 0.0)


def _evaluations(port: int) -> float:
    """How often the rules were evaluated; those that were skipped because the last one took too long are counted apart."""
    text = _metrics(port)
    return sum(map(float, _ITERATIONS.findall(text))) - sum(map(float, _MISSED.findall(text)))


def _wait(port: int, rules: int) -> None:
    """Until these rules have been evaluated."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        text = _metrics(port)
        if _RULES.search(text) and float(_RULES.findall(text)[0]) == rules and float((_DURATION.findall(text) or ["0"])[0]) > 0.0:
            return
        time.sleep(0.5)
    raise TimeoutError("Prometheus has not taken the rules")


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


@contextmanager
def _targets() -> Iterator[int]:
    """An HTTP server with other values each second; made before they are asked for, so that scraping does not wait."""
    chance, text, stopped = random.Random(1), [exposition(figures(random.Random(0))).encode()], threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text[0])

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    def change() -> None:
        while not stopped.wait(1.0):
            text[0] = exposition(figures(chance)).encode()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threads = [threading.Thread(target=server.serve_forever, daemon=True), threading.Thread(target=change, daemon=True)]
    for thread in threads:
        thread.start()
    try:
        yield server.server_port
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()


@contextmanager
def _running(folder: Path, port: int) -> Iterator[tuple[psutil.Process, int]]:
    (folder / "rules.yml").write_text("groups: []\n", encoding="utf-8")
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: measured, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n",
        encoding="utf-8",
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        own_port = free.getsockname()[1]
    arguments = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{own_port}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(["prometheus", *arguments], stdout=log, stderr=log) as running:
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while time.monotonic() < deadline:
                with suppress(OSError):
                    _metrics(own_port)
                    break
                time.sleep(0.2)
            yield psutil.Process(running.pid), own_port
        finally:
            running.kill()
