"""Start the PostgreSQL demo: find a server, make a folder that it can use, and start the keeper."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aishell_core.targets import Environment, Location, Target
from aishell_core.values import TargetId
from aishell_tui.demo.keeping import SERVER_FOLDER
from aishell_tui.demo.launch import Demo, drop_folder, new_folder, start_keeper, temporary_folder, writable
from aishell_tui.demo.postgres_clients import DATABASE
from aishell_tui.demo.postgres_programs import PostgresPrograms, runnable_programs, server_user
from aishell_tui.demo.postgres_servers import PORTS, PRIMARY, REPLICA

NAMES = {PRIMARY: TargetId("shop"), REPLICA: TargetId("shop-replica")}
ROLE = "aishell"
_START_SECONDS = 60.0
# Removing two servers' two thousand files takes a while on a busy machine.
_STOP_SECONDS = 8.0
# The shortest limit among systems for a socket's path is 103 bytes, of which our own names take 40.
_LONGEST_FOLDER_BYTES = 60
# The servers' configuration takes a path as it is, with commas between paths.
_PLAIN = re.compile(r"[\w./+-]+")


def start_postgres_demo(folder: Path, programs: PostgresPrograms, *, wait: bool = True) -> Demo:
    """Start the demo with a PostgreSQL in a fresh folder below `folder`.

    The temporary folder is taken where the other cannot be written or used by a server. What dead demos left in either is
    removed and their servers are ended. Raises AishellError where the server cannot be run or does not start.
    """
    user = server_user()
    own, lock = new_folder(_usable(folder, needs_passage=user is not None), folder)
    if user is not None:
        # The servers' user passes through to its own folder in there, and cannot look around.
        own.chmod(0o711)
    try:
        folder_of_programs = runnable_programs(programs, user, own)
    except BaseException:
        drop_folder(own, lock)
        raise
    arguments = (folder_of_programs, "statements" if programs.has_statements else "plain")
    keeper = start_keeper("postgres_keeper", arguments, own, lock, alone=False)
    demo = Demo(_targets(own), keeper, own, lock, _START_SECONDS, _STOP_SECONDS)
    if wait:
        demo.wait_until_ready()
    return demo


def _usable(folder: Path, *, needs_passage: bool) -> Path:
    """A folder with a path that a socket and a configuration can bear, and that another user can reach where it needs to."""
    chosen = temporary_folder() if needs_passage else writable(folder)
    fits = len(os.fsencode(chosen)) <= _LONGEST_FOLDER_BYTES and _PLAIN.fullmatch(str(chosen)) is not None
    return chosen if fits else temporary_folder()


def _targets(own: Path) -> tuple[Target, ...]:
    folder = str(own / SERVER_FOLDER)
    return tuple(
        Target(
            NAMES[server],
            Location("postgres", host=folder, port=PORTS[server], database=DATABASE, user=ROLE),
            Environment.DEVELOPMENT,
            origin="demo",
        )
        for server in (PRIMARY, REPLICA)
    )
