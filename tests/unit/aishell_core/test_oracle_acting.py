"""Cancelling, ending, running and explaining on Oracle, over a connection that notes what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aishell_core.engines.oracle import OracleSession
from aishell_core.engines.oracle_running import checked
from aishell_core.engines.oracle_wire import Brought, ServerError
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode, Limits, Session
from tests.servers.oracle_recorded import RecordedServer, session_over
from tests.servers.postgres_tiers import until

_LOGON = 1_789_993_000
_STARTED = float(_LOGON - 7_200)
_ROW: dict[str, Any] = {"status": "ACTIVE", "type": "USER", "sql_id": "8f21c4aaaaaa1", "username": "SHOP", "logon_local": _LOGON}
_SEEN = Session("101,4001", user="SHOP", started_at=_STARTED)
_DENIED = ServerError(1031, "ORA-01031", "ORA-01031: insufficient privileges")


@asynccontextmanager
async def session(server: RecordedServer) -> AsyncIterator[OracleSession]:
    made = session_over(server)
    try:
        yield made
    finally:
        await made.close()


def one_session(**changes: Any) -> RecordedServer:
    server = RecordedServer()
    server.changed["session"] = ({**_ROW, **changes},)
    server.changed["procedures"] = ()
    return server


def none_there(server: RecordedServer) -> None:
    """The session is there no more: nothing is brought for it."""
    server.change("session")


async def refused(server: RecordedServer, what: str, seen: Session = _SEEN) -> TargetError:
    async with session(server) as made:
        with pytest.raises(TargetError) as caught:
            await getattr(made, what)(seen, 5.0)
    return caught.value


async def test_a_statement_is_cancelled_by_its_name_and_the_sessions_serial_number() -> None:
    server = one_session()
    async with session(server) as made:
        await made.cancel(_SEEN, 5.0)
    assert server.executed == ["ALTER SYSTEM /* aishell */ CANCEL SQL '101, 4001, @1, 8f21c4aaaaaa1'"]
    assert {"inst": 1, "sid": 101, "serial": 4001} in server.binds


async def test_a_session_is_ended_and_seen_to_go() -> None:
    server = one_session()
    server.on_execute = lambda _: none_there(server)
    async with session(server) as made:
        await made.terminate(_SEEN, 5.0)
    assert server.executed == ["ALTER SYSTEM /* aishell */ KILL SESSION '101,4001,@1' IMMEDIATE"]
    assert server.asked.count("session") == 2


async def test_a_session_of_another_instance_is_named_with_it() -> None:
    server = one_session()
    server.on_execute = lambda _: none_there(server)
    async with session(server) as made:
        await made.terminate(Session("101,4001,@2", started_at=_STARTED), 5.0)
    assert server.executed == ["ALTER SYSTEM /* aishell */ KILL SESSION '101,4001,@2' IMMEDIATE"]


async def test_a_session_that_is_marked_to_end_ends_later() -> None:
    """The driver takes this error for the end of our own connection, so that the next look is over a new one."""
    server = one_session()

    def marked(_: str) -> None:
        none_there(server)
        raise ServerError(31, "DPY-4011", "DPY-4011: closed\nORA-00031: session marked for kill", lost=True)

    server.on_execute = marked
    async with session(server) as made:
        await made.terminate(_SEEN, 5.0)
    assert server.actions == ["quick", "quick"]


async def test_a_session_that_does_not_go_is_told_at_the_deadline() -> None:
    async with session(one_session()) as made:
        with pytest.raises(TargetError) as caught:
            await made.terminate(_SEEN, 3.0)
    assert caught.value.reason is FailureCode.TIMEOUT
    assert "rolled back" in caught.value.hint


@pytest.mark.parametrize("what", ["cancel", "terminate"])
async def test_a_later_session_with_the_same_number_is_left_alone(what: str) -> None:
    server = one_session(logon_local=_LOGON + 60)
    error = await refused(server, what)
    assert (error.reason, server.executed) == (FailureCode.GONE, [])
    assert "belongs to another session now" in error.message


@pytest.mark.parametrize("what", ["cancel", "terminate"])
async def test_a_session_that_has_ended_is_gone(what: str) -> None:
    server = one_session()
    none_there(server)
    error = await refused(server, what)
    assert (error.reason, server.executed) == (FailureCode.GONE, [])


async def test_one_that_ends_between_the_look_and_the_order_is_gone() -> None:
    server = one_session()

    def late(_: str) -> None:
        raise ServerError(30, "ORA-00030", "ORA-00030: User session ID does not exist.")

    server.on_execute = late
    assert (await refused(server, "terminate")).reason is FailureCode.GONE


@pytest.mark.parametrize("changes", [{"status": "INACTIVE"}, {"sql_id": None}])
async def test_what_runs_nothing_is_not_cancelled(changes: dict[str, Any]) -> None:
    server = one_session(**changes)
    error = await refused(server, "cancel")
    assert (error.reason, server.executed) == (FailureCode.GONE, [])


@pytest.mark.parametrize(
    ("seen", "changes", "says"),
    [
        (Session("abc"), {}, "no session of an Oracle server"),
        (Session("101"), {}, "no session of an Oracle server"),
        (Session("900,9000"), {}, "aishell's own"),
        (Session("3,1"), {"type": "BACKGROUND"}, "process of the server"),
        (Session("101,4001' IMMEDIATE --"), {}, "no session of an Oracle server"),
    ],
)
async def test_what_cannot_be_ended_is_told_in_words(seen: Session, changes: dict[str, Any], says: str) -> None:
    server = one_session(**changes)
    error = await refused(server, "terminate", seen)
    assert (error.reason, server.executed) == (FailureCode.UNSUPPORTED, [])
    assert says in error.message


async def test_a_denied_order_names_the_grant() -> None:
    server = one_session()
    server.on_execute = _deny_all
    error = await refused(server, "terminate")
    assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, "GRANT ALTER SYSTEM TO AISHELL;")


def _deny_all(_: str) -> None:
    raise _DENIED


@pytest.mark.parametrize(("what", "routine"), [("cancel", "CANCEL"), ("terminate", "KILL")])
async def test_a_managed_server_is_told_by_its_own_procedure(what: str, routine: str) -> None:
    server = one_session()
    server.changed["procedures"] = ({"procedure_name": routine},)

    def deny(sql: str) -> None:
        if sql.startswith("ALTER SYSTEM"):
            raise _DENIED
        none_there(server)

    server.on_execute = deny
    async with session(server) as made:
        await getattr(made, what)(_SEEN, 5.0)
    assert server.executed[1].startswith(f"BEGIN /* aishell */ rdsadmin.rdsadmin_util.{routine.lower()}(sid => :sid")
    assert {"sid": 101, "serial": 4001}.items() <= server.binds[-1 if what == "cancel" else -2].items()


async def test_who_may_not_see_sessions_may_not_end_one() -> None:
    server = one_session()
    server.barred = lambda sql: "v$session" in sql
    error = await refused(server, "terminate")
    assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, "GRANT SELECT ON SYS.GV_$SESSION TO AISHELL;")


async def test_our_own_instance_is_enough_to_look() -> None:
    server = one_session()
    server.barred = lambda sql: "gv$" in sql
    async with session(server) as made:
        await made.cancel(_SEEN, 5.0)
    assert len(server.executed) == 1


async def test_a_query_runs_read_only_and_is_rolled_back() -> None:
    server = RecordedServer()
    async with session(server) as made:
        result = await made.run("SELECT n FROM t;", (), Limits(rows=1))
    assert server.executed == ["SET TRANSACTION /* aishell */ READ ONLY", "SELECT n FROM t"]
    assert (result.columns, result.rows, result.cut, server.ended) == (("N",), ((1,),), "rows", [False])

    async def gone() -> bool | None:
        return server.open == 0 or None

    assert await until(gone)


async def test_ending_a_session_is_no_write() -> None:
    server = RecordedServer()
    async with session(server) as made:
        await made.run("ALTER /* x */ SYSTEM KILL SESSION '1,2' IMMEDIATE", (), Limits())
    assert server.executed[0] == "SET TRANSACTION /* aishell */ READ ONLY"


async def test_a_write_is_committed_in_the_schema_that_was_named() -> None:
    server = RecordedServer()
    server.brought = Brought((), (), 3)
    async with session(server) as made:
        result = await made.run("UPDATE t SET n = :1", (5,), Limits(), database="Shop", read_only=False)
    assert server.executed == ['ALTER SESSION /* aishell */ SET CURRENT_SCHEMA = "Shop"', "UPDATE t SET n = :1"]
    assert (result.affected, server.ended) == (3, [True])


@pytest.mark.parametrize(
    "command", ["DROP TABLE t", "UPDATE t SET n = 1", "BEGIN NULL; END;", "ALTER SYSTEM SET x = 1", "/* SELECT */ DELETE FROM t"]
)
async def test_what_is_no_query_is_refused_before_it_is_sent(command: str) -> None:
    """A statement that defines something would commit the read-only transaction first, so that the server could not refuse it."""
    server = RecordedServer()
    async with session(server) as made:
        with pytest.raises(TargetError, match="read-only run cannot hold"):
            await made.run(command, (), Limits())
    assert server.actions == []


@pytest.mark.parametrize("command", ["", "-- nothing", "SELECT '\0' FROM dual", "SELECT '\ud800' FROM dual"])
async def test_what_is_no_statement_is_refused(command: str) -> None:
    async with session(RecordedServer()) as made:
        with pytest.raises(TargetError) as caught:
            await made.run(command, (), Limits(), read_only=False)
    assert caught.value.reason is FailureCode.UNSUPPORTED


def test_the_semicolon_of_a_block_is_part_of_it() -> None:
    assert checked("BEGIN NULL; END;", read_only=False) == "BEGIN NULL; END;"
    assert checked(" SELECT 1 FROM dual ; ", read_only=True) == "SELECT 1 FROM dual"


async def test_a_statement_that_takes_too_long_is_told_so() -> None:
    server = RecordedServer()

    def stopped(sql: str) -> None:
        if sql.startswith("SELECT"):
            raise ServerError(0, "DPY-4024", "DPY-4024: call timeout of 1000 ms exceeded")

    server.on_execute = stopped
    async with session(server) as made:
        with pytest.raises(TargetError, match="took longer than 1s and was stopped"):
            await made.run("SELECT 1 FROM t", (), Limits(seconds=1))


async def test_a_plan_is_explained_and_nothing_of_it_stays() -> None:
    server = RecordedServer()
    async with session(server) as made:
        (root,) = await made.explain("SELECT o.id FROM orders o WHERE o.status = :status;", "SHOPPDB", 5.0)
    assert root.text == "SELECT STATEMENT"
    assert server.executed[0].startswith("EXPLAIN PLAN SET STATEMENT_ID = 'aishell'")
    assert server.executed[0].endswith("WHERE o.status = :status")
    assert {"STATUS": None} in server.binds
    assert server.ended == [False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no statement"),
        ("ALTER TABLE t ADD x INT", "ALTER has no plan"),
        ("SELECT 1 FROM a; SELECT 2 FROM b", "more than one"),
        ("SELECT " + "x" * 4000, "cut off"),
        ("SELECT '\ufffd' FROM t", "could not be read"),
    ],
)
async def test_what_has_no_plan_is_told_in_words(text: str, says: str) -> None:
    async with session(RecordedServer()) as made:
        with pytest.raises(TargetError, match=says):
            await made.explain(text, "", 5.0)


async def test_a_statement_of_another_container_has_its_plan_there() -> None:
    async with session(RecordedServer()) as made:
        with pytest.raises(TargetError, match="belongs to OTHERPDB"):
            await made.explain("SELECT 1 FROM dual", "OTHERPDB", 5.0)


async def test_a_standby_cannot_be_asked_for_a_plan() -> None:
    server = RecordedServer()

    def closed(_: str) -> None:
        raise ServerError(16000, "ORA-16000", "ORA-16000: database or pluggable database open for read-only access")

    server.on_execute = closed
    async with session(server) as made:
        with pytest.raises(TargetError) as caught:
            await made.explain("SELECT 1 FROM dual", "", 5.0)
    assert (caught.value.reason, caught.value.hint) == (FailureCode.UNSUPPORTED, "explain it on the primary")
    assert server.ended == [False]
