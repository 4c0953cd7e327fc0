"""What an account may do, as SHOW GRANTS of MySQL and MariaDB says it."""

from __future__ import annotations

import pytest

from aishell_ops.backups.engines.mysql_grants import lacking, rights_on

USAGE = "GRANT USAGE ON *.* TO `keeper`@`127.0.0.1` IDENTIFIED BY PASSWORD '*7D2ABFF56C15D67445082FBB4ACD2DCD26C0ED57'"


@pytest.mark.parametrize(
    ("line", "database", "rights"),
    [
        ("GRANT SELECT, SHOW VIEW ON `shop`.* TO `keeper`@`%`", "shop", {"SELECT", "SHOW VIEW"}),
        ("GRANT SELECT, SHOW VIEW ON `shop`.* TO `keeper`@`%`", "shops", set()),
        ("GRANT SELECT ON `sh%`.* TO `keeper`@`%`", "shop", {"SELECT"}),
        ("GRANT SELECT ON `s_op`.* TO `keeper`@`%`", "shop", {"SELECT"}),
        ("GRANT SELECT ON `s\\_op`.* TO `keeper`@`%`", "shop", set()),
        ("GRANT SELECT ON `s\\_op`.* TO `keeper`@`%`", "s_op", {"SELECT"}),
        ("GRANT SELECT ON `a``b`.* TO `keeper`@`%`", "a`b", {"SELECT"}),
        ("GRANT SELECT ON `shop`.`orders` TO `keeper`@`%`", "shop", set()),
        ("GRANT SELECT (`a`, `b`), INSERT ON `shop`.* TO `keeper`@`%`", "shop", {"INSERT"}),
        ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", "shop", {"ALL PRIVILEGES"}),
        ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", "shop", set()),
        ("GRANT `reader`@`%` TO `keeper`@`%`", "shop", set()),
        (USAGE, "shop", {"USAGE"}),
    ],
)
def test_a_line_gives_rights_where_it_says(line: str, database: str, rights: set[str]) -> None:
    assert rights_on([line], database) == rights


def test_a_table_has_its_own_rights_and_those_of_its_database() -> None:
    lines = ["GRANT SELECT ON `shop`.`orders` TO `keeper`@`%`", "GRANT TRIGGER ON `shop`.* TO `keeper`@`%`"]
    assert rights_on(lines, "shop", "orders") == {"SELECT", "TRIGGER"}
    assert rights_on(lines, "shop", "customers") == {"TRIGGER"}


def test_what_lacks_keeps_its_order_and_all_lacks_nothing() -> None:
    assert lacking(frozenset({"EVENT"}), ("SELECT", "EVENT", "TRIGGER")) == ("SELECT", "TRIGGER")
    assert lacking(frozenset({"ALL PRIVILEGES"}), ("SELECT", "RELOAD")) == ()
