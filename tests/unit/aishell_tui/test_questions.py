"""The questions before something is run for a plan: where it is, by which role, and what has to be typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.errors import ConsentError
from aishell_core.safety.decision import Place
from aishell_core.safety.roles import Actor, Grant, Policy, Role
from aishell_core.targets import Environment, Target, parse_location
from aishell_core.values import FailureCode, Statement, TargetId
from aishell_tui.authority import Authority
from aishell_tui.screens.plan_questions import measuring_question, planning_question, refusal_of
from aishell_tui.screens.plan_records import attempt_to_measure, attempt_to_plan

SHOP = Target(TargetId("shop"), parse_location("postgresql://shop"))
READS = "SELECT * FROM v"
ACTS = ConsentError(FailureCode.UNSUPPORTED, "planning it may act: public.tenant()")


def authority(place: Place, role: Role | None = Role.ADMIN) -> Authority:
    policy = Policy((Grant(role, users=("ann",)),) if role is not None else (), configured=role is not None)
    return Authority(Actor("ann", 1000), policy, Path("/nowhere"), {SHOP.name: place})


@pytest.mark.parametrize(
    ("place", "where", "typed"),
    [
        (Place("shop", Environment.DEVELOPMENT), "on shop (development)", ""),
        (Place("shop", Environment.PRODUCTION), "on shop (production)", "shop"),
        (Place("shop", Environment.DEVELOPMENT, known=False), "on shop (not configured, so taken for production)", "shop"),
    ],
)
def test_a_target_that_only_the_command_line_names_is_asked_about_as_production(place: Place, where: str, typed: str) -> None:
    question = measuring_question(attempt_to_measure(authority(place), SHOP, READS), Statement("1", READS, 1, 1), 30)
    assert (question.title, question.typed) == (f"Run this statement to measure its plan {where}", typed)


def test_what_may_act_when_it_is_planned_takes_the_right_to_write_whatever_its_text_shows() -> None:
    attempt = attempt_to_plan(authority(Place("shop")), SHOP, READS)
    assert [action.value for action in attempt.risk.actions] == ["read", "write"]
    assert (attempt.decision.role, attempt.risk.level.value) == ("admin", "high")
    question = planning_question(attempt, ACTS)
    assert question.typed == "shop"
    assert question.sentences[0] == "Planning it may act: public.tenant()."
    assert question.sentences[-1] == "as admin"


@pytest.mark.parametrize("role", [None, Role.ANALYST, Role.OPERATOR])
def test_who_may_not_write_is_told_the_lines_that_would_allow_it(role: Role | None) -> None:
    attempt = attempt_to_plan(authority(Place("shop"), role), SHOP, READS)
    refusal = refusal_of(attempt)
    assert refusal.refused
    assert not attempt.decision.allowed
    assert "roles:" in refusal.sentences
    assert "  - role: developer" in refusal.sentences


def test_a_plan_in_another_database_of_the_server_is_as_protected_as_that_is() -> None:
    def within(_: Target, place: Place, database: str) -> Place:
        return replace(place, environment=Environment.PRODUCTION) if database == "billing" else place

    who = replace(authority(Place("shop"), Role.DEVELOPER), within=within)
    assert attempt_to_plan(who, SHOP, READS, "crm").decision.allowed
    assert not attempt_to_plan(who, SHOP, READS, "billing").decision.allowed
    assert attempt_to_measure(who, SHOP, READS, "billing").place.care is Environment.PRODUCTION


def test_what_is_not_understood_takes_an_admin_to_be_planned() -> None:
    attempt = attempt_to_plan(authority(Place("shop"), Role.DEVELOPER), SHOP, "SELECT 'never ends")
    assert (attempt.decision.allowed, attempt.risk.understood) == (False, False)
