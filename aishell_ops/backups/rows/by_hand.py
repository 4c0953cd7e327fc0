"""What a recovery sheet says of rows: a program of Python that makes SQL of them, and the engine's own client that runs it; pure."""

from __future__ import annotations

from inspect import getsource
from shlex import quote
from textwrap import indent

from aishell_ops.backups.rows import plain_rows


def recovery_by_hand(engine: str, client: str, *ahead: str) -> tuple[str, ...]:
    """The lines to paste: what comes `ahead`, then the rows as SQL for `client`, whose tables are made where they are missing."""
    # Lines of a sheet are indented, and Python takes that within a block alone.
    program = quote(f"if 1:\n{indent(getsource(plain_rows), '  ')}")
    return (*ahead, *f"python3 -c {program} {engine} | {client}".split("\n"))
