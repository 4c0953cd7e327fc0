"""Who runs this process, as the operating system knows it."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path

from aishell_core.safety.roles import Actor

_NO_LOGIN = 2**32 - 1
"""What the kernel keeps for a process that no login began."""


def current_actor(environ: Mapping[str, str] = os.environ) -> Actor:
    """The actor of this process; never fails, what the system does not tell is empty."""
    uid = os.geteuid()
    return Actor(
        user=_user_name(uid),
        uid=uid,
        groups=tuple(sorted({_group_name(gid) for gid in (os.getegid(), *os.getgroups())})),
        sudo_user=environ.get("SUDO_USER", ""),
        login_user=_login_user(),
        host=socket.gethostname(),
        tty=_terminal(),
        ssh_client=environ.get("SSH_CLIENT", "") or environ.get("SSH_CONNECTION", ""),
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _login_user() -> str:
    try:
        uid = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    return "" if uid == _NO_LOGIN else _user_name(uid)


def _terminal() -> str:
    for descriptor in (0, 1, 2):
        try:
            return os.ttyname(descriptor)
        except OSError:
            continue
    return ""
