"""Who may do what: roles with their action classes, and the grants that give roles to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from aishell_core.safety.risk import ActionClass
from aishell_core.targets import Environment


class Role(StrEnum):
    """What somebody is to the databases."""

    ADMIN = "admin"
    DEVELOPER = "developer"
    ANALYST = "analyst"
    OPERATOR = "operator"


ROLE_ACTIONS: Mapping[Role, frozenset[ActionClass]] = {
    Role.ADMIN: frozenset(ActionClass),
    Role.DEVELOPER: frozenset({ActionClass.READ, ActionClass.CANCEL, ActionClass.WRITE, ActionClass.SCHEMA}),
    Role.ANALYST: frozenset({ActionClass.READ}),
    Role.OPERATOR: frozenset({ActionClass.READ, ActionClass.CANCEL, ActionClass.TERMINATE}),
}
"""The action classes of each role."""

PRODUCTION_ACTIONS: Mapping[Role, frozenset[ActionClass]] = {**ROLE_ACTIONS, Role.DEVELOPER: frozenset({ActionClass.READ})}
"""The same in production, where a developer only reads."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the operating system knows it; `user` and `groups` are those of the process, which nobody can claim.

    `login_user` is who logged in before any sudo (the kernel's word, "" where it keeps none); `sudo_user`,
    `ssh_client` come from the environment and are told, never trusted.
    """

    user: str
    uid: int
    groups: tuple[str, ...] = ()
    sudo_user: str = ""
    login_user: str = ""
    host: str = ""
    tty: str = ""
    ssh_client: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that is given to users and groups, in some environments and on some targets (empty: all of them).

    `targets` are names or patterns such as `orders-*`. `actions` narrows what the role may do here; it never widens
    it, and None leaves it as it is.
    """

    role: Role
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    environments: tuple[Environment, ...] = ()
    targets: tuple[str, ...] = ()
    actions: tuple[ActionClass, ...] | None = None

    def holds_for(self, actor: Actor, target: str, environment: Environment) -> bool:
        """Whether it gives its role to this actor on this target."""
        named = actor.user in self.users or not set(self.groups).isdisjoint(actor.groups)
        here = not self.targets or any(fnmatchcase(target, pattern) for pattern in self.targets)
        return named and here and (not self.environments or environment in self.environments)

    def allowed(self, environment: Environment) -> frozenset[ActionClass]:
        """The action classes that it allows in an environment."""
        table = PRODUCTION_ACTIONS if environment is Environment.PRODUCTION else ROLE_ACTIONS
        return table[self.role] if self.actions is None else table[self.role].intersection(self.actions)


@dataclass(frozen=True, slots=True)
class Policy:
    """All grants. `configured` is False where nobody has written any: then everybody reads and nobody acts.

    `file` is where grants are written, for hints.
    """

    grants: tuple[Grant, ...] = ()
    configured: bool = False
    file: str = ""

    def held(self, actor: Actor, target: str, environment: Environment) -> tuple[Grant, ...]:
        """The grants that hold for an actor on a target."""
        return tuple(grant for grant in self.grants if grant.holds_for(actor, target, environment))


def roles_with(actions: Iterable[ActionClass], environment: Environment) -> tuple[Role, ...]:
    """The roles that may do all of these, those that may do least first."""
    table = PRODUCTION_ACTIONS if environment is Environment.PRODUCTION else ROLE_ACTIONS
    wanted = frozenset(actions)
    return tuple(sorted((role for role in Role if wanted <= table[role]), key=lambda role: (len(table[role]), len(ROLE_ACTIONS[role]))))
