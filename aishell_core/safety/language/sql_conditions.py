"""Whether a condition may hold for every row, so that a WHERE is none; pure, on sqlglot's tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from aishell_core.safety.language.patterns import finds_everything, fits_everything
from aishell_core.safety.language.sql_truisms import (
    compares_conditions,
    contains_all,
    is_among_truths,
    is_bounded_by_itself,
    is_null_by_form,
    items_of,
    repeats,
)

_OPPOSITES: tuple[tuple[type[exp.Expr], type[exp.Expr]], ...] = (
    (exp.EQ, exp.NEQ),
    (exp.LT, exp.GTE),
    (exp.GT, exp.LTE),
    (exp.LTE, exp.GTE),
)
_ARITHMETIC = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.IntDiv,
    exp.Mod,
    exp.Neg,
    exp.BitwiseAnd,
    exp.BitwiseOr,
    exp.BitwiseXor,
    exp.BitwiseNot,
)
_NEVER_NEGATIVE = (exp.Length, exp.Abs)
_PATTERNS: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Like, "like"),
    (exp.ILike, "like"),
    (exp.Glob, "glob"),
    (exp.SimilarTo, "similar"),
)


def may_hold_always(
    condition: exp.Expr, tables: Tables | None = None, *, numbers_are_truths: bool = False, quoted_may_be_text: bool = False
) -> bool:
    """Whether a condition does not depend on the row, or is written so that every row (or every row with a value) meets it.

    `tables` says whose rows count. Not every such condition can be known; a planner's estimate of rows is the other wall.
    """
    return _Looker(tables or Tables(), numbers_are_truths, quoted_may_be_text).always(condition)


@dataclass(frozen=True, slots=True)
class Tables:
    """The names in small letters by which a condition may name the changed rows, what the table is really called, and the names of
    tables beside it whose columns say nothing of the changed rows.
    """

    changed: frozenset[str] = frozenset()
    real: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()


class _Looker:
    def __init__(self, tables: Tables, numbers_are_truths: bool, quoted_may_be_text: bool) -> None:
        self._tables = tables
        self._numbers_are_truths = numbers_are_truths
        self._quoted_may_be_text = quoted_may_be_text

    def always(self, node: exp.Expr) -> bool:
        """Whether it may hold for every row."""
        match node:
            case exp.Paren() | exp.Cast() | exp.Escape():
                return self.always(node.this)
            case exp.And():
                return self.always(node.left) and self.always(node.right)
            case exp.Or() | exp.Xor():
                return self._either(node)
            case exp.Exists():
                return self._exists(node.this)
            case exp.In():
                return self._in(node)
            case exp.Is() if node.args.get("negate"):
                return True
            case exp.Column():
                return self._numbers_are_truths or not self._depends(node)
            case exp.Not():
                return self._not(node.this)
            case exp.Case() | exp.If():
                return self._cases(node)
            case exp.Coalesce():
                return any(self.always(part) for part in (node.this, *node.expressions))
        if self._numbers_are_truths and isinstance(node, _ARITHMETIC):
            return True
        return not self._depends(node) or self._compares_nothing(node)

    def _depends(self, node: exp.Expr) -> bool:
        """Whether it says anything of the changed rows: columns of a query in it do only by the names of these rows."""
        return any(self._counts(column, node) for column in node.find_all(exp.Column))

    def _counts(self, column: exp.Column, within: exp.Expr) -> bool:
        table = column.table.lower()
        at: exp.Expr | None = column
        while at is not None and at is not within:
            at = at.parent
            if isinstance(at, exp.Query) and at is not within and not _is_without_tables(at):
                return table in self._tables.changed
            if at is not None and _is_constant(at):
                return False
        return table not in self._tables.beside

    def _either(self, node: exp.Connector) -> bool:
        parts = list(node.flatten())
        if any(self.always(part) for part in parts):
            return True
        return any(self._contradict(one, other) for place, one in enumerate(parts) for other in parts[place + 1 :])

    def _cases(self, node: exp.Case | exp.If) -> bool:
        """A CASE leaves rows out where each branch that can be true depends on the row, and nothing else is true."""
        branches = node.args.get("ifs") or [node]
        otherwise = node.args.get("default") or node.args.get("false")
        if otherwise is not None and not _is_false(otherwise):
            return True
        compared = node.this if isinstance(node, exp.Case) else None
        return any(
            not _is_false(branch.args["true"])
            and (self.always(branch.this) if compared is None else not self._depends(compared))
            and (isinstance(branch.args["true"], exp.Boolean | exp.Literal) or self.always(branch.args["true"]))
            for branch in branches
        )

    def _not(self, inner: exp.Expr) -> bool:
        """NOT of something: a null test of a column, or of what can hold for no row."""
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Is):
            return True
        if isinstance(inner, exp.NEQ | exp.LT | exp.GT | exp.NullSafeNEQ):
            return not self._depends(inner) or bool(self._shared(inner.this, inner.expression))
        if isinstance(inner, exp.Not):
            return self.always(inner.this)
        if isinstance(inner, exp.And):
            parts = list(inner.flatten())
            if not all(self._depends(part) for part in parts):
                return True
            return any(self._contradict(one, other) for place, one in enumerate(parts) for other in parts[place + 1 :])
        if isinstance(inner, exp.In) and inner.args.get("query") is not None:
            return not self._depends(inner.this) or self._may_be_empty(inner.args["query"])
        return not self._depends(inner)

    def _may_be_empty(self, query: exp.Expr) -> bool:
        """Whether a subquery brings nothing by its form, such as one WHERE false: nothing is in it then."""
        inner = query.unnest()
        if not isinstance(inner, exp.Select):
            return isinstance(inner, exp.SetOperation) and all(self._may_be_empty(side) for side in (inner.left, inner.right))
        where, limit = inner.args.get("where"), inner.args.get("limit")
        looker = _Looker(Tables(), self._numbers_are_truths, self._quoted_may_be_text)
        none = limit is not None and isinstance(limit.expression, exp.Literal) and limit.expression.name == "0"
        return none or (where is not None and (not looker._depends(where.this) or looker._not(where.this)))

    def _in(self, node: exp.In) -> bool:
        query = node.args.get("query")
        if query is not None:
            return self._takes_all(query) if self._depends(node.this) else self._exists(query)
        if not self._depends(node) or is_among_truths(node):
            return True
        of_row = self._depends(node.this)
        return any(self._shared(node.this, item) or not (of_row or self._depends(item)) for item in node.expressions)

    def _is_one_of(self, left: exp.Expr, right: exp.Expr) -> bool:
        """Whether one side is a list of values, of which one may be the other side in every row."""
        for one, other in ((left, right), (right, left)):
            if not self._depends(other) and any(not self._depends(item) for item in items_of(one)):
                return True
        return False

    def _compares_nothing(self, node: exp.Expr) -> bool:
        """Whether a comparison is of a thing with itself, with what is never beyond it, or with a pattern that fits all."""
        if contains_all(node) or (isinstance(node, exp.Predicate) and repeats(node)):
            return True
        if isinstance(node, exp.EQ | exp.GTE | exp.LTE) and is_bounded_by_itself(node.this, node.expression):
            return True
        match node:
            case exp.Is() if isinstance(node.expression, exp.Null):
                return is_null_by_form(node.this)
            case exp.EQ() | exp.NullSafeEQ() | exp.Is():
                return self._is_itself(node.this, node.expression) or self._is_one_of(node.this, node.expression)
            case exp.GTE() | exp.GT():
                return self._is_itself(node.this, node.expression) or _is_above(node.this, node.expression)
            case exp.LTE() | exp.LT():
                return self._is_itself(node.this, node.expression) or _is_above(node.expression, node.this)
            case exp.NEQ() | exp.NullSafeNEQ():
                sides = (node.this, node.expression)
                calculated = any(side.find(*_ARITHMETIC) for side in sides) and bool(self._shared(*sides))
                told = compares_conditions(*sides) and bool(self._shared(*sides))
                return calculated or told or any(isinstance(side, exp.Null | exp.Any) for side in sides)
            case exp.Like() | exp.ILike() | exp.Glob() | exp.SimilarTo():
                dialect = next(name for kind, name in _PATTERNS if isinstance(node, kind))
                fitting = any(fits_everything(text, dialect) for text in _texts(node.expression))
                return bool(self._shared(node.this, node.expression)) or (fitting and not node.args.get("negate"))
            case exp.RegexpLike() | exp.RegexpILike():
                return bool(self._shared(node.this, node.expression)) or any(map(finds_everything, _texts(node.expression)))
            case exp.StartsWith():
                return "" in _texts(node.expression)
            case exp.Between():
                low, high = node.args.get("low"), node.args.get("high")
                return low is not None and high is not None and bool(self._shared(node.this, low) and self._shared(node.this, high))
        return False

    def _is_itself(self, left: exp.Expr, right: exp.Expr) -> bool:
        for one, other in ((left, right), (right, left)):
            if isinstance(one, exp.Boolean):
                return self.always(other) if one.this else self._not(other)
            if isinstance(one, exp.Any) and (query := one.find(exp.Query)) is not None:
                return self._takes_all(query)
        return bool(self._shared(left, right)) or self._is_text_in_disguise(left, right)

    def _is_text_in_disguise(self, left: exp.Expr, right: exp.Expr) -> bool:
        """SQLite's "x" = 'x', where "x" is a text when no column has that name."""
        if not self._quoted_may_be_text:
            return False
        names = [side.name for side in (left, right) if isinstance(side, exp.Column) and not side.table]
        texts = [side.name for side in (left, right) if isinstance(side, exp.Literal)]
        return bool(names) and names == texts

    def _shared(self, left: exp.Expr, right: exp.Expr) -> set[str]:
        """The columns of the changed rows that stand on both sides: users.id and id are one."""
        found = [{self._name(column) for column in side.find_all(exp.Column) if self._counts(column, side)} for side in (left, right)]
        return found[0] & found[1]

    def _name(self, column: exp.Column) -> str:
        table, name = column.table.lower(), column.name.lower()
        return name if not table or table in self._tables.changed else f"{table}.{name}"

    def _contradict(self, one: exp.Expr, other: exp.Expr) -> bool:
        """Whether one of the two holds for every row: a = 1 or a <> 1, a or not a."""
        one, other = one.unnest(), other.unnest()
        if isinstance(one, exp.Not) and _same(one.this, other):
            return True
        if isinstance(other, exp.Not) and _same(other.this, one):
            return True
        for first, second in _OPPOSITES:
            for left, right in ((one, other), (other, one)):
                if (
                    isinstance(left, first)
                    and isinstance(right, second)
                    and (_same(left.this, right.this) or self._shared(left.this, right.this))
                ):
                    return first is exp.LTE or _same(left.expression, right.expression)
        return False

    def _takes_all(self, query: exp.Expr) -> bool:
        """Whether a subquery leaves nothing out, so that it may hold every row there is."""
        inner = query.unnest()
        if not isinstance(inner, exp.Select):
            return isinstance(inner, exp.SetOperation) and any(self._takes_all(side) for side in (inner.left, inner.right))
        where = inner.args.get("where")
        if where is not None:
            return may_hold_always(where.this, numbers_are_truths=self._numbers_are_truths)
        return not any(inner.args.get(key) for key in ("limit", "having", "joins", "group", "distinct", "fetch"))

    def _exists(self, query: exp.Expr) -> bool:
        """Whether a subquery may bring something for every row: nothing in it names a changed row, or only by its own key."""
        inner = query.unnest()
        where = inner.args.get("where") if isinstance(inner, exp.Select) else None
        if where is None:
            return True
        read = [table for table in inner.find_all(exp.Table) if table.parent_select is inner]
        names = {table.alias_or_name.lower() for table in read}
        same = bool({table.name.lower() for table in read} & self._tables.real)
        changed = self._tables.changed - names
        return not any(_links(part, names, changed, same=same) for part in _parts(where.this))


def _is_without_tables(query: exp.Query) -> bool:
    """Whether names in it are those around it: a SELECT without a FROM, and the parentheses of one."""
    return isinstance(query, exp.Subquery) or (isinstance(query, exp.Select) and query.args.get("from_") is None)


def _links(part: exp.Expr, inner: set[str], changed: frozenset[str], *, same: bool) -> bool:
    """Whether a condition of a subquery binds it to the changed row by more than the row being itself."""
    columns = list(part.find_all(exp.Column))
    outer = [column for column in columns if column.table.lower() in changed]
    loose = [column for column in columns if not column.table]
    within = [column for column in columns if column.table.lower() in inner]
    names = {column.name.lower() for column in within} | ({column.name.lower() for column in loose} if outer else set())
    if outer:
        return not (isinstance(part, exp.EQ) and same and {column.name.lower() for column in outer} <= names)
    # A bare name beside a named column of the subquery is mostly one of the changed row, unless both are the same.
    return bool(loose and within) and not {column.name.lower() for column in loose} & names


def _parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    inner = condition.unnest()
    yield from inner.flatten() if isinstance(inner, exp.And) else (inner,)


def _is_constant(node: exp.Expr) -> bool:
    """Whether something that is calculated from columns is the same for every row: 0 * id, id - id."""
    if isinstance(node, exp.Mul | exp.BitwiseAnd):
        return any(isinstance(side.unnest(), exp.Literal) and side.unnest().name in {"0", "0.0"} for side in (node.left, node.right))
    if isinstance(node, exp.Mod):
        return isinstance(node.right.unnest(), exp.Literal) and node.right.unnest().name == "1"
    return isinstance(node, exp.Sub | exp.Div | exp.IntDiv | exp.BitwiseXor) and _same(node.left, node.right)


def _is_false(node: exp.Expr) -> bool:
    inner = node.unnest()
    return isinstance(inner, exp.Null) or (isinstance(inner, exp.Boolean) and not inner.this) or inner == exp.Literal.number(0)


def _is_above(left: exp.Expr, right: exp.Expr) -> bool:
    """Whether the left is never below the right: a length and 0, Oracle's ROWNUM and 1."""
    left, right = left.unnest(), right.unnest()
    if isinstance(left, _NEVER_NEGATIVE):
        return isinstance(right, exp.Neg) or (isinstance(right, exp.Literal) and right.name == "0")
    return isinstance(left, exp.Column) and left.name.lower() == "rownum" and not left.table and isinstance(right, exp.Literal)


def _same(left: exp.Expr, right: exp.Expr) -> bool:
    return left.unnest() == right.unnest()


def _texts(node: exp.Expr) -> list[str]:
    """The texts that a pattern is, or is one of, where they are written out."""
    inner = node.unnest()
    if isinstance(inner, exp.DPipe | exp.Concat):
        return (
            ["".join(part.name for part in inner.find_all(exp.Literal, bfs=False))]
            if inner.find(exp.Column, exp.Placeholder) is None
            else []
        )
    if isinstance(inner, exp.Any | exp.Array | exp.Tuple):
        return [text.name for text in inner.find_all(exp.Literal)]
    return [inner.name] if isinstance(inner, exp.Literal) and inner.is_string else []
