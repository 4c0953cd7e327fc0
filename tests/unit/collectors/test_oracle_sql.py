"""The statements for Oracle: parsed, tagged, with values bound, within the licence, and recorded with their very columns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

import aishell_core.engines
import collectors.oracle
from aishell_core.engines import oracle_facts
from collectors.oracle.hints import grants_for
from collectors.oracle.question_files import LICENSED, QUERIES
from collectors.query_files import TAG, QueryFile
from tests.servers.oracle_recorded import DATA, recorded

_FOLDER = Path(collectors.oracle.__file__).parent
_ENGINES = Path(aishell_core.engines.__file__).parent
_PLAIN, _ALL = QUERIES.all(), (*QUERIES.all(), *LICENSED.all())
# Database Licensing Information User Manual 19c, Oracle Diagnostics Pack and Oracle Tuning Pack: what may not be read without.
_PACKS = re.compile(
    r"active_session_history|\b(dba|cdb|awr_\w+)_hist_|\bdba_(advisor|addm)_|v\$(sql_monitor|sql_plan_monitor|sysmetric_history|sysmetric_summary"
    r"|\w+metric_history|ash_\w+|diag_\w*hist)|dbms_(workload_repository|advisor|addm|sqltune|sql_monitor)",
    re.IGNORECASE,
)


def _id(file: QueryFile) -> str:
    return f"{file.name}/{file.since}"


@pytest.mark.parametrize("file", _ALL, ids=_id)
def test_a_statement_is_parsed_as_oracle_s_and_only_reads(file: QueryFile) -> None:
    statements = sqlglot.parse(file.text, dialect="oracle")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Select | exp.SetOperation)
    assert statements[0].find(exp.Command, exp.DML, exp.Lock) is None


@pytest.mark.parametrize("file", _ALL, ids=_id)
def test_a_statement_is_tagged_says_what_it_reads_and_is_used(file: QueryFile) -> None:
    assert file.text.startswith("-- ")
    assert re.search(r"^(SELECT|WITH) " + re.escape(TAG), file.text, re.MULTILINE)
    assert not file.text.rstrip().endswith(";")
    modules = "".join(module.read_text(encoding="utf-8") for module in _FOLDER.glob("*.py"))
    assert f'"{file.name}"' in modules, "no module asks for it"


@pytest.mark.parametrize("file", _ALL, ids=_id)
def test_nothing_is_written_into_a_statement(file: QueryFile) -> None:
    """Values come by placeholders: there is no sign of a text that is formatted."""
    assert not re.search(r"[{}]|%s|\?", file.text)


def test_what_a_pack_must_be_licensed_for_stands_in_the_folder_of_that_option_alone() -> None:
    assert [file.name for file in _PLAIN if _PACKS.search(file.text)] == []
    assert all(_PACKS.search(file.text) for file in LICENSED.all())
    modules = [*_FOLDER.glob("*.py"), *_ENGINES.glob("oracle*.py")]
    assert [module.name for module in modules if _PACKS.search(_without_words(module))] == []


def _without_words(module: Path) -> str:
    """A module without its docstrings, which may name what they tell of."""
    return re.sub(r'"""[\s\S]*?"""', "", module.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name", ["SELECT * FROM v$active_session_history", "SELECT 1 FROM dba_hist_sqlstat", "SELECT 1 FROM gv$sql_monitor"]
)
def test_the_search_for_them_finds_them(name: str) -> None:
    assert _PACKS.search(name)


def test_every_recorded_file_names_its_source_and_has_the_columns_of_its_statement() -> None:
    files = {file.name: file.text for file in _PLAIN} | {f"licensed_{file.name}": file.text for file in LICENSED.all()}
    files["facts"] = oracle_facts.SQL
    for path in sorted(DATA.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        assert "Oracle" in document["source"] or "SQL Language Reference" in document["source"], path.name
        if path.stem == "plan_table":
            continue
        columns = {name.lower() for name in _columns(files.pop(path.stem))}
        # A statement for one thing is recorded with what it is asked for as well.
        extra = {"sql_text": {"sql_id"}, "lock_object": {"object_id"}}.get(path.stem, set())
        assert all(set(row) == columns | extra for row in document["rows"]), path.name
    assert set(files) == {"sessions_here"}
    assert set(_columns(files["sessions_here"])) == set(recorded("sessions")[0])


def _columns(sql: str) -> list[str]:
    parsed = sqlglot.parse_one(sql, dialect="oracle")
    assert isinstance(parsed, exp.Query)
    return list(parsed.named_selects)


def test_the_grants_are_those_of_the_very_views() -> None:
    sql = "SELECT 1 FROM v$session s JOIN gv$lock l ON 1 = 1 JOIN dba_objects o ON 1 = 1"
    assert grants_for(sql, "MON") == (
        "GRANT SELECT ON SYS.V_$SESSION TO MON; GRANT SELECT ON SYS.GV_$LOCK TO MON; GRANT SELECT ON SYS.DBA_OBJECTS TO MON;"
    )
    assert grants_for("SELECT 1 FROM a", "mon") == 'GRANT SELECT_CATALOG_ROLE TO "mon";'


@pytest.mark.parametrize("file", _ALL, ids=_id)
def test_each_statement_that_reads_the_server_s_views_has_grants_to_name(file: QueryFile) -> None:
    if file.name != "own_segments":
        assert grants_for(file.text, "MON").endswith(" TO MON;")
