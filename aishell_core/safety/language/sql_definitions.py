"""What a definition lets run, or with whose rights, without a statement that could be judged: functions by their names, settings; pure.

The forms are PostgreSQL's ("SQL Commands" in its manual); what is not known of them needs admin.
"""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.safety.language.sql_calls import Call, call_risk, placed_calls
from aishell_core.safety.language.sql_rules import ADMIN, HIGH, PAREN_WORDS, Routines, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece
from aishell_core.safety.language.sql_wrapped import Statement, after_word, head_of, levelled, query_of_creation
from aishell_core.safety.risk import Risk, not_understood, risk_of

_BEFORE_OBJECTS = frozenset(
    {"TABLE", "EXISTS", "ONLY", "REFERENCES", "INTO", "VIEW", "ON", "AGGREGATE", "STATISTICS", "DOMAIN", "TYPE", "INDEX", "SEQUENCE"}
)
"""Words behind which a name with a parenthesis is that of an object, whose columns or arguments follow."""
_BEFORE_TYPES = frozenset({"TYPE", "RETURNS", "SETOF", "INTERVAL", "TO", "::"})
_BEFORE_COLUMNS = frozenset({"(", ",", "COLUMN", "ADD", "EXISTS", "IN", "OUT", "INOUT", "VARIADIC"})
_OF_STORAGE = frozenset(
    {
        *("set", "reset", "include", "inherits", "identity", "range", "list", "hash", "options", "modulus"),
        *("btree", "gist", "gin", "spgist", "brin", "heap", "bloom", "hnsw", "ivfflat", "rum", "columnar"),
    }
)
"""Words of the grammar, and ways of storing, that have a parenthesis behind them in definitions alone."""
_ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "ROUTINE"})
_SETTINGS = frozenset(
    {
        *("search_path", "schema", "timezone", "time", "datestyle", "intervalstyle", "bytea_output", "extra_float_digits", "names"),
        *("work_mem", "maintenance_work_mem", "statement_timeout", "lock_timeout", "client_min_messages", "jit"),
        *("lc_monetary", "lc_numeric", "lc_time", "xmloption", "random_page_cost", "max_parallel_workers_per_gather", "plan_cache_mode"),
        *("enable_seqscan", "enable_nestloop", "enable_hashjoin", "enable_mergejoin", "enable_indexscan", "enable_bitmapscan"),
    }
)  # fmt: skip
"""Settings that a function may have of its own: they change neither who acts nor what is refused."""
_NO_FUNCTIONS = frozenset(
    {
        *("basetype", "stype", "sspace", "mstype", "msspace", "initcond", "minitcond", "finalfunc_extra", "mfinalfunc_extra"),
        *("finalfunc_modify", "mfinalfunc_modify", "sortop", "parallel", "hypothetical"),
        *("subtype", "subtype_opclass", "collation", "multirange_type_name"),
    }
)
"""Options of an aggregate or a range that name no function."""
_OF_VIEWS = frozenset({"security_invoker", "security_barrier"})
"""Options of a view without which it shows more than whoever reads it may see."""
_ON = frozenset({"true", "on", "yes", "1", "t", "tr", "tru", "y", "ye"})
_OURSELVES = frozenset({"CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"})


def definition_risks(statement: Statement, rules: SqlRules) -> Iterator[Risk]:
    """What CREATE or ALTER lets run later that is judged nowhere else."""
    if rules.routines is not Routines.TEXTS:
        return
    kind = head_of(statement)[1:2]
    query = query_of_creation(statement)
    defined = statement if query is None else statement[: len(statement) - len(query)]
    yield from _calls(defined, rules)
    yield from _rights(statement)
    if kind in (["VIEW"], ["TABLE"]):
        yield from _of_view(defined)
    if kind == ["SCHEMA"] and any(piece.word == "CREATE" for piece in statement[1:]):
        yield not_understood("what is created in the schema stands in the same statement")
    if kind and kind[0] in _ROUTINES:
        yield from _of_routine(statement)
    if kind == ["AGGREGATE"] or (kind == ["TYPE"] and statement[0].word == "CREATE"):
        yield from _named_functions(statement, rules, is_type=kind == ["TYPE"])
    if kind == ["TYPE"] and statement[0].word == "ALTER" and any(piece.text == "(" for piece in after_word(statement, "SET")[1][:1]):
        yield not_understood("gives a type other functions")


def _calls(statement: Statement, rules: SqlRules) -> Iterator[Risk]:
    """The functions of defaults, checks, generated columns, keys, conditions and arguments."""
    for place, call in placed_calls(statement):
        begin = place - 2 if call.schema else place
        before = statement[begin - 1] if begin else None
        word = (before.word or before.text) if before is not None else ""
        defines = word in _ROUTINES and statement[begin - 2].word != "EXECUTE"
        if defines or word in _BEFORE_OBJECTS or (not call.schema and call.name in _OF_STORAGE):
            continue
        risk = call_risk(call, rules)
        if risk is not None and (risk.action is ADMIN or not _is_type(statement, begin)):
            yield risk


def _is_type(statement: Statement, place: int) -> bool:
    """Whether a name stands where the type of a column or an argument does: behind its name, which begins an entry of a list."""
    before = statement[place - 1] if place else None
    if before is None or (before.word or before.text) in _BEFORE_TYPES:
        return True
    is_name = before.kind is Kind.QUOTED or (before.kind is Kind.WORD and before.name not in PAREN_WORDS)
    return is_name and place > 1 and (statement[place - 2].word or statement[place - 2].text) in _BEFORE_COLUMNS


def _rights(statement: Statement) -> Iterator[Risk]:
    """Who owns something, and what guards rows."""
    words = [piece.word for _, depth, piece in levelled(statement) if depth == 0]
    for place, word in enumerate(words):
        following = words[place + 1 : place + 3]
        if (word == "OWNER" and following[:1] == ["TO"] and following[1:] != [] and following[1] not in _OURSELVES) or (
            word == "AUTHORIZATION" and following[:1] != [] and following[0] not in _OURSELVES
        ):
            yield risk_of(HIGH, ADMIN, "gives something to another role, with whose rights it runs")
        if word == "ROW" and following == ["LEVEL", "SECURITY"]:
            yield risk_of(HIGH, ADMIN, "changes whether rows are guarded by policies")


def _of_view(statement: Statement) -> Iterator[Risk]:
    """Whether a view is to be read with its owner's rights, or without its barrier; ALTER TABLE takes views, too."""
    for place, depth, piece in levelled(statement):
        word = statement[place - 1].word if depth == 0 and piece.text == "(" else ""
        if word not in {"SET", "RESET", "WITH"}:
            continue
        for option in _separated(_in_parentheses(statement[place:])):
            value = option[2:] if [piece.text for piece in option[1:2]] == ["="] else ()
            is_on = word != "RESET" and (len(option) == 1 or (len(value) == 1 and value[0].text.strip("'\"").lower() in _ON))
            if option[0].name in _OF_VIEWS and not is_on:
                yield risk_of(HIGH, ADMIN, "lets a view show what whoever reads it may not see")


def _in_parentheses(statement: Statement) -> Statement:
    """What stands in the parentheses with which this begins."""
    end = next((place for place, depth, piece in levelled(statement) if depth == 0 and piece.text == ")"), len(statement))
    return statement[1:end]


def _of_routine(statement: Statement) -> Iterator[Risk]:
    """With whose rights and under which settings a routine runs; what stands behind its body's beginning is judged by itself."""
    options = [piece for _, depth, piece in levelled(_before_body(statement)) if depth == 0]
    for place, piece in enumerate(options):
        following = options[place + 1 : place + 2]
        if piece.word == "SECURITY" and following and following[0].word != "INVOKER":
            yield risk_of(HIGH, ADMIN, "runs with its owner's rights, whoever calls it")
        if piece.word == "SUPPORT":
            yield risk_of(HIGH, ADMIN, "names a function that the planner runs")
        if piece.word == "SET" and following and (following[0].name.lower() not in _SETTINGS or _is_custom(options, place)):
            yield risk_of(HIGH, ADMIN, "runs under a setting that may change who acts, or what is refused")


def _is_custom(options: list[Piece], place: int) -> bool:
    return [piece.text for piece in options[place + 2 : place + 3]] == ["."]


def _before_body(statement: Statement) -> Statement:
    for place, depth, piece in levelled(statement):
        begins = piece.word == "RETURN" or (
            piece.word == "BEGIN" and [each.word for each in statement[place + 1 : place + 2]] == ["ATOMIC"]
        )
        if depth == 0 and begins:
            return statement[:place]
    return statement


def _named_functions(statement: Statement, rules: SqlRules, *, is_type: bool) -> Iterator[Risk]:
    """The functions that an aggregate, a range or a type is made of."""
    words = [piece.word for piece in statement]
    if is_type and "AS" in words and "RANGE" not in words[words.index("AS") : words.index("AS") + 2]:
        return  # a list of columns or of words
    options = _last_parentheses(statement)
    if is_type and "AS" not in words and options:
        yield not_understood("makes a type of functions that the server trusts")
        return
    for option in _separated(options):
        name, sign, value = option[0].name.lower(), option[1:2], option[2:]
        if name in _NO_FUNCTIONS:
            continue
        called = _call_of(value) if [piece.text for piece in sign] == ["="] else None
        if called is None:
            yield not_understood(f"the option {option[0].text[:40]} is not understood")
        elif (risk := call_risk(called, rules)) is not None:
            yield risk


def _last_parentheses(statement: Statement) -> Statement:
    begin = max((place for place, depth, piece in levelled(statement) if depth == 0 and piece.text == "("), default=-1)
    return statement[begin + 1 : -1] if begin >= 0 and statement[-1].text == ")" else ()


def _separated(options: Statement) -> Iterator[Statement]:
    """What stands between the commas."""
    begun = 0
    for place, depth, piece in (*levelled(options), (len(options), 0, Piece(Kind.SIGN, ",", 0))):
        if depth == 0 and piece.text == ",":
            if place > begun:
                yield options[begun:place]
            begun = place + 1


def _call_of(value: Statement) -> Call | None:
    """The function of a name, with or without its schema; None for anything else, such as a text that the server takes for one."""
    if len(value) == 1 and value[0].name:
        return Call("", value[0].name)
    if len(value) == 3 and value[1].text == "." and value[0].name and value[2].name:
        return Call(value[0].name, value[2].name)
    return None
