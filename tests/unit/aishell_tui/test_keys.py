"""The key table."""

import itertools

import pytest

from aishell_tui.keys import KEYS, SCREENS, TABLES, footer_of, keys_of, lead_key
from aishell_tui.screens.alerts import AlertsScreen
from aishell_tui.screens.backups import BackupsScreen
from aishell_tui.screens.backups_schedules import SchedulesScreen
from aishell_tui.screens.bindings import footer_hints, help_lines
from aishell_tui.screens.events import EventsScreen
from aishell_tui.screens.fleet import FleetScreen
from aishell_tui.screens.metrics import MetricsScreen
from aishell_tui.screens.pools import PoolsScreen
from aishell_tui.screens.queries import QueriesScreen
from aishell_tui.screens.relations import RelationsScreen
from aishell_tui.screens.replication import ReplicationScreen
from aishell_tui.screens.sessions import SessionsScreen
from aishell_tui.screens.waits import WaitsScreen
from widgets.table import LineTable

_SCREENS = (
    *(AlertsScreen, BackupsScreen, SchedulesScreen, EventsScreen, FleetScreen, MetricsScreen),
    *(PoolsScreen, QueriesScreen, RelationsScreen, ReplicationScreen, SessionsScreen, WaitsScreen),
)
ALL_SCREENS = (
    *(name for _, name, _ in SCREENS),
    "query",
    "metrics",
    "tables",
    "replication",
    "maintenance",
    "wall",
    "session",
    "waits",
    "backup",
    "restore",
    "schedules",
)


@pytest.mark.parametrize("screen", ALL_SCREENS)
def test_no_key_does_two_things_on_one_screen(screen: str) -> None:
    pressed = list(itertools.chain.from_iterable(key.keys for key in keys_of(screen)))
    assert len(pressed) == len(set(pressed))


def test_every_key_is_explained_in_a_sentence() -> None:
    for key in KEYS:
        assert key.help.endswith("."), key
        assert not key.rank or key.label, f"{key.id} is in the footer without a word"


def test_every_function_key_has_a_printable_twin() -> None:
    for key in KEYS:
        names = [name for name in key.keys if name.startswith("f") and name[1:].isdigit()]
        assert not names or len(names) < len(key.keys), key


def test_no_key_is_one_that_terminals_and_multiplexers_take() -> None:
    for key in KEYS:
        assert not set(key.keys) <= {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q"}, key


@pytest.mark.parametrize("screen", ALL_SCREENS)
def test_footer_and_help_come_from_the_same_table(screen: str) -> None:
    helped = " ".join(keys for keys, _ in help_lines(screen)).split()
    for key in footer_of(screen):
        assert key.shown in helped
    assert len(footer_hints(screen)) >= 3


@pytest.mark.parametrize(
    ("leads_to", "screen", "key"),
    [
        ("queries", "health", "3"),
        ("health", "fleet", "2"),
        ("health", "health", ""),
        ("replication", "health", "r"),
        ("replication", "fleet", "2"),
        ("maintenance", "health", "v"),
        ("nowhere", "health", ""),
        ("", "fleet", ""),
    ],
)
def test_a_lead_names_the_key_that_goes_there_from_here(leads_to: str, screen: str, key: str) -> None:
    assert lead_key(leads_to, screen) == key


@pytest.mark.parametrize("screen", TABLES)
def test_enter_is_told_where_a_row_leads_somewhere_and_nowhere_else(screen: str) -> None:
    (found,) = (each for each in _SCREENS if screen == each.SCREEN)
    opens = LineTable.Opened in found._decorated_handlers
    assert ("enter" in {hint.key for hint in footer_hints(screen)}) is opens
    assert ("enter" in " ".join(keys for keys, _ in help_lines(screen)).split()) is opens
