"""What people do with alerts, over the store alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aishell_core.errors import UsageError
from alerts.handling import (
    acknowledge,
    end_silence,
    evidence,
    extend_silence,
    history,
    in_order,
    named,
    silence,
    standing,
    unacknowledge,
)
from alerts.lease import Claim, Lease
from alerts.models import Acknowledgement, Alert, ChangeKind, Evidence, Level, Phase
from alerts.notify import group_rows
from alerts.notify.delivery import undelivered_alert
from alerts.notify.models import Routes
from alerts.store import alert_rows, change_rows
from alerts.store.database import AlertStore
from tests.alert_service import HOOK
from tests.alert_values import NOW, OF_ORDERS, a_rule, an_alert, key_of
from tests.fake_clock import FakeClock

FULL = an_alert(a_rule("full"))
HIGH, PENDING = (an_alert(key=key_of(name), phase=phase) for name, phase in (("orders", Phase.FIRING), ("pay", Phase.PENDING)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AlertStore]:
    with closing(AlertStore.open(tmp_path / "state")) as opened:
        opened.transact(lambda connection: alert_rows.save(connection, [FULL, HIGH, PENDING]))
        yield opened


def test_an_alert_that_is_acknowledged_has_an_owner_and_the_history_says_so(store: AlertStore) -> None:
    alert = acknowledge(store, FULL.fingerprint, " ana ", "on it", NOW + 5)
    assert alert.acknowledgement == Acknowledgement("ana", "on it", NOW + 5)
    assert standing(store, FakeClock(), "b").alerts.index(alert) >= 0
    (change,) = history(store, 0, NOW * 2)
    assert (change.kind, change.after, change.reason) == (ChangeKind.ACKNOWLEDGED, alert, "on it")
    back = unacknowledge(store, FULL.fingerprint, "eve", NOW + 6)
    assert back.acknowledgement is None
    assert [(each.kind, each.reason) for each in history(store, 0, NOW * 2)] == [
        (ChangeKind.UNACKNOWLEDGED, "by eve"),
        (ChangeKind.ACKNOWLEDGED, "on it"),
    ]
    with pytest.raises(UsageError, match="nobody has acknowledged"):
        unacknowledge(store, FULL.fingerprint, "eve", NOW + 7)


def test_who_acknowledges_again_without_a_note_keeps_the_one_that_there_is_and_another_owner_has_none(store: AlertStore) -> None:
    acknowledge(store, FULL.fingerprint, "ana", "first note", NOW + 5)
    for owner, note, kept in (("ana", "", "first note"), ("ana", "second", "second"), ("eve", "", "")):
        said = acknowledge(store, FULL.fingerprint, owner, note, NOW + 6).acknowledgement
        assert said is not None
        assert (said.owner, said.note) == (owner, kept)


def test_only_what_fires_can_be_acknowledged_and_only_by_somebody(store: AlertStore) -> None:
    with pytest.raises(UsageError, match="is pending"):
        acknowledge(store, PENDING.fingerprint, "ana", "", NOW)
    with pytest.raises(UsageError, match="owner"):
        acknowledge(store, FULL.fingerprint, " ", "", NOW)
    assert history(store, 0, NOW * 2) == ()


@pytest.mark.parametrize("name", [FULL.fingerprint, FULL.fingerprint[:6], FULL.fingerprint[:6].upper(), "full", " full "])
def test_an_alert_is_named_by_its_fingerprint_or_by_a_rule_that_has_one_alone(name: str) -> None:
    alerts = {alert.fingerprint: alert for alert in (FULL, HIGH, PENDING)}
    assert named(alerts, name) == FULL


def test_a_rule_means_the_one_of_its_alerts_that_fires() -> None:
    alerts = {alert.fingerprint: alert for alert in (FULL, HIGH, PENDING)}
    assert named(alerts, "high") == HIGH


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [("high", "means 3 alerts", "orders"), ("fulll", "no alert 'fulll'", "did you mean full"), ("", "no alert", "alerts list")],
)
def test_a_name_that_means_none_or_several_is_told_with_the_nearest(name: str, message: str, hint: str) -> None:
    other = an_alert(key=key_of("ledger"))
    alerts = {alert.fingerprint: alert for alert in (FULL, HIGH, other, PENDING)}
    with pytest.raises(UsageError, match=message) as caught:
        named(alerts, name)
    assert hint in caught.value.hint


def test_a_silence_is_made_extended_and_ended(store: AlertStore) -> None:
    clock = FakeClock(NOW)
    made = silence(store, "s1-abc", (OF_ORDERS,), NOW, NOW + 60, author="ana", comment=" upgrade ", now=NOW)
    assert standing(store, clock, "b").silences == (made,)
    assert made.comment == "upgrade"
    longer = extend_silence(store, "s1", NOW + 600, "eve", NOW + 5)
    assert standing(store, clock, "b").silences == (longer,)
    over = end_silence(store, "s1-abc", "bob", NOW + 6)
    assert (over.ends_at, over.ended_by) == (NOW + 6, "bob")
    with pytest.raises(UsageError, match="over already"):
        end_silence(store, "s1-abc", "bob", NOW + 7)
    with pytest.raises(UsageError, match="no silence 's1-abd'") as caught:
        end_silence(store, "s1-abd", "bob", NOW + 7)
    assert "s1-abc" in caught.value.hint
    with pytest.raises(UsageError, match="no silence 'zzz'") as far:
        end_silence(store, "zzz", "bob", NOW + 7)
    assert "aishell alerts silences" in far.value.hint
    with pytest.raises(UsageError, match="no silence ''"):
        end_silence(store, "", "bob", NOW + 7)


def test_alerts_stand_in_the_order_of_how_much_they_matter() -> None:
    def alert(name: str, phase: Phase = Phase.FIRING, level: Level = Level.WARNING, **times: Any) -> Alert:
        return an_alert(a_rule(name), phase=phase, level=level, **times)

    quiet = alert("quiet", level=Level.CRITICAL, silenced_by=("s1",))
    wanted = [
        alert("worst", level=Level.CRITICAL),
        alert("newer", fired_at=NOW + 5),
        alert("older"),
        quiet,
        alert("waits", Phase.PENDING, fired_at=None),
        alert("over", Phase.RESOLVED, Level.CRITICAL, resolved_at=NOW + 9),
    ]
    assert in_order([*reversed(wanted), alert("gone", Phase.INACTIVE)]) == tuple(wanted)


def test_who_evaluates_is_known_until_he_gives_no_sign_of_life(store: AlertStore) -> None:
    clock = FakeClock(NOW)
    assert not standing(store, clock, "b").evaluation.is_alive
    lease = Lease(store, clock, holder="here:1:ab", boot="b")
    assert lease.contend()
    lease.write(lambda connection: None, evaluated_at=NOW + 3)
    found = standing(store, clock, "b").evaluation
    assert (found.holder, found.evaluated_at, found.is_alive) == ("here:1:ab", NOW + 3, True)
    clock.jump(86_400)
    assert standing(store, clock, "b").evaluation.is_alive
    assert not standing(store, clock, "another boot").evaluation.is_alive


async def test_a_dead_evaluator_is_told_of(store: AlertStore) -> None:
    clock = FakeClock(NOW)
    assert Lease(store, clock, holder="here:1:ab", boot="b").contend()
    await clock.advance(10)
    assert not standing(store, clock, "b").evaluation.is_alive


def test_a_closed_dashboard_leaves_its_targets_unjudged_as_a_dead_one_does(store: AlertStore) -> None:
    clock = FakeClock(NOW)
    lease = Lease(store, clock, holder="here:1:ab", boot="b")
    assert lease.contend(Claim(frozenset({"orders"}), {"orders": "/srv/config.yaml"}))
    assert standing(store, clock, "b").evaluation.unjudged == ()
    lease.write(lambda connection: None, evaluated_at=NOW + 3)
    lease.give_back()
    found = standing(store, clock, "b").evaluation
    assert (found.is_alive, found.evaluated_at, found.unjudged) == (False, NOW + 3, ("orders",))


def test_an_alert_about_a_channel_is_listed_and_is_not_to_be_acknowledged(store: AlertStore) -> None:
    alarm = undelivered_alert("hook", ["[WARNING] pool_full on orders"], "refused", NOW)
    routes = Routes({"mail": HOOK})
    store.transact(lambda connection: group_rows.join(connection, alarm, ["mail"], routes, NOW))
    assert alarm in standing(store, FakeClock(NOW), "b").alerts
    with pytest.raises(UsageError, match="about the channel hook") as refused:
        acknowledge(store, alarm.fingerprint, "ana", "", NOW)
    assert "aishell alerts channels test hook" in refused.value.hint
    store.transact(lambda connection: group_rows.end_own(connection, alarm.fingerprint, NOW + 1))
    assert alarm.fingerprint not in {alert.fingerprint for alert in standing(store, FakeClock(NOW), "b").alerts}


def test_evidence_is_found_by_its_alert(store: AlertStore) -> None:
    at = FULL.evidence_at
    assert at is not None
    kept = Evidence(FULL.fingerprint, at, 0.9)
    store.transact(lambda connection: change_rows.keep_evidence(connection, [kept]))
    assert (evidence(store, FULL), evidence(store, HIGH)) == (kept, None)


def test_where_nothing_was_ever_kept_there_is_nothing(tmp_path: Path) -> None:
    with closing(AlertStore.open_to_read(tmp_path / "nowhere")) as reader:
        assert standing(reader, FakeClock(), "b").alerts == ()
        assert history(reader, 0, NOW * 2) == ()
