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
    ],
)
def test_lines_are_shown_without_their_secrets(line: str, before: str, masked: str) -> None:
    """Whatever holds a secret is masked, references and everything else stay readable."""
    assert mask_line(line, before) == masked


_WORD = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="'\"", exclude_categories=["Cc", "Zs"]), min_size=1)


@given(user=st.from_regex(r"[a-z]{0,8}", fullmatch=True), password=_WORD, host=st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_every_password_of_a_url_is_masked(user: str, password: str, host: str) -> None:
    """Also one with : / @ or ? in it that somebody forgot to escape."""
    url = f"mysql://{user}:{password}@{host}/db"
    assert mask_url(url) == f"mysql://{user}:***@{host}/db"
    assert has_written_secret(url)
