"""Which PostgreSQL a demo is started with: the newest on the machine, else the embedded one, else an error that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.errors import AishellError
from aishell_tui.demo.postgres_programs import Search, find_programs


def install(folder: Path, version: str, *, name: str = "postgres", works: bool = True) -> Path:
    """Programs that answer with a version, as a package leaves them."""
    folder.mkdir(parents=True)
    for program in (name, "initdb"):
        path = folder / program
        path.write_text(f"#!/bin/sh\n{'echo' if works else 'exit 127 #'} '{program} (PostgreSQL) {version} (Debian {version}-0+deb12u1)'\n")
        path.chmod(0o755)
    return folder


def test_the_newest_of_all_places_is_taken(tmp_path: Path) -> None:
    on_path = install(tmp_path / "path", "14.9")
    newest = install(tmp_path / "lib" / "16" / "bin", "16.10")
    install(tmp_path / "lib" / "9" / "bin", "16.9")
    found = find_programs(Search(str(on_path), (f"{tmp_path}/lib/*/bin",), None))
    assert (found.version, found.folder, found.embedded) == ("16.10", newest, False)


def test_links_are_followed_to_where_the_programs_are(tmp_path: Path) -> None:
    real = install(tmp_path / "lib" / "15" / "bin", "15.4")
    links = tmp_path / "bin"
    links.mkdir()
    for program in real.iterdir():
        (links / program.name).symlink_to(program)
    assert find_programs(Search(str(links), (), None)).folder == real


def test_the_folder_that_pg_config_names_is_looked_at(tmp_path: Path) -> None:
    real = install(tmp_path / "somewhere", "17.2")
    path = tmp_path / "path"
    path.mkdir()
    (path / "pg_config").write_text(f"#!/bin/sh\necho {real}\n")
    (path / "pg_config").chmod(0o755)
    assert find_programs(Search(str(path), (), None)).folder == real


def test_programs_that_do_not_run_are_passed_over(tmp_path: Path) -> None:
    install(tmp_path / "lib" / "18" / "bin", "18.1", works=False)
    install(tmp_path / "lib" / "17" / "bin", "17.1", name="psql")
    good = install(tmp_path / "lib" / "15" / "bin", "15.1")
    assert find_programs(Search("", (f"{tmp_path}/lib/*/bin",), None)).folder == good


def embed(package: Path, folder: str, version: str) -> None:
    """The embedded server's package, with programs that need not run."""
    programs = package / folder / "bin"
    programs.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (programs / name).touch()
    header = package / folder / "include" / "postgresql" / "server" / "pg_config.h"
    header.parent.mkdir(parents=True)
    header.write_text(f'#define PG_MAJORVERSION "{version.partition(".")[0]}"\n#define PG_VERSION "{version}"\n')


def test_the_embedded_one_is_taken_where_there_is_no_other_and_of_two_the_newer(tmp_path: Path) -> None:
    embed(tmp_path / "package", "pginstall", "16.14")
    embed(tmp_path / "package", "pginstall18", "18.4")
    found = find_programs(Search("", (), tmp_path / "package"))
    assert (found.version, found.folder, found.embedded) == ("18.4", tmp_path / "package" / "pginstall18" / "bin", True)
    installed = install(tmp_path / "path", "15.1")
    assert find_programs(Search(str(installed), (), tmp_path / "package")).folder == installed


def test_one_that_is_too_old_is_as_good_as_none(tmp_path: Path) -> None:
    old = install(tmp_path / "path", "13.4")
    with pytest.raises(AishellError, match=r"no PostgreSQL of version 14 or newer \(found: 13.4\)"):
        find_programs(Search(str(old), (), None))
    embed(tmp_path / "package", "pginstall", "16.14")
    assert find_programs(Search(str(old), (), tmp_path / "package")).version == "16.14"


def test_without_any_the_error_says_how_to_get_one() -> None:
    with pytest.raises(AishellError, match="there is no PostgreSQL on this machine") as caught:
        find_programs(Search("", (), None))
    assert "pip install 'aishell-tui[demo-postgres]'" in caught.value.hint
    assert "apt install postgresql" in caught.value.hint


def test_the_module_that_counts_statements_is_found_beside_the_programs(tmp_path: Path) -> None:
    programs = find_programs(Search(str(install(tmp_path / "pg" / "bin", "15.1")), (), None))
    assert not programs.has_statements
    library = tmp_path / "pg" / "lib" / "postgresql" / "pg_stat_statements.so"
    library.parent.mkdir(parents=True)
    library.touch()
    assert programs.has_statements
