"""Conditions are read as they are meant, and whatever the text is, the only error is their own."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aishell_core.values import Unit
from alerts.language.checker import check_condition
from alerts.language.functions import AGGREGATIONS, FUNCTIONS
from alerts.language.lexer import LONGEST_TEXT, tokens_of
from alerts.language.parser import DEEPEST, MOST_OPERANDS, compare, parse_condition
from alerts.language.problems import ConditionError, pointed
from alerts.language.syntax import Binary, Call, Expression, Figure, Number, Shifted, Unary, every_node

NAMES = (*FUNCTIONS, *AGGREGATIONS, "pool.usage", "deadlocks", "disk.free", "and", "or", "unless", "not", "by", "offset", "$status")
SIGNS = ("(", ")", "{", "}", ",", "<", ">=", "==", "=", "=~", "+", "-", "*", "/", "%", "''", '"a.*"', "(" * 60, "-" * 60, "not " * 60)
NUMBERS = ("5", "90%", "1.5GiB", "5m", "1h30m", "10MiB/s", "1e300", "1e999", "5xx", "0x10")
ODD = ("$", "\u00a0", "\0", "\u00e9", "\u0663", "\ud800", "..", "a..b")
WORDS = st.sampled_from((*NAMES, *SIGNS, *NUMBERS, *ODD))
texts = st.one_of(
    st.text(max_size=60),
    st.lists(WORDS, max_size=12).map(" ".join),
    st.lists(WORDS, max_size=12).map("".join),
    st.binary(max_size=60).map(lambda data: data.decode("latin-1")),
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(texts)
@example("(" * 5000)
@example("1" + "+1" * 1900)
@example("not " * 900 + "a")
@example("-" * 3000 + "1")
@example("a{b=~'" + "(a+)+" * 10 + "'}")
@example("9" * 4000)
@example("5m" * 1900)
@example("x{a='")
def test_whatever_the_text_the_only_error_is_a_condition_error(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ConditionError as error:
        for problem in error.problems:
            shown, carets = pointed(text, problem)
            if len(carets) > len(shown) + 1 or not problem.message:
                pytest.fail(f"{problem} is not to be shown")
    else:
        checked = check_condition(condition, (), may_be_value=True)
        assert all(0 <= problem.span.start <= len(text) for problem in checked.problems)
        for node in every_node(condition.tree):
            assert node.span.start >= 0
            assert node.span.end <= len(text)


def shape(tree: Expression) -> str:
    """The tree with all parentheses."""
    match tree:
        case Number(_, value):
            return f"{value:g}"
        case Figure(_, name):
            return name
        case Unary(_, operator, operand):
            return f"({operator} {shape(operand)})"
        case Binary(_, operator, left, right):
            return f"({shape(left)} {operator} {shape(right)})"
        case Shifted(_, operand, seconds):
            return f"({shape(operand)} offset {seconds:g})"
        case Call(_, name, arguments, by):
            groups = "" if by is None else f" by {','.join(by)}"
            return f"{name}({', '.join(map(shape, arguments))}){groups}"
        case _:
            return "?"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a + b * c > d", "((a + (b * c)) > d)"),
        ("a - b - c", "((a - b) - c)"),
        ("-a * b", "((- a) * b)"),
        ("2 - -3", "(2 - (- 3))"),
        ("a > 1 and b > 1 or c > 1", "(((a > 1) and (b > 1)) or (c > 1))"),
        ("a > 1 or b > 1 unless c > 1", "((a > 1) or ((b > 1) unless (c > 1)))"),
        ("not a > 1 and b > 1", "((not (a > 1)) and (b > 1))"),
        ("a offset 5m > 1", "((a offset 300) > 1)"),
        ("-a offset 5m", "(- (a offset 300))"),
        ("avg(a, 5m) offset 1d", "(avg(a, 300) offset 86400)"),
        ("sum(a) by (x, y)", "sum(a) by x,y"),
        ("sum by (x) (a)", "sum(a) by x"),
        ("(a + b) * c", "((a + b) * c)"),
        ("a % 5 > 1", "((a % 5) > 1)"),
        ("host.load.1m > 5", "(host.load.1m > 5)"),
        ("a\n  >\n\t1", "(a > 1)"),
    ],
)
def test_operators_bind_as_in_arithmetic(text: str, meant: str) -> None:
    assert shape(parse_condition(text).tree) == meant


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5", 5.0, None),
        (".5", 0.5, None),
        ("1e3", 1000.0, None),
        ("200ms", 0.2, Unit.SECONDS),
        ("5m", 300.0, Unit.SECONDS),
        ("1h30m", 5400.0, Unit.SECONDS),
        ("1.5GiB", 1.5 * 2**30, Unit.BYTES),
        ("10kB", 10_000.0, Unit.BYTES),
        ("90%", 0.9, Unit.RATIO),
        ("10MiB/s", 10 * 2.0**20, Unit.BYTES_PER_SECOND),
        ("5/s", 5.0, Unit.PER_SECOND),
        ("250ms/s", 250.0, Unit.MILLISECONDS_PER_SECOND),
    ],
)
def test_numbers_have_units(text: str, value: float, unit: Unit | None) -> None:
    token = tokens_of(text)[0]
    assert token.value == pytest.approx(value)
    assert token.unit is unit


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("", 0, "the condition is empty", "pool.usage > 90%"),
        ("pool.usage >", 12, "ends too soon", ""),
        ("(pool.usage > 1", 15, ") for the ( at column 1", ""),
        ("pool.usage > 1)", 14, ") cannot stand here", ""),
        ("pool.usage && 1", 11, "&& means nothing", "write and"),
        ("pool.usage = 1", 11, "= cannot stand here", "write =="),
        ("a > 1 AND b > 1", 6, "AND cannot stand here", "write and"),
        ("1 < a < 5", 6, "do not chain", "1 < x and x < 5"),
        ("a > 5qs", 4, "the unit 'qs'", "30s"),
        ("a > 5M", 4, "the unit 'M'", "10MiB"),
        ("a > $", 4, "a name has to follow", "$status"),
        ("a{b=c} > 1", 4, "quotation marks", ""),
        ("a{b>'c'} > 1", 3, "cannot stand here", "=~"),
        ('a{b="c} > 1', 4, "has no end", "close it"),
        ("a offset 5 > 1", 9, "is no time", "offset 1d"),
        ("sum(a) by (1)", 11, "the name of a label", ""),
        ("1e999 > a", 0, "too large", ""),
    ],
)
def test_a_fault_is_told_at_its_place_with_what_to_write(text: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    (problem,) = caught.value.problems
    assert problem.span.start == column
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    "text",
    ["a" * (LONGEST_TEXT + 1), "(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1), "a" + " + a" * MOST_OPERANDS],
    ids=["long", "deep", "wide"],
)
def test_a_condition_without_measure_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match=r"more than|longer than"):
        parse_condition(text)


def test_a_caret_stands_under_the_place_on_its_line() -> None:
    text = "pool.usage > 90%\nand\tdisk.usage > > 1"
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    shown, carets = pointed(text, caught.value.problems[0])
    assert shown == "and disk.usage > > 1"
    assert carets == " " * shown.rindex(">") + "^"


@pytest.mark.parametrize(
    ("text", "comparison", "made"),
    [
        ("avg(pool.usage, 2m) > 90%", "> 80%", "avg(pool.usage, 2m) > 80%"),
        ("avg(pool.usage, 2m)", ">= 80%", "avg(pool.usage, 2m) >= 80%"),
        ("(a + b) * 2 > 5", "> 3", "(a + b) * 2 > 3"),
        ("a + b", "< 2 * c", "a + b < 2 * c"),
    ],
)
def test_the_same_value_is_compared_otherwise(text: str, comparison: str, made: str) -> None:
    assert compare(parse_condition(text), comparison) == parse_condition(made)


@pytest.mark.parametrize(
    ("text", "comparison", "message"),
    [("a > 1 and b > 2", "> 3", "no single value"), ("a > 1", "80%", "begin with a comparison"), ("a > 1", "> ", "too soon")],
)
def test_what_is_no_comparison_of_one_value_is_refused(text: str, comparison: str, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        compare(parse_condition(text), comparison)
