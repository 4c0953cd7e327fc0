"""The section alerts: of the configuration: rules that work as written, channels by reference, and what a checkout may not say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aishell_core.documents.problems import InvalidConfigError
from aishell_tui.config.alert_rules import open_channels, read_rule_book
from aishell_tui.config.load import Configuration, load_config
from aishell_tui.config.origin import effective_values
from aishell_tui.config.presence import missing_files
from aishell_tui.config.rule_source import RuleBookSource, rule_book_source
from aishell_tui.config.schema import config_schema
from aishell_tui.places import Places
from alerts.models import Level
from alerts.notify.models import ChannelKind, Heartbeat
from alerts.rules.book import RuleBook
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.spec import RuleSpec
from tests.command_line import run_here

MISSION = """\
# .ai-shell/dashboard.yml
alerts:
  rules:
    - name: "Slow Query Alert"
      condition: "query.duration > 5000"
      severity: "warning"
      channels: ["slack", "email"]
    - name: "Connection Pool Critical"
      condition: "pool.usage > 0.9"
      severity: "critical"
      channels: ["pagerduty", "slack"]
"""
CHANNELS = """\
alerts:
  default_channels: [hook]
  channels:
    hook:
      url: webhook+https://hooks.example/aishell?token=${TOKEN}
      key: {env: KEY}
      least_level: warning
      group_wait: 30s
      repeat: 1h
      most_messages: 5
    am: alertmanager+http://am.example:9093
  heartbeat: {channel: am, every: 30s}
  bell: true
"""
ENVIRON = {"TOKEN": "hunter2", "KEY": "hunter3"}


class Folders:
    """A user's own folder and a working folder, and the configuration that they make."""

    def __init__(self, folder: Path) -> None:
        self.own, self.work = folder / "own", folder / "work"
        self.own.mkdir()
        (self.work / ".ai-shell").mkdir(parents=True)
        self.environ = dict(ENVIRON)

    @property
    def own_file(self) -> Path:
        return self.own / "config.yaml"

    @property
    def project_file(self) -> Path:
        return self.work / ".ai-shell" / "dashboard.yml"

    def load(self) -> Configuration:
        places = Places(self.own, self.own / "state", self.own / "backups")
        return load_config(environ=self.environ, working_folder=self.work, places=places)

    def source(self) -> RuleBookSource:
        places = Places(self.own, self.own / "state", self.own / "backups")
        return rule_book_source(environ=self.environ, working_folder=self.work, places=places)

    def book(self) -> RuleBook:
        return read_rule_book(self.load())


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def _own_rules(book: RuleBook) -> dict[str, tuple[Level, str]]:
    triggers = {rule.name: rule.triggers[0] for rule in book.rules if not rule.builtin}
    return {name: (trigger.level, trigger.condition.text) for name, trigger in triggers.items()}


def test_the_rules_of_a_working_folder_work_as_they_are_written(folders: Folders) -> None:
    """Channels that nobody configured are named in a warning, each at its place, and the rules run."""
    folders.project_file.write_text(MISSION, encoding="utf-8")
    book = folders.book()
    assert not book.errors
    assert _own_rules(book) == {
        "Slow Query Alert": (Level.WARNING, "query.duration > 5000"),
        "Connection Pool Critical": (Level.CRITICAL, "pool.usage > 0.9"),
    }
    assert [(warning.line, warning.column, warning.what) for warning in book.warnings] == [
        (7, 18, "the channel 'slack' is not configured"),
        (7, 27, "the channel 'email' is not configured"),
        (11, 18, "the channel 'pagerduty' is not configured"),
        (11, 31, "the channel 'slack' is not configured"),
    ]


def test_without_any_configuration_all_built_in_rules_are_in_force(folders: Folders) -> None:
    book = folders.book()
    assert {rule.builtin for rule in book.rules} == set(BUILTIN_SETS)
    assert book.settings.is_enabled
    assert not book.warnings


def test_sets_are_chosen_and_alerts_switched_off(folders: Folders) -> None:
    folders.own_file.write_text("alerts: {builtin: [redis]}\n", encoding="utf-8")
    assert {rule.builtin for rule in folders.book().rules} == {"redis"}
    folders.project_file.write_text("alerts: {enabled: false}\n", encoding="utf-8")
    assert folders.book().rules == ()


def test_channels_get_their_secrets_and_never_show_them(folders: Folders) -> None:
    folders.own_file.write_text(CHANNELS, encoding="utf-8")
    folders.own_file.chmod(0o600)
    book = folders.book()
    assert not book.errors
    assert not book.warnings
    hook, am = book.settings.channels["hook"], book.settings.channels["am"]
    assert hook.url.reveal() == "webhook+https://hooks.example/aishell?token=hunter2"
    assert (hook.kind, am.kind) == (ChannelKind.WEBHOOK, ChannelKind.ALERTMANAGER)
    assert hook.key is not None
    assert hook.key.reveal() == "hunter3"
    assert (hook.least_level, hook.group_wait_seconds, hook.repeat_seconds, hook.most_messages) == (Level.WARNING, 30.0, 3600.0, 5)
    assert (am.send_resolved, am.group_interval_seconds, am.timeout_seconds) == (True, 60.0, 10.0)
    assert book.settings.heartbeat == Heartbeat("am", 30.0)
    assert (book.settings.default_channels, book.settings.has_bell) == (("hook",), True)
    shown = repr(book) + repr(folders.load()) + str(effective_values(folders.load()))
    assert "hunter" not in shown


def test_a_channel_whose_variable_is_not_set_is_a_warning_and_no_other_suffers(folders: Folders) -> None:
    folders.own_file.write_text(CHANNELS + MISSION.partition("alerts:\n")[2].replace('"slack", "email"', '"hook"'), encoding="utf-8")
    del folders.environ["TOKEN"]
    book = folders.book()
    assert set(book.settings.channels) == {"am"}
    assert [warning.what for warning in book.warnings if "hook" in warning.what] == [
        "the channel 'hook' cannot be used: the environment variable TOKEN is not set"
    ]


@pytest.mark.parametrize(
    ("channel", "is_told"),
    [
        ("opsgenie://0123456789abcdef/", True),
        ("jira://0123456789abcdef/", True),
        ("{url: 'opsgenie://0123456789abcdef/', send_resolved: false}", False),
        ("opsgenie://0123456789abcdef/?action=new", False),
        ("slack://tokenA/tokenB/tokenC", False),
    ],
)
def test_a_channel_on_which_nothing_can_be_closed_is_used_and_says_so(channel: str, is_told: bool, folders: Folders) -> None:
    folders.own_file.write_text(f"alerts:\n  default_channels: [desk]\n  channels:\n    desk: {channel}\n", encoding="utf-8")
    book = folders.book()
    assert set(book.settings.channels) == {"desk"}
    told = [(warning.line, warning.what, "send_resolved: false" in warning.hint) for warning in book.warnings]
    sentence = "what the channel 'desk' opens stays open there when it is over: Apprise can close nothing at this service"
    assert told == ([(4, sentence, True)] if is_told else [])


@pytest.mark.parametrize(
    "url",
    [
        *("exec:///bin/sh", "file:///etc/passwd", "syslog://", "dbus://", "memory://", "windows://", "macosx://"),
        *(
            "mailto://a:b@h.example?attach=/etc/passwd",
            "json://h.example/?include=/etc/passwd",
            "http://h.example/",
            "slak://a/b/c",
            "nothing",
        ),
    ],
)
def test_urls_that_run_programs_or_read_files_are_refused(folders: Folders, url: str) -> None:
    """The others of the configuration stay usable, and the URL is not repeated."""
    text = f"alerts:\n  channels:\n    bad: '{url}'\n    good: alertmanager+http://am.example:9093\n"
    folders.own_file.write_text(text, encoding="utf-8")
    book = folders.book()
    assert set(book.settings.channels) == {"good"}
    (fault,) = book.faults
    assert (fault.source, fault.line) == (str(folders.own_file), 3)
    assert fault.what.startswith("the URL of the channel 'bad' is refused: ")
    assert "/etc/passwd" not in str(fault)


@pytest.mark.parametrize("key", ["channels: {x: 'json://h.example'}", "heartbeat: {channel: x}", "channels: {}"])
def test_a_file_of_the_working_folder_may_not_say_where_messages_go(folders: Folders, key: str) -> None:
    folders.project_file.write_text(f"alerts:\n  {key}\n", encoding="utf-8")
    with pytest.raises(InvalidConfigError, match="may not say where messages go"):
        folders.load()


def test_a_file_of_the_working_folder_names_no_files_outside_of_it(folders: Folders, tmp_path: Path) -> None:
    """Not by a path, and not by a link that a checkout brings along."""
    secret = tmp_path / "secret.yml"
    secret.write_text("hunter2: [\n", encoding="utf-8")
    (folders.work / "link.yml").symlink_to(secret)
    (folders.work / "good.yml").write_text("rules:\n  - {name: a, condition: pool.usage > 90%}\n", encoding="utf-8")
    folders.project_file.write_text(f"alerts:\n  files: [{secret}, link.yml, good.yml]\n", encoding="utf-8")
    book = folders.book()
    assert list(_own_rules(book)) == ["a"]
    assert [error.what.rpartition("leads")[2] for error in book.errors] == [f" out of {folders.work}"] * 2
    assert "hunter2" not in str(book.errors)


def test_a_configuration_that_is_a_link_out_of_the_working_folder_is_not_opened(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "secret.yml").write_text("hunter2: [\n", encoding="utf-8")
    folders.project_file.symlink_to(tmp_path / "secret.yml")
    with pytest.raises(InvalidConfigError, match="leads out of") as caught:
        folders.load()
    assert "hunter2" not in str(caught.value)


def test_files_and_folders_of_rules_are_read(folders: Folders) -> None:
    (folders.own / "alerts.d").mkdir()
    for number, name in enumerate(("b.yml", "a.yaml")):
        text = f"rules:\n  - {{name: r{number}, condition: pool.usage > 90%}}\n  - {{name: bad{number}, condition: x}}\n"
        (folders.own / "alerts.d" / name).write_text(text, encoding="utf-8")
    folders.own_file.write_text("alerts: {builtin: [], files: [alerts.d, none.yml]}\n", encoding="utf-8")
    book = folders.book()
    assert list(_own_rules(book)) == ["r1", "r0"]
    assert [broken.name for broken in book.broken] == [str(folders.own / "none.yml"), "bad1", "bad0"]


def test_options_of_later_files_win_and_rules_come_together(folders: Folders) -> None:
    folders.own_file.write_text("alerts: {builtin: [], bell: true, rules: [{name: a, condition: pool.usage > 0.9}]}\n", encoding="utf-8")
    folders.project_file.write_text("alerts: {bell: false, rules: [{name: b, condition: pool.usage > 0.8}]}\n", encoding="utf-8")
    loaded = folders.load()
    assert list(_own_rules(read_rule_book(loaded))) == ["a", "b"]
    assert not loaded.alerts.spec.bell
    origins = {value.key: value.origin for value in effective_values(loaded)}
    assert origins["alerts.bell"] == f"{folders.project_file}:1"
    assert origins["alerts.builtin"] == f"{folders.own_file}:1"


def test_a_rule_of_the_working_folder_replaces_none_of_the_users_own(folders: Folders) -> None:
    folders.own_file.write_text("alerts: {builtin: [], rules: [{name: a, condition: pool.usage > 0.9}]}\n", encoding="utf-8")
    folders.project_file.write_text("alerts: {rules: [{name: a, condition: pool.usage > 0.99, channels: []}]}\n", encoding="utf-8")
    book = folders.book()
    assert _own_rules(book) == {"a": (Level.WARNING, "pool.usage > 0.9")}
    assert "another rule is named 'a'" in str(book.errors[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alerts: {ruls: []}", "unknown key 'ruls'"),
        ("alerts: {builtin: [postgre]}", "did you mean postgres?"),
        ("alerts: {builtin: all}", "a list of words is wanted here"),
        ("alerts: {channels: {a: {ulr: x}}}", "did you mean url?"),
        ("alerts: {channels: {a: {}}}", "exactly one of url, url_file and url_command is wanted"),
        ("alerts: {channels: {a: {url: x, url_file: y}}}", "exactly one of url, url_file and url_command is wanted"),
        ("alerts: {channels: {a: {url: json://h, key: hunter2}}}", "a set of keys is wanted here"),
        ("alerts: {channels: [a]}", "a set of keys is wanted here"),
        ("alerts: {heartbeat: {channel: a, every: 0s}}", "outside of 1s"),
        ("alerts: {heartbeat: {every: 5s}}", "the key 'channel' is missing"),
        ("alerts: []", "a set of keys is wanted here"),
    ],
)
def test_what_is_wrong_with_the_section_is_told_with_the_nearest_name(folders: Folders, text: str, message: str) -> None:
    folders.own_file.write_text(f"{text}\n", encoding="utf-8")
    with pytest.raises(InvalidConfigError) as caught:
        folders.load()
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{folders.own_file}:1:")
    assert "hunter2" not in str(caught.value)


def test_no_error_shows_a_channels_url(folders: Folders) -> None:
    """Neither on its own line nor on one beside it, nor where YAML itself cannot be read."""
    for text in (
        "alerts: {channels: {a: {url: slack://hunter2/hunter2/hunter2, sendd: true}}}\n",
        "alerts:\n  channels:\n    a: slack://hunter2/hunter2 : x\n",
        "alerts: {channels: {a: [slack://hunter2/hunter2]}}\n",
        "alerts: {channels: {a: {url: {x: 'slack://hunter2'}}}}\n",
    ):
        folders.own_file.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidConfigError) as caught:
            folders.load()
        assert "hunter2" not in str(caught.value)


def test_a_url_that_stands_in_a_file_that_others_may_read_is_warned_about(folders: Folders) -> None:
    folders.own_file.write_text("alerts: {channels: {a: slack://hunter2/x/y, b: 'slack://${TOKEN}'}}\n", encoding="utf-8")
    folders.own_file.chmod(0o644)
    warnings = folders.load().warnings
    assert [warning.what for warning in warnings] == [
        "the URL of the channel 'a' is a secret",
        "others may read this file (mode 644), and it holds a secret",
    ]
    assert "hunter2" not in str(warnings)


def test_a_secret_file_that_does_not_exist_is_told(folders: Folders) -> None:
    folders.own_file.write_text("alerts: {channels: {a: {url_file: none}}}\n", encoding="utf-8")
    (problem,) = missing_files(folders.load())
    assert "of the channel 'a' does not exist" in problem.what


def test_a_url_comes_from_a_file_or_a_command(folders: Folders) -> None:
    (folders.own / "url").write_text("alertmanager+http://a.example\n", encoding="utf-8")
    text = "alerts: {channels: {a: {url_file: url}, b: {url_command: [printf, 'alertmanager+http://b.example']}}}\n"
    folders.own_file.write_text(text, encoding="utf-8")
    channels = open_channels(folders.load().alerts).usable
    assert {name: channel.url.reveal() for name, channel in channels.items()} == {
        "a": "alertmanager+http://a.example",
        "b": "alertmanager+http://b.example",
    }


def test_names_of_channels_that_lead_nowhere_are_warned_about(folders: Folders) -> None:
    folders.own_file.write_text("alerts:\n  default_channels: [slak]\n  heartbeat: {channel: dog}\n", encoding="utf-8")
    assert [(warning.line, warning.what) for warning in folders.book().warnings] == [
        (2, "default_channels names the channel 'slak', which is not configured"),
        (3, "heartbeat names the channel 'dog', which is not configured"),
    ]


def test_a_url_where_the_name_of_a_channel_belongs_is_told_without_its_tokens(folders: Folders) -> None:
    text = (
        "alerts:\n  default_channels: [slack-T0]\n  rules:\n"
        "    - {name: a, condition: query.duration > 5000, channels: ['slack://hunter2/x/y'], escalate: {after: 5m, channels: ['slack://hunter2/z']}}\n"
    )
    folders.own_file.write_text(text, encoding="utf-8")
    book = folders.book()
    told = [*book.warnings, *book.errors]
    assert len([each for each in told if "slack://***" in each.what]) == 2, told
    assert "hunter2" not in str(told)


def test_a_rule_for_a_target_that_is_not_configured_is_warned_about(folders: Folders) -> None:
    rule = "{{name: {0}, condition: pool.usage > 90%, channels: [], targets: {1}}}"
    rules = "".join(f"    - {rule.format(*each)}\n" for each in (("a", "shpo"), ("b", "shop"), ("c", "sh*")))
    targets = "targets:\n  - {name: shop, url: 'sqlite:///srv/shop.db'}\n"
    folders.own_file.write_text(f"alerts:\n  builtin: []\n  rules:\n{rules}{targets}")
    found = [(warning.line, warning.what, warning.hint) for warning in folders.book().warnings if "shpo" in warning.what]
    assert found == [(4, "'a' is for the target 'shpo', which is not configured", "did you mean shop? valid: shop")]
    folders.own_file.write_text(f"alerts:\n  builtin: []\n  rules:\n{rules}")
    assert not [warning for warning in folders.book().warnings if "is for the target" in warning.what]


def test_a_rule_of_which_nobody_is_told_is_warned_about(folders: Folders) -> None:
    channels = "  channels: {hook: {url: 'webhook+http://127.0.0.1:9/x'}}\n"
    rules = "  rules:\n    - {name: high, condition: pool.usage > 90%}\n    - {name: meant, condition: pool.usage > 80%, channels: []}\n"
    folders.own_file.write_text(f"alerts:\n  builtin: []\n{channels}{rules}")
    assert [(warning.line, warning.what) for warning in folders.book().warnings] == [
        (5, "nobody is told of high: no channels are named, and no default_channels")
    ]
    folders.own_file.write_text(f"alerts:\n  builtin: []\n  default_channels: [hook]\n{channels}{rules}")
    assert not folders.book().warnings


def test_targets_are_known_with_their_files_and_a_file_that_is_gone_counts_as_read(folders: Folders) -> None:
    folders.own_file.write_text("targets:\n  - {name: shop, url: 'sqlite:///srv/shop.db'}\n")
    book = folders.source().refresh()
    assert book is not None
    assert book.settings.configured == {"shop": str(folders.own_file)}
    assert {str(folders.own_file), str(folders.project_file)} <= book.settings.files


def test_a_change_of_a_file_makes_a_new_book_and_keeps_what_did_not_change(folders: Folders) -> None:
    rules = folders.own / "rules.yml"
    rules.write_text("rules:\n  - {name: a, condition: pool.usage > 90%}\n  - {name: b, condition: pool.usage > 80%}\n", encoding="utf-8")
    folders.own_file.write_text("alerts: {builtin: [], files: [rules.yml]}\n", encoding="utf-8")
    source = folders.source()
    first = source.refresh()
    assert first is not None
    assert source.refresh() is None
    rules.write_text(
        "# moved\nrules:\n  - {name: a, condition: pool.usage > 90%}\n  - {name: b, condition: pool.usage > 85%}\n", encoding="utf-8"
    )
    second = source.refresh()
    assert second is not None
    assert [new is old for new, old in zip(second.rules, first.rules, strict=True)] == [True, False]
    folders.project_file.write_text("alerts: {rules: [{name: c, condition: pool.usage > 0.7}]}\n", encoding="utf-8")
    third = source.refresh()
    assert third is not None
    assert [rule.name for rule in third.rules] == ["c", "a", "b"]


def test_a_configuration_that_became_wrong_keeps_the_rules_in_force_and_tells(folders: Folders) -> None:
    folders.own_file.write_text("alerts: {builtin: [], rules: [{name: a, condition: pool.usage > 0.9}]}\n", encoding="utf-8")
    source = RuleBookSource(folders.load, [folders.own_file])
    source.refresh()
    folders.own_file.write_text("alerts: {builtin: [], ruls: []}\n", encoding="utf-8")
    book = source.refresh()
    assert book is not None
    assert [rule.name for rule in book.rules] == ["a"]
    assert [fault.what for fault in book.faults] == ["unknown key 'ruls'"]
    folders.own_file.write_text("alerts: {builtin: []}\n", encoding="utf-8")
    mended = source.refresh()
    assert mended is not None
    assert (mended.rules, mended.errors) == ((), ())


def test_validate_lists_what_is_wrong_with_rules(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("alerts:\n  rules:\n    - {name: a, condition: pool.usag > 90%}\n", encoding="utf-8")
    ran = run_here(capsys, "config", "validate", str(path))
    assert ran.code == 78
    assert f"{path}:3:28: there is no metric 'pool.usag'" in ran.out


def test_validate_runs_no_command_of_a_channel(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, ran = tmp_path / "c.yaml", tmp_path / "ran"
    path.write_text(f"alerts: {{channels: {{a: {{url_command: [touch, {ran}]}}}}}}\n", encoding="utf-8")
    assert run_here(capsys, "config", "validate", str(path)).code == 0
    assert not ran.exists()


def test_the_schema_has_every_key_of_a_rule() -> None:
    schema = json.loads(config_schema())
    keys = {field.alias or name for name, field in RuleSpec.model_fields.items()}
    assert set(schema["$defs"]["RuleSpec"]["properties"]) == keys
    assert set(schema["$defs"]["AlertsSpec"]["properties"]["override"]["additionalProperties"]["properties"]) == keys - {"name"}


def test_a_secret_that_could_not_be_had_is_asked_for_again_until_it_is_there(folders: Folders, tmp_path: Path) -> None:
    place, seconds = tmp_path / "url", [0.0]
    folders.own_file.write_text(
        f"alerts:\n  builtin: []\n  channels:\n    vault: {{url_command: [cat, {place}], least_level: critical}}\n    gone: '${{NOBODY}}'\n"
    )
    source = RuleBookSource(folders.load, [folders.own_file], steady=lambda: seconds[0])
    first = source.refresh()
    assert first is not None
    assert (dict(first.settings.lacking), set(first.settings.channels)) == ({"vault": Level.CRITICAL}, set())
    assert first.routes.lacking == first.settings.lacking
    assert source.refresh() is None
    place.write_text("webhook+http://127.0.0.1:1/x")
    assert source.refresh() is None, "not at each look: a command may cost"
    seconds[0] += 31
    again = source.refresh()
    assert again is not None
    assert (dict(again.settings.lacking), set(again.settings.channels)) == ({}, {"vault"})
    place.unlink()
    seconds[0] += 31
    assert source.refresh() is None, "what is known is not asked for again"
