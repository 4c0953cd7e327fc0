"""Who acts here: the actor, what the configuration allows on which target, and the log that every attempt is written to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Loaded when somebody acts, which most sessions never do.
    from aishell_core.safety.audit import AuditLog
    from aishell_core.safety.decision import Place
    from aishell_core.safety.roles import Actor, Policy
    from aishell_core.targets import Target
    from aishell_core.values import TargetId
    from aishell_tui.config.load import Configuration


@dataclass(frozen=True, slots=True)
class Authority:
    """Who acts and what is allowed where; a target without a place is not known, which means as careful as with production.

    `within` widens a place by another database of the same server, which may be a target of its own.
    """

    actor: Actor
    policy: Policy
    state_folder: Path
    places: Mapping[TargetId, Place] = field(default_factory=dict)
    within: Callable[[Target, Place, str], Place] | None = None

    @property
    def log(self) -> AuditLog:
        """The audit log."""
        from aishell_core.safety.audit import AuditLog

        return AuditLog(self.state_folder)

    def place(self, target: Target, database: str = "") -> Place:
        """Where something on a target would be done; in another database of its server where one is given."""
        from aishell_core.safety.decision import Place

        place = self.places.get(target.name) or Place(target.name, target.environment, target.read_only, known=False)
        return self.within(target, place, database) if self.within is not None and database else place


def authority_of(loaded: Configuration, targets: tuple[Target, ...]) -> Authority:
    """The authority of whoever runs this process under a configuration."""
    from aishell_core.safety.actor import current_actor
    from aishell_tui.config.roles import place_of
    from aishell_tui.places import find_places

    places = {target.name: place_of(target, loaded) for target in targets}
    return Authority(current_actor(os.environ), loaded.policy, find_places().state, places, partial(_within, loaded))


def _within(loaded: Configuration, target: Target, place: Place, database: str) -> Place:
    from aishell_tui.config.roles import place_within

    return place_within(target, place, (database,), loaded)


def authority_without_roles(targets: tuple[Target, ...]) -> Authority:
    """The authority of whoever runs this process where nothing is configured: no role is given, and no target is known."""
    from aishell_core.safety.actor import current_actor
    from aishell_core.safety.decision import Place
    from aishell_core.safety.roles import Policy
    from aishell_tui.places import find_places

    found = find_places()
    places = {target.name: Place(target.name, target.environment, target.read_only, known=False) for target in targets}
    return Authority(current_actor(os.environ), Policy(file=str(found.config_file)), found.state, places)


def authority_over(targets: tuple[Target, ...], state_folder: Path, *, read_only: bool = False) -> Authority:
    """The authority of whoever started these targets and owns them, as in a demo."""
    from aishell_core.safety.actor import current_actor
    from aishell_core.safety.decision import Place
    from aishell_core.safety.roles import Grant, Policy, Role

    actor = current_actor(os.environ)
    places = {target.name: Place(target.name, target.environment, read_only) for target in targets}
    return Authority(actor, Policy((Grant(Role.ADMIN, users=(actor.user,)),), configured=True), state_folder, places)
