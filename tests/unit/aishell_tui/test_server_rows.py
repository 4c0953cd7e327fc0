"""Replication, relations and upkeep in rows and sentences."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from aishell_core import catalogue
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import (
    Ability,
    Failure,
    FailureCode,
    HorizonHolder,
    Part,
    Progress,
    Relation,
    ReplicationPeer,
    Sample,
    Severity,
    Statement,
    TargetId,
)
from aishell_tui.catch_up import UNKNOWN_TREND
from aishell_tui.charts import chart_specs, combined_value
from aishell_tui.digests import DigestHistory, DigestMode, digest_rows
from aishell_tui.frame import Frame, OwnCost, TargetView
from aishell_tui.progress import Pace, ProgressHistory
from aishell_tui.screens.fleet_rows import fleet_columns
from aishell_tui.screens.health_data import cost_sentence, status_lines
from aishell_tui.screens.pools_rows import why_no_pools
from aishell_tui.screens.query_data import formatted, runner_lines, running, runs
from aishell_tui.screens.query_rows import digest_table_row, known_columns, why_empty
from aishell_tui.screens.relation_rows import (
    RelationMode,
    dead_share,
    findings,
    first_mode,
    has_lists,
    of_mode,
    relation_row,
    relation_words,
    tables_word,
)
from aishell_tui.screens.relation_rows import detail_lines as relation_details
from aishell_tui.screens.relation_rows import known_columns as relation_columns
from aishell_tui.screens.relation_rows import why_empty as no_relations
from aishell_tui.screens.replication_rows import detail_lines as peer_details
from aishell_tui.screens.replication_rows import in_order, peer_notes, peer_severity, peer_trend, why_none
from aishell_tui.screens.sessions_rows import why_no_sessions
from aishell_tui.screens.sessions_tree import why_no_tree
from aishell_tui.screens.upkeep_lines import (
    archiver_lines,
    checkpoint_lines,
    horizon_lines,
    ids_left,
    operation_lines,
    progress_words,
    setting_lines,
    upkeep_lines,
)
from aishell_tui.screens.waits import why_no_waits
from aishell_tui.session_list import SessionCounts
from tests.scripted_server import NOW, PEERS, RELATIONS, RUNNERS, STATEMENTS, ServerScript, samples, server_view, vacuum
from widgets.glyphs import UNICODE
from widgets.lines import Spans


def told(lines: tuple[Spans, ...]) -> str:
    """Lines as text with single blanks."""
    return "\n".join(" ".join("".join(text for text, _ in line).split()) for line in lines)


def without(*names: str) -> ServerScript:
    """A server that does not tell some of its figures."""
    return ServerScript(samples=lambda second: tuple(each for each in samples(second) if each.metric.name not in names))


# Replication


def test_a_slot_stands_under_the_standby_that_uses_it_and_others_stand_alone() -> None:
    upstream = ReplicationPeer("db1:5432", "upstream", "streaming")
    found = [(peer.name, below) for peer, below in in_order((*PEERS, upstream))]
    assert found == [("db1:5432", False), ("replica_1", False), ("replica_1_slot", True), ("orders_sub", False)]


def test_a_subscriber_stands_behind_the_standbys_with_its_slot_under_it() -> None:
    peers = (
        ReplicationPeer("mirror", "slot", "active", active=True),
        ReplicationPeer("mirror", "subscriber", "streaming", details=(("slot", "mirror"),)),
        ReplicationPeer("replica", "standby", "streaming"),
    )
    assert [(peer.role, below) for peer, below in in_order(peers)] == [("standby", False), ("subscriber", False), ("slot", True)]


@pytest.mark.parametrize(
    ("peer", "severity", "words"),
    [
        (ReplicationPeer("a", "standby", "streaming", 0.0, 0.0), Severity.OK, ""),
        (ReplicationPeer("a", "standby", "streaming", 61.0, 0.0), Severity.CRITICAL, ""),
        (
            ReplicationPeer("a", "slot", "inactive", active=False, retained_bytes=1.0),
            Severity.WARNING,
            "nobody uses it, and log is kept without end",
        ),
        (ReplicationPeer("a", "slot", "no log yet", active=False), Severity.OK, "nobody has used it yet, and no log is kept for it"),
        (ReplicationPeer("a", "slot", "inactive", active=False, details=(("temporary", "yes"),)), Severity.OK, ""),
        (
            ReplicationPeer("a", "slot", "lost", active=False, wal_status="lost"),
            Severity.CRITICAL,
            "the log that it needs is gone: it has to be made anew",
        ),
        (
            ReplicationPeer("a", "slot", "active", active=True, wal_status="unreserved", safe_bytes=-5),
            Severity.CRITICAL,
            "lost after 0 B more",
        ),
        (ReplicationPeer("a", "upstream", "not connected"), Severity.CRITICAL, "this server gets no log"),
        (ReplicationPeer("a", "subscription", "disabled"), Severity.WARNING, ""),
        (ReplicationPeer("a", "publication", ""), Severity.OK, ""),
    ],
)
def test_what_is_wrong_with_a_peer(peer: ReplicationPeer, severity: Severity, words: str) -> None:
    assert peer_severity(server_view(ServerScript(), last=2), peer) is severity
    assert "; ".join(peer_notes(peer, UNKNOWN_TREND)) == words


def test_the_trend_of_a_standby_is_that_of_its_own_series() -> None:
    view = server_view(ServerScript())
    found = peer_trend(view, PEERS[1], NOW)
    assert found.bytes_per_second == pytest.approx(-(2**20))
    assert found.eta_seconds == pytest.approx(64)
    assert peer_trend(view, replace(PEERS[1], name="another"), NOW) == UNKNOWN_TREND
    assert peer_trend(view, PEERS[0], NOW) == UNKNOWN_TREND


def test_a_replicas_own_lag_has_a_trend_too() -> None:
    script = ServerScript(samples=lambda second: (Sample(catalogue.REPLICATION_LAG_BYTES, 2**30 - second * 2**20),))
    found = peer_trend(server_view(script), ReplicationPeer("db1", "upstream", "streaming", lag_bytes=1.0), NOW)
    assert found.eta_seconds == pytest.approx((2**30 - 60 * 2**20) / 2**20)


def test_a_link_of_which_nothing_is_told_is_not_called_well() -> None:
    view = server_view(ServerScript(), last=2)
    assert peer_severity(view, ReplicationPeer("standby_1", "standby", "")) is Severity.UNKNOWN
    assert peer_severity(view, ReplicationPeer("standby_1", "standby", "streaming")) is Severity.OK
    assert peer_severity(view, ReplicationPeer("news", "publication", "")) is Severity.OK


def test_all_that_is_known_of_a_peer_stands_in_whole_words_at_80_columns() -> None:
    details = tuple((f"detail {place}", "some words that are long") for place in range(6))
    peer = replace(PEERS[1], details=details)
    lines = peer_details(server_view(ServerScript(replication=(peer,)), last=2), None, 80)
    assert told(lines).split("\n")[0].startswith("replica_1 detail 0 some words")
    assert told(lines).count("some words that are long") == 6
    assert all(sum(len(text) for text, _ in line) <= 80 for line in lines)


def test_why_no_peer_is_shown() -> None:
    assert why_none(server_view(ServerScript(replication=None), last=2)) == "reading …"
    assert why_none(server_view(ServerScript(replication=()), last=2)).startswith("nothing replicates")
    hidden = Failure(Part.REPLICATION, FailureCode.PRIVILEGE, "hidden", "GRANT pg_monitor")
    assert why_none(server_view(ServerScript(replication=None, failures=(hidden,)), last=2)) == "n/a: hidden.\nGRANT pg_monitor"


def test_statements_and_waits_that_a_target_will_never_have_are_not_waited_for() -> None:
    before = TargetView(Target(TargetId("web"), Location("host")), SeriesStore().snapshot(TargetId("web")))
    reasons = (partial(why_empty, mode=DigestMode.TOTAL), partial(why_no_waits, known=False))
    assert [why(before).partition(";")[0] for why in reasons] == ["no statements yet", "nothing was read in this window"]
    for why in reasons:
        assert why(replace(before, last_ok_at=NOW)).startswith("n/a: ")
        able = replace(before, abilities=Ability.STATEMENTS | Ability.WAITS, last_ok_at=NOW)
        assert not why(able).startswith("n/a")


def test_what_a_target_will_never_have_is_not_said_to_be_read() -> None:
    """A machine without any ability: nothing is known of it before it was read once, and then nothing comes."""
    before = TargetView(Target(TargetId("web"), Location("host")), SeriesStore().snapshot(TargetId("web")))
    reasons = (partial(why_no_sessions, counts=SessionCounts()), why_no_tree, why_none, partial(no_relations, mode=RelationMode.TABLES))
    assert [why(before) for why in reasons] == ["reading …"] * 4
    assert all(why(replace(before, last_ok_at=NOW)).startswith("n/a: ") for why in reasons)
    able = replace(before, abilities=Ability.SESSIONS | Ability.LOCKS | Ability.REPLICATION | Ability.RELATIONS, last_ok_at=NOW)
    assert [why(able) for why in reasons] == ["reading …"] * 4
    assert why_no_pools(before) == "reading …"
    assert why_no_pools(replace(before, last_ok_at=NOW)) == "web has no pools: it is no connection pooler"
    assert why_no_pools(replace(before, abilities=Ability.POOLS, last_ok_at=NOW)) == "reading …"


# Relations


def test_findings_are_the_engines_and_those_that_the_figures_tell() -> None:
    assert findings(RELATIONS[0]) == ("23% of its row versions are dead", "a rewrite would give back about 1.9 GiB")
    assert findings(RELATIONS[1]) == ()
    assert findings(RELATIONS[2]) == ("unused since 2023-11-01",)


def test_a_few_dead_rows_of_a_small_table_are_no_finding() -> None:
    assert findings(Relation("t", "table", rows=10, dead_rows=900, size_bytes=8192, bloat_bytes=8000)) == ()


def test_unknown_numbers_give_no_share() -> None:
    assert dead_share(Relation("t", "table", rows=None, dead_rows=5)) is None
    assert dead_share(Relation("t", "table", rows=0, dead_rows=0)) is None


def test_each_mode_lists_its_own_the_largest_first() -> None:
    def names(mode: RelationMode) -> list[str]:
        return [each.name for each in of_mode(RELATIONS, mode)]

    assert names(RelationMode.TABLES) == ["orders", "customers"]
    assert names(RelationMode.INDEXES) == ["orders_at_idx", "orders_pkey"]
    assert names(RelationMode.FINDINGS) == ["orders", "orders_at_idx"]
    assert len(names(RelationMode.ALL)) == 4


def test_a_file_has_its_tables_and_indexes_in_one_list() -> None:
    file = (Relation("orders", "table", size_bytes=9.0, rows=1, free_bytes=0.0), Relation("by_user", "index", "orders", 4.0))
    assert first_mode(file) is RelationMode.ALL
    assert first_mode(RELATIONS) is RelationMode.TABLES
    assert [column.key for column in relation_columns(file, RelationMode.ALL)] == [
        "name",
        "kind",
        "table",
        "size_bytes",
        "free_bytes",
        "rows",
    ]


# Upkeep


def test_how_far_an_operation_is_stands_in_one_line_the_end_first() -> None:
    assert progress_words(vacuum(0), Pace(12_000, 250)) == "phase ends in 4m10s   100k of 3.1M blocks   12k/s"
    assert progress_words(Progress("1", "copy", "copy from", 3 * 2**20, None, unit="bytes"), Pace(2**20)) == "3 MiB   1 MiB/s"
    assert progress_words(Progress("1", "vacuum", "initializing"), Pace()) == ""


def test_the_page_says_that_nothing_runs_and_that_nobody_holds_the_horizon() -> None:
    script = ServerScript(progress=lambda second: (), horizon=(), settings=())
    page = told(upkeep_lines(server_view(script, last=2), ProgressHistory(), 80, UNICODE))
    assert "nothing long runs now" in page
    assert "nobody holds the horizon back" in page
    assert "none waits for a restart" in page


def test_many_holders_are_cut_and_counted() -> None:
    holders = tuple(HorizonHolder("session", str(number), float(number)) for number in range(20))
    lines = told(horizon_lines(server_view(ServerScript(horizon=holders), last=2), 80)).splitlines()
    assert lines[0].startswith("session 19 19 transactions")
    assert lines[-1] == "… and 12 more"


def test_what_is_left_of_the_ids_follows_from_age_and_share() -> None:
    assert ids_left(server_view(ServerScript(), last=2)) == pytest.approx(0.89 * 2.1e9)
    assert ids_left(server_view(without("postgres.xid.age"), last=2)) is None


def test_forced_checkpoints_are_counted_with_their_share() -> None:
    assert "1.2k by time, 31 forced (3%)" in told(checkpoint_lines(server_view(ServerScript(), last=2)))
    assert "wrote for 4s" in told(checkpoint_lines(server_view(ServerScript(), last=2)))
    assert checkpoint_lines(server_view(ServerScript(samples=lambda second: ()), last=2)) == ()


def test_a_server_that_does_not_archive_says_so() -> None:
    silent = without("postgres.archive.age", "postgres.archive.backlog", "postgres.archive.failing", "postgres.archive.failed.rate")
    assert told(archiver_lines(server_view(replace(silent, settings=()), last=2))) == "archiver does not archive"
    assert "waiting 14 files" in told(archiver_lines(server_view(ServerScript(), last=2)))


def _archiver(*figures: Sample) -> str:
    rest = without("postgres.archive.age", "postgres.archive.failing", "postgres.archive.failed.rate").samples
    return told(archiver_lines(server_view(ServerScript(samples=lambda second: (*rest(second), *figures)), last=2)))


def test_an_archiver_that_fails_says_so_between_its_tries() -> None:
    failing, failures = Sample(catalogue.PG_ARCHIVE_FAILING, 1), Sample(catalogue.PG_ARCHIVE_FAILED, 3)
    assert _archiver(failing, failures).startswith("archiver no try has succeeded waiting")
    assert _archiver(failing, failures).endswith("3 failures since the statistics began")
    assert _archiver(failing, failures, Sample(catalogue.PG_ARCHIVE_AGE, 70)).startswith(
        "archiver the last try failed last success 1m10s ago"
    )
    assert "try" not in _archiver(Sample(catalogue.PG_ARCHIVE_FAILING, 0), failures, Sample(catalogue.PG_ARCHIVE_AGE, 70))


def test_dead_rows_that_a_standby_does_not_know_are_not_told_as_none() -> None:
    failure = Failure("dead_rows", FailureCode.UNSUPPORTED, "a standby does not know them", "watch the primary")
    script = replace(without("postgres.dead_rows"), failures=(failure,))
    page = told(upkeep_lines(server_view(script, last=2), ProgressHistory(), 80, UNICODE))
    assert "dead rows n/a: a standby does not know them\nwatch the primary" in page
    alone = replace(RELATIONS[0], dead_rows=None, last_vacuum_at=None, last_analyze_at=None)
    assert not {"dead_rows", "dead_share", "vacuumed"} & {column.key for column in relation_columns((alone,), RelationMode.TABLES)}
    note = told(relation_details(server_view(replace(script, relations=(alone,)), last=2), None, 80))
    assert note == "a standby does not know them\nwatch the primary"
    health = status_lines(server_view(script, last=2), Frame(NOW), 120, 20)
    assert "dead_rows n/a: a standby does not know them v ▸" in told(health)


def test_settings_that_wait_are_named() -> None:
    assert told(setting_lines(server_view(ServerScript(), last=2), 80)) == "settings 1 waits for a restart: shared_buffers"


SETTINGS_HIDDEN = Failure(Part.SETTINGS, FailureCode.PRIVILEGE, "some are hidden from app", 'GRANT pg_read_all_settings TO "app";')


def test_that_no_setting_waits_is_not_said_where_some_are_hidden() -> None:
    script = ServerScript(settings=(), failures=(SETTINGS_HIDDEN,))
    page = told(setting_lines(server_view(script, last=2), 80))
    assert page.split("\n") == ["settings n/a: some are hidden from app", 'GRANT pg_read_all_settings TO "app";']


def test_settings_that_wait_are_named_with_a_word_that_others_are_hidden() -> None:
    page = told(setting_lines(server_view(ServerScript(failures=(SETTINGS_HIDDEN,)), last=2), 80))
    assert page.split("\n") == [
        "settings at least 1 waits for a restart: shared_buffers",
        "n/a: some are hidden from app",
        'GRANT pg_read_all_settings TO "app";',
    ]


# Queries


def test_columns_are_those_that_the_engine_has_figures_for() -> None:
    keys = {column.key for column in known_columns(STATEMENTS)}
    assert {"hit_ratio", "temp_bytes", "wal_bytes", "rows_per_call", "database", "user", "text"} <= keys
    assert not {"p95_milliseconds", "errors", "io_milliseconds"} & keys
    totals = {column.key for column in known_columns(STATEMENTS, DigestMode.TOTAL)}
    assert keys - totals == {"calls_per_second"}, "nobody knows over how long a total was counted"
    alone = {column.key for column in known_columns((Statement("a", "SELECT 1", 1, 1, database="shop", user="web"),))}
    assert not {"database", "user"} & alone


def test_estimates_wear_a_sign_and_sort_as_numbers() -> None:
    (row,) = digest_rows((replace(STATEMENTS[0], sampled=True),), 10)
    made = digest_table_row(row)
    assert made.cell("time_share").text.startswith("~")
    assert made.cell("calls").text == ">120k"
    assert made.cell("mean_milliseconds").text == "–", "calls that nobody saw have no mean"
    assert made.cell("calls").sort == 120_400
    anew = digest_table_row(replace(row, statement=STATEMENTS[0], anew_at=1.0, calls_per_second=2.0))
    texts = [anew.cell(key).text[0] for key in ("time_share", "calls", "calls_per_second", "mean_milliseconds")]
    assert texts[:2] == ["~", ">"], "counted from within the span on"
    assert not {"~", ">", "–"} & set(texts[2:])
    assert made == digest_table_row(row)
    assert made != digest_table_row(replace(row, calls=1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "select count(*) from events e left join users u on u.id = e.user",
            "SELECT count(*) FROM events e LEFT JOIN users u ON u.id = e.user",
        ),
        ("INSERT INTO events (kind, data) VALUES ($1, $2)", "INSERT INTO events (kind, data) VALUES ($1, $2)"),
        ("select type, level from public.role where key is not null", "SELECT type, level FROM public.role WHERE key IS NOT NULL"),
    ],
)
def test_a_statement_is_laid_out_and_its_names_keep_their_case(text: str, words: str) -> None:
    laid_out = formatted(text)
    assert " ".join(laid_out.split()) == words


def test_a_worker_that_is_seen_at_work_counts_though_the_workers_were_counted_before() -> None:
    seen = ServerScript(
        samples=lambda second: tuple(
            replace(each, value=0.0) if each.metric is catalogue.PG_VACUUM_WORKERS else each for each in samples(second)
        ),
        progress=lambda second: (replace(vacuum(second), operation="autovacuum"), replace(vacuum(second), session="7", operation="vacuum")),
    )
    assert "1 autovacuum worker runs" in told(upkeep_lines(server_view(seen, last=2), ProgressHistory(), 80, UNICODE))
    none = replace(seen, progress=lambda second: (vacuum(second),))
    assert "0 autovacuum workers run" in told(upkeep_lines(server_view(none, last=2), ProgressHistory(), 80, UNICODE))


def test_a_filter_looks_at_words_and_makes_no_cell() -> None:
    (digest,) = digest_rows((replace(STATEMENTS[0], text="SELECT Orders"),), 10)
    for row, words in (
        (digest_table_row(digest), ("shop", "web", "SELECT Orders")),
        (relation_row(RELATIONS[2], NOW), relation_words(RELATIONS[2])),
    ):
        assert tuple(row.texts()) == words
        assert not row.cells._made  # type: ignore[attr-defined]
    assert "unused since" in relation_words(RELATIONS[2])[-1]


def test_one_reading_does_not_say_that_nothing_ran() -> None:
    view = server_view(ServerScript(), last=2)
    assert why_empty(view, DigestMode.LIVE, 0.0).startswith("the next reading tells")
    assert why_empty(view, DigestMode.LIVE, 12.0) == "no statement ended in this span"


def test_a_text_over_several_lines_stands_in_one() -> None:
    (row,) = digest_rows((Statement("a", "SELECT 1,\n\t  2\nFROM t", 1, 1),), 10)
    assert digest_table_row(row).cell("text").text == "SELECT 1, 2 FROM t"


def test_who_runs_a_statement_by_digest_by_text_or_by_shape() -> None:
    wanted = STATEMENTS[0]
    assert runs(RUNNERS[0], wanted)
    assert not runs(RUNNERS[1], wanted)
    assert not runs(replace(RUNNERS[0], database="depot"), wanted), "the same text in another database is another statement"
    assert runs(replace(RUNNERS[0], digest="", text=wanted.text), wanted)
    assert not runs(replace(RUNNERS[0], text=""), wanted)
    older = replace(RUNNERS[0], id="9", statement_seconds=99.0)
    assert [each.id for each in running((RUNNERS[0], older), wanted)] == ["9", "4188"]


def test_who_only_ran_a_statement_does_not_run_it_unless_his_transaction_is_open() -> None:
    ran = replace(RUNNERS[0], statement_seconds=None)
    idle = replace(ran, id="1", state="idle", state_seconds=40.0)
    in_transaction = replace(ran, id="2", state="idle in transaction", state_seconds=40.0, wait="ClientRead")
    found = running((idle, in_transaction, RUNNERS[0]), STATEMENTS[0])
    assert [each.id for each in found] == ["4188", "2"]
    assert told(runner_lines(found[1:])) == "2 web@10.0.3.7 shop-web idle in transaction for 40s"
    assert "n/a" not in told(runner_lines((replace(in_transaction, state_seconds=None),)))


# Health and Fleet


def test_charts_of_one_label_are_there_only_where_it_is() -> None:
    view = server_view(ServerScript(), last=2)
    titles = [spec.title for spec, _ in chart_specs(view, None)]
    assert titles.index("transactions/s") < titles.index("sessions by state") < titles.index("replication lag")
    assert combined_value(view.snapshot, "sessions.state", "sum") == 198
    assert combined_value(view.snapshot, "sessions.state", "sum", (("state", "active"),)) == 41
    silent = [spec.title for spec, _ in chart_specs(server_view(without("sessions.state"), last=2), None)]
    assert "sessions by state" not in silent


def test_the_cost_is_that_of_the_last_minute() -> None:
    assert cost_sentence(server_view(ServerScript()), NOW) == "aishell costs this target 1.6 queries/s, 2.3 ms/s at most, 2 KiB/s"


def test_the_status_names_a_running_vacuum_with_its_end_and_where_to_look() -> None:
    script, history = ServerScript(), ProgressHistory()
    for second in (0, 10):
        history.add(NOW - 10 + second, (vacuum(50 + second),))
    view = server_view(script)
    told_lines = told(status_lines(view, Frame(at=NOW, targets=(view,)), 160, 12, history))
    assert "working vacuum public.orders 26% of scanning heap, phase ends in 3m10s v ▸" in told_lines


def test_what_is_slow_is_so_lately_as_the_list_that_it_leads_to_says() -> None:
    script, history = ServerScript(), DigestHistory()
    view = replace(server_view(script, last=2), sessions=())
    first, second = (view.statements or ())[:2]
    assert first.total_milliseconds > second.total_milliseconds

    def slow() -> list[str]:
        lines = ["".join(text for text, _ in line) for line in status_lines(view, Frame(at=NOW), 160, 12, None, history)]
        return [line for line in lines if line.startswith(" slow")]

    assert " ".join(first.text.split())[:40] in slow()[0], "of all time, as long as nothing else is known"
    history.add(NOW - 10, (first, second))
    history.add(NOW, (first, replace(second, calls=second.calls + 10, total_milliseconds=second.total_milliseconds + 2000)))
    assert " ".join(second.text.split())[:40] in slow()[0]
    assert slow()[0].endswith("100% of all time, last 10s   3 ▸")
    quiet = DigestHistory()
    quiet.add(NOW - 10, (first, second))
    quiet.add(NOW, (first, replace(second, calls=second.calls + 1, total_milliseconds=second.total_milliseconds + 1)))
    history = quiet
    assert slow() == [], "a millisecond in ten seconds is nothing to be told"


def test_a_part_that_is_there_in_part_is_not_called_missing() -> None:
    failure = Failure(Part.STATEMENTS, FailureCode.MISSING, "estimates", "CREATE EXTENSION pg_stat_statements")
    view = server_view(ServerScript(failures=(failure,)), last=2)
    assert "statements estimates 3 ▸" in told(status_lines(view, Frame(at=NOW), 160, 12))
    view = server_view(ServerScript(failures=(failure,), statements=None), last=2)
    assert "statements n/a: estimates 3 ▸" in told(status_lines(view, Frame(at=NOW), 160, 12))


def test_what_would_mend_it_has_a_line_of_its_own_or_the_foot_says_where_to_read_it() -> None:
    hint = 'GRANT pg_monitor, pg_read_all_settings, pg_read_all_stats TO "watcher"'
    failures = tuple(Failure(part, FailureCode.PRIVILEGE, f"{part} hidden", hint) for part in (Part.STATEMENTS, Part.SESSIONS))
    view = server_view(ServerScript(failures=failures), last=2)
    frame = Frame(at=NOW, targets=(view,), own=OwnCost(0.02, 70 << 20))
    assert sum("".join(text for text, _ in line).strip() == hint for line in status_lines(view, frame, 160, 20)) == 2
    foot = "".join(text for text, _ in status_lines(view, frame, 80, 3)[-1])
    assert foot.startswith(" aishell costs")
    assert foot.endswith("   2 parts n/a: m ▸")
    assert len(foot) <= 80


def test_the_fleet_has_columns_for_what_some_target_knows() -> None:
    keys = [column.key for column in fleet_columns(Frame(at=NOW, targets=(server_view(ServerScript(), last=2),)))]
    assert {"hits", "lag"} <= set(keys)
    assert "queries" not in keys


def test_what_an_engine_has_in_place_of_tables_goes_by_its_own_name() -> None:
    """Keys have neither tables nor indexes to switch between; collections are called so."""
    collections = (Relation("orders", "collection", schema="shop"), Relation("orders_1", "index", schema="shop"))
    assert (has_lists(collections), tables_word(collections)) == (True, "collections")
    assert (has_lists(RELATIONS), tables_word(RELATIONS)) == (True, "tables")
    keys = (Relation("database 0", "database"), Relation("jobs", "list"))
    assert not has_lists(keys)


def test_when_a_long_named_phase_ends_stands_whole_at_80_columns() -> None:
    altered = Progress("52", "alter table", "stage 1 of 2: copy to tmp table", 39, 100, "shop.orders", unit="%")
    lines = told(operation_lines(altered, Pace(1.5, 95), 80, UNICODE)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any("phase ends in 1m35s" in line for line in lines)


def test_the_last_deadlock_stands_on_the_page_of_upkeep() -> None:
    view = server_view(ServerScript(), last=2)
    assert view.facts is not None
    assert "deadlock" not in told(upkeep_lines(view, ProgressHistory(), 80, UNICODE))
    text = "2026-11-21 19:00:01: session 5 waited for shop.orders: UPDATE orders SET a = ? WHERE id = ?; session 6, was rolled back: DELETE"
    view = replace(view, facts=replace(view.facts, details=(("last deadlock", text),)))
    page = told(upkeep_lines(view, ProgressHistory(), 80, UNICODE))
    assert "the last deadlock" in page
    assert "UPDATE orders SET a = ?" in " ".join(page.split())
    assert all(len(line) <= 80 for line in page.splitlines())


def test_figures_that_follow_from_a_part_are_marked() -> None:
    part = Relation("user:?", "keys", rows=201, size_bytes=33_280, estimated=("rows", "size_bytes"))
    cells = relation_row(part, NOW).cells
    assert (cells["rows"].plain(), cells["size_bytes"].plain()) == ("~201", "~32.5 KiB")
    cells = relation_row(replace(part, estimated=("size_bytes",)), NOW).cells
    assert (cells["rows"].plain(), cells["size_bytes"].sort) == ("201", 33_280)
