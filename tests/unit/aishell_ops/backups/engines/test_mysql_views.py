"""Views of a dump on their way through a staging database and out of it again."""

from __future__ import annotations

import pytest

from aishell_ops.backups.engines.mysql_views import ViewsByInvoker, by_definer

_VIEWS = b"""/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`zed`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `o``ne` AS select `shop`.`items`.`id` AS `id`,'it\\'s `shop`.`items`.`id`' AS `x` from `items` join `other`.`items` */
/*!50002 WITH CASCADED CHECK OPTION */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`zed`@`%` SQL SECURITY INVOKER */
/*!50001 VIEW `two` AS select 1 */;
"""
_DUMP = b"-- MariaDB dump\nINSERT INTO `t` VALUES ('" + b"x" * 100_000 + b"');\n" + _VIEWS + b"-- Dump completed"


class _Kept:
    def __init__(self) -> None:
        self.content = b""

    def write(self, data: bytes | memoryview) -> None:
        self.content += bytes(data)


@pytest.mark.parametrize("piece_bytes", [1, 61, 4096, len(_DUMP)])
def test_a_view_has_its_definers_rights_again_when_it_leaves(piece_bytes: int) -> None:
    kept, definers = _Kept(), set[bytes]()
    staged = ViewsByInvoker(kept, "shop", "aishell_1", definers)
    for start in range(0, len(_DUMP), piece_bytes):
        staged.write(_DUMP[start : start + piece_bytes])
    staged.end()
    there = _DUMP.replace(b"SQL SECURITY DEFINER", b"SQL SECURITY INVOKER").replace(b"select `shop`.`items`", b"select `aishell_1`.`items`")
    assert kept.content == there
    assert definers == {b"`o``ne`"}
    assert by_definer(there, definers) == _DUMP.replace(b"select `shop`.`items`", b"select `aishell_1`.`items`")
