"""From what the kernel says of its RAID arrays and its clock to samples, all pure."""

from __future__ import annotations

import re

from aishell_core.catalogue import HOST_CLOCK_OFFSET, HOST_CLOCK_UNSYNCHRONISED, HOST_RAID_MISSING
from aishell_core.engines.host import HostState
from aishell_core.engines.host_kernel import ClockState
from aishell_core.values import Sample

_ARRAY = re.compile(r"^(?P<name>md\S*) : (?P<state>\S+)")
# `[2/1] [U_]`: two disks belong to the array, one of them works.
_MEMBERS = re.compile(r"\[(?P<all>\d+)/(?P<working>\d+)\] \[[U_]+\]")
_CONTAINER = "external:"


def state_samples(state: HostState) -> tuple[Sample, ...]:
    """All samples of what changes seldom."""
    return (*raid_samples(state.raids or ""), *clock_samples(state.clock))


def raid_samples(text: str) -> tuple[Sample, ...]:
    """Missing disks of each array of /proc/mdstat; of an array that does not run it is 1, because no more is known.

    An array without spare disks (raid0) has none to lack; a container of other arrays is none by itself.
    """
    missing: dict[str, int] = {}
    name = ""
    inactive = False
    for line in text.splitlines():
        if array := _ARRAY.match(line):
            name, inactive = array["name"], array["state"] == "inactive"
        elif not line.strip():
            name = ""
        elif name and inactive and _CONTAINER not in line:
            missing[name] = 1
        elif name and (members := _MEMBERS.search(line)):
            missing[name] = max(int(members["all"]) - int(members["working"]), 0)
    return tuple(Sample(HOST_RAID_MISSING, count, (("array", name),)) for name, count in missing.items())


def clock_samples(clock: ClockState | None) -> tuple[Sample, ...]:
    """How far the clock is off and whether nobody sets it; how far is not known of a clock that nobody sets."""
    if clock is None:
        return ()
    unsynchronised = Sample(HOST_CLOCK_UNSYNCHRONISED, 0.0 if clock.synchronised else 1.0)
    if not clock.synchronised:
        return (unsynchronised,)
    return unsynchronised, Sample(HOST_CLOCK_OFFSET, abs(clock.offset_seconds) * 1000)
