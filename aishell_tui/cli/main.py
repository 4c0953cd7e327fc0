"""The program's entry point: an interrupt is quiet from the first import on."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    # A command lives for a second and start-up makes no garbage; a dashboard collects again once it stands.
    gc.disable()
    try:
        from aishell_tui.cli import boundary, quick

        run = quick.quick_way(sys.argv[1:])
        if run is None:
            from aishell_tui.cli.tree import app

            run = app
    except KeyboardInterrupt:
        return 130
    return boundary.leave(boundary.run(run, sys.argv[1:], program=boundary.program_name(sys.argv[0])))


if __name__ == "__main__":
    sys.exit(main())
