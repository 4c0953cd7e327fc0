"""Replication as table rows: who this server follows, who follows it, the slots under their users. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from aishell_core.catalogue import REPLICATION_LAG, REPLICATION_LAG_BYTES, REPLICATION_SLOT_RETAINED
from aishell_core.units import format_bytes, format_counted, format_duration, format_value
from aishell_core.values import Ability, Metric, Part, ReplicationPeer, Severity, Unit, worst
from aishell_tui.catch_up import TREND_SECONDS, UNKNOWN_TREND, Trend, trend, trend_words
from aishell_tui.frame import TargetView
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.screens.fields import field_lines
from aishell_tui.text import server_text, why_unknown
from widgets.format import cell_width, clean, truncate, wrap
from widgets.glyphs import Glyphs
from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.palette import Role, severity_role
from widgets.table_model import Cell, Column, Row

COLUMNS: tuple[Column, ...] = (
    Column("peer", "PEER", None, 14, help="The other end, or the slot"),
    Column("role", "ROLE", 12, help="What it is to this server"),
    Column("state", "STATE", 10, help="What the link does"),
    Column("sync", "SYNC", 9, priority=6, help="Whether commits wait for it"),
    Column("client", "CLIENT", 15, priority=8, help="Where it is"),
    Column("sent", "UNSENT", 9, align="right", priority=5, help="Log that was not sent to it yet"),
    Column("write", "WRITE", 7, align="right", priority=4, help="How late it writes the log"),
    Column("flush", "FLUSH", 7, align="right", priority=4, help="How late it has the log safe on disk"),
    Column("lag", "LAG", 7, align="right", help="How late it applies the log"),
    Column("behind", "BEHIND", 9, align="right", help="Log that it has not applied, or not confirmed"),
    Column("retained", "LOG KEPT", 9, align="right", priority=1, help="Log that is kept, for the slot or in all"),
    Column("wal_status", "SLOT LOG", 10, priority=3, help="Whether the log that the slot needs is still there"),
    Column("eta", "THERE IN", 8, align="right", priority=2, help="When it has caught up, if it goes on like this"),
)
_OPTIONAL: tuple[tuple[str, Callable[[ReplicationPeer], object]], ...] = (
    ("sync", lambda peer: peer.sync or None),
    ("sent", lambda peer: peer.sent_lag_bytes),
    ("write", lambda peer: peer.write_lag_seconds),
    ("flush", lambda peer: peer.flush_lag_seconds),
    ("wal_status", lambda peer: peer.wal_status or None),
)
"""Columns that only some engines have anything for."""
_TAKERS = frozenset({"standby", "subscriber"})
"""Roles of those that take this server's log, maybe by a slot."""
_ORDER = ("upstream", "standby", "subscriber", "member", "slot", "subscription", "publication", "log")
_WORDS = {"standby": "replica"}
_BAD_STATES = {
    **dict.fromkeys(("lost", "down", "not connected", "stopped", "broken", "non-primary", "offline", "error"), Severity.CRITICAL),
    **dict.fromkeys(("disabled", "connecting", "unreachable", "recovering", "joining"), Severity.WARNING),
}
_BAD_LOG = {"lost": Severity.CRITICAL, "unreserved": Severity.CRITICAL, "extended": Severity.WARNING}
_NOTE_INDENT = 6
"""Cells before the words of a row's note, and one behind them."""
_NONE = Cell("–", "dim", math.nan)


def in_order(peers: Iterable[ReplicationPeer]) -> tuple[tuple[ReplicationPeer, bool], ...]:
    """The peers as they are read: the source first, each standby and subscriber with its slot under it (True), then what stands alone."""
    peers = tuple(peers)
    slots = {peer.name: peer for peer in peers if peer.role == "slot"}
    rank = {role: place for place, role in enumerate(_ORDER)}
    found: list[tuple[ReplicationPeer, bool]] = []
    under: set[str] = set()
    for peer in sorted(peers, key=lambda each: (rank.get(each.role, len(rank)), each.name)):
        if peer.role == "slot" and peer.name in under:
            continue
        found.append((peer, False))
        slot = slots.get(dict(peer.details).get("slot", "")) if peer.role in _TAKERS else None
        if slot is not None:
            found.append((slot, True))
            under.add(slot.name)
    return tuple(found)


def known_columns(peers: Sequence[ReplicationPeer]) -> tuple[Column, ...]:
    """The columns for which there is anything; all of them where there is no peer."""
    empty = {key for key, value in _OPTIONAL if peers and all(value(peer) is None for peer in peers)}
    return tuple(column for column in COLUMNS if column.key not in empty)


def role_word(role: str) -> str:
    """A role in the word that people of all engines know."""
    return _WORDS.get(role, role)


def peer_trend(view: TargetView, peer: ReplicationPeer, now: float) -> Trend:
    """How its lag in bytes has changed lately; unknown for what has no such series."""
    keys = view.snapshot.find(REPLICATION_LAG_BYTES.name)
    # The only upstream has no label; where there are several each has its own.
    wanted = ((("peer", peer.name),),) if peer.role in _TAKERS else ((("peer", peer.name),), ())
    key = next((key for labels in wanted for key in keys if key.labels == labels), None)
    if peer.role not in {*_TAKERS, "upstream"} or key is None:
        return UNKNOWN_TREND
    points = view.snapshot.points(key, now - TREND_SECONDS, now)
    return trend(points.times, points.values)


def _judged(view: TargetView, metric: Metric, value: float | None) -> Severity:
    return Severity.OK if value is None else view.limits(metric).judge(value)


def peer_severity(view: TargetView, peer: ReplicationPeer) -> Severity:
    """How bad its state is: by the thresholds in force, a broken link, a slot that nobody uses or whose log is gone."""
    found = [
        _judged(view, REPLICATION_LAG, peer.lag_seconds),
        _judged(view, REPLICATION_LAG_BYTES, peer.lag_bytes if peer.role != "slot" else None),
        _judged(view, REPLICATION_SLOT_RETAINED, peer.retained_bytes if peer.role == "slot" else None),
        _BAD_STATES.get(peer.state, Severity.OK),
        _BAD_LOG.get(peer.wal_status, Severity.OK),
    ]
    if _is_unused(peer) or _errors(peer) or peer.remarks:
        found.append(Severity.WARNING)
    severity = worst(found)
    return Severity.UNKNOWN if severity is Severity.OK and _is_hidden(peer) else severity


def _is_hidden(peer: ReplicationPeer) -> bool:
    """Whether nothing is told of a link but that it is there, as to a role that may not see it."""
    return peer.role in {*_TAKERS, "upstream"} and not peer.state and peer.lag_seconds is None and peer.lag_bytes is None


def _errors(peer: ReplicationPeer) -> str:
    """What has failed on it and how often, in words; empty where nothing has."""
    return ", ".join(f"{name} {value}" for name, value in peer.details if name.startswith("errors ") and value not in {"", "0"})


def _has_no_user(peer: ReplicationPeer) -> bool:
    """Whether a slot waits for somebody: a temporary one ends with its session, a copied one is for a failover."""
    details = dict(peer.details)
    return peer.role == "slot" and peer.active is False and "temporary" not in details and "copied from the primary" not in details


def _is_unused(peer: ReplicationPeer) -> bool:
    """Whether log is kept for nobody: a slot that was never used keeps none."""
    return _has_no_user(peer) and peer.retained_bytes is not None


def peer_notes(peer: ReplicationPeer, found: Trend) -> tuple[str, ...]:
    """What there is to say of a peer, each thing in words; empty where all is well."""
    words = [trend_words(found)] if peer.lag_bytes else []
    if peer.state == "lost" or peer.wal_status == "lost":
        words.append("the log that it needs is gone: it has to be made anew")
    elif _has_no_user(peer) and peer.retained_bytes is None:
        words.append("nobody has used it yet, and no log is kept for it")
    elif _has_no_user(peer):
        words.append("nobody uses it, and log is kept " + ("for it" if peer.safe_bytes is not None else "without end"))
    if peer.wal_status in {"extended", "unreserved"} and peer.safe_bytes is not None:
        words.append(f"lost after {format_bytes(max(0.0, peer.safe_bytes))} more")
    if peer.state == "not connected" and not peer.remarks:
        words.append("this server gets no log")
    words += peer.remarks
    if _errors(peer):
        words.append(f"it has failed: {_errors(peer)}; the server's log says why")
    return tuple(filter(None, words))


def peer_note(notes: Sequence[str], width: int) -> str:
    """These words on one line of `width` cells: where there is too little room each keeps its beginning, and none hides another."""
    room = [0] * len(notes)
    left = width - 2 * (len(notes) - 1)
    for place, number in enumerate(sorted(range(len(notes)), key=lambda each: cell_width(notes[each]))):
        room[number] = min(cell_width(notes[number]), max(1, left // (len(notes) - place)))
        left -= room[number]
    return "; ".join(truncate(note, cells) for note, cells in zip(notes, room, strict=True))


def _seconds(value: float | None, severity: Severity = Severity.OK) -> Cell:
    if value is None:
        return _NONE
    return Cell(format_value(value, Unit.SECONDS), "text" if severity is Severity.OK else severity_role(severity), value)


def _bytes(value: float | None, severity: Severity = Severity.OK) -> Cell:
    if value is None:
        return _NONE
    return Cell(format_bytes(value), "text" if severity is Severity.OK else severity_role(severity), value)


def peer_row(view: TargetView, peer: ReplicationPeer, below: bool, now: float, glyphs: Glyphs, width: int) -> Row:
    """One peer as a row of `width` cells, with what there is to say of it under it."""
    severity, found = peer_severity(view, peer), peer_trend(view, peer, now)
    note = peer_note([clean(each) for each in peer_notes(peer, found)], width - _NOTE_INDENT)
    stem: Span = (f"{glyphs.last_branch} " if below else "", "dim")
    state = "" if peer.state == "" else peer.state
    return Row(
        f"{peer.role}/{peer.name}/{peer.client}",
        {
            "peer": Cell(sort=peer.name, spans=(stem, (peer.name, "bold"))),
            "role": Cell(role_word(peer.role), "label"),
            "state": Cell(state, severity_role(_BAD_STATES[state]) if state in _BAD_STATES else "text"),
            "sync": Cell(peer.sync, "dim"),
            "client": Cell(peer.client, "dim"),
            "sent": _bytes(peer.sent_lag_bytes),
            "write": _seconds(peer.write_lag_seconds),
            "flush": _seconds(peer.flush_lag_seconds),
            "lag": _seconds(peer.lag_seconds, _judged(view, REPLICATION_LAG, peer.lag_seconds)),
            "behind": _bytes(peer.lag_bytes, _judged(view, REPLICATION_LAG_BYTES, peer.lag_bytes) if peer.role != "slot" else Severity.OK),
            "retained": _bytes(
                peer.retained_bytes,
                _judged(view, REPLICATION_SLOT_RETAINED, peer.retained_bytes) if peer.role == "slot" else Severity.OK,
            ),
            "wal_status": Cell(peer.wal_status, severity_role(_BAD_LOG[peer.wal_status]) if peer.wal_status in _BAD_LOG else "dim"),
            "eta": _NONE if found.eta_seconds is None else Cell(format_duration(found.eta_seconds), "text", found.eta_seconds),
        },
        note=((note, "warning" if severity is not Severity.OK else "label"),) if note else (),
        severity=severity,
    )


def peer_rows(view: TargetView, now: float, glyphs: Glyphs, width: int) -> list[Row]:
    """All peers in the order in which they are read."""
    return [peer_row(view, peer, below, now, glyphs, width) for peer, below in in_order(view.replication or ())]


def detail_lines(view: TargetView, row_id: str | None, width: int) -> tuple[Spans, ...]:
    """All else that is known of the peer under the cursor, the first one where there is none; its errors stand there whole."""
    ordered = in_order(view.replication or ())
    chosen = next((peer for peer, _ in ordered if f"{peer.role}/{peer.name}/{peer.client}" == row_id), None)
    peer = chosen or (ordered[0][0] if ordered else None)
    if peer is None:
        return ()
    role: Role = "warning" if peer_severity(view, peer) is not Severity.OK else "label"
    whole: tuple[Spans, ...] = tuple(((f" {line}", role),) for remark in peer.remarks for line in wrap(clean(remark), max(20, width - 2)))
    return (*whole, *field_lines((("", peer.name), *peer.details), width))


def replication_heading(view: TargetView, now: float) -> Heading:
    """The pane's title: what this server is, how many there are of each sort, and how fresh it is."""
    counted = [(role, sum(1 for peer in view.replication or () if peer.role == role)) for role in _ORDER]
    words = ", ".join(format_counted(count, role_word(role)) for role, count in counted if count)
    role = view.facts.role if view.facts is not None else ""
    return Heading("replication", ((f"{role}   {words}".strip(), "label"),), *fresh_and_stale(view, (Part.REPLICATION,), now))


def why_none(view: TargetView) -> str:
    """Why there is no peer to show: what could not be read and what to do, or that nothing replicates."""
    failure = view.target_failure or view.failure_of(Part.REPLICATION)
    if failure is not None and not view.replication:
        return why_unknown(failure)
    if view.lacks(Ability.REPLICATION):
        return f"n/a: {server_text(view)} has no replication that aishell can read"
    if view.replication is None:
        return "reading …"
    return "nothing replicates: nobody takes this server's log, it follows none, and it is in no cluster"
