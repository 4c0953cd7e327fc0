"""Themes are read from TOML, and a bad one is refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.errors import ConfigError
from themes.load import COLOUR_ROLES, DEFAULT_THEME, load_theme, parse_theme, theme_names

GOOD = "[colours]\n" + "\n".join(f'{role} = "#12ab34"' for role in COLOUR_ROLES)


@pytest.mark.parametrize("name", theme_names())
def test_every_shipped_theme_loads_and_names_all_roles_or_none(name: str) -> None:
    theme = load_theme(name)
    assert theme.name == name
    assert theme.title
    assert set(theme.colours) in (set(COLOUR_ROLES), set())


def test_the_default_theme_exists() -> None:
    assert DEFAULT_THEME in theme_names()


def test_only_the_mono_theme_has_no_colours() -> None:
    assert [name for name in theme_names() if not load_theme(name).colours] == ["mono"]


def test_a_theme_of_the_user_is_listed_and_goes_before_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "night.toml").write_text('title = "My night"\n' + GOOD, encoding="utf-8")
    assert theme_names(tmp_path)[-1] == "mine"
    assert load_theme("mine", tmp_path).colours["text"] == "#12ab34"
    assert load_theme("night", tmp_path).title == "My night"
    assert load_theme("day", tmp_path).title == "Day"


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert theme_names(tmp_path / "none") == theme_names()


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load_theme("nihgt")
    assert "nihgt" in caught.value.message
    assert "did you mean night?" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[colours", "x.toml: ", "TOML"),
        ("title = 3\n", "title is a text", "night.toml"),
        ('dark = "yes"\n', "dark and colourless are true or false", "night.toml"),
        ("colours = 3\n", "[colours] is not a table", "night.toml"),
        ('name = "x"\n' + GOOD, "unknown key 'name'", "keys are"),
        (GOOD + '\nwarnin = "#ffffff"', "unknown key 'warnin'", "did you mean warning?"),
        (GOOD.replace('dim = "#12ab34"\n', ""), "the colour 'dim' is missing", "background"),
        (GOOD.replace('dim = "#12ab34"', 'dim = "grey"'), "'grey' is not a colour for 'dim'", "#rrggbb"),
        (GOOD.replace('dim = "#12ab34"', "dim = 7"), "7 is not a colour for 'dim'", "#rrggbb"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_reason(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_theme("x", text, "x.toml")
    assert caught.value.message.startswith("x.toml: ")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"bad\.toml: cannot be read"):
        load_theme("bad", tmp_path)
