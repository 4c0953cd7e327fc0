"""What is wrong with a channel's URL is said when it is read, without its secrets; and what reading one must not cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alerts.notify.models import ChannelKind
from alerts.notify.urls import http_url, keeps_incidents, kind_of, problems_of


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#dba",
        "mailtos://user:pass@mail.example.org?to=dba@example.org",
        "pagerduty://integrationkey0123456789@apikey",
        "json://localhost:8080/path",
        "webhook+https://hooks.example.org/x?y=1",
        "webhook+http://user:pass@[::1]:8080/",
        "alertmanager+http://localhost:9093",
        "  slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ  ",
    ],
)
def test_good_urls_have_no_problem(url: str) -> None:
    assert problems_of(url) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "it is no URL"),
        ("slack", "it is no URL"),
        ("://x", "it is no URL"),
        ("slak://x", "the nearest is slack:"),
        ("webhok+https://x", "the nearest is webhook+https:"),
        ("slack://", "cannot read it"),
        ("pagerduty://onlyone", "cannot read it"),
        ("mailtos://", "cannot read it"),
        ("http://hooks.example.org/x", "write webhook+http:"),
        ("webhook+https:///path", "it names no host"),
        ("webhook+https://h:99999/", "host or port"),
        ("webhook+https://h:0/", "port 0"),
        ("webhook+https://h/#x", "fragment"),
        ("webhook+https://h/a b", "blank"),
        ("webhook+https://h/\r\nX: y", "control character"),
        ("webhook+https://h/" + 5000 * "a", "longer than"),
    ],
)
def test_bad_urls_are_told_what_is_wrong(url: str, expected: str) -> None:
    assert expected in problems_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "exec://reboot",
        "syslog://",
        "dbus://",
        "SYSLOG://",
        "memory://x",
        "macosx://",
        "windows://",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?Template=/etc/passwd",
        "json://localhost/?attach=/etc/passwd",
    ],
)
def test_what_reads_files_or_runs_programs_is_refused(url: str) -> None:
    assert "refused" in problems_of(url)


@pytest.mark.parametrize(
    "url", ["slack://TOKENTOKEN", "webhook+https:///TOKENTOKEN", "x://TOKENTOKEN", "slack://TOKENTOKEN/?attach=TOKENTOKEN"]
)
def test_a_problem_holds_nothing_of_the_url_but_its_scheme(url: str) -> None:
    assert "TOKENTOKEN" not in problems_of(url)


def test_a_urls_scheme_says_who_carries_it() -> None:
    assert kind_of("webhook+https://h/x") is ChannelKind.WEBHOOK
    assert kind_of("ALERTMANAGER+http://h") is ChannelKind.ALERTMANAGER
    assert kind_of("slack://x") is ChannelKind.APPRISE
    assert http_url("webhook+https://h/x?y=1+2") == "https://h/x?y=1+2"
    assert [keeps_incidents(url) for url in ("pagerduty://a@b", "webhook+http://h", "slack://x")] == [True, False, False]


def test_neither_starting_nor_our_own_channels_import_apprise() -> None:
    program = (
        "import sys\n"
        "import alerts.notify.notifier, alerts.notify.senders, alerts.notify.urls\n"
        "assert alerts.notify.urls.problems_of('webhook+https://h/x') == ''\n"
        "alerts.notify.senders.all_senders()\n"
        "print('apprise' in sys.modules, 'requests' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False False\n"


def test_apprise_is_imported_by_one_module_alone(request: pytest.FixtureRequest) -> None:
    root = request.config.rootpath
    rooms = ("aishell_core", "alerts", "aishell_ops", "aishell_tui", "collectors", "widgets")
    importing = [
        path.relative_to(root).as_posix()
        for room in rooms
        for path in (root / room).rglob("*.py")
        if any(line.strip().startswith(("import apprise", "from apprise")) for line in path.read_text(encoding="utf-8").splitlines())
    ]
    assert importing == ["alerts/notify/senders/apprise_service.py"]


def test_a_bad_url_prints_nothing_on_the_terminal() -> None:
    program = "from alerts.notify.urls import problems_of\nprint(bool(problems_of('slack://x')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
