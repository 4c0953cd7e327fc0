"""Which programs are taken for a server, told by what they say of their version."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.engines.mysql_facts import ServerFacts, facts_of
from aishell_ops.backups.engines.mysql_tools import Role, find_client, find_physical
from aishell_ops.backups.errors import ToolError

SAID = {
    "mariadb-10.6": "mariadb-dump  Ver 10.19 Distrib 10.6.18-MariaDB, for debian-linux-gnu (x86_64)",
    "mariadb-10.11": "mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)",
    "mariadb-11.4": "mariadb-dump from 11.4.5-MariaDB, client 10.19 for Linux (x86_64)",
    "mysql-5.7": "mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)",
    "mysql-8.0": "mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
    "mysql-8.4": "mysqldump  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)",
}


def _server(version: str) -> ServerFacts:
    return facts_of({"version": version}, address="", user="")


def _installed(folder: Path, *names: str) -> tuple[Path, ...]:
    folders = []
    for name in names:
        place = folder / name
        place.mkdir()
        program = place / ("mysqldump" if name.startswith("mysql") else "mariadb-dump")
        program.write_text(f"#!/bin/sh\necho '{SAID[name]}'\n")
        program.chmod(0o755)
        folders.append(place)
    return tuple(folders)


@pytest.mark.parametrize(
    ("server", "installed", "taken"),
    [
        ("10.11.19-MariaDB-0+deb12u1", ("mariadb-11.4", "mariadb-10.11", "mysql-8.0"), "10.11.19"),
        ("10.11.2-MariaDB", ("mariadb-10.6", "mariadb-11.4"), "11.4.5"),
        ("8.0.15", ("mariadb-11.4", "mysql-8.4", "mysql-8.0", "mysql-5.7"), "8.0.36"),
        ("8.0.15", ("mysql-5.7", "mariadb-10.11"), "10.11.19"),
        ("5.7.30", ("mysql-5.7", "mysql-8.0"), "5.7.44"),
    ],
)
def test_the_oldest_that_is_not_too_old_and_of_its_own_family_where_there_is_one(
    tmp_path: Path, server: str, installed: tuple[str, ...], taken: str
) -> None:
    folders = _installed(tmp_path, *installed)
    assert find_client(Role.DUMP, _server(server), {"PATH": "/nonexistent"}, folders).version == taken


def test_one_that_is_too_old_is_named_with_the_package_to_install(tmp_path: Path) -> None:
    folders = _installed(tmp_path, "mariadb-10.6", "mysql-8.4")
    with pytest.raises(
        ToolError, match=r"mariadb-dump of MariaDB 11\.4 or newer is needed; there is 10\.6\.18, which is too old"
    ) as caught:
        find_client(Role.DUMP, _server("11.4.5-MariaDB"), {"PATH": "/nonexistent"}, folders)
    assert caught.value.hint == "install mariadb-client (Debian), mariadb (Red Hat and Homebrew)"


def test_one_that_is_missing_is_named_with_the_package_to_install() -> None:
    with pytest.raises(ToolError, match=r"mysqldump of MySQL 8\.0 or newer is needed$") as caught:
        find_client(Role.DUMP, _server("8.0.36"), {"PATH": "/nonexistent"})
    assert "mysql-client (Debian" in caught.value.hint
    with pytest.raises(ToolError, match=r"mariadb-backup of MariaDB 10\.11 is needed$"):
        find_physical(Role.PHYSICAL, (10, 11), {"PATH": "/nonexistent"})
