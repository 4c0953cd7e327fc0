"""Whether a condition may hold for every row, so that a WHERE is none; pure, on sqlglot's tree."""

from __future__ import annotations

from sqlglot import exp

_OPPOSITES: tuple[tuple[type[exp.Expr], type[exp.Expr]], ...] = (
    (exp.EQ, exp.NEQ),
    (exp.LT, exp.GTE),
    (exp.GT, exp.LTE),
    (exp.LTE, exp.GTE),
)


def may_hold_always(condition: exp.Expr, *, numbers_are_truths: bool = False, quoted_may_be_text: bool = False) -> bool:
    """Whether a condition does not depend on the row, or is written so that every row (or every row with a value) meets it.

    Not every such condition can be known; a planner's estimate of rows is the other wall.
    """
    return _Looker(numbers_are_truths, quoted_may_be_text).always(condition)


class _Looker:
    def __init__(self, numbers_are_truths: bool, quoted_may_be_text: bool) -> None:
        self._numbers_are_truths = numbers_are_truths
        self._quoted_may_be_text = quoted_may_be_text

    def always(self, node: exp.Expr) -> bool:
        """Whether it may hold for every row."""
        match node:
            case exp.Paren():
                return self.always(node.this)
            case exp.And():
                return self.always(node.left) and self.always(node.right)
            case exp.Or() | exp.Xor():
                return self._either(node)
            case exp.Exists():
                return _takes_all(node.this)
            case exp.In():
                return self._in(node)
            case exp.Is() if node.args.get("negate"):
                return True
            case exp.Column():
                return self._numbers_are_truths
            case exp.Not():
                return self._not(node.this)
        return not _depends_on_row(node) or self._compares_with_itself(node)

    def _either(self, node: exp.Connector) -> bool:
        parts = list(node.flatten())
        if any(self.always(part) for part in parts):
            return True
        return any(_contradict(one, other) for place, one in enumerate(parts) for other in parts[place + 1 :])

    def _not(self, inner: exp.Expr) -> bool:
        """NOT of something: a null test of a column, or of what can hold for no row."""
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            return True
        if isinstance(inner, exp.NEQ | exp.LT | exp.GT):
            return _same(inner.this, inner.expression)
        if isinstance(inner, exp.Exists | exp.In):
            return not _depends_on_row(inner)
        if isinstance(inner, exp.And):
            parts = list(inner.flatten())
            return any(_contradict(one, other) for place, one in enumerate(parts) for other in parts[place + 1 :])
        return not _depends_on_row(inner)

    def _in(self, node: exp.In) -> bool:
        query = node.args.get("query")
        if query is not None:
            return _takes_all(query)
        return not _depends_on_row(node) or any(_same(node.this, item) for item in node.expressions)

    def _compares_with_itself(self, node: exp.Expr) -> bool:
        match node:
            case exp.EQ() | exp.GTE() | exp.LTE() | exp.NullSafeEQ() | exp.Is():
                return _same(node.this, node.expression) or self._is_text_in_disguise(node.this, node.expression)
            case exp.Like() | exp.ILike():
                return _same(node.this, node.expression) or _is_everything(node.expression)
            case exp.Between():
                low, high = node.args.get("low"), node.args.get("high")
                return low is not None and high is not None and _same(node.this, low) and _same(node.this, high)
        return False

    def _is_text_in_disguise(self, left: exp.Expr, right: exp.Expr) -> bool:
        """SQLite's "x" = 'x', where "x" is a text when no column has that name."""
        if not self._quoted_may_be_text:
            return False
        names = [side.name for side in (left, right) if isinstance(side, exp.Column) and not side.table]
        texts = [side.name for side in (left, right) if isinstance(side, exp.Literal)]
        return bool(names) and names == texts


def _depends_on_row(node: exp.Expr) -> bool:
    return node.find(exp.Column) is not None


def _same(left: exp.Expr, right: exp.Expr) -> bool:
    return left.unnest() == right.unnest()


def _is_everything(pattern: exp.Expr) -> bool:
    return isinstance(pattern, exp.Literal) and pattern.is_string and set(pattern.name) == {"%"}


def _takes_all(query: exp.Expr) -> bool:
    """Whether a subquery leaves nothing out, so that it may hold every row there is."""
    inner = query.unnest()
    if not isinstance(inner, exp.Select):
        return isinstance(inner, exp.SetOperation) and any(_takes_all(side) for side in (inner.left, inner.right))
    where = inner.args.get("where")
    if where is not None:
        return may_hold_always(where.this)
    return not any(inner.args.get(key) for key in ("limit", "having", "joins", "group", "distinct", "fetch"))


def _contradict(one: exp.Expr, other: exp.Expr) -> bool:
    """Whether one of the two holds for every row: a = 1 or a <> 1, a or not a."""
    one, other = one.unnest(), other.unnest()
    if isinstance(one, exp.Not) and _same(one.this, other):
        return True
    if isinstance(other, exp.Not) and _same(other.this, one):
        return True
    for first, second in _OPPOSITES:
        for left, right in ((one, other), (other, one)):
            if isinstance(left, first) and isinstance(right, second) and _same(left.this, right.this):
                return first is exp.LTE or _same(left.expression, right.expression)
    return False
