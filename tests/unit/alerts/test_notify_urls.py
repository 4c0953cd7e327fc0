"""What is wrong with a channel's URL is said when it is read, without its secrets; and what reading one must not cost."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import apprise
import pytest

from alerts.notify.models import ChannelKind
from alerts.notify.senders.apprise_service import declared_options
from alerts.notify.urls import LOCAL_OPTIONS, http_url, keeps_incidents, kind_of, problems_of


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
        "vapid://a@b.org/d@x.org?keyfile=/etc/passwd",
        "vapid://a@b.org/d@x.org?subfile=/etc/passwd",
        "fcm://project/DEVICE?KeyFile=/etc/passwd",
        "mailto://u:p@h.org?pgp=yes&pgppub=/etc/passwd",
        "mailto://u:p@h.org?pgp=yes&pgpprv=/etc/passwd",
    ],
)
def test_what_reads_files_or_runs_programs_is_refused(url: str) -> None:
    assert "refused" in problems_of(url)


def test_no_option_of_any_service_names_a_file_that_is_not_refused() -> None:
    speaks_of_files = re.compile(r"file|path|template|attach|pem\b|certificate", re.IGNORECASE)
    found = {option for option, names in declared_options().items() if any(speaks_of_files.search(text) for text in (option, *names))}
    # The names of what is sent, places on the receiver's side, and an album of attachments that there are not.
    harmless = {"attach-as", "batch", "decode", "file_url", "filename", "inline", "path", "prefix", "profile", "sensitive"}
    assert {"keyfile", "subfile", "pgppub", "pgpprv", "template"} <= found
    assert found - set(LOCAL_OPTIONS) <= harmless


def test_a_template_that_a_service_keeps_itself_is_no_file() -> None:
    for url in ("sendgrid://abcdef:a@b.com/x@y.com?template=d-123", "onesignal://app@key/someone?template=xx"):
        assert problems_of(url) == "", url


def test_only_services_whose_template_is_no_path_are_let_through() -> None:
    """As Apprise itself declares them; another version of it may know more of them."""
    schemas = apprise.Apprise().details()["schemas"]
    paths = {
        scheme
        for each in schemas
        if "path" in str(each["details"]["args"].get("template", {}).get("name", "")).lower()
        for scheme in (*(each["protocols"] or ()), *(each["secure_protocols"] or ()))
    }
    assert {"slack", "discord", "tgram"} <= paths
    assert all("template would read a file" in problems_of(f"{scheme}://a/b/c?template=x") for scheme in paths)


def test_no_service_opens_a_file_even_if_an_option_that_names_it_is_not_known(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from alerts.notify.models import Channel\n"
        "from alerts.notify.senders.apprise_service import AppriseService\n"
        "from aishell_core.targets import Secret\n"
        "from tests.notices import a_message\n"
        "opened = []\n"
        "sys.addaudithook(lambda name, args: opened.append(args[0]) if name == 'open' and args[0] == sys.argv[1] else None)\n"
        "for url in sys.argv[2:]:\n"
        "    AppriseService().send(Channel('c', Secret(url), timeout_seconds=2.0), a_message(), 0.0)\n"
        "print(opened)\n"
    )
    file = tmp_path / "secret"
    file.write_text("{}")
    urls = [
        f"vapid://a@b.org/d@x.org?keyfile={file}&subfile={file}",
        f"fcm://project/DEVICE?keyfile={file}",
        f"mailto://u:p@127.0.0.1:9?pgp=yes&pgppub={file}&to=a@b.org",
        f"discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template={file}",
        f"sendgrid://abcdef:a@b.com/x@y.com?template={file}",
        f"onesignal://app@key/someone?template={file}",
    ]
    done = subprocess.run([sys.executable, "-c", program, str(file), *urls], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"


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
