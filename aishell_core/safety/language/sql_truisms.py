"""Comparisons that hold for every row by their form, whatever the rows hold; pure, on sqlglot's tree. In doubt they do."""

from __future__ import annotations

from sqlglot import exp

_CALCULATED = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod)
_CONDITIONS = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean)
_CONTAINMENTS = (exp.ArrayContainsAll, exp.ArrayContainedBy, exp.ArrayOverlaps, exp.ArrayContains)
_QUANTIFIERS = frozenset({"some", "any", "all"})


def compares_conditions(left: exp.Expr, right: exp.Expr) -> bool:
    """Whether both sides are conditions themselves: (a = 1) <> (a <> 1)."""
    return isinstance(left.unnest(), _CONDITIONS) and isinstance(right.unnest(), _CONDITIONS)


def is_among_truths(node: exp.In) -> bool:
    """Whether a condition is looked for among true and false: (a = 1) IN (true, false)."""
    return isinstance(node.this.unnest(), _CONDITIONS) and len(node.expressions) > 1


def items_of(node: exp.Expr) -> list[exp.Expr]:
    """The values one of which is compared with: those of ANY(ARRAY[…]) and SOME(ARRAY[…]); none for anything else."""
    inner = node.unnest()
    is_quantified = isinstance(inner, exp.Any) or (isinstance(inner, exp.Anonymous) and inner.name.lower() in _QUANTIFIERS)
    array = inner.find(exp.Array) if is_quantified else None
    return list(array.expressions) if array is not None else []


def repeats(node: exp.Expr) -> bool:
    """Whether the same column stands on both sides of a calculation, which may leave nothing of it: a - (a - 1)."""
    return any(bool(_columns(each.this) & _columns(each.expression)) for each in node.find_all(*_CALCULATED))


def is_null_by_form(tested: exp.Expr) -> bool:
    """Whether what is tested for NULL may be made NULL by how it is written: NULLIF(a, a), a + NULL, a CASE about one column."""
    inner = tested.unnest()
    if isinstance(inner, exp.Column):
        return False
    names = [column.sql().lower() for column in inner.find_all(exp.Column)]
    return len(names) > len(set(names)) or inner.find(exp.Null) is not None


def contains_all(node: exp.Expr) -> bool:
    """Whether everything is contained in one side, or nothing is asked of the other: an endless range, an empty list or document."""
    return isinstance(node, _CONTAINMENTS) and any(_is_boundless(side) for side in (node.this, node.expression))


def is_bounded_by_itself(left: exp.Expr, right: exp.Expr) -> bool:
    """Whether one side is the greatest or least of some values, of which the other is one: GREATEST(a, 5) >= 5."""
    for one, other in ((left.unnest(), right.unnest()), (right.unnest(), left.unnest())):
        if isinstance(one, exp.Greatest | exp.Least) and any(each.unnest() == other for each in (one.this, *one.expressions)):
            return True
    return False


def _columns(node: exp.Expr) -> set[str]:
    return {column.sql().lower() for column in node.find_all(exp.Column)}


def _is_boundless(side: exp.Expr) -> bool:
    if side.find(exp.Column) is not None:
        return False
    texts = [literal.name for literal in side.find_all(exp.Literal) if literal.is_string]
    says_nothing = bool(texts) and not any(character.isalnum() for text in texts for character in text)
    empty = isinstance(side.unnest(), exp.Array) and not side.unnest().expressions
    return empty or says_nothing or side.find(exp.Null) is not None or any("infinity" in text.lower() for text in texts)
