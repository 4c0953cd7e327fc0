"""Channels, members of clusters and a server's own log on the Replication and Maintenance screens."""

from __future__ import annotations

from dataclasses import replace

from aishell_core import catalogue
from aishell_core.values import Progress, ReplicationPeer, Sample, Severity
from aishell_tui.catch_up import UNKNOWN_TREND
from aishell_tui.progress import Pace
from aishell_tui.screens.fields import field_lines
from aishell_tui.screens.replication_rows import detail_lines, in_order, peer_note, peer_notes, peer_row, peer_severity, peer_trend
from aishell_tui.screens.upkeep_lines import history_lines, progress_words
from tests.scripted_server import NOW, ServerScript, server_view
from widgets.glyphs import UNICODE

_GIB = 2.0**30


def test_what_a_peer_remarks_is_its_note_and_no_peer_with_one_is_well() -> None:
    view = server_view(ServerScript(), last=2)
    broken = ReplicationPeer("orders", "upstream", "broken", lag_seconds=None, remarks=("applying has failed: 1062",))
    assert peer_severity(view, broken) is Severity.CRITICAL
    assert peer_notes(broken, UNKNOWN_TREND) == ("applying has failed: 1062",)
    gone = ReplicationPeer("orders", "upstream", "not connected", remarks=("no log comes from the source: refused",))
    assert peer_notes(gone, UNKNOWN_TREND) == ("no log comes from the source: refused",)
    slow = ReplicationPeer("n1", "member", "synced", remarks=("flow control holds the cluster's writes now",))
    assert peer_severity(view, slow) is Severity.WARNING


def test_of_two_errors_none_hides_the_other_and_the_chosen_peer_tells_both_whole() -> None:
    applying = "applying has failed: 1062 Could not execute Write_rows_v1 event on table shop.t; Duplicate entry '…' for key 'PRIMARY'"
    coming = "no log comes from the source: 1045 error connecting to master 'replicator@db1:3306', Access denied"
    broken = ReplicationPeer("orders", "upstream", "broken", remarks=(applying, coming))
    view = replace(server_view(ServerScript(), last=2), replication=(broken,))
    note = "".join(text for text, _ in peer_row(view, broken, False, NOW, UNICODE, 80).note)
    assert len(note) <= 74
    assert note == "applying has failed: 1062 Could not…; no log comes from the source: 1045 …"
    assert peer_note((applying, "short"), 60) == f"{applying[:52]}…; short"
    assert peer_note((applying, coming), 500) == f"{applying}; {coming}"
    lines = ["".join(text for text, _ in line) for line in detail_lines(view, None, 80)]
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(" ".join(lines).split()).startswith(f"{applying} {coming} orders")


def test_a_field_that_no_line_has_room_for_goes_on_below() -> None:
    (first, second) = field_lines((("received", "0-1-100 " * 12),), 80)
    told = [text for line in (first, second) for text, role in line if role == "text"]
    assert "".join(told).split() == ["0-1-100"] * 12


def test_members_and_the_log_stand_after_who_follows_whom() -> None:
    peers = [ReplicationPeer(role, role, "") for role in ("log", "slot", "member", "standby", "upstream")]
    assert [peer.role for peer, _ in in_order(peers)] == ["upstream", "standby", "member", "slot", "log"]


def test_a_log_that_is_kept_is_no_slot_that_keeps_too_much() -> None:
    view = server_view(ServerScript(), last=2)
    log = ReplicationPeer("binary log", "log", "", retained_bytes=500 * _GIB)
    assert peer_severity(view, log) is Severity.OK
    assert peer_row(view, log, False, NOW, UNICODE, 80).cell("retained").plain() == "500 GiB"
    assert peer_severity(view, ReplicationPeer("s", "slot", "", retained_bytes=500 * _GIB, active=True)) is Severity.CRITICAL


def test_each_of_several_upstreams_has_a_trend_of_its_own() -> None:
    def samples(second: float) -> tuple[Sample, ...]:
        return (
            Sample(catalogue.REPLICATION_LAG_BYTES, 1e8 - 1e6 * second, (("peer", "orders"),)),
            Sample(catalogue.REPLICATION_LAG_BYTES, 1e8 + 1e6 * second, (("peer", "billing"),)),
        )

    view = server_view(ServerScript(samples=samples))
    orders, billing = (peer_trend(view, ReplicationPeer(name, "upstream", "running"), NOW) for name in ("orders", "billing"))
    assert orders.eta_seconds is not None
    assert billing.eta_seconds is None
    assert peer_trend(view, ReplicationPeer("third", "upstream", "running"), NOW) == UNKNOWN_TREND


def test_per_cent_are_told_once() -> None:
    progress = Progress("7", "alter table", "copy to tmp table", done=61.5, total=100, unit="%")
    assert progress_words(progress, Pace(2.0, 19.25)) == "phase ends in 19s   2.0 %/s"


def test_history_numbers_and_binary_logs_are_told_where_they_are_known() -> None:
    figures = (
        Sample(catalogue.MYSQL_HISTORY, 1900.0),
        Sample(catalogue.MYSQL_AUTO_INCREMENT, 0.5, (("table", "a"),)),
        Sample(catalogue.MYSQL_AUTO_INCREMENT, 0.94, (("table", "b"),)),
        Sample(catalogue.MYSQL_BINLOG_FILES, 2.0),
        Sample(catalogue.MYSQL_BINLOG_SIZE, _GIB),
        Sample(catalogue.MYSQL_BINLOG_RETENTION, 864_000.0),
    )
    lines = history_lines(server_view(ServerScript(samples=lambda second: figures), last=2))
    told = ["".join(text for text, _ in line).split(maxsplit=1)[1].strip() for line in lines]
    assert told[0] == "1.9k transactions wait to be purged"
    assert told[1].startswith("94")
    assert told[2].endswith("2 files, 1 GiB, kept for 10d00h")
    assert history_lines(server_view(ServerScript(), last=2)) == ()
