"""From a condition's text to its syntax tree.

Others call `parse_condition` and `compare`. Precedence, loosest first: `or`; `and`, `unless`; `not`; comparisons, which do
not chain; `+ -`; `* / %`; unary `-`; `offset`.
"""

from __future__ import annotations

from dataclasses import replace

from alerts.language.condition import Condition
from alerts.language.lexer import Token, TokenKind, tokens_of
from alerts.language.problems import ConditionError, Problem
from alerts.language.syntax import Binary, Call, Expression, Figure, Number, Shifted, Span, Unary, Variable
from alerts.models import Matcher, MatchOperator

DEEPEST = 50
"""Levels of nesting; more than any person writes, and far from what the interpreter's stack can bear."""

MOST_OPERANDS = 100
"""Numbers, figures and the like; a chain of operators nests as deep as it has operands."""

COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
WORDS = frozenset({"and", "or", "unless", "not", "by", "offset"})
_POWERS = {"or": 1, "and": 2, "unless": 2, **dict.fromkeys(COMPARISONS, 4), "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
_NOT_POWER = 3
_COMPARISON_POWER = 4
_MINUS_POWER = 7


def parse_condition(text: str) -> Condition:
    """The condition that a text says; raises ConditionError with the place of the fault, and nothing else whatever the text is.

    A value without a comparison is taken too, so that `compare` can complete it: `check_condition` wants a comparison.
    """
    return Condition(text, _Parser(text).whole())


def compare(condition: Condition, comparison: str) -> Condition:
    """The same value compared otherwise: `avg(pool.usage, 2m) > 90%` with `> 80%` is `avg(pool.usage, 2m) > 80%`.

    The comparison stands at the end of the new text, so a place in it is that place less the text's length before it.
    Raises ConditionError: of a condition that compares no single value, or of a comparison that is none.
    """
    tree = condition.tree
    begins_with = tokens_of(comparison)[0]
    if begins_with.text not in COMPARISONS:
        raise _fault(begins_with.span, "this has to begin with a comparison", "write it as in > 80%")
    if isinstance(tree, Binary) and tree.operator in COMPARISONS:
        value = tree.left
    elif (isinstance(tree, Binary) and tree.operator in {"and", "or", "unless"}) or (isinstance(tree, Unary) and tree.operator == "not"):
        raise _fault(begins_with.span, f"{condition.text!r} has no single value to compare", "write the whole condition instead")
    else:
        value = tree
    left = condition.text[value.span.start : value.span.end]
    return parse_condition(f"{left} {comparison}")


def _fault(span: Span, message: str, hint: str = "") -> ConditionError:
    return ConditionError((Problem(span, message, hint),))


class _Parser:
    """One pass over the tokens by operator precedence."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0
        self._operands = 0

    def whole(self) -> Expression:
        if self._peek().kind is TokenKind.END:
            raise _fault(self._peek().span, "the condition is empty", "write it as in pool.usage > 90%")
        tree = self._expression(0)
        if self._peek().kind is not TokenKind.END:
            raise self._unexpected("an operator or the end")
        return tree

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind is not TokenKind.END
        return token

    def _is(self, text: str) -> bool:
        return self._peek().text == text and self._peek().kind in {TokenKind.OPERATOR, TokenKind.NAME}

    def _expect(self, text: str, opened: Token | None = None) -> Token:
        if not self._is(text):
            where = f" for the {opened.text} at column {opened.span.start + 1}" if opened else ""
            raise self._unexpected(f"{text}{where}")
        return self._take()

    def _unexpected(self, wanted: str) -> ConditionError:
        token = self._peek()
        if token.kind is TokenKind.END:
            return _fault(token.span, f"the condition ends too soon: {wanted} was expected")
        hint = "write ==" if token.text == "=" else ""
        if token.kind is TokenKind.NAME and token.text.lower() in _POWERS and token.text not in _POWERS:
            hint = f"write {token.text.lower()}"
        return _fault(token.span, f"{token.text or token.kind.value} cannot stand here: {wanted} was expected", hint)

    def _expression(self, power: int) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _fault(self._peek().span, f"the condition is nested more than {DEEPEST} levels deep", "split it into several rules")
        left = self._operand()
        while self._peek().kind in {TokenKind.OPERATOR, TokenKind.NAME} and _POWERS.get(self._peek().text, -1) > power:
            operator = self._take().text
            right = self._expression(_POWERS[operator])
            left = Binary(left.span.to(right.span), operator, left, right)
            if operator in COMPARISONS and self._peek().text in COMPARISONS and self._peek().kind is TokenKind.OPERATOR:
                raise _fault(self._peek().span, "comparisons do not chain", "write 1 < x and x < 5 instead of 1 < x < 5")
        self._depth -= 1
        return left

    def _operand(self) -> Expression:
        if self._is("not"):
            word = self._take()
            operand = self._expression(_NOT_POWER)
            return Unary(word.span.to(operand.span), "not", operand)
        if self._is("-") or self._is("+"):
            sign = self._take()
            operand = self._expression(_MINUS_POWER)
            return operand if sign.text == "+" else Unary(sign.span.to(operand.span), "-", operand)
        return self._shifted(self._primary())

    def _shifted(self, operand: Expression) -> Expression:
        while self._is("offset"):
            self._take()
            token = self._duration("offset 1d")
            operand = Shifted(operand.span.to(token.span), operand, token.value)
        return operand

    def _duration(self, example: str) -> Token:
        token = self._peek()
        if token.kind is not TokenKind.NUMBER:
            raise self._unexpected(f"a time as in {example}")
        if token.unit is None or token.unit.value != "s":
            raise _fault(token.span, f"{token.text} is no time", f"write it as in {example}")
        return self._take()

    def _primary(self) -> Expression:
        token = self._peek()
        self._operands += 1
        if self._operands > MOST_OPERANDS:
            raise _fault(token.span, f"the condition has more than {MOST_OPERANDS} operands", "split it into several rules")
        match token.kind:
            case TokenKind.NUMBER:
                self._take()
                return Number(token.span, token.value, token.unit)
            case TokenKind.VARIABLE:
                self._take()
                return Variable(token.span, token.text)
            case TokenKind.NAME if token.text not in WORDS:
                self._take()
                return self._call(token) if self._is("(") or self._is("by") else self._figure(token)
            case TokenKind.OPERATOR if token.text == "(":
                self._take()
                inner = self._expression(0)
                closed = self._expect(")", token)
                return replace(inner, span=token.span.to(closed.span))
            case _:
                raise self._unexpected("a figure, a number or a function")

    def _call(self, name: Token) -> Expression:
        by = self._labels() if self._is("by") else None
        opened = self._expect("(")
        arguments: list[Expression] = []
        while not self._is(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._expression(0))
            if not self._is(",") and not self._is(")"):
                raise self._unexpected(f", or ) for the ( at column {opened.span.start + 1}")
        closed = self._take()
        if by is None and self._is("by"):
            by = self._labels()
            closed = self._tokens[self._at - 1]
        return Call(name.span.to(closed.span), name.text, tuple(arguments), by)

    def _labels(self) -> tuple[str, ...]:
        self._expect("by")
        opened = self._expect("(")
        labels: list[str] = []
        while not self._is(")"):
            if labels:
                self._expect(",", opened)
            if self._peek().kind is not TokenKind.NAME:
                raise self._unexpected("the name of a label")
            labels.append(self._take().text)
        self._take()
        return tuple(dict.fromkeys(labels))

    def _figure(self, name: Token) -> Expression:
        if not self._is("{"):
            return Figure(name.span, name.text)
        opened, matchers = self._take(), list[Matcher]()
        while not self._is("}"):
            if matchers:
                self._expect(",", opened)
                if self._is("}"):
                    break
            matchers.append(self._matcher())
        closed = self._take()
        return Figure(name.span.to(closed.span), name.text, tuple(matchers))

    def _matcher(self) -> Matcher:
        if self._peek().kind is not TokenKind.NAME:
            raise self._unexpected("the name of a label")
        label = self._take()
        if self._peek().text not in {operator.value for operator in MatchOperator}:
            raise _fault(self._peek().span, f"{self._peek().text or 'the end'} cannot stand here", "compare a label with =, !=, =~ or !~")
        operator = MatchOperator(self._take().text)
        if self._peek().kind is not TokenKind.TEXT:
            raise self._unexpected(f'a text in quotation marks as in {label.text}="a"')
        return Matcher(label.text, operator, self._take().text)
