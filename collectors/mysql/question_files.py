"""The statements for both families of servers: `queries/mariadb` and `queries/mysql`, each with NAME/VERSION.sql."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aishell_core.engines.mysql_facts import ServerFacts
from collectors.query_files import QueryFiles

_FOLDER = Path(__file__).parent / "queries"

QUERIES: Mapping[str, QueryFiles] = {family: QueryFiles(_FOLDER / family) for family in ("mariadb", "mysql")}
"""The statements of each family, by the word that `ServerFacts.flavour` gives."""


def question(server: ServerFacts, name: str) -> str:
    """The newest text of a statement that fits a server; raises LookupError where none does."""
    return QUERIES[server.flavour].text(name, server.version_num)
