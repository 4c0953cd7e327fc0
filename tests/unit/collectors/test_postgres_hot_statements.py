"""Statement figures of PostgreSQL: names of digests, estimates, where they are counted and what would count them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.postgres import ServerFacts
from aishell_core.engines.statement_text import Dialect
from aishell_core.values import FailureCode, Session, Statement
from collectors.postgres.activity_backends import Backend
from collectors.postgres.activity_rows import session_of
from collectors.postgres.hints import libraries_of, preload_statement, quoted
from collectors.postgres.statements_place import missing, place_of
from collectors.postgres.statements_rows import Entry, EntryNames, Meaning, entry_of, statement_samples, statements_of
from collectors.postgres.statements_sampled import SampledStatements, numbered
from collectors.text_digests import TextDigests
from tests.unit.collectors.test_postgres_hot_rows import backend

MEANING = Meaning({"10": "app"}, {"5": "shop"}, {7: "SELECT $1", 8: "SELECT /* aishell */ 1"}, 8192.0, io_timed=True)


def counted(identifier: int | None, calls: int = 1, **parts: Any) -> dict[str, Any]:
    """A row of the statement `statements`."""
    usual = {
        "queryid": identifier,
        "userid": "10",
        "dbid": "5",
        "toplevel": True,
        "calls": calls,
        "total_exec_time": calls * 2.0,
        "max_exec_time": 2.0,
        "rows": 3,
        "shared_blks_hit": 9,
        "shared_blks_read": 1,
        "temp_blks_written": 2,
        "wal_bytes": 50.0,
        "io_milliseconds": 0.5,
    }
    return {**usual, **parts}


def read(rows: list[dict[str, Any]], meaning: Meaning = MEANING, names: EntryNames | None = None) -> dict[Entry, Statement]:
    return statements_of(rows, meaning, names or EntryNames(), {})


def test_a_row_becomes_a_statement_in_the_units_of_the_screen() -> None:
    (one,) = read([counted(7, 4)]).values()
    assert (one.digest, one.text, one.user, one.database) == ("7", "SELECT $1", "app", "shop")
    assert (one.calls, one.total_milliseconds, one.temp_bytes, one.wal_bytes) == (4, 8, 16384, 50)
    assert (one.hit_ratio, one.io_milliseconds, one.sampled) == (0.9, 0.5, False)


def test_times_of_files_that_nobody_takes_are_unknown() -> None:
    (one,) = read([counted(7)], Meaning({}, {}, {}, 8192.0, io_timed=False)).values()
    assert one.io_milliseconds is None
    assert (one.user, one.database, one.text) == ("10", "5", ""), "what is not known yet is the server's number"


def test_statements_of_ours_and_hidden_ones_are_left_out() -> None:
    assert list(read([counted(8), counted(None), counted(7)])) == [entry_of(counted(7))]


def test_a_statement_that_was_not_called_since_is_the_same_object() -> None:
    names, rows = EntryNames(), [counted(7, 4), counted(9, 1)]
    before = statements_of(rows, MEANING, names, {})
    after = statements_of([counted(7, 4), counted(9, 2)], MEANING, names, before)
    assert after[entry_of(rows[0])] is before[entry_of(rows[0])]
    assert after[entry_of(rows[1])].calls == 2


ENTRIES = st.lists(
    st.tuples(st.sampled_from(["1", "2"]), st.sampled_from("ab"), st.sampled_from("xy"), st.booleans()),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(ENTRIES, st.randoms())
def test_digests_are_unique_and_stay_whatever_the_order(entries: list[tuple[str, str, str, bool]], random: Any) -> None:
    names = EntryNames()
    first = {entry: names.of(*entry) for entry in entries}
    assert len(set(first.values())) == len(entries)
    random.shuffle(entries)
    assert {entry: names.of(*entry) for entry in entries} == first
    for identifier, user, database, by_client in entries:
        if by_client:
            assert names.seen(identifier, user, database) == first[identifier, user, database, by_client]


def test_a_statement_that_is_counted_no_more_gives_its_name_away() -> None:
    names = EntryNames()
    assert names.of("1", "a", "x") == "1"
    assert names.of("1", "b", "x") == "1@b.x"
    names.keep(set())
    assert names.of("1", "b", "x") == "1"


def test_only_the_heaviest_have_series() -> None:
    statements = [Statement(str(number), "", 1, float(number)) for number in range(30)]
    samples = statement_samples(statements)
    assert len(samples) == 40
    assert min(sample.value for sample in samples[1::2]) == 10


def look(statement_at: float, state: str, age: float, since: float, text: str = "SELECT 1", **parts: Any) -> tuple[Backend, Session]:
    one = backend(statement_at=statement_at, state=state, statement_seconds=age, state_seconds=since, **parts)
    return one, session_of(one, text, f"digest of {text}")


def sampled() -> SampledStatements:
    return SampledStatements(TextDigests(Dialect.POSTGRES))


def test_a_call_that_is_seen_running_grows_and_ends_when_its_session_says_so() -> None:
    estimates = sampled()
    for age in (0.5, 1.5, 2.5):
        estimates.add([look(100.0, "active", age, age)])
        (one,) = estimates.statements()
        assert (one.calls, one.total_milliseconds, one.sampled) == (1, age * 1000, True)
    estimates.add([look(100.0, "idle", 3.5, 0.7)])
    (one,) = estimates.statements()
    assert one.calls == 1
    assert one.total_milliseconds == one.max_milliseconds == pytest.approx(2800)
    estimates.add([look(100.0, "idle", 9.5, 6.7)])
    assert estimates.statements()[0].total_milliseconds == pytest.approx(2800)


def test_a_call_between_two_looks_counts_with_its_own_time() -> None:
    estimates = sampled()
    estimates.add([look(100.0, "idle", 5.0, 4.9)])
    assert estimates.statements() == (), "what ended before we came was not seen"
    estimates.add([look(106.0, "idle", 0.5, 0.48)])
    (one,) = estimates.statements()
    assert one.calls == 1
    assert one.total_milliseconds == pytest.approx(20)


def test_a_new_session_with_the_same_process_id_is_another_caller() -> None:
    estimates = sampled()
    estimates.add([look(100.0, "active", 1.0, 1.0)])
    estimates.add([look(100.0, "active", 1.0, 1.0, started_at=1001.0)])
    assert estimates.statements()[0].calls == 2


def test_estimates_are_kept_for_a_bounded_number_of_statements() -> None:
    estimates = SampledStatements(TextDigests(Dialect.POSTGRES, 1000), most=3)
    for number in range(10):
        estimates.add([look(100.0 + number, "active", 1.0, 1.0, f"SELECT {number} AS c{number}")])
    assert [one.digest[-2:] for one in estimates.statements()] == ["c7", "c8", "c9"]


AGES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["active", "idle", "idle in transaction"]), st.floats(-1, 50), st.floats(-1, 50))
)


@given(AGES)
def test_no_estimate_ever_falls(looks: list[tuple[int, str, float, float]]) -> None:
    estimates = sampled()
    before: dict[str, Statement] = {}
    for start, state, age, since in looks:
        estimates.add([look(float(start), state, age, since)])
        for one in estimates.statements():
            old = before.get(one.digest)
            assert old is None or (one.calls >= old.calls and one.total_milliseconds >= old.total_milliseconds)
            assert one.total_milliseconds >= 0
            before[one.digest] = one


def test_an_estimate_shows_parameters_that_the_server_can_plan() -> None:
    assert numbered('SELECT ? FROM "what?" WHERE a = ? AND b IN (?)') == 'SELECT $1 FROM "what?" WHERE a = $2 AND b IN ($3)'


def test_only_so_many_new_texts_are_worked_on_at_once() -> None:
    digests = TextDigests(Dialect.POSTGRES, 2)
    assert [bool(digests.of(f"SELECT {number} AS c{number}")[0]) for number in range(4)] == [True, True, False, False]
    digests.begin()
    assert digests.of("SELECT 2 AS c2")[0]
    assert digests.of("")[0] == ""


FACTS = ServerFacts(150000, "15.0", 'odd"role', "shop", False, "UTF8", True, False, "here", False)


def place(**parts: Any) -> dict[str, Any]:
    usual = {"version": "1.10", "schema": "public", "available": True, "loaded": True, "libraries": "pg_stat_statements"}
    usual |= {"pending": False, "reads_files": False}
    return {**usual, "io_timed": True, "block_bytes": 8192.0, "sees_all": True, **parts}


def test_where_all_is_well_nothing_is_missing() -> None:
    assert missing(place_of(place()), FACTS, 1.0) is None


@pytest.mark.parametrize(
    ("parts", "code", "hint"),
    [
        ({"sees_all": False}, FailureCode.PRIVILEGE, 'GRANT pg_monitor TO "odd""role";'),
        ({"version": "1.8"}, FailureCode.UNSUPPORTED, "ALTER EXTENSION pg_stat_statements UPDATE;"),
        ({"version": None}, FailureCode.MISSING, "CREATE EXTENSION pg_stat_statements;"),
        (
            {"loaded": False, "libraries": "auto_explain"},
            FailureCode.MISSING,
            "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_stat_statements'; restart the server;",
        ),
        (
            {"loaded": False, "libraries": None, "version": None},
            FailureCode.MISSING,
            "add pg_stat_statements to shared_preload_libraries; restart the server; CREATE EXTENSION pg_stat_statements;",
        ),
        (
            {"loaded": False, "libraries": "", "version": None, "available": False},
            FailureCode.MISSING,
            "install the server's package of contributed modules (postgresql-contrib); "
            "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'; restart the server; "
            "CREATE EXTENSION pg_stat_statements;",
        ),
    ],
)
def test_what_is_missing_is_said_with_what_would_mend_it(parts: dict[str, Any], code: FailureCode, hint: str) -> None:
    failure = missing(place_of(place(**parts)), FACTS, 1.0)
    assert failure is not None
    assert (failure.code, failure.hint) == (code, hint)


def test_libraries_that_wait_for_a_restart_are_kept() -> None:
    waiting = place(loaded=False, libraries="", pending=True)
    unknown, known = missing(place_of(waiting), FACTS, 1.0), missing(place_of(waiting, {"libraries": "auto_explain"}), FACTS, 1.0)
    mended = missing(place_of(waiting, {"libraries": "auto_explain, pg_stat_statements"}), FACTS, 1.0)
    assert [each and each.hint for each in (unknown, known, mended)] == [
        "add pg_stat_statements to shared_preload_libraries; restart the server;",
        "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_stat_statements'; restart the server;",
        "restart the server;",
    ]


@pytest.mark.parametrize(("version", "columns"), [("1.9", 140000), ("1.10", 140000), ("1.11", 170000), ("1.12", 170000)])
def test_columns_are_those_of_the_extension_and_not_of_the_server(version: str, columns: int) -> None:
    assert place_of(place(version=version)).columns_of == columns


def test_the_module_s_functions_are_called_where_it_is() -> None:
    found = place_of(place(schema='my "own"'))
    assert found.call("SELECT * FROM pg_stat_statements(false)") == 'SELECT * FROM "my ""own""".pg_stat_statements(false)'


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters=',"\\ '), min_size=1), max_size=4))
def test_libraries_that_are_loaded_stay_loaded(names: list[str]) -> None:
    assert libraries_of(", ".join(names)) == tuple(name.strip() for name in names if name.strip())
    statement = preload_statement("x", names)
    assert statement.count("'") == 2 * (len(names) + 1) + 2 * sum(name.count("'") for name in names)
    assert statement.endswith("'x';")


def test_libraries_with_odd_names_come_quoted() -> None:
    assert libraries_of('"$libdir/odd one", plain') == ("$libdir/odd one", "plain")
    assert libraries_of("") == ()
    assert libraries_of(None) is None


def test_a_name_is_quoted_whatever_is_in_it() -> None:
    assert quoted('a"b') == '"a""b"'
