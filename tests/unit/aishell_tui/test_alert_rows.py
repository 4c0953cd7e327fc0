"""The rows of the Alerts screen: what tells alerts apart, who was told, and what nobody judges."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.values import Severity
from aishell_tui.alert_company import nobody_text
from aishell_tui.cli.reports.alert_details import alert_text
from aishell_tui.cli.reports.alerts import Known, OwnRules, alerts_text, state_of, state_text
from aishell_tui.screens.alert_lines import AlertFile, file_lines
from aishell_tui.screens.alert_rows import (
    AlertRows,
    alert_row,
    alerts_heading,
    channels_text,
    empty_text,
    last_tries,
    lasted_seconds,
)
from alerts.handling import Evaluation, Standing
from alerts.models import Alert, Attempt, Phase
from alerts.notify.models import ChannelState
from alerts.ports import AlertsView
from alerts.rule import Selector
from alerts.rules.book import RuleBook
from alerts.silences import OUT_OF_HOURS
from tests.alert_values import NOW, a_rule, an_alert, key_of

ALERT = an_alert(key=key_of(labels=(("database", "shop"),)))


def attempt(channel: str, at: float = NOW, *, is_delivered: bool = True, alert: Alert = ALERT) -> Attempt:
    return Attempt(channel, "", at, is_delivered, "", (alert.fingerprint,))


def note_of(alert: Alert, *tries: Attempt, now: float = NOW, wide: bool = False) -> str:
    row = alert_row(alert, now, tries, wide=wide)
    return "".join(text for text, _role in row.note) + (f" | {row.note_right[0]}" if row.note_right else "")


def test_where_there_is_no_column_for_labels_they_stand_under_the_name() -> None:
    assert note_of(ALERT) == "database=shop"
    assert note_of(an_alert(key=ALERT.key, annotations=(("summary", "It is full."),))) == "database=shop  It is full."
    assert note_of(ALERT, wide=True) == ""
    assert note_of(an_alert()) == ""


def test_every_channel_that_was_told_counts_and_failures_do_not_hide_the_others() -> None:
    tries = (attempt("mail"), attempt("slack"), attempt("duty", is_delivered=False))
    assert note_of(ALERT, *tries).endswith(" | told mail +1, duty failed")
    assert alert_row(ALERT, NOW, tries).cells["told"].text == "1 of 3 failed"
    assert alert_row(ALERT, NOW, tries[:2]).cells["told"].text == "mail +1"
    assert alert_row(ALERT, NOW, tries[2:]).cells["told"].text == "failed"


def test_what_was_told_of_the_time_before_is_not_taken_for_now() -> None:
    assert alert_row(ALERT, NOW, (attempt("mail", NOW - 60),)).cells["told"].text == "–"


def test_it_is_shown_when_people_are_told_of_what_flaps() -> None:
    held = an_alert(key=ALERT.key, held_since=NOW, held_until=NOW + 60)
    assert note_of(held).endswith("| flaps, told at 08:01:00")
    assert alert_row(held, NOW, ()).cells["told"].text == "at 08:01:00"
    assert "flaps" not in note_of(held, now=NOW + 60)
    rows, view = AlertRows(), AlertsView(alerts=(held,))
    assert [rows.rows(view, at, {})[0].cells["told"].text for at in (NOW, NOW + 60)] == ["at 08:01:00", "–"]


def test_the_newest_try_of_each_channel_counts() -> None:
    tries = (attempt("mail", NOW + 2), attempt("slack", NOW + 1), attempt("mail", NOW, is_delivered=False))
    assert last_tries(tries) == {ALERT.fingerprint: tries[:2]}


def test_what_nobody_judges_is_marked_and_its_target_named() -> None:
    view = AlertsView(alerts=(ALERT,), evaluation=Evaluation("h:1:a", NOW, True, ("orders", "two")))
    assert AlertRows().rows(view, NOW, {})[0].cells["state"].text == "unjudged"
    assert nobody_text(view) == "nobody evaluates orders, two"
    many = Evaluation("h:1:a", NOW, True, tuple("abcde"))
    assert nobody_text(AlertsView(evaluation=many)) == "nobody evaluates a, b, c and 2 more"


def test_a_channel_that_takes_no_messages_is_named_with_what_was_given_up() -> None:
    states = (ChannelState("mail"), ChannelState("slack", 3, 2, failing_since=NOW))
    assert channels_text(states) == "slack takes no messages (3 wait, 2 given up)"
    assert channels_text(states[:1]) == ""


def test_the_commands_say_when_people_are_told_of_what_flaps() -> None:
    held = an_alert(held_since=NOW, held_until=NOW + 60)
    listed = alerts_text(Standing((held,)), (held,), NOW)
    assert "firing, not told before 2027-01-15" in listed
    assert "told      at 2027-01-15" in alert_text(Known(held, Evaluation()), NOW)
    assert "told before" not in alerts_text(Standing((held,)), (held,), NOW + 60)


def test_of_a_rule_without_channels_nobody_is_said_to_be_told_and_its_alert_counts() -> None:
    held = an_alert(held_since=NOW, held_until=NOW + 60)
    rule = a_rule(held.rule, channels=())
    view = AlertsView(alerts=(held,), book=RuleBook(rules=(rule,)))
    assert AlertRows().rows(view, NOW, {})[0].cells["told"].text == "nobody"
    telling = replace(view, book=RuleBook(rules=(a_rule(held.rule),)))
    assert AlertRows().rows(telling, NOW, {})[0].cells["told"].text == "at 08:01:00"
    assert "told      nobody: its rule has no channels" in alert_text(Known(held, Evaluation(), rule), NOW)
    alive = Evaluation("h:1:a", NOW, True)
    assert state_of(Standing((held,), evaluation=alive)) is Severity.WARNING


def test_the_list_names_the_targets_that_nobody_evaluates() -> None:
    standing = Standing((ALERT,), evaluation=Evaluation("h:1:a", NOW, True, ("orders",)))
    listed = alerts_text(standing, (ALERT,), NOW)
    assert listed.endswith("nobody evaluates orders now: open a dashboard with it")
    assert ("firing unjudged" in listed, "unjudged: as it was left" in listed) == (True, True)
    assert "unjudged" not in alerts_text(Standing((ALERT,), evaluation=Evaluation("h:1:a", NOW, True, ("pay",))), (ALERT,), NOW)


def test_the_page_of_what_nobody_judges_says_what_that_means() -> None:
    left = Evaluation("h:1:a", NOW, True, (str(ALERT.key.target),))
    assert "nobody evaluates its target now" in alert_text(Known(ALERT, left), NOW)
    page = file_lines(AlertFile(ALERT, is_judged=False), NOW, 100)
    words = " ".join(text for line in page for text, _role in line)
    assert ("warning unjudged" in words, "as it was left" in words) == (True, True)
    assert "unjudged" not in str(file_lines(AlertFile(ALERT), NOW, 100)) + alert_text(Known(ALERT, Evaluation("h:1:a", NOW, True)), NOW)


def test_before_the_rules_are_read_nothing_is_said_of_them() -> None:
    starting = AlertsView(is_ready=False)
    assert empty_text(starting, starting.book) == "the rules are being loaded"
    heading = alerts_heading(starting)
    assert ("being loaded" in str(heading), "nobody" in str(heading)) == (True, False)
    assert "there are no rules" in empty_text(AlertsView(), RuleBook())


def test_list_and_screen_name_the_rules_that_nobody_evaluates() -> None:
    rules = (a_rule("p1"), a_rule("p2", targets=Selector(names=("web-*",))), a_rule("p3"))
    evaluation = Evaluation("h:1:a", NOW, True, rules={"orders": frozenset({"p3"}), "web-1": frozenset({"p1", "p3"})})
    assert evaluation.lacking(rules, ("orders", "web-1", "new")) == ("p1", "p2")
    assert evaluation.lacking(rules, ("orders",)) == ("p1",)
    assert evaluation.lacking(rules, ("new",)) == ()
    assert nobody_text(AlertsView(evaluation=evaluation, unjudged_rules=("p1", "p2"))) == "nobody evaluates p1, p2"
    standing = Standing((ALERT,), evaluation=evaluation)
    assert "nobody evaluates the rules p1, p2" in alerts_text(standing, (ALERT,), NOW, OwnRules(("p1", "p2")))


def test_an_alert_outside_of_its_hours_is_told_from_one_that_somebody_has_silenced() -> None:
    quiet = replace(ALERT, silenced_by=(f"{OUT_OF_HOURS}{ALERT.rule}",))
    assert AlertRows().rows(AlertsView(alerts=(quiet,)), NOW, {})[0].cells["state"].text == "outside"
    both = replace(quiet, silenced_by=(*quiet.silenced_by, "s1"))
    assert AlertRows().rows(AlertsView(alerts=(both,)), NOW, {})[0].cells["state"].text == "silenced"


def test_the_list_counts_from_the_breach_as_the_screen_does() -> None:
    late = replace(ALERT, since=NOW - 360, fired_at=NOW)
    assert lasted_seconds(late, NOW) == 360
    assert "6m00s" in alerts_text(Standing((late,)), (late,), NOW)


def test_what_is_over_is_not_called_muted() -> None:
    over = replace(ALERT, phase=Phase.RESOLVED, resolved_at=NOW, inhibited_by=("f" * 16,))
    assert state_text(over) == "resolved"


def test_the_list_names_alerts_about_channels_so_that_each_can_be_shown() -> None:
    own = replace(ALERT, fingerprint="channel:slack")
    assert "channel:slack" in alerts_text(Standing((own,)), (own,), NOW)
