"""Secrets: where they come from, what is warned about, and that none is ever shown."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from aishell_core.documents.problems import InvalidConfigError
from aishell_core.errors import ConfigError
from aishell_tui.config.load import load_config
from aishell_tui.config.origin import effective_values
from aishell_tui.config.secret_sources import FromCommand, FromEnvironment, FromFile, SecretSource, resolve

SECRET = "hunter2"


def _python(code: str) -> FromCommand:
    return FromCommand((sys.executable, "-c", code))


def test_a_secret_comes_from_environment_file_or_command(tmp_path: Path) -> None:
    """The last line end of a file or of an output does not belong to the secret; everything else does."""
    path = tmp_path / "secret"
    path.write_text(" hun ter2 \n\n", encoding="utf-8")
    assert resolve(FromEnvironment("PW"), {"PW": SECRET}).reveal() == SECRET
    assert resolve(FromFile(path), {}).reveal() == " hun ter2 \n"
    assert resolve(_python("print('hunter2')"), {}).reveal() == SECRET


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (FromEnvironment("NO_SUCH"), "the environment variable NO_SUCH is not set"),
        (FromEnvironment("EMPTY"), "the environment variable EMPTY is empty"),
        (FromFile(Path("/no/such/file")), "the secret file /no/such/file cannot be read: No such file or directory"),
        (FromCommand(("/no/such/program", SECRET)), "the secret command /no/such/program cannot be run: No such file or directory"),
        (_python("print('hunter2'); raise SystemExit(3)"), f"the secret command {sys.executable} failed with exit code 3"),
        (_python("pass"), f"the secret command {sys.executable} printed nothing"),
        (FromCommand(("yes", SECRET)), "the secret command yes printed more than 64 KiB"),
        (FromCommand(("cat", "/dev/zero")), "the secret command cat printed more than 64 KiB"),
        (_python("import sys; sys.stderr.write('hunter2' * 10**6)"), f"the secret command {sys.executable} printed nothing"),
    ],
)
def test_a_secret_that_cannot_be_had_says_why_without_a_part_of_it(source: SecretSource, message: str) -> None:
    """Neither arguments nor output of a command are repeated."""
    with pytest.raises(ConfigError) as caught:
        resolve(source, {"EMPTY": "", "PATH": os.environ["PATH"]})
    assert caught.value.message == message
    assert SECRET not in str(caught.value) + caught.value.hint


def test_an_empty_secret_file_is_an_error(tmp_path: Path) -> None:
    """A file that was made but never filled is told from a wrong password."""
    path = tmp_path / "secret"
    path.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        resolve(FromFile(path), {})


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket"])
def test_a_secret_file_that_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A pipe would be waited for without end, a device read until the memory is full."""
    path = tmp_path / "secret"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    with pytest.raises(ConfigError, match=r"the secret file .*secret (is no regular file|cannot be read)"):
        resolve(FromFile(path), {})


def test_a_secret_file_of_any_size_is_read_up_to_its_limit_alone(tmp_path: Path) -> None:
    """Its size is not trusted: a file that grows, and a sparse one of a gibibyte, cost no more than their first 64 KiB."""
    path = tmp_path / "secret"
    path.write_text("x" * (64 << 10))
    assert len(resolve(FromFile(path), {}).reveal()) == 64 << 10
    with path.open("a") as file:
        file.write("y")
    with pytest.raises(ConfigError, match="is larger than 64 KiB"):
        resolve(FromFile(path), {})
    os.truncate(path, 1 << 30)
    with pytest.raises(ConfigError, match="is larger than 64 KiB"):
        resolve(FromFile(path), {})


def _write(path: Path, text: str, mode: int) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_password_in_a_url_is_warned_about(tmp_path: Path) -> None:
    """It is accepted, its line is named, and the better ways are."""
    path = _write(tmp_path / "c.yaml", f"targets:\n  - name: app\n    url: postgresql://app:{SECRET}@db/app\n", 0o600)
    loaded = load_config(path, environ={})
    (warning,) = loaded.warnings
    assert (warning.place, warning.what) == (f"{path}:3:10", "the URL of 'app' holds a password")
    assert "{env: NAME}" in warning.hint
    assert SECRET not in str(warning)
    assert loaded.targets[0].spec.url is not None
    password = loaded.targets[0].spec.url.location.password
    assert password is not None
    assert password.reveal() == SECRET


def test_a_file_with_a_secret_that_others_may_read_is_warned_about(tmp_path: Path) -> None:
    """The warning names the line and the command that closes the file; a quote in its name does not break the command."""
    path = _write(tmp_path / "o'clock.yaml", f"targets: [{{name: app, url: 'redis://:{SECRET}@cache/0'}}]\n", 0o640)
    warnings = load_config(path, environ={}).warnings
    assert [warning.what for warning in warnings] == [
        "the URL of 'app' holds a password",
        "others may read this file (mode 640), and it holds a password",
    ]
    assert warnings[1].hint == f"""chmod 600 '{tmp_path}/o'"'"'clock.yaml'"""


def test_a_file_without_a_secret_may_be_read_by_all(tmp_path: Path) -> None:
    """No warning where nothing is to be hidden: not for a plain URL, nor for references to secrets."""
    text = "targets:\n  - {name: a, url: 'redis://cache/0', password: {env: PW}}\n  - {name: b, url: 'redis://:${PW}@cache/1'}\n"
    assert load_config(_write(tmp_path / "c.yaml", text, 0o644), environ={"PW": SECRET}).warnings == ()


def test_an_open_secret_file_is_warned_about(tmp_path: Path) -> None:
    """The file that holds the secret counts, wherever the configuration is."""
    secret = _write(tmp_path / "secret", SECRET, 0o644)
    path = _write(tmp_path / "c.yaml", f"targets:\n  - name: a\n    url: redis://c/0\n    password: {{file: {secret}}}\n", 0o644)
    (warning,) = load_config(path, environ={}).warnings
    assert (warning.line, warning.what, warning.hint) == (4, f"others may read the secret file {secret} (mode 644)", f"chmod 600 {secret}")


def test_a_device_is_no_open_secret_file(tmp_path: Path) -> None:
    """To change its mode, as the warning says, would hurt the machine; it is refused when the secret is wanted."""
    text = "targets:\n  - name: a\n    url: redis://c/0\n    password: {file: /dev/zero}\n"
    assert load_config(_write(tmp_path / "c.yaml", text, 0o644), environ={}).warnings == ()


def test_no_secret_is_among_the_effective_values(tmp_path: Path) -> None:
    """Passwords of URLs, secret options and resolved references are *** in what is shown."""
    text = (
        f"targets:\n  - {{name: a, url: 'postgresql://u:{SECRET}@h/d?sslpassword={SECRET}'}}\n"
        f"  - {{name: b, url: 'redis://:${{PW}}@c/0'}}\n  - {{name: c, url: 'redis://c/0', password: {{env: PW}}}}\n"
    )
    loaded = load_config(_write(tmp_path / "c.yaml", text, 0o600), environ={"PW": SECRET})
    shown = {value.key: value.value for value in effective_values(loaded)}
    assert shown["targets.a.url"] == "postgresql://u:***@h/d?sslpassword=***"
    assert shown["targets.c.password"] == "*** from environment variable PW"
    assert SECRET not in str(shown)
    assert SECRET not in str(loaded)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2 word@127.0.0.1:1/0", "redis://:***@127.0.0.1:1/0"),
        ('mongodb://u:hun"ter2@127.0.0.1/d', "mongodb://u:***@127.0.0.1/d"),
        ("redis://user:p@ss hunter2@127.0.0.1/0", "redis://user:***@127.0.0.1/0"),
    ],
)
def test_a_password_with_blanks_or_quotes_is_hidden_and_warned_about(tmp_path: Path, url: str, shown: str) -> None:
    path = _write(tmp_path / "c.yaml", f"targets:\n  - name: a\n    url: '{url}'\n", 0o600)
    loaded = load_config(path, environ={})
    assert {value.key: value.value for value in effective_values(loaded)}["targets.a.url"] == shown
    assert [warning.what for warning in loaded.warnings] == ["the URL of 'a' holds a password"]


@pytest.mark.parametrize("url", ["host=127.0.0.1 user=u password='hunter2 8'", "redis://:hunter2 \\t x@[::1:1", "postgres//u:hunter2@h/d"])
def test_what_is_no_url_is_told_without_its_password(tmp_path: Path, url: str) -> None:
    path = _write(tmp_path / "c.yaml", f'targets:\n  - name: a\n    url: "{url}"\n', 0o600)
    with pytest.raises(InvalidConfigError) as caught:
        load_config(path, environ={})
    assert "hunter2" not in str(caught.value)
    assert "***" in str(caught.value)
