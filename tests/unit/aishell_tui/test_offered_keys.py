"""Which keys a screen names for an engine, by what that engine can tell."""

from __future__ import annotations

import pytest

from aishell_core.values import Ability, ReplicationPeer
from aishell_tui.keys import untold_actions
from aishell_tui.screens.bindings import footer_hints
from aishell_tui.screens.replication_rows import known_columns, role_word
from widgets.key_bar import fitting_hints

ALL = Ability.SESSIONS | Ability.LOCKS | Ability.WAITS | Ability.EXPLAIN | Ability.POOLS


@pytest.mark.parametrize(
    ("screen", "ability", "action"),
    [
        ("sessions", Ability.LOCKS, "tree"),
        ("sessions", Ability.WAITS, "app.waits"),
        ("health", Ability.WAITS, "app.waits"),
        ("health", Ability.POOLS, "pools"),
        ("sessions", Ability.SESSIONS | Ability.EXPLAIN, "explain"),
        ("session", Ability.SESSIONS | Ability.EXPLAIN, "explain"),
        ("queries", Ability.EXPLAIN, "explain"),
    ],
)
def test_a_key_is_named_where_the_engine_has_something_to_tell(screen: str, ability: Ability, action: str) -> None:
    assert action in untold_actions(screen, Ability.SESSIONS)
    assert action in untold_actions(screen, ALL & ~ability)
    assert action not in untold_actions(screen, ability)
    assert untold_actions(screen, ALL) == frozenset()


def test_a_server_that_tells_no_sessions_offers_no_plan_of_their_statements() -> None:
    assert "explain" in untold_actions("sessions", Ability.RELATIONS | Ability.EXPLAIN | Ability.RUN)


def test_what_acts_on_sessions_is_named_on_the_smallest_comfortable_screen_and_the_rest_where_it_is_not() -> None:
    hints = footer_hints("sessions")
    assert {"x", "K", "B", "t", "/"} <= {hint.key for hint in fitting_hints(hints, 79)}
    without = [hint for hint in hints if hint.key not in {"x", "K", "B"}]
    assert {"w", "e", "s"} <= {hint.key for hint in fitting_hints(without, 79)}


def test_roles_are_told_in_words_of_all_engines() -> None:
    told = [role_word(role) for role in ("standby", "subscriber", "upstream", "slot", "member")]
    assert told == ["replica", "subscriber", "upstream", "slot", "member"]


def test_replication_has_columns_for_what_an_engine_tells_alone() -> None:
    told = ReplicationPeer("a", "standby", "streaming", 1.0, write_lag_seconds=0.1)
    everything = {column.key for column in known_columns(())}
    assert {"sync", "sent", "write", "flush", "wal_status"} < everything
    assert everything - {column.key for column in known_columns((told, ReplicationPeer("b", "log", "")))} == {
        "sync",
        "sent",
        "flush",
        "wal_status",
    }
