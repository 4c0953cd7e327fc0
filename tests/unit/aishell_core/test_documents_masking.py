"""No secret in what is printed of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.documents.masking import has_written_secret, mask_line, mask_url


@pytest.mark.parametrize(
    ("line", "before", "masked"),
    [
        ("    password: hunter2", "", "    password: ***"),
        ("    Pasword : hunter2 # why", "", "    Pasword : ***"),
        ("  api_key: hunter2", "", "  api_key: ***"),
        ("hook: {url: x, key: hunter2}", "", "hook: {url: x, key: ***"),
        ("    key: {env: NAME}", "", "    key: {env: NAME}"),
        ("    password: {env: NAME}", "", "    password: {env: NAME}"),
        ("      hunter2", "    password:", "      ***"),
        ("      hunter2", "    token: |", "      ***"),
        ("      env: NAME", "    password:", "      env: NAME"),
        ("url: mysql://u:p@ss:w/rd@h/d", "", "url: mysql://u:***@h/d"),
        ("url: redis://h/0?password=hunter2&db=1", "", "url: redis://h/0?password=***&db=1"),
        ("  - {url: 'pg://u:hunter2@h', password: hunter2, name: x}", "", "  - {url: 'pg://u:***@h', password: ***"),
        ("url: sqlite:///srv/app.db", "", "url: sqlite:///srv/app.db"),
        ("name: app@host", "", "name: app@host"),
        ("slack: {url: 'slack://T0/B0/xyz', rate: 1m}", "", "slack: {url: 'slack://***', rate: 1m}"),
        ("url: webhook+https://h.example/services/T0/B0", "", "url: webhook+https://h.example/***"),
        ("url: https://h.example/", "", "url: https://h.example/"),
        ("url: slack://${TOKENS}", "", "url: slack://${TOKENS}"),
        ("url: mongodb+srv://db/x", "", "url: mongodb+srv://db/x"),
        ("url: redis://:hunter2 two@h/0", "", "url: redis://:***@h/0"),
        ("url: 'mongodb://u:hun\"ter'2@h'", "", "url: 'mongodb://u:***@h'"),
        ("url: redis://user:p@ss hunter2@h", "", "url: redis://user:***@h"),
        ("url: postgres//u:hunter2@h/d", "", "url: postgres//u:***@h/d"),
        ("url: system/hunter 2@h/d", "", "url: system/***@h/d"),
        ("url: redis://h/0?password=hunter2 two&db=1", "", "url: redis://h/0?password=***&db=1"),
        ("url: \"host=db password='hunter 2' port=1\"", "", 'url: "host=db password=*** port=1"'),
        ("url: \"host=db password='hun'ter 2'\"", "", 'url: "host=db password=***"'),
        ("url: slack://T0/hunter 2/x", "", "url: slack://***"),
        ("channels: [slack://T0/hunter 2, 'x']", "", "channels: [slack://***"),
        (
            "urls: ['pg://u:hunter2@h', redis://:hunter 3@h2, https://h.example/]",
            "",
            "urls: ['pg://u:***@h', redis://:***@h2, https://h.example/***",
        ),
        ("sqlite: sqlite://hunter 2/x.db", "", "sqlite: sqlite://***/x.db"),
        ("at: 10:30, team/web, time=5", "", "at: 10:30, team/web, time=5"),
    ],
)
def test_lines_are_shown_without_their_secrets(line: str, before: str, masked: str) -> None:
    """Whatever holds a secret is masked, references and everything else stay readable."""
    assert mask_line(line, before) == masked


_WORD = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"]), min_size=1)


@given(user=st.from_regex(r"[a-z]{0,8}", fullmatch=True), password=_WORD, host=st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_every_password_of_a_url_is_masked(user: str, password: str, host: str) -> None:
    """Also one with : / @ ? blanks or quotes in it that somebody forgot to escape."""
    url = f"mysql://{user}:{password}@{host}/db"
    assert mask_url(url) == f"mysql://{user}:***@{host}/db"
    assert has_written_secret(url)
    assert mask_line(f"  url: {url}") == f"  url: mysql://{user}:***@{host}/db"


@given(password=_WORD.filter(lambda text: "=" not in text and "&" not in text and ";" not in text))
def test_every_password_among_options_and_words_is_masked(password: str) -> None:
    """Whatever blanks and quotes it holds."""
    assert mask_url(f"redis://h/0?password={password}&db=1") == "redis://h/0?password=***&db=1"
    words = f"host=h password='{password}' port=1"
    assert mask_url(words) == "host=h password=*** port=1"
    assert has_written_secret(words)


def test_the_place_of_a_password_file_is_no_secret() -> None:
    url = "postgresql://h/shop?passfile=/etc/aishell/pgpass&sslkey=/etc/key"
    assert mask_url(url) == url
    assert not has_written_secret(url)
    assert has_written_secret(f"{url}&password=x")
