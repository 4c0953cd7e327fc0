"""A dump on its way into a client: some of its tables alone, and without the line that others do not understand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.engines.mysql_dump import ends_well
from aishell_ops.backups.engines.mysql_script import Kept, ScriptSink
from aishell_ops.backups.errors import BackupError
from tests.unit.aishell_ops.backups.streams.situation import NEVER

SANDBOX = b"/*M!999999\\- enable the sandbox mode */ \n"
HEAD = b"-- MariaDB dump 10.19\n--\n/*!40101 SET NAMES utf8mb4 */;\n\n--\n"
ORDERS = (
    b"-- Table structure for table `orders`\n--\n\nCREATE TABLE `orders` (\n  `id` int(11) NOT NULL,\n"
    b"  CONSTRAINT `a``b` FOREIGN KEY (`c`,`d`) REFERENCES `customers` (`id`,`x`) ON DELETE CASCADE,\n"
    b"  CONSTRAINT `own` FOREIGN KEY (`c`) REFERENCES `orders` (`id`),\n"
    b"  CONSTRAINT `far` FOREIGN KEY (`c`) REFERENCES `other`.`t` (`id`)\n);\n\n--\n"
    b"-- Dumping data for table `orders`\n--\n\nINSERT INTO `orders` VALUES (1,'-- Table structure for table `late`\\n');\n"
)
MOVED = ORDERS.replace(b"REFERENCES `customers`", b"REFERENCES `sh``op`.`customers`")
CUSTOMERS = (
    b"\n--\n-- Table structure for table `customers`\n--\n\nCREATE TABLE `customers` (`id` int);\nINSERT INTO `customers` VALUES (1);\n"
)
REST = (
    b"\n--\n-- Sequence structure for `s`\n--\nCREATE SEQUENCE `s`;\n\n--\n-- Temporary table structure for view `v`\n--\n"
    b"CREATE VIEW `v`;\n"
    b"\n--\n-- Dumping routines for database 'shop'\n--\nCREATE FUNCTION f();\n\n--\n-- Final view structure for view `v`\n--\n"
    b"DROP VIEW v;\n"
    b"\n-- Dump completed on 2026-11-22  2:09:25\n"
)
DUMP = SANDBOX + HEAD + CUSTOMERS + ORDERS + REST


def _through(pieces: Sequence[bytes], *, sandbox: bool = True, tables: tuple[str, ...] = ()) -> bytes:
    kept = Kept(1 << 30)
    with ScriptSink(kept, sandbox=sandbox, tables=tables, database="sh`op").opened(NEVER) as writer:
        for piece in pieces:
            writer.write(piece)
    return kept.content


def _cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(content) + 1) for place in places} | {0, len(content)})
    return [content[start:end] for start, end in pairwise(ends)]


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_all_of_it_passes_as_it_is(places: list[int]) -> None:
    assert _through(_cut(DUMP, places)) == DUMP
    assert _through(_cut(DUMP, places), sandbox=False) == DUMP.removeprefix(SANDBOX)
    assert _through(_cut(HEAD, places), sandbox=False) == HEAD


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_the_sections_of_a_table_pass_however_the_dump_is_cut(places: list[int]) -> None:
    found = _through(_cut(DUMP, places), tables=("orders",))
    assert MOVED.strip(b"-\n") in found
    for word in (b"`customers` VALUES", b"SEQUENCE", b"VIEW", b"FUNCTION"):
        assert word not in found
    assert found.startswith(SANDBOX + HEAD.rstrip(b"-\n"))


def test_a_foreign_key_to_a_table_that_comes_too_stays_as_it_is() -> None:
    found = _through([DUMP], tables=("orders", "customers"))
    assert b"REFERENCES `customers` (`id`,`x`)" in found
    assert b"INSERT INTO `customers`" in found


@given(st.integers(60_000, 200_000), st.lists(st.integers(0, 400_000), max_size=9))
def test_long_lines_are_no_hindrance(size: int, places: list[int]) -> None:
    row = b"INSERT INTO `orders` VALUES ('" + b"x" * size + b"');\n"
    content = HEAD + ORDERS + row + CUSTOMERS + row
    found = _through(_cut(content, places), tables=("orders",))
    assert found.count(b"x" * size) == 1


def test_what_is_kept_in_memory_has_its_limit() -> None:
    with pytest.raises(BackupError, match="larger than 10 bytes"), Kept(10).opened(NEVER) as writer:
        writer.write(b"x" * 11)


@pytest.mark.parametrize(
    ("tail", "whole"),
    [(b"-- Dump completed on 2026-11-22  2:09:25\n", True), (b"INSERT INTO t VALUES ('-- Dump comp", False), (b"", False)],
)
def test_a_whole_dump_says_so_at_its_end(tail: bytes, whole: bool) -> None:
    assert ends_well(tail) is whole
