"""What people read: every part of it, its width, and what must never be in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.models import Evidence, Level, Phase, Step
from alerts.notify.grouping import Decision, Group, Member, Why
from alerts.notify.personal import harmless, masked
from alerts.notify.text import COLUMNS, body_of, digest_of, moment, title_of, value_text
from tests.notices import NOON, a_rule, an_alert

NUMBER = "4012 8888 8888 1881"


def test_one_alert_says_what_where_since_when_how_much_why_and_where_to_look() -> None:
    rule = a_rule(
        runbook="https://wiki.example/pool",
        reason="Who asks for a connection now is refused.",
        steps=(Step("Who holds connections?", "aishell sessions --database orders"), Step("Sort by age.", "")),
    )
    alert = an_alert(
        own=(("pool", "web"),), level=Level.CRITICAL, since=NOON - 124, annotations=(("summary", "The pool of orders is full."),)
    )
    evidence = Evidence(alert.fingerprint, NOON, causes=("40 sessions idle in transaction for 12 min", "a deploy at 07:55"))
    decision = Decision(None, Why.FIRST, (Member(alert),))
    assert title_of(decision) == "[CRITICAL] PoolFull on orders (pool=web)"
    assert body_of(decision, {"PoolFull": rule}, {alert.fingerprint: evidence}, NOON) == (
        "The pool of orders is full.\n"
        "\n"
        "Where      orders (postgres)\n"
        "Which      pool=web\n"
        "Level      critical\n"
        "Since      2027-01-15 07:57:56 UTC, for 2m04s\n"
        "Value      95%, threshold 90%\n"
        "\n"
        "Likely causes, as seen at 2027-01-15 08:00:00 UTC\n"
        "  1. 40 sessions idle in transaction for 12 min\n"
        "  2. a deploy at 07:55\n"
        "\n"
        "Who asks for a connection now is refused.\n"
        "\n"
        "Look closer\n"
        "  aishell alerts show PoolFull/orders/web\n"
        "  Who holds connections?\n"
        "    aishell sessions --database orders\n"
        "  Sort by age.\n"
        "\n"
        "Runbook    https://wiki.example/pool"
    )


def test_a_name_that_is_put_into_a_command_is_quoted() -> None:
    rule = a_rule(steps=(Step("Who holds {{ labels.pool }}?", "aishell sessions -d {{ target }} --pool {{ labels.pool }}"),))
    alert = an_alert(target="a b; rm -rf ~", own=(("pool", "$(reboot)"),))
    body = body_of(Decision(None, Why.FIRST, (Member(alert),)), {"PoolFull": rule}, {}, NOON)
    assert "  Who holds $(reboot)?\n    aishell sessions -d 'a b; rm -rf ~' --pool '$(reboot)'" in body


def test_what_is_over_says_when_and_after_how_long() -> None:
    alert = an_alert(phase=Phase.RESOLVED, resolved_at=NOON + 728)
    decision = Decision(None, Why.RESOLVED, (), (Member(alert, Level.WARNING),))
    assert title_of(decision) == "[RESOLVED] PoolFull on orders"
    text = body_of(decision, {}, {}, NOON + 730)
    assert "Over       2027-01-15 08:12:08 UTC, after 12m08s" in text
    assert "Look closer" not in text
    assert "Because" not in text


def test_what_is_over_because_its_figure_is_gone_says_so() -> None:
    alert = an_alert(phase=Phase.RESOLVED, resolved_at=NOON + 728, health_reason="it is no longer reported")
    text = body_of(Decision(None, Why.RESOLVED, (), (Member(alert, Level.WARNING),)), {}, {}, NOON + 730)
    assert "Because    it is no longer reported" in text


def test_what_is_over_does_not_speak_of_the_figures_that_it_began_with_as_of_those_of_now() -> None:
    words = (("summary", "orders has 32 connections, limit 25"),)
    alert = an_alert(phase=Phase.RESOLVED, resolved_at=NOON + 60, value=2.0, threshold=15.0, unit="count", annotations=words)
    text = body_of(Decision(None, Why.RESOLVED, (), (Member(alert, Level.WARNING),)), {}, {}, NOON + 60)
    assert text.startswith("It was: orders has 32 connections, limit 25\n")
    assert "Value      2 at the end" in text
    assert "threshold" not in text


def test_titles_say_which_of_a_targets_figures_it_is() -> None:
    members = [Member(an_alert(own=(("database", name), ("host", "h")))) for name in ("app", "log")]
    titles = [title_of(Decision(None, Why.FIRST, (member,))) for member in members]
    assert titles == ["[WARNING] PoolFull on orders (database=app, host=h)", "[WARNING] PoolFull on orders (database=log, host=h)"]
    assert title_of(Decision(None, Why.FIRST, tuple(members))) == "[WARNING] 2 alerts: PoolFull on orders (host=h)"
    parts = [(Group(place, "c", "", (), NOON), Decision(None, Why.FIRST, (member,))) for place, member in enumerate(members)]
    assert len(set(digest_of(parts)[1].splitlines())) == len(digest_of(parts)[1].splitlines()) - 1
    assert title_of(Decision(None, Why.FIRST, (Member(an_alert(target="")),))) == "[WARNING] PoolFull on all targets"


def test_of_many_the_worst_stand_first_and_the_rest_is_counted() -> None:
    members = [Member(an_alert(target=f"db{number:02}", level=Level.INFO)) for number in range(30)]
    members.append(Member(an_alert(target="zz", level=Level.CRITICAL)))
    decision = Decision(None, Why.FIRST, tuple(members))
    assert title_of(decision) == "[CRITICAL] 31 alerts: PoolFull on 31 targets"
    lines = body_of(decision, {}, {}, NOON).splitlines()
    assert lines[0] == "Firing (31)"
    assert lines[1].startswith("  critical PoolFull on zz")
    assert "  and 11 more: 11 info" in lines


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "95%, threshold 90%"),
        ({"threshold": None}, "95%"),
        ({"value": None}, ""),
        ({"value": float("nan")}, "n/a, threshold 90%"),
        ({"value": 5200.0, "threshold": 5000.0, "unit": "ms"}, "5.2s, threshold 5s"),
        ({"value": 2.0 * 2**30, "threshold": 2.0**30, "unit": "bytes"}, "2 GiB, threshold 1 GiB"),
        ({"value": 12.0, "threshold": 3.0, "unit": "furlongs"}, "12 furlongs, threshold 3 furlongs"),
    ],
)
def test_values_are_written_in_their_unit(parts: dict[str, Any], text: str) -> None:
    assert value_text(an_alert(**parts)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask ada.b+c@mail.example.org now", "ask [e-mail] now"),
        (f"card {NUMBER} declined", "card [card] declined"),
        ("order 4012888888881882 failed", "order 4012888888881882 failed"),
        ("made 20261122-190102-8r8f: more", "made 20261122-190102-8r8f: more"),
        ("aishell backup info 20261122-190303-ma8a", "aishell backup info 20261122-190303-ma8a"),
        ("call +49 30 901820-11", "call [phone]"),
        ("IBAN DE89 3704 0044 0532 0130 00 wrong", "IBAN [iban] wrong"),
        ("postgresql://app:s3cret@db/x", "postgresql://***@db/x"),
        ("password=hunter2 host=db", "password=*** host=db"),
        ("Authorization eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.abc", "Authorization [token]"),
        ("redis://:sekret@cache:6379/0 is full", "redis://***@cache:6379/0 is full"),
        ("mysql://root:p@ssw0rd@h/d", "mysql://***@h/d"),
        ("mysql://root:p/s?w#0:rd@h/d", "mysql://***@h/d"),
        ("mysql://root:1234/5@h/d", "mysql://***@h/d"),
        ("redis://:geheim01 wort@cache is full", "redis://***@cache is full"),
        ('redis://user:ge"he im02@h', "redis://***@h"),
        ("redis-cli -u 'redis://:geheim wo'rt5@h' ping", "redis-cli -u 'redis://***@h' ping"),
        ("label postgresql://u:p@ss geheim05@h/d, redis://:x y@h2", "label postgresql://***@h/d, redis://***@h2"),
        ("redis://u:1234 geheim@h", "redis://***@h"),
        ("redis://h/0?password=geheim wort&db=1", "redis://h/0?password=***&db=1"),
        ("host=db password='geheim\\' 8' port=1", "host=db password=*** port=1"),
        ("sqlplus u/geheim10@h", "sqlplus u/***@h"),
        ('the password is geheim15, the token is "a b"', "the password is *** the token is ***"),
        ("the password is wrong", "the password is wrong"),
        ("call 0170/1234567 or (030) 123456-78", "call [phone] or [phone]"),
        ('ask "ann b"@x.org', "ask [e-mail]"),
        ("http://10.0.0.1:8080 does not answer, ask ada@x.org", "http://10.0.0.1:8080 does not answer, ask [e-mail]"),
        ("0.0725 s, 03:00:00 UTC, 00000001/00000002, 012 of 34", "0.0725 s, 03:00:00 UTC, 00000001/00000002, 012 of 34"),
        ("https://a1b2c3d4@sentry.example/1", "https://***@sentry.example/1"),
        ("root:p@ss@tcp(db:3306)/x", "***@tcp(db:3306)/x"),
        ("https://wiki.example:8080/@team/pool?x=1", "https://wiki.example:8080/@team/pool?x=1"),
        ("https://wiki.example/@team/pool", "https://wiki.example/@team/pool"),
        ("https://hooks.slack.com/services/T1/B2/x3 fails", "https://hooks.slack.com/*** fails"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA== sent", "Authorization: *** sent"),
        ("curl -H 'Authorization: Bearer abc.def' x", "curl -H 'Authorization: ***' x"),
        ("Bearer 0123456789abcdef0123456789abcdef", "Bearer ***"),
        ("Bearer authentication and basic authentication", "Bearer authentication and basic authentication"),
        ("Cookie: a=b; sid=x3 was sent", "Cookie: *** was sent"),
        ("client_secret=Hq7xGeheim9 pass=abc", "client_secret=*** pass=***"),
        ("aws_secret_access_key=wJalr/K7, MYSQL_PWD=x", "aws_secret_access_key=*** MYSQL_PWD=***"),
        ('{"apiKey": "a b c", "rows": 1}', '{"apiKey": ***, "rows": 1}'),
        ("tokens: 12, token_count=5, passed: 5, bypass=1", "tokens: 12, token_count=5, passed: 5, bypass=1"),
        ("run it --password hunter2 --host db", "run it --password *** --host db"),
        ("mysqldump -uroot -pS3cret db; redis-cli -h x -a geheim ping", "mysqldump -uroot -p*** db; redis-cli -h x -a *** ping"),
        ("CONFIG SET requirepass geheim", "CONFIG SET requirepass ***"),
        ("CREATE USER a IDENTIFIED BY geheim", "CREATE USER a IDENTIFIED BY ***"),
        ("ALTER ROLE a PASSWORD 'two words'", "ALTER ROLE a PASSWORD ***"),
        ("SSN 123-45-6789, call (555) 123-4567", "SSN [number], call [phone]"),
        ("Key (ssn)=(123456789) already exists.", "Key (ssn)=(?) already exists."),
        ("Duplicate entry 'ada' for key 'name'", "Duplicate entry ? for key 'name'"),
        ("-----BEGIN RSA PRIVATE KEY----- MIIE abc", "[key]"),
        ("SELECT * FROM users WHERE name = 'Ada O''Neil'", "SELECT * FROM users WHERE name = ?"),
        ("SELECT a FROM t WHERE pin = 48213 AND c = $tag$geheim$tag$ AND d = 1", "SELECT a FROM t WHERE pin = ? AND c = ? AND d = ?"),
        ("SELECT a FROM t WHERE c = $$geheim$$ LIMIT 5", "SELECT a FROM t WHERE c = ? LIMIT ?"),
        ("SELECT a FROM t WHERE e=0x1F AND d = E'x\\'geheim2' AND", "SELECT a FROM t WHERE e=? AND d = E?"),
        ("SELECT a FROM t WHERE d = 'C:\\' AND e = 'geheim'", "SELECT a FROM t WHERE d = ?"),
        ("SELECT a FROM t WHERE b = \"geheim\" AND c = q'[it's]'", "SELECT a FROM t WHERE b =? AND c = ?"),
        ("INSERT INTO t VALUES (1,'x', -2.5e3)", "INSERT INTO t VALUES (?,?, ?)"),
        ("UPDATE t SET a1 = 5 WHERE id IN (1, 2,3)", "UPDATE t SET a1 = ? WHERE id IN (?, ?,?)"),
        ("SELECT a FROM t WHERE d = 'cut in the mid", "SELECT a FROM t WHERE d = ?"),
        ("40% for 35 s: SELECT a1 FROM t2 WHERE b > $1", "40% for 35 s: SELECT a1 FROM t2 WHERE b > $1"),
        ("disks where usage is > 90% for 5m, 3 of 4", "disks where usage is > 90% for 5m, 3 of 4"),
        ("Can't update the cache of 5 replicas", "Can't update the cache of 5 replicas"),
        ("the table's size isn't known", "the table's size isn't known"),
        ("2026-11-21 18:40:02 UTC, 10.0.0.12:5432, 123456789012 bytes", "2026-11-21 18:40:02 UTC, 10.0.0.12:5432, 123456789012 bytes"),
    ],
)
def test_personal_data_secrets_and_literals_do_not_leave(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_a_command_that_ships_with_a_rule_can_be_run_as_it_stands_in_a_message() -> None:
    steps = (Step("Old ids? SELECT f('NAME').", "aishell query -d {{ target }} \"SELECT a FROM t WHERE b = 'r' LIMIT 10\""),)
    decision = Decision(why=Why.FIRST, firing=(Member(an_alert()),))
    body = body_of(decision, {"PoolFull": a_rule(steps=steps, builtin="postgres")}, {}, NOON)
    assert "aishell query -d orders \"SELECT a FROM t WHERE b = 'r' LIMIT 10\"" in body
    assert "SELECT f('NAME')." in body
    own = body_of(decision, {"PoolFull": a_rule(steps=steps)}, {}, NOON)
    assert "LIMIT 10" not in own
    assert "'r'" not in own


@pytest.mark.parametrize("text", ["<!channel> hi", "@everyone", "x @here", "<@U123>", "<#C1>", "@ALL"])
def test_nobody_is_called_by_a_name_in_a_database(text: str) -> None:
    assert not any(call in harmless(text).lower() for call in ("<!", "<@", "<#", "@everyone", "@here", "@all"))


@given(st.text(max_size=2000))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = harmless(text)
    assert line.isprintable()
    assert len(line) <= 400
    line.encode()


@given(st.lists(st.text(alphabet=st.characters(codec="ascii"), max_size=200), min_size=1, max_size=5), st.text(max_size=60))
def test_no_line_is_wider_than_the_screen_unless_one_word_is(texts: list[str], target: str) -> None:
    alert = an_alert(target=target, own=(("x", texts[0]),), annotations=(("summary", texts[0]), ("description", texts[-1])))
    evidence = Evidence(alert.fingerprint, NOON, causes=tuple(texts))
    decision = Decision(None, Why.FIRST, (Member(alert),))
    body = body_of(decision, {}, {alert.fingerprint: evidence}, NOON)
    for line in body.splitlines():
        assert len(line) <= COLUMNS or max(map(len, line.split())) > COLUMNS - 12


def test_causes_say_when_they_were_read_which_is_not_quite_when_the_alert_fired() -> None:
    alert = an_alert()
    seen = Evidence(alert.fingerprint, NOON, causes=("9 sessions wait",), sessions_at=NOON - 1, locks_at=NOON + 4)
    decision = Decision(why=Why.REPEAT, firing=(Member(alert),))
    for now in (NOON + 5, NOON + 600):
        assert f"Likely causes, as seen at {moment(NOON + 4)}\n" in body_of(decision, {}, {alert.fingerprint: seen}, now)
