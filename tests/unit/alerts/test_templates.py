"""Templates fill in what is known of an alert, say at once what is wrong with them, and run nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.templates import FILTERS, NAMES, Facts, render, template_problems, unknown_labels

FACTS = Facts(
    rule="pool",
    target="orders",
    engine="postgres",
    role="primary",
    environment="production",
    level="critical",
    value=0.93,
    threshold=0.9,
    unit="ratio",
    labels={"mount": "/srv", "ugly": "a\x1b[31m\nb", "size": "2048", "text": "x"},
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pool of {{ target }} at {{ value }}", "pool of orders at 93%"),
        ("{{value|percent}} of {{ threshold }}", "93% of 90%"),
        ("{{ value | raw }}", "0.93"),
        ("{{ value | round(1) }} {{ value | round }}", "0.9 1"),
        ("{{ labels.mount | upper }} {{ labels.mount | title }}", "/SRV /Srv"),
        ("{{ labels.size | bytes }} {{ labels.size | count }} {{ labels.size | rate }}", "2 KiB 2.0k 2.0k/s"),
        ("{{ labels.size | duration }}", "34m08s"),
        ("{{ labels.none }} {{ labels.none | default('all') }}", "n/a all"),
        ("{{ labels.text | bytes }}", "n/a"),
        ("{{ labels.ugly }}", "a [31m b"),
        ("{{ level | upper }} {{ rule }} {{ engine }} {{ role }} {{ environment | lower }}", "CRITICAL pool postgres primary production"),
        ("no hole, {one} brace", "no hole, {one} brace"),
    ],
)
def test_holes_are_filled(text: str, shown: str) -> None:
    assert render(text, FACTS) == shown
    assert template_problems(text) == ()


def test_a_value_is_shown_in_its_unit_and_unknown_is_no_number() -> None:
    assert render("{{ value }} {{ value | duration }}", Facts(value=5200.0, unit="ms")) == "5.2s 5.2s"
    assert render("{{ value }}", Facts(value=2.0**31, unit="bytes")) == "2 GiB"
    assert render("{{ value }}", Facts(value=12_300.0)) == "12.3k"
    assert render("{{ value }} {{ value | percent }} {{ value | round(2) }}", Facts()) == "n/a n/a n/a"
    assert render("{{ value }}", Facts(value=float("nan"), unit="s")) == "n/a"


@pytest.mark.parametrize(
    ("text", "start", "message", "hint"),
    [
        ("is {{ valu }}", 6, "there is no 'valu' in a template", "did you mean value?"),
        ("{{ value | percnt }}", 11, "there is no filter 'percnt'", "did you mean percent?"),
        ("{{ labels. }}", 3, "there is no 'labels.' in a template", "did you mean"),
        ("{{ value", 0, "{{ has no }}", ""),
        ("value }}", 6, "}} has no {{", ""),
        ("{{ }}", 3, "this is no name and no filter", ""),
        ("{{ value + 1 }}", 3, "this is no name and no filter", ""),
        ("{{ value() }}", 3, "this is no name and no filter", ""),
        ("{{ value(1) }}", 3, "value is no function", ""),
        ("{{ target.__class__ }}", 3, "there is no 'target.__class__' in a template", ""),
        ("{{ value | upper(1) }}", 11, "the filter upper takes no argument", ""),
        ("{{ value | round('x') }}", 11, "round takes a number", ""),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, start: int, message: str, hint: str) -> None:
    (problem,) = template_problems(text)
    assert (problem.span.start, problem.message) == (start, message)
    assert hint in problem.hint


def test_all_problems_are_told_at_once() -> None:
    found = template_problems("{{ a }} {{ value | b | c }} {{")
    assert [problem.span.start for problem in found] == [3, 19, 23, 28]


def test_a_label_that_no_alert_is_known_to_have_is_named_with_the_nearest() -> None:
    text = "{{ labels.mont | upper }} {{ labels.mount }} {{ value }}"
    (problem,) = unknown_labels(text, {"mount", "target"})
    assert (problem.span.start, problem.span.length) == (3, 11)
    assert problem.message == "no alert of this rule is known to have the label 'mont'"
    assert "did you mean mount?" in problem.hint
    assert template_problems(text) == ()


def test_a_hole_that_is_no_good_stays_as_it_is_written() -> None:
    """An annotation of a rule is never lost because of one word in it."""
    assert render("{{ a }} {{ value | b }} {{ value }}", FACTS) == "{{ a }} {{ value | b }} 93%"


def test_a_long_text_is_refused_and_a_long_label_cut() -> None:
    assert "longer than" in template_problems("x" * 5000)[0].message
    assert len(render("{{ labels.a }}", Facts(labels={"a": "x" * 10_000}))) == 500


def test_every_name_and_filter_is_explained() -> None:
    assert all(NAMES.values())
    assert all(found.help.endswith(".") for found in FILTERS.values())


@given(text=st.text(alphabet="{}| .()'\"valuebroundlabelstx_1\n\x00é", max_size=60))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    """What has no problem leaves no brace pair unfilled; nothing raises."""
    shown = render(text, FACTS)
    assert template_problems(text) or "{{" not in shown


@given(label=st.text(max_size=80))
def test_no_label_can_bring_a_control_character_or_a_hole(label: str) -> None:
    """A value is filled in once: what stands in it is never read as a template again."""
    shown = render("[{{ labels.a }}]", Facts(labels={"a": label}))
    assert shown.isprintable()
    assert render("{{ labels.a }}", Facts(labels={"a": "{{ target }}"}, target="secret")) == "{{ target }}"
