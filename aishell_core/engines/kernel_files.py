"""Files that the kernel makes up while they are read: they look regular, and reading one may wait for ever or change something."""

from __future__ import annotations

import os
from pathlib import Path

_MADE_UP = frozenset(
    {"proc", "sysfs", "debugfs", "tracefs", "securityfs", "configfs", "cgroup", "cgroup2", "efivarfs", "pstore", "bpf", "selinuxfs"}
)
_MOUNTS = Path("/proc/self/mountinfo")


def kernel_file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """The kind of the file system where the kernel makes this file up; empty for one with files of its own.

    By the device of the file and the list of mounts (proc_pid_mountinfo(5)); where there is no list, by the usual places.
    Raises OSError when the file is not there.
    """
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        real = Path(os.path.realpath(path))
        return next((folder for folder in ("proc", "sys") if real.is_relative_to(f"/{folder}")), "")
    for line in lines:
        # "24 30 0:22 / /sys rw,nosuid - sysfs sysfs rw": the device is the third field, the kind the first behind " - ".
        before, _, behind = line.partition(" - ")
        fields, kind = before.split(), behind.split(" ", 1)[0]
        if len(fields) > 2 and fields[2] == number:
            return kind if kind in _MADE_UP else ""
    return ""
