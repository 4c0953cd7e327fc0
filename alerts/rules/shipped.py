"""The book of the rules that ship, with nothing laid over them and none of one's own beside them.

They are kept in `builtin/rules.json` as they come out of their YAML, made by `python -m tests.builtin_rules`: a program that is
not configured needs neither the parser of YAML nor the models of rules, which take 10 MiB and a third of a CPU second.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from importlib.resources import files
from typing import cast

from aishell_core.state.forms import Form, Plain, Written
from alerts.language.condition import Condition
from alerts.language.parser import parse_condition
from alerts.rule import Rule
from alerts.rules.book import RuleBook, same_rules


def shipped_book(before: RuleBook) -> RuleBook:
    """The book; rules that are as in the book `before` are the same objects."""
    text = (files("alerts") / "builtin" / "rules.json").read_text(encoding="utf-8")
    form = _form()
    return RuleBook(same_rules(map(form.of_plain, json.loads(text)), before))


def written(rules: tuple[Rule, ...]) -> str:
    """The rules as they are kept: one in a line, without what is as in every rule that says nothing of it."""
    dumped = partial(json.dumps, ensure_ascii=False)
    return "[\n" + ",\n".join(dumped(_given(rule)) for rule in rules) + "\n]\n"


def _form() -> Form[Rule]:
    return Form(Rule, Written(Condition, lambda condition: condition.text, parse_condition))


def _given(rule: Rule) -> dict[str, Plain]:
    plain = cast("dict[str, Plain]", _form().plain(rule))
    return {field.name: plain[field.name] for field in fields(Rule) if getattr(rule, field.name) != field.default}
