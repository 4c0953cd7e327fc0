"""Which rows an UPDATE or a DELETE may change: its table, those beside it, and what binds them; pure, on sqlglot's tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aishell_core.safety.language.sql_conditions import Tables, may_hold_always


def leaves_none_out(node: exp.Update | exp.Delete, where: exp.Expr, *, numbers_are_truths: bool, quoted_may_be_text: bool) -> bool:
    """Whether the condition of a change may hold for every row of its table.

    Where other tables stand beside it, a condition about those alone binds nothing: delete from a using b where b.x = 1.
    """
    tables = list(_tables(node))
    changed = _changed(node, tables)
    names = frozenset(table.alias_or_name.lower() for table in changed)
    real = frozenset(table.name.lower() for table in changed)
    options = {"numbers_are_truths": numbers_are_truths, "quoted_may_be_text": quoted_may_be_text}
    alone = Tables(names, real)
    joins = [join for table in tables for join in table.args.get("joins") or ()]
    binding = [join.args["on"] for join in joins if join.args.get("on") is not None]
    if not any(not may_hold_always(part, alone, **options) for part in (where, *binding)):
        return True
    beside = frozenset(table.alias_or_name.lower() for table in tables) - names
    if not beside or any(join.args.get("using") or join.args.get("method") == "NATURAL" for join in joins):
        return False
    among = Tables(names, real, beside)
    return all(may_hold_always(part, among, **options) for part in (where, *binding))


def _tables(node: exp.Update | exp.Delete) -> Iterator[exp.Table]:
    """The tables of the statement itself, not those of queries in it."""
    roots = [node.this, *(node.args.get("using") or ()), *([node.args["from_"].this] if node.args.get("from_") else [])]
    for root in roots:
        if isinstance(root, exp.Table):
            yield root
            yield from (join.this for join in root.args.get("joins") or () if isinstance(join.this, exp.Table))


def _changed(node: exp.Update | exp.Delete, tables: list[exp.Table]) -> list[exp.Table]:
    """The tables whose rows are changed: those that a DELETE of several names, those whose columns an UPDATE sets."""
    named = {table.name.lower() for table in node.args.get("tables") or ()}
    if isinstance(node, exp.Update):
        named = {each.this.table.lower() for each in node.expressions if isinstance(each, exp.EQ) and isinstance(each.this, exp.Column)} - {
            ""
        }
    return [table for table in tables if table.alias_or_name.lower() in named] or [table for table in tables if table is node.this]
