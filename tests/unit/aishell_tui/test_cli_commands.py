"""Commands inside the process: what they print, what they refuse, and with which exit code."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import typer

from aishell_core.catalogue import CATALOGUE
from aishell_core.errors import AishellError
from aishell_tui.cli import boundary
from aishell_tui.cli.encode import Json
from tests.command_line import Ran, run_here

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A small SQLite database."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)")
    connection.execute("INSERT INTO orders (note) VALUES ('first')")
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_version_is_printed(capsys: Capture) -> None:
    """--version names the program and its version."""
    ran = run_here(capsys, "--version")
    assert (ran.code, ran.out) == (0, "aishell 0.1.0\n")


@pytest.mark.parametrize("name", ["postgres", "postgresql", "PostgreSQL", " Postgres "])
def test_an_engine_goes_by_its_name_its_title_and_its_schemes(capsys: Capture, name: str) -> None:
    only = run_here(capsys, "metrics", "--catalogue", "--engine", name).out
    assert "postgres.wraparound.usage" in only
    assert "redis." not in only


def test_an_engine_with_thresholds_of_its_own_is_told_with_them(capsys: Capture) -> None:
    lines = run_here(capsys, "metrics", "--catalogue").out.splitlines()
    place = next(place for place, each in enumerate(lines) if each.startswith("cache.hit_ratio"))
    assert (lines[place].split()[3:5], lines[place + 1].split()) == (["95%", "90%"], ["for", "redis", "80%", "-"])
    table = run_here(capsys, "metrics", "--catalogue", "--engine", "valkey").out
    own = next(each for each in table.splitlines() if "cache.hit_ratio" in each)
    assert own.split()[3:5] == ["80%", "-"]
    rows = run_here(capsys, "metrics", "--catalogue", "--json").json()["metrics"]
    assert isinstance(rows, list)
    (row,) = [each for each in rows if isinstance(each, dict) and each["name"] == "cache.hit_ratio"]
    assert row["by_engine"] == [{"engine": "redis", "warning": 0.8, "critical": None, "falling": True}]


def test_a_limit_that_only_nothing_stays_below_is_not_called_0(capsys: Capture) -> None:
    table = run_here(capsys, "metrics", "--catalogue").out
    line = next(each for each in table.splitlines() if each.startswith("redis.connections.rejected"))
    assert line.split()[3:5] == [">0/s", "1/s"]
    shown = run_here(capsys, "config", "show").out.splitlines()
    (limit,) = [each for each in shown if each.startswith("thresholds.redis.connections.rejected.rate.warning")]
    assert limit.split()[1] == ">0/s"


def test_the_catalogue_lists_every_metric(capsys: Capture) -> None:
    """As a table for people and as JSON for scripts; --engine narrows it."""
    table = run_here(capsys, "metrics", "--catalogue").out
    assert all(f"\n{name} " in table for name in CATALOGUE)
    rows = run_here(capsys, "metrics", "--catalogue", "--json").json()["metrics"]
    assert isinstance(rows, list)
    assert [row["name"] for row in rows if isinstance(row, dict)] == list(CATALOGUE)
    only = run_here(capsys, "metrics", "--catalogue", "--engine", "host").out.splitlines()[1:]
    assert only
    assert all(line.startswith(("host.", "up", "aishell.")) for line in only)


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (("statsu",), 64, "No such command 'statsu'. Did you mean 'status'?", "aishell --help lists what there is"),
        (("status", "--jsn"), 64, "No such option: --jsn", "aishell status --help lists what there is"),
        (("slow-queries", "--limit", "0"), 64, "Invalid value for '--limit'", "aishell slow-queries --help lists what there is"),
        (("status",), 64, "no database is configured", "name one with --target"),
        (("status", "--all", "-d", "x"), 64, "--all and a single database contradict each other", "leave one of them out"),
        (("status", "-d", "x"), 64, "there is no target 'x'", "no database is configured; give a URL"),
        (("status", "-t", "pg://h/d"), 64, "unknown URL scheme 'pg'", "valid schemes are"),
        (("status", "-t", "app.db", "--window", "5"), 64, "'5' is not a duration", "units are ms, s, m, h, d, w"),
        (("metrics", "--engine", "sqlite"), 64, "--engine goes with --catalogue", "aishell metrics --catalogue"),
        (("metrics", "--catalogue", "--engine", "sqlight"), 64, "there is no engine 'sqlight'", "did you mean sqlite? valid: postgres"),
        (("connect", "redis://h/0", "--environment", "production"), 64, "--environment goes with --save", "aishell connect URL --save"),
        (("config", "show", "--config", "none.yaml"), 78, "none.yaml: there is no such file", ""),
        (("monitor", "--theme", "day"), 64, "the dashboard needs a terminal", "aishell status"),
        (("demo",), 64, "the dashboard needs a terminal", "aishell status"),
        ((), 64, "the dashboard needs a terminal", "aishell status"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_hint(
    capsys: Capture, work: Path, arguments: tuple[str, ...], code: int, message: str, hint: str
) -> None:
    """One message, one hint, nothing on standard output; a usage error is 64, a configuration error 78."""
    ran = run_here(capsys, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("aishell: ")
    assert message in ran.err
    assert hint in ran.err


def test_an_error_under_json_is_json(capsys: Capture, work: Path) -> None:
    """Usage, configuration and target errors alike: one object on standard error, nothing on standard output."""
    (work / "bad.yaml").write_text("dashbord: {}\n")
    for arguments, code, kind in (
        (("status", "--json"), 64, "usage"),
        (("status", "--json", "--colour"), 64, "usage"),
        (("status", "--json", "--config", "bad.yaml"), 78, "config"),
    ):
        ran = run_here(capsys, *arguments)
        assert (ran.code, ran.out, ran.error()[0]) == (code, "", kind)
    assert "bad.yaml:1:1: unknown key 'dashbord'" in run_here(capsys, "status", "--json", "--config", "bad.yaml").error()[1]


def test_config_from_init_to_show(capsys: Capture, aishell_home: Path) -> None:
    """init writes a starter once, validate is content with it, show names the origin of each value."""
    path = aishell_home / "config.yaml"
    assert run_here(capsys, "config", "init").code == 0
    assert run_here(capsys, "config", "init").code == 64
    ran = run_here(capsys, "config", "validate")
    assert (ran.code, ran.out) == (0, f"ok: {path}\n")
    path.write_text("dashboard:\n  theme: day\n")
    lines = run_here(capsys, "config", "show", "--origin").out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["KEY", "VALUE", "FROM"],
        ["dashboard.theme", "day", f"{path}:2"],
        ["dashboard.interval", "1s", "default"],
    ]
    assert run_here(capsys, "config", "show").out.splitlines()[1].split() == ["dashboard.theme", "day"]
    values = run_here(capsys, "config", "show", "--json").json()["values"]
    assert isinstance(values, list)
    assert values[0] == {"key": "dashboard.theme", "value": "day", "origin": f"{path}:2"}


def test_validate_lists_everything_that_is_wrong(capsys: Capture, work: Path) -> None:
    """Errors and warnings with their lines, in JSON as rows, with exit code 78."""
    (work / "c.yaml").write_text("tests: {}\ndashboard: {theme: nite}\nhistory: {on: true}\n")
    ran = run_here(capsys, "config", "validate", "c.yaml")
    assert ran.code == 78
    assert "c.yaml:2:20: there is no theme 'nite'" in ran.out
    assert "c.yaml:3:11: unknown key 'on'" in ran.out
    assert ran.out.endswith("2 errors\n")
    found = run_here(capsys, "config", "validate", "c.yaml", "--json")
    assert found.code == 78
    report = found.json()
    assert report["ok"] is False
    assert isinstance(report["errors"], list)
    assert report["errors"][1] == {
        "file": str(work / "c.yaml"),
        "line": 3,
        "column": 11,
        "message": "unknown key 'on'",
        "hint": "valid: enabled",
    }
    (work / "c.yaml").write_text("tests: {}\n")
    good = run_here(capsys, "config", "validate", "c.yaml")
    assert good.code == 0
    assert good.out.startswith(f"warning: {work}/c.yaml:1:1: this version does not act on 'tests' yet")
    assert run_here(capsys, "config", "validate").out == "ok: there is no configuration file, so the defaults are in force\n"


def test_a_warning_of_the_configuration_is_narration(capsys: Capture, work: Path, database: Path) -> None:
    """It goes to standard error, so that the output stays data; the command does its work."""
    (work / "c.yaml").write_text(f"tests: []\ntargets: [{{name: shop, url: '{database}'}}]\n")
    ran = run_here(capsys, "connections", "--config", "c.yaml")
    assert ran.code == 0
    assert ran.err.startswith(f"aishell: warning: {work}/c.yaml:1:1: this version does not act on 'tests' yet")
    ran = run_here(capsys, "connections", "--config", "c.yaml", "--json")
    assert ran.json()["connections"] == [
        {
            "name": "shop",
            "engine": "sqlite",
            "url": f"sqlite://{database}",
            "environment": "development",
            "tags": [],
            "origin": f"{work}/c.yaml:2",
            "state": None,
            "version": None,
            "reasons": [],
        }
    ]


def test_connect_says_what_works_and_saves(capsys: Capture, database: Path, aishell_home: Path) -> None:
    """Ability by ability; --save adds it to the configuration, where every other command then finds it."""
    ran = run_here(capsys, "connect", f"sqlite://{database}", "--test", "--save", "shop", "--environment", "staging", "--json")
    report = ran.json()
    assert ran.code in {0, 1}
    assert isinstance(report["abilities"], list)
    works = {row["ability"]: row["works"] for row in report["abilities"] if isinstance(row, dict)}
    assert works["connect"] is True
    assert works["relations"] is True
    assert works["replication"] is False
    assert (report["saved_as"], report["saved_to"]) == ("shop", str(aishell_home / "config.yaml"))
    assert (
        aishell_home / "config.yaml"
    ).read_text() == f"targets:\n  - name: shop\n    url: sqlite://{database}\n    environment: staging\n"
    again = run_here(capsys, "connect", f"sqlite://{database}", "--save", "shop")
    assert (again.code, "a target named 'shop' is configured already" in again.err) == (64, True)
    listed = run_here(capsys, "connections", "--health")
    assert listed.code == 0
    assert "● ok" in listed.out


def test_connect_does_not_save_what_cannot_be_read(capsys: Capture, tmp_path: Path, aishell_home: Path) -> None:
    """With --test it is tried first; without, it is saved unseen."""
    url = f"sqlite://{tmp_path}/none.db"
    tried = run_here(capsys, "connect", url, "--test", "--save", "none")
    assert tried.code == 2
    assert "not saved" in tried.out
    assert not (aishell_home / "config.yaml").exists()
    assert run_here(capsys, "connect", url, "--save", "none").code == 0
    assert (aishell_home / "config.yaml").exists()


def test_connect_never_writes_or_prints_a_password(capsys: Capture, aishell_home: Path) -> None:
    """The file gets the name of a variable, the person is told which."""
    ran = run_here(capsys, "connect", "postgresql://app:hunter2@db.example/shop", "--save", "shop")
    text = (aishell_home / "config.yaml").read_text()
    assert "url: postgresql://app@db.example/shop\n    password: {env: SHOP_PASSWORD}" in text
    assert "set SHOP_PASSWORD in the environment" in ran.out
    assert "hunter2" not in text + ran.out + ran.err


def _failing(error: BaseException) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    def fail() -> None:
        raise error

    return app


def test_a_fault_of_ours_is_one_line_and_a_file(capsys: Capture, aishell_home: Path) -> None:
    """No traceback on the terminal: the file in the state folder has it, closed to others, exit code 70."""
    code = boundary.run(_failing(ZeroDivisionError("oops\nsecond line")), [])
    said = capsys.readouterr().err.splitlines()
    (crash,) = (aishell_home / "state" / "crashes").iterdir()
    assert code == 70
    assert said == [
        "aishell: this should not have happened: ZeroDivisionError: oops",
        f"hint: what happened is in {crash}; please report it with the text of that file",
    ]
    assert "Traceback" in crash.read_text()
    assert crash.parent.stat().st_mode & 0o777 == 0o700
    assert crash.stat().st_mode & 0o777 == 0o600


def test_a_fault_is_told_where_the_state_folder_cannot_be_written(capsys: Capture, tmp_path: Path) -> None:
    """The message does not depend on the file."""
    (tmp_path / "file").write_text("")
    code = boundary.run(_failing(KeyError("x")), [], {"AISHELL_HOME": str(tmp_path / "file")})
    assert code == 70
    assert "AISHELL_DEBUG=1 shows where" in capsys.readouterr().err


def test_debugging_shows_the_traceback(capsys: Capture) -> None:
    """AISHELL_DEBUG=1 is for those who look for the fault."""
    assert boundary.run(_failing(ZeroDivisionError("oops")), [], {"AISHELL_DEBUG": "1"}) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def _wrapped() -> RuntimeError:
    error = RuntimeError("wrapped")
    error.__cause__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (typer.Abort(), 130), (_wrapped(), 130), (typer.Exit(7), 7)])
def test_interruption_is_quiet(capsys: Capture, error: BaseException, code: int) -> None:
    """Ctrl+C says nothing and exits with 130."""
    assert boundary.run(_failing(error), []) == code
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_a_fault_whose_causes_go_round_in_a_circle_is_told(capsys: Capture) -> None:
    """As of an error that is raised again out of its own consequence."""
    cause, consequence = OSError("broken"), RuntimeError("lost")
    cause.__cause__, consequence.__cause__ = consequence, cause
    assert boundary.run(_failing(consequence), []) == 70
    assert "lost" in capsys.readouterr().err


def test_control_characters_of_a_message_do_no_harm(capsys: Capture) -> None:
    """A message may repeat what a server or a file said."""
    boundary.run(_failing(AishellError("bad \x1b[31mthing\nsecond line", "do \x07 this")), [])
    assert capsys.readouterr().err == "aishell: bad �[31mthing\nsecond line\nhint: do � this\n"


def test_an_error_under_json_stands_alone(capsys: Capture, work: Path) -> None:
    """A warning of the configuration does not come before the one JSON object on standard error."""
    (work / "c.yaml").write_text("tests: {}\n")
    ran = run_here(capsys, "status", "--config", "c.yaml", "--json", "-d", "none")
    assert (ran.code, ran.error()[:2]) == (64, ("usage", "there is no target 'none'"))


def test_a_password_on_the_command_line_is_warned_about(capsys: Capture) -> None:
    """It works, and the person is told who can see it; the password itself is not repeated."""
    ran = run_here(capsys, "status", "-t", "postgresql://app:hunter2@db.example/shop")
    assert "aishell: warning: a password on the command line" in ran.err
    assert "hunter2" not in ran.out + ran.err


def test_connect_saves_to_the_file_that_is_read(capsys: Capture, work: Path, aishell_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config and AISHELL_CONFIG decide where; --config may name a file that is not there yet."""
    assert run_here(capsys, "connect", "redis://a/0", "--save", "a", "--config", "one.yaml").code == 0
    assert "name: a" in (work / "one.yaml").read_text()
    monkeypatch.setenv("AISHELL_CONFIG", str(work / "one.yaml"))
    assert run_here(capsys, "connect", "redis://b/0", "--save", "b").code == 0
    assert "name: b" in (work / "one.yaml").read_text()
    assert not (aishell_home / "config.yaml").exists()


def test_connect_refuses_a_name_that_another_file_has(capsys: Capture, work: Path, aishell_home: Path) -> None:
    """The working folder's target of that name would hide the new one."""
    (work / ".ai-shell").mkdir()
    (work / ".ai-shell" / "dashboard.yml").write_text("targets: [{name: a, url: 'redis://a/0'}]\n")
    ran = run_here(capsys, "connect", "redis://b/0", "--save", "a")
    assert ran.code == 64
    assert f"a target named 'a' is configured already, in {work}/.ai-shell/dashboard.yml:1" in ran.err
    assert not (aishell_home / "config.yaml").exists()


def test_one_target_without_its_secret_does_not_keep_the_others_from_being_read(
    capsys: Capture, aishell_home: Path, tmp_path: Path
) -> None:
    """It is listed and unknown with the reason and what to do; validate warns with file and line, and the rest works."""
    path = aishell_home / "config.yaml"
    sqlite3.connect(tmp_path / "ok.db").execute("CREATE TABLE t (x)").connection.close()
    path.write_text(
        f"targets:\n  - {{name: lost, url: 'sqlite://${{NO_SUCH}}/x.db'}}\n  - {{name: ok, url: 'sqlite://{tmp_path}/ok.db'}}\n"
    )
    validated = run_here(capsys, "config", "validate")
    assert (validated.code, f"warning: {path}:2" in validated.out) == (0, True)
    listed = run_here(capsys, "connections")
    assert listed.code == 0
    assert "sqlite://${NO_SUCH}/x.db" in listed.out
    health = run_here(capsys, "connections", "--health", "--json")
    rows = health.json()["connections"]
    assert isinstance(rows, list)
    states = {row["name"]: row["state"] for row in rows if isinstance(row, dict)}
    assert (health.code, states["lost"], states["ok"] in {"ok", "warning"}) == (3, "unknown", True)


def test_a_secret_file_that_is_not_there_makes_the_configuration_invalid(capsys: Capture, aishell_home: Path) -> None:
    (aishell_home / "config.yaml").write_text("targets: [{name: a, url_file: /nowhere/url}]\n")
    ran = run_here(capsys, "config", "validate")
    assert ran.code == 78
    assert "config.yaml:1: the secret file /nowhere/url of 'a' does not exist" in ran.out


def test_under_json_each_warning_is_an_object_on_a_line(capsys: Capture, work: Path, database: Path) -> None:
    content = f"tests: []\ntargets: [{{name: shop, url: '{database}'}}, {{name: open, url: 'redis://:hunter2@127.0.0.1:1/0'}}]\n"
    (work / "c.yaml").write_text(content)
    (work / "c.yaml").chmod(0o644)
    ran = run_here(capsys, "connections", "--config", "c.yaml", "--json")
    warnings = [json.loads(line)["warning"] for line in ran.err.splitlines()]
    assert [sorted(warning) for warning in warnings] == [["hint", "message"]] * 3
    assert f"{work}/c.yaml:1:1: this version does not act on 'tests' yet; the section is ignored" in [each["message"] for each in warnings]


def test_under_json_the_hint_of_a_bad_file_stands_in_hint_alone(capsys: Capture, work: Path) -> None:
    """Several problems are a line each; the hint is that of the first; excerpts are for people."""
    (work / "bad.yaml").write_text("dashbord: {}\nhistory: {enabled: maybe}\n")
    code, message, hint = run_here(capsys, "status", "--config", "bad.yaml", "--json").error()
    assert code == "config"
    first, second = message.splitlines()
    assert first == f"{work}/bad.yaml:1:1: unknown key 'dashbord'"
    assert second.startswith(f"{work}/bad.yaml:2:20: ")
    assert hint.startswith("did you mean dashboard?")


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("targets:\n  - name: [a\n", "2:11", "the bracket that opens here is never closed"),
        ("a: {b: c\n\n\n", "1:4", "the bracket that opens here is never closed"),
        ("a: [1,\n\n\n", "1:7", "the file ends where a value is wanted"),
    ],
)
def test_what_the_end_of_a_file_leaves_open_is_shown_where_there_is_text(
    capsys: Capture, work: Path, text: str, place: str, what: str
) -> None:
    (work / "bad.yaml").write_text(text)
    ran = run_here(capsys, "config", "validate", "bad.yaml")
    assert f"bad.yaml:{place}: {what}" in ran.out


def test_the_integrity_check_finds_damage_and_says_when_there_is_none(capsys: Capture, tmp_path: Path) -> None:
    """Off by default; damage is critical, exit code 2."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("CREATE INDEX i ON t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", ((f"{number:0100}",) for number in range(200)))
    connection.commit()
    assert _integrity(run_here(capsys, "health-check", "-t", str(path), "--window", "0", "--json")) is None
    sound = run_here(capsys, "health-check", "-t", str(path), "--window", "0", "--integrity")
    assert "integrity: nothing wrong was found" in sound.out
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 't'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)
    damaged = run_here(capsys, "health-check", "-t", str(path), "--window", "0", "--integrity", "--json")
    assert (damaged.code, _integrity(damaged)) == (2, "damaged")


def _integrity(ran: Ran) -> Json:
    targets = ran.json()["targets"]
    assert isinstance(targets, list)
    (target,) = targets
    assert isinstance(target, dict)
    return target["integrity"]


@pytest.mark.parametrize("front", ["app:hunter2@", "hunter2@", "hunter2", ":hunter2@db.example"])
def test_what_stands_before_the_path_of_a_file_is_never_shown(capsys: Capture, aishell_home: Path, front: str) -> None:
    """On the command line it is a usage error, in a file one of the configuration; nothing is saved."""
    url = f"sqlite://{front}/tmp/x.db"
    path = aishell_home / "config.yaml"
    for arguments in (("connect", url, "--save", "a"), ("status", "-t", url), ("connections", "-t", url, "--json")):
        ran = run_here(capsys, *arguments)
        assert (ran.code, "hunter2" in ran.out + ran.err, path.exists()) == (64, False, False)
    path.write_text(f"targets:\n  - name: a\n    url: {url}\n")
    for words in (("config", "validate"), ("status",), ("status", "--json")):
        ran = run_here(capsys, *words)
        assert (ran.code, "hunter2" in ran.out + ran.err) == (78, False)
