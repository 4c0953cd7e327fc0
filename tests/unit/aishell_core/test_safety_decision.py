"""Who may do what where, and how it has to be confirmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.safety.actor import current_actor
from aishell_core.safety.decision import Confirmation, Decision, Place, decide
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel, not_understood, risk_of, session_risk, together
from aishell_core.safety.roles import PRODUCTION_ACTIONS, ROLE_ACTIONS, Actor, Grant, Policy, Role
from aishell_core.targets import Environment
from tests.safety import ANN

SHOP = Place("shop")
LIVE = Place("shop", Environment.PRODUCTION)
READ = Risk()
DROP = risk_of(RiskLevel.CRITICAL, ActionClass.SCHEMA, "drops data for good")
INSERT = risk_of(RiskLevel.LOW, ActionClass.WRITE, "inserts rows")


def having(role: Role, **bounds: tuple[str, ...]) -> Policy:
    return Policy((Grant(role, users=("ann",), **bounds),), configured=True)  # type: ignore[arg-type]


def decided(policy: Policy, risk: Risk, place: Place = SHOP, count: int = 1) -> Decision:
    return decide(ANN, policy, place, risk, count)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.ADMIN, {"read", "cancel", "write", "terminate", "schema", "admin"}),
        (Role.DEVELOPER, {"read", "cancel", "write", "schema"}),
        (Role.OPERATOR, {"read", "cancel", "terminate"}),
        (Role.ANALYST, {"read"}),
    ],
)
def test_what_each_role_may_do(role: Role, allowed: set[str]) -> None:
    found = {action.value for action in ActionClass if decided(having(role), risk_of(RiskLevel.LOW, action)).allowed}
    assert found == allowed


def test_in_production_a_developer_only_reads() -> None:
    found = {action.value for action in ActionClass if decided(having(Role.DEVELOPER), risk_of(RiskLevel.LOW, action), LIVE).allowed}
    assert found == {"read"}


def test_an_operators_drop_is_refused_with_the_lines_that_would_allow_it() -> None:
    refused = decide(ANN, Policy(having(Role.OPERATOR).grants, True, "/etc/aishell.yaml"), LIVE, DROP)
    assert not refused.allowed
    assert refused.role == "operator"
    assert refused.message == "ann is operator on shop (production) and may not change the schema of it"
    assert refused.hint == (
        "these lines in /etc/aishell.yaml would allow it:\nroles:\n  - role: admin\n    users: [ann]\n    targets: [shop]"
    )


def test_without_any_roles_everybody_reads_and_nobody_acts() -> None:
    nobody = Policy(file="/home/ann/config.yaml")
    assert decided(nobody, READ) == Decision(True)
    refused = decided(nobody, session_risk(ActionClass.CANCEL))
    assert not refused.allowed
    assert "/home/ann/config.yaml" in refused.hint
    assert "role: operator" in refused.hint


def test_where_roles_are_given_who_has_none_does_not_even_read() -> None:
    refused = decided(Policy((Grant(Role.ADMIN, users=("bob",)),), configured=True), READ)
    assert (refused.allowed, refused.message) == (False, "ann has no role on shop (development) and may not read from it")
    assert not decided(Policy(configured=True), READ).allowed


@given(st.sampled_from(RiskLevel), st.sampled_from(ActionClass), st.sampled_from(Environment), st.integers(1, 5), st.booleans())
def test_nobody_without_a_grant_does_anything(
    level: RiskLevel, action: ActionClass, environment: Environment, count: int, known: bool
) -> None:
    stranger = Actor("eve", 1001, ("users",))
    policy = Policy(tuple(Grant(role, users=("ann",), groups=("dba",)) for role in Role), configured=True)
    place = Place("shop", environment, known=known)
    assert not decide(stranger, policy, place, risk_of(level, action), count).allowed


@given(st.sampled_from(Role), st.sampled_from(ActionClass), st.sampled_from(Environment), st.sampled_from(RiskLevel))
def test_a_grant_allows_its_roles_actions_and_no_other(role: Role, action: ActionClass, environment: Environment, level: RiskLevel) -> None:
    table = PRODUCTION_ACTIONS if environment is Environment.PRODUCTION else ROLE_ACTIONS
    assert decided(having(role), risk_of(level, action), Place("shop", environment)).allowed == (action in table[role])


@given(st.sampled_from(RiskLevel), st.sampled_from(ActionClass), st.integers(1, 3))
def test_read_only_lets_only_reads_through_whatever_the_role(level: RiskLevel, action: ActionClass, count: int) -> None:
    decision = decided(having(Role.ADMIN), risk_of(level, action), Place("shop", read_only=True), count)
    assert decision.allowed == (action is ActionClass.READ)


def test_a_statement_that_needs_several_classes_needs_all_of_them() -> None:
    mixed = together((READ, session_risk(ActionClass.TERMINATE), INSERT))
    assert mixed.actions == (ActionClass.READ, ActionClass.WRITE, ActionClass.TERMINATE)
    assert not decided(having(Role.OPERATOR), mixed).allowed
    assert not decided(having(Role.DEVELOPER), mixed).allowed
    assert decided(having(Role.ADMIN), mixed).allowed


def test_two_roles_do_not_add_up_to_a_third() -> None:
    """Each act is done in one role, which is the one that the log names."""
    both = Policy((*having(Role.OPERATOR).grants, *having(Role.DEVELOPER).grants), configured=True)
    assert decided(both, session_risk(ActionClass.TERMINATE)).role == "operator"
    assert decided(both, INSERT).role == "developer"
    assert not decided(both, together((session_risk(ActionClass.TERMINATE), INSERT))).allowed


def test_the_role_that_may_do_least_is_the_one_that_acts() -> None:
    both = Policy((*having(Role.ADMIN).grants, *having(Role.ANALYST).grants), configured=True)
    assert decided(both, READ).role == "analyst"


def test_what_nobody_understands_is_for_admins() -> None:
    assert decided(having(Role.ADMIN), not_understood("?")).confirmation is Confirmation.TYPED_NAME
    for role in (Role.DEVELOPER, Role.OPERATOR, Role.ANALYST):
        assert not decided(having(role), not_understood("?")).allowed


@pytest.mark.parametrize(
    ("risk", "place", "count", "wanted"),
    [
        (READ, SHOP, 1, Confirmation.NONE),
        (READ, LIVE, 1, Confirmation.NONE),
        (risk_of(RiskLevel.HIGH, ActionClass.READ), SHOP, 1, Confirmation.YES),
        (INSERT, SHOP, 1, Confirmation.YES),
        (INSERT, LIVE, 1, Confirmation.TYPED_NAME),
        (INSERT, Place("shop", known=False), 1, Confirmation.TYPED_NAME),
        (session_risk(ActionClass.TERMINATE), SHOP, 1, Confirmation.YES),
        (session_risk(ActionClass.TERMINATE, 2), SHOP, 2, Confirmation.TYPED_NAME),
        (session_risk(ActionClass.CANCEL, 2), SHOP, 2, Confirmation.TYPED_NAME),
        (session_risk(ActionClass.CANCEL), LIVE, 1, Confirmation.TYPED_NAME),
        (DROP, SHOP, 1, Confirmation.TYPED_NAME),
    ],
)
def test_how_something_is_confirmed(risk: Risk, place: Place, count: int, wanted: Confirmation) -> None:
    assert decided(having(Role.ADMIN), risk, place, count).confirmation is wanted


def test_a_role_by_group_and_for_some_targets_and_environments() -> None:
    policy = Policy(
        (Grant(Role.OPERATOR, groups=("dba",), environments=(Environment.STAGING,), targets=("shop-*", "app")),), configured=True
    )
    cancel = session_risk(ActionClass.CANCEL)
    found = {
        (name, environment.value)
        for name in ("shop-eu", "shop", "app", "apple")
        for environment in Environment
        if decided(policy, cancel, Place(name, environment)).allowed
    }
    assert found == {("shop-eu", "staging"), ("app", "staging")}


def test_a_grant_for_some_targets_does_not_hold_for_one_that_only_the_command_line_names() -> None:
    """Its name is whatever the URL says, which anybody may write."""
    somewhere = Place("app", known=False)
    assert not decided(having(Role.ADMIN, targets=("app",)), INSERT, somewhere).allowed
    assert decided(having(Role.ADMIN), INSERT, somewhere).allowed
    assert not decided(having(Role.DEVELOPER), INSERT, somewhere).allowed


def test_a_grant_holds_for_another_database_only_where_it_holds_for_its_target_too() -> None:
    through = Place("shop", beside=("live",))
    assert not decided(having(Role.ADMIN, targets=("shop",)), INSERT, through).allowed
    refused = decided(having(Role.ANALYST), INSERT, through)
    assert "shop (development, the database of live)" in refused.message
    assert "targets: [shop, live]" in refused.hint
    assert decided(having(Role.ADMIN, targets=("shop", "live")), INSERT, through).allowed


def test_actions_narrow_a_role_and_never_widen_it() -> None:
    policy = Policy(
        (Grant(Role.OPERATOR, users=("ann",), actions=(ActionClass.READ, ActionClass.CANCEL, ActionClass.ADMIN)),), configured=True
    )
    allowed = {action.value for action in ActionClass if decided(policy, risk_of(RiskLevel.LOW, action)).allowed}
    assert allowed == {"read", "cancel"}


def test_the_lines_of_a_hint_do_what_it_says() -> None:
    """For every class and environment: with the grant that is proposed the same is allowed."""
    for action in ActionClass:
        for environment in Environment:
            place, risk = Place("shop", environment), risk_of(RiskLevel.LOW, action)
            hint = decided(Policy(configured=True), risk, place).hint
            role = Role(hint.partition("role: ")[2].partition("\n")[0])
            assert decided(having(role, targets=("shop",)), risk, place).allowed


def test_whoever_runs_this_is_known_by_the_system_not_by_the_environment() -> None:
    real = current_actor({})
    claimed = current_actor({"USER": "postgres", "LOGNAME": "postgres", "SUDO_USER": "ann", "SSH_CLIENT": "192.0.2.7 1 22"})
    assert (claimed.user, claimed.uid, claimed.groups) == (real.user, real.uid, real.groups)
    assert (claimed.sudo_user, claimed.ssh_client) == ("ann", "192.0.2.7 1 22")
    assert real.host
