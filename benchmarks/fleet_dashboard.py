"""The real dashboard over a fleet of fakes: `python -m benchmarks.fleet_dashboard COUNT INTERVAL_SECONDS [HANGING_TARGET]`.

Everything is the program's own but the collectors, which answer with the timing of real ones; the hanging target
answers for three seconds and then never again.
"""

from __future__ import annotations

import os
import sys
import threading

from aishell_core.clock import SystemClock
from aishell_core.values import TargetId
from aishell_tui.launch import prepare_environment
from aishell_tui.options import DashboardOptions
from aishell_tui.places import find_places
from aishell_tui.runtime import Runtime
from benchmarks.fake_fleet import FakeFleet, fake_targets
from collectors.schedule import Schedule

_HANGS_AFTER_SECONDS = 3.0


def main(count: int, interval_seconds: float, hanging: str) -> int:
    options = DashboardOptions(targets=fake_targets(count), interval_seconds=interval_seconds)
    prepare_environment(options, os.environ)
    from aishell_tui.app import AishellApp

    fleet = FakeFleet()
    if hanging:
        timer = threading.Timer(_HANGS_AFTER_SECONDS, fleet.hang, [TargetId(hanging)])
        timer.daemon = True
        timer.start()
    runtime = Runtime(
        options.targets,
        clock=SystemClock(),
        open_collector=fleet.open,
        schedule=Schedule(hot_seconds=interval_seconds),
        thresholds=options.thresholds,
        state_folder=find_places().state,
    )
    return AishellApp(runtime, options).run() or 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
