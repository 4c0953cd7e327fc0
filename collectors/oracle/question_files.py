"""The statements for Oracle by the first release that they fit; those that need the Diagnostics Pack stand in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from aishell_core.engines.oracle import ServerFacts
from collectors.query_files import QueryFiles

QUERIES = QueryFiles(Path(__file__).parent / "queries")
LICENSED = QueryFiles(Path(__file__).parent / "queries_licensed")
"""Statements that may be sent only where the target's URL says that the Diagnostics Pack is licensed."""


def question(server: ServerFacts, name: str, *, licensed: bool = False) -> str:
    """The text of a statement for a server; raises LookupError where none fits, or where the licence for it is missing."""
    if licensed and not server.licensed:
        raise LookupError(f"{name} needs the Diagnostics Pack")
    return (LICENSED if licensed else QUERIES).text(name, server.major)
