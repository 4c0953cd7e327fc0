"""What the series cost in memory, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

TARGETS, SERIES, SECONDS = 500, 100, 930
LIMIT_BYTES = 400 * 2**20

FILL = """
import json, sys
import psutil
from aishell_core.catalogue import PROCESS_CPU, PROCESS_MEMORY
from aishell_core.series.store import SeriesStore
from aishell_core.values import Reading, Sample, TargetId, Tier

targets, series, seconds = map(int, sys.argv[1:])
names = [TargetId(str(target)) for target in range(targets)]
samples = [
    tuple(Sample((PROCESS_CPU, PROCESS_MEMORY)[number % 2], number, (("pid", f"{name}.{number // 2}"),)) for number in range(series))
    for name in names
]
process, store = psutil.Process(), SeriesStore()
before = process.memory_info().rss
for second in range(seconds):
    for name, of_target in zip(names, samples):
        store.add(Reading(name, Tier.HOT, 1.8e9 + second, of_target), 1.0)
grown = process.memory_info().rss - before
keys = [store.snapshot(name).keys() for name in names]
points = [len(store.snapshot(name).points(found[0], 0, 2e9).times) for name, found in zip(names, keys) if len(found) == series]
print(json.dumps({"grown": grown, "points": points}))
"""


def test_500_targets_of_100_series_each_second_for_15_minutes_stay_under_400_mib() -> None:
    """Every row is really written: the process holds at least 900 points of each of the 50,000 series, no two of one name."""
    arguments = [sys.executable, "-c", FILL, *map(str, (TARGETS, SERIES, SECONDS))]
    found = json.loads(subprocess.run(arguments, capture_output=True, check=True, text=True).stdout)
    assert len(found["points"]) == TARGETS
    assert min(found["points"]) >= 900
    assert found["grown"] < LIMIT_BYTES, f"{found['grown'] / 2**20:.0f} MiB"
