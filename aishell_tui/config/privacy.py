"""Warnings about secrets: passwords written into a file, and files that others may read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from aishell_core.documents.document import Document, KeyPath
from aishell_core.documents.problems import Problem
from aishell_tui.config.alerts import AlertsSpec
from aishell_tui.config.models import ConfigSpec, TargetSpec
from aishell_tui.config.secret_sources import readable_by_others


def privacy_warnings(document: Document, path: Path, spec: ConfigSpec) -> Iterator[Problem]:
    """What should be kept better: a password in a URL, and each file with a secret that others may read."""
    mode = readable_by_others(path)
    for index, target in enumerate(spec.targets):
        place: KeyPath = ("targets", index, "url")
        if target.url is not None and target.url.written_secret:
            yield document.problem(
                place,
                f"the URL of {target.name!r} holds a password",
                "take it out and write password: {env: NAME}, {file: PATH} or {command: [...]}",
            )
            if mode is not None:
                what = f"others may read this file (mode {mode:03o}), and it holds a password"
                yield document.problem(place, what, f"chmod 600 {shlex.quote(str(path))}")
        yield from _secret_file_warnings(document, index, target)
    yield from _channel_warnings(document, path, spec.alerts, mode)


def _channel_warnings(document: Document, path: Path, alerts: AlertsSpec, mode: int | None) -> Iterator[Problem]:
    for name, channel in alerts.channels.items():
        place: KeyPath = ("alerts", "channels", name)
        if channel.url is not None and channel.url.written_secret:
            what = f"the URL of the channel {name!r} is a secret"
            yield document.problem(place, what, "keep it elsewhere, and write ${NAME}, url_file or url_command", of_key=True)
            if mode is not None:
                what = f"others may read this file (mode {mode:03o}), and it holds a secret"
                yield document.problem(place, what, f"chmod 600 {shlex.quote(str(path))}", of_key=True)
        key = channel.key.file if channel.key is not None else None
        for file in (channel.url_file, key):
            if file is not None and (file_mode := readable_by_others(file)) is not None:
                what = f"others may read the secret file {file} (mode {file_mode:03o})"
                yield document.problem(place, what, f"chmod 600 {shlex.quote(str(file))}", of_key=True)


def _secret_file_warnings(document: Document, index: int, target: TargetSpec) -> Iterator[Problem]:
    files: list[tuple[KeyPath, Path]] = []
    if target.url_file is not None:
        files.append((("targets", index, "url_file"), target.url_file))
    if target.password is not None and target.password.file is not None:
        files.append((("targets", index, "password", "file"), target.password.file))
    for place, path in files:
        mode = readable_by_others(path)
        if mode is not None:
            what = f"others may read the secret file {path} (mode {mode:03o})"
            span = document.span(place)
            hint = f"chmod 600 {shlex.quote(str(path))}"
            yield document.problem_at(span, what, hint) if span else Problem(document.source, what, hint)
