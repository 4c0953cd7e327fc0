"""Which rows an UPDATE or a DELETE may change: its tables, those beside each, and what binds them; pure, on sqlglot's tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aishell_core.safety.language.sql_conditions import Tables, may_hold_always

Change = exp.Update | exp.Delete


def leaves_none_out(node: Change, where: exp.Expr, *, numbers_are_truths: bool, quoted_may_be_text: bool) -> bool:
    """Whether the condition of a change may hold for every row of one of the tables that it changes.

    Where other tables stand beside it, a condition about those alone binds nothing: delete from a using b where b.x = 1.
    Nor does a column without its table's name, which may be theirs.
    """
    tables = list(_tables(node))
    names = [table.alias_or_name.lower() for table in tables]
    if len(set(names)) < len(names):
        return True
    options = {"numbers_are_truths": numbers_are_truths, "quoted_may_be_text": quoted_may_be_text}
    joins = [join for table in tables for join in table.args.get("joins") or ()]
    binding = [where, *(join.args["on"] for join in joins if join.args.get("on") is not None)]
    bound = _bound_by_equal_names(tables)
    for table in changed_tables(node):
        name, real = frozenset({table.alias_or_name.lower()}), frozenset({table.name.lower()})
        beside = frozenset(names) - name
        if all(may_hold_always(part, Tables(name, real), **options) for part in binding):
            return True
        among = Tables(name, real, beside | {""} if beside else beside)
        if table.alias_or_name not in bound and all(may_hold_always(part, among, **options) for part in binding):
            return True
    return False


def changed_tables(node: Change) -> list[exp.Expr]:
    """The tables whose rows are changed: those that a DELETE of several names, those whose columns an UPDATE may set."""
    tables = list(_tables(node))
    if isinstance(node, exp.Update):
        own = list(_with_joined(node.this))
        columns = [each.this if isinstance(each, exp.EQ) else each for each in node.expressions]
        named = {column.table.lower() if isinstance(column, exp.Column) else "" for column in columns}
        return own if "" in named or not named else [table for table in tables if table.alias_or_name.lower() in named] or own
    named = {table.name.lower() for table in node.args.get("tables") or (_with_joined(node.this) if _uses_own_tables(node) else ())}
    return [table for table in tables if table.alias_or_name.lower() in named] or [node.this]


def _bound_by_equal_names(tables: list[exp.Expr]) -> set[str]:
    """The tables that USING or NATURAL binds: the joined one and that before it."""
    bound: set[str] = set()
    for table in tables:
        before = table
        for join in table.args.get("joins") or ():
            if join.args.get("using") or join.args.get("method") == "NATURAL":
                bound.update({before.alias_or_name, join.this.alias_or_name})
            before = join.this
    return bound


def _tables(node: Change) -> Iterator[exp.Expr]:
    """The tables of the statement itself, and queries that stand in the place of one."""
    using = node.args.get("using") or ()
    roots = [*using, *([node.args["from_"].this] if node.args.get("from_") else [])]
    for root in roots if _uses_own_tables(node) else [node.this, *roots]:
        yield from _with_joined(root)


def _with_joined(root: exp.Expr) -> Iterator[exp.Expr]:
    yield root
    yield from (join.this for join in root.args.get("joins") or ())


def _uses_own_tables(node: Change) -> bool:
    """Whether it is written as DELETE FROM a, b USING a JOIN b, where USING names all tables, and FROM those of them that are changed."""
    using = {table.alias_or_name.lower() for root in node.args.get("using") or () for table in _with_joined(root)}
    return isinstance(node, exp.Delete) and node.this.alias_or_name.lower() in using
