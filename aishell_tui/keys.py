"""Every key, declared once: the bindings, the footer, the help, the palette and the docs are made from this table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from aishell_core.values import Ability

EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it is called in the program, which keys press it, what it does, and where.

    `where` is a screen's name or "" for every screen; `rank` orders the footer, 0 keeps the key out of it. `needs` is what an
    engine must be able to tell for the key to be named.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    where: tuple[str, ...] = (EVERYWHERE,)
    rank: int = 0
    needs: Ability = Ability.NONE

    @property
    def shown(self) -> str:
        """The key as it is printed in the footer and the help."""
        return _PRINTED.get(self.keys[0], self.keys[0])


_PRINTED = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "plus": "+",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "escape": "esc",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
}

SCREENS: tuple[tuple[str, str, str], ...] = (
    ("1", "fleet", "Fleet"),
    ("2", "health", "Health"),
    ("3", "queries", "Queries"),
    ("4", "sessions", "Sessions"),
    ("5", "backups", "Backups"),
    ("7", "alerts", "Alerts"),
    ("8", "events", "Events"),
)
"""The digit, name and title of each screen; digits stay with their screens when others come between."""

HEALTH_PANES: tuple[tuple[str, str], ...] = (
    ("replication", "Replication"),
    ("maintenance", "Maintenance"),
    ("tables", "Tables"),
    ("pools", "Pools"),
)
"""The action and title of panes that have no digit and are opened from Health, or by the palette from anywhere."""

TABLES = ("fleet", "queries", "events", "metrics", "tables", "replication", "sessions", "waits", "pools", "alerts", "backups", "schedules")
"""The screens that are a table; the table widget brings its own keys (move, open, sort, mark)."""

OPENED = ("fleet", "queries", "events", "sessions", "waits", "alerts", "backups")
"""Those whose rows lead somewhere; on the others all that is known of a row is shown beside the table."""

TABLE_FOOTER: tuple[tuple[str, int], ...] = (("open", 1), ("sort", 3))
"""Which of the table widget's own keys the footer shows, by action, with their rank."""

KEYS: tuple[Key, ...] = (
    Key("target.next", ("n", "right_parenthesis"), "next_target(1)", "next target", "Show the next target.", ("health",), 8),
    Key("target.previous", ("N", "left_parenthesis"), "next_target(-1)", "", "Show the target before.", ("health",)),
    Key(
        "filter",
        ("slash",),
        "filter",
        "filter",
        "Filter the rows by a regular expression; ^ and $ are the ends of a cell, ! in front inverts it.",
        TABLES,
        2,
    ),
    Key("mode", ("t",), "mode", "live/total", "Switch between live, since reset, and total.", ("queries",), 4),
    Key("reset", ("r",), "reset", "reset", "Count from now in the mode 'since reset'.", ("queries",), 5),
    Key("explain", ("e",), "explain", "explain", "Show the plan of the selected statement.", ("queries",), 6, Ability.EXPLAIN),
    Key(
        "earlier",
        ("left_square_bracket",),
        "app.move_in_time(-1)",
        "back",
        "Go back in time by a quarter of the span.",
        ("health", "query", "chart", "waits"),
        5,
    ),
    Key(
        "later",
        ("right_square_bracket",),
        "app.move_in_time(1)",
        "forward",
        "Go forward in time; past the present it is live again.",
        ("health", "query", "chart", "waits"),
        6,
    ),
    Key(
        "narrower",
        ("left_curly_bracket", "less_than_sign"),
        "app.span(-1)",
        "",
        "Narrow the span of the charts: 24 h, 6 h, 1 h, 15 m, 5 m, 1 m.",
        ("health", "query", "chart", "waits"),
        0,
    ),
    Key(
        "wider",
        ("right_curly_bracket", "greater_than_sign"),
        "app.span(1)",
        "wider",
        "Widen the span of the charts: 1 m, 5 m, 15 m, 1 h, 6 h, 24 h.",
        ("health", "query", "chart", "waits"),
        4,
    ),
    Key("maximise", ("z",), "maximise", "zoom", "Show the focused chart alone, large; again goes back.", ("health",), 3),
    Key("charts.next", ("j", "down", "pagedown"), "charts(1)", "", "Show the next charts.", ("health",)),
    Key("charts.previous", ("k", "up", "pageup"), "charts(-1)", "", "Show the charts before.", ("health",)),
    Key("metrics", ("m",), "metrics", "all metrics", "List all metrics of the target.", ("health",), 2),
    Key("tables", ("b",), "tables", "tables", "List tables and indexes with their sizes.", ("health",), 7),
    Key(
        "replication",
        ("r",),
        "replication",
        "replication",
        "Show replicas, slots, how far they are behind, and the archiver.",
        ("health",),
        9,
    ),
    Key(
        "maintenance",
        ("v",),
        "maintenance",
        "maintenance",
        "Show vacuum and other long operations, and what keeps old row versions.",
        ("health",),
        10,
    ),
    Key(
        "pools", ("o",), "pools", "pools", "Show the pools of a connection pooler, and which clients wait.", ("health",), 11, Ability.POOLS
    ),
    Key(
        "relations.mode",
        ("t",),
        "mode",
        "indexes/findings",
        "Switch between tables or collections, indexes, and those with a finding.",
        ("tables",),
        4,
    ),
    Key(
        "query.explain",
        ("e",),
        "explain",
        "explain all the same",
        "Have the statement planned, after a question, where planning it may already do something.",
        ("query",),
        2,
        Ability.EXPLAIN,
    ),
    Key(
        "analyze",
        ("a",),
        "analyze",
        "run and measure",
        "Run the statement read-only, after a question, to measure its plan.",
        ("query",),
        3,
    ),
    Key(
        "sessions.tree",
        ("t",),
        "tree",
        "locks",
        "Show who waits behind whom as a tree; again the table.",
        ("sessions",),
        3,
        Ability.LOCKS,
    ),
    Key("sessions.idle", ("i",), "idle", "idle", "Show idle and background sessions too, or hide them.", ("sessions",), 3),
    Key(
        "waits", ("w",), "app.waits", "waits", "Show what the sessions have waited for over time.", ("sessions", "health"), 6, Ability.WAITS
    ),
    Key(
        "sessions.explain",
        ("e",),
        "explain",
        "explain",
        "Show the plan of the session's statement.",
        ("sessions", "session"),
        7,
        Ability.SESSIONS | Ability.EXPLAIN,
    ),
    Key(
        "sessions.cancel",
        ("x",),
        "cancel",
        "cancel",
        "Cancel what the marked or selected sessions run, after a question.",
        ("sessions", "session"),
        3,
    ),
    Key(
        "sessions.terminate",
        ("K",),
        "terminate",
        "end",
        "End the marked or selected sessions, after a question.",
        ("sessions", "session"),
        3,
    ),
    Key(
        "sessions.head",
        ("B",),
        "terminate_head",
        "end blocker",
        "End the head blocker with the longest queue, after a question, also when a filter hides it.",
        ("sessions",),
        3,
    ),
    Key("sessions.next", ("right_parenthesis",), "next_target(1)", "", "Show the next target.", ("sessions", "waits")),
    Key("sessions.previous", ("left_parenthesis",), "next_target(-1)", "", "Show the target before.", ("sessions", "waits")),
    Key("waits.by", ("t",), "dimension(1)", "group by", "List waits, statements, users, applications or databases.", ("waits",), 3),
    Key(
        "alerts.acknowledge",
        ("a",),
        "acknowledge",
        "take on",
        "Take the marked or selected alerts on, with a note.",
        ("alerts", "alert"),
        4,
    ),
    Key("alerts.give_back", ("A",), "give_back", "", "Give an alert that somebody has taken on back.", ("alerts", "alert")),
    Key(
        "alerts.silence",
        ("s",),
        "silence",
        "silence",
        "Silence the marked or selected alerts until a time, or end what silences them.",
        ("alerts", "alert"),
        5,
    ),
    Key("alerts.runbook", ("R",), "runbook", "runbook", "Say where the alert's runbook is, and copy that.", ("alerts", "alert"), 6),
    Key("alerts.health", ("v",), "health", "health", "Show the Health charts of the alert's moment.", ("alerts", "alert"), 7),
    Key("alerts.sort", ("o",), "sort_table", "sort", "Sort by the column; again the other way round.", ("alerts",), 8),
    Key("backups.create", ("b",), "back_up", "back up", "Back the target up now, after showing how.", ("backups",), 4),
    Key(
        "backups.restore",
        ("r",),
        "restore",
        "restore",
        "Restore the backup: choose where, see what is written and lost, then confirm.",
        ("backups", "backup"),
        4,
    ),
    Key("backups.verify", ("v",), "verify", "verify", "Read the backup back and check every byte of it.", ("backups", "backup"), 5),
    Key(
        "backups.test",
        ("T",),
        "test",
        "test",
        "Restore the backup into a place of its own and compare it, after a question.",
        ("backups", "backup"),
        6,
    ),
    Key(
        "backups.pin",
        ("p",),
        "pin",
        "pin",
        "Keep the backup whatever retention says, with a note; again leaves it to retention.",
        ("backups", "backup"),
        7,
    ),
    Key(
        "backups.accept",
        ("a",),
        "accept",
        "",
        "Say that the backup is right though it is much smaller than the one before it, with a note: retention goes on then.",
        ("backups", "backup"),
    ),
    Key("backups.delete", ("d",), "delete", "delete", "Delete the backup, with its target's name typed.", ("backups", "backup"), 8),
    Key("backups.schedules", ("S",), "schedules", "schedules", "Show what is made by itself, and how that went.", ("backups",), 9),
    Key("backups.whose", ("t",), "whose", "all/one", "Show the backups of all targets, or of the one that is looked at.", ("backups",), 10),
    Key("backups.cancel", ("x",), "cancel_job", "", "Cancel a backup, restore or check that runs here.", ("backups",)),
    Key(
        "backups.look",
        ("R", "f5"),
        "look_again",
        "",
        "Look into all storages now.",
        ("backups", "backup", "schedules"),
    ),
    Key("restore.go", ("enter",), "go_on", "restore", "Go on to the question, then restore.", ("restore",), 1),
    Key("integrity", ("i",), "integrity", "", "Check the database's integrity now.", ("health",)),
    Key("pause", ("p",), "pause", "pause", "Freeze the screen; again goes on.", (EVERYWHERE,), 20),
    Key("refresh", ("R", "f5"), "refresh_now", "", "Read everything now."),
    Key("slower", ("plus",), "interval(1)", "", "Read less often."),
    Key("faster", ("minus",), "interval(-1)", "", "Read more often."),
    Key("copy", ("y",), "screen.copy", "", "Copy the marked rows, or the selected one, to the clipboard (OSC 52) and to a file."),
    Key("export", ("E",), "screen.export", "", "Export the pane as CSV, JSON or SVG."),
    Key("palette", ("colon", "ctrl+p"), "command_palette", "commands", "Open the command palette.", (EVERYWHERE,), 21),
    Key("help", ("question_mark", "f1"), "help", "help", "Show all keys of this screen.", (EVERYWHERE,), 30),
    Key("back", ("escape",), "back", "", "Go back, clear the filter or the selection, return to the present."),
    Key("quit", ("q",), "quit_now", "quit", "Quit.", (EVERYWHERE,), 22),
)


def keys_of(screen: str) -> tuple[Key, ...]:
    """The keys that are valid on a screen, its own first, then those of every screen that it has no other use for."""
    own = tuple(key for key in KEYS if screen != EVERYWHERE and screen in key.where)
    taken = {pressed for key in own for pressed in key.keys}
    common = (replace(key, keys=tuple(pressed for pressed in key.keys if pressed not in taken)) for key in KEYS if EVERYWHERE in key.where)
    return own + tuple(key for key in common if key.keys)


def footer_of(screen: str) -> tuple[Key, ...]:
    """The keys for the footer of a screen, the most useful first."""
    return tuple(sorted((key for key in keys_of(screen) if key.rank), key=lambda key: key.rank))


@cache
def untold_actions(screen: str, abilities: Ability) -> frozenset[str]:
    """The actions of a screen's keys for which an engine with these abilities has nothing to tell."""
    return frozenset(key.action for key in keys_of(screen) if key.needs not in abilities)


@cache
def lead_key(leads_to: str, screen: str) -> str:
    """The key that goes from one screen to another, or one step towards it; empty where there is none or one is there already."""
    digits = {name: digit for digit, name, _ in SCREENS}
    if not leads_to or leads_to == screen:
        return ""
    if leads_to in digits:
        return digits[leads_to]
    openers = [key for key in KEYS if key.action == leads_to]
    here = next((key for key in openers if screen in key.where), None)
    if here is not None:
        return here.shown
    return lead_key("health", screen) if any("health" in key.where for key in openers) else ""
