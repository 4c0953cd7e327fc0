"""The program's entry point: an interrupt is quiet from the first import on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from aishell_tui.cli import boundary
        from aishell_tui.cli.tree import app
    except KeyboardInterrupt:
        return 130
    return boundary.leave(boundary.run(app, sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
