"""Files of rules, of tests and of configuration, as somebody names them: what rules and tests are in them, and what is wrong.

Others call `look_at` with the files that were named, or with none for the configuration in force. Blocking; no secret is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aishell_core.documents.document import Plain, read_document
from aishell_core.documents.problems import InvalidConfigError, Problem
from aishell_tui.config.alert_rules import read_rule_book, rule_files_of
from aishell_tui.config.load import Configuration, load_config
from aishell_tui.config.schema import SECTIONS
from aishell_tui.config.wrong_alerts import alert_errors
from alerts.rule import Maintenance, Rule
from alerts.rules.book import RuleBook
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.files import RuleFiles, find_rule_files, read_rule_files
from alerts.rules.load import load_book
from alerts.rules.sections import ALERTS, Section
from alerts.trials.models import Trial
from alerts.trials.read import TrialFile, read_trial_file, trials_of

_RULE_KEYS = frozenset({"rules", "override", "maintenance", "tests"})
_TEST_KEYS = frozenset({"rule_files", "builtin"})
_CONFIGURATION_KEYS = frozenset({ALERTS, "thresholds", *(name for name, _model in SECTIONS)})


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests with the rules and the maintenance that they are of."""

    trials: tuple[Trial, ...]
    rules: tuple[Rule, ...]
    maintenance: tuple[Maintenance, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in files: rules, tests by the rules that they are of, and all errors and warnings at once."""

    files: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    disabled: int = 0
    channels: int = 0
    suites: tuple[Suite, ...] = ()
    broken: frozenset[str] = frozenset()
    """The names of rules that are wrong."""
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def tests(self) -> int:
        """How many tests there are."""
        return sum(len(suite.trials) for suite in self.suites)


@dataclass(slots=True)
class _Gathered:
    """What comes together while files are read."""

    files: list[str] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    disabled: int = 0
    channels: int = 0
    suites: list[Suite] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def book(self, book: RuleBook) -> None:
        self.rules |= {rule.name: rule for rule in book.rules}
        self.disabled += len(book.disabled)
        self.broken |= {each.name for each in book.broken} - self.rules.keys()
        self.errors += book.errors
        self.warnings += book.warnings

    def suite(self, trials: tuple[Trial, ...], book: RuleBook) -> None:
        if trials:
            self.suites.append(Suite(trials, book.rules, book.settings.maintenance))


def look_at(files: Sequence[Path], chosen: Path | None = None) -> Looked:
    """What is in these files, or else in the configuration in force (`chosen` is one that is read alone); it raises nothing."""
    found = _Gathered()
    rule_files: list[RuleFiles] = []
    if not files:
        _configuration(chosen, found)
    for path in files:
        kind = _kind(path, found)
        if kind is Configuration:
            _configuration(path, found)
        elif kind is TrialFile:
            _trial_file(path, found)
        elif kind is RuleFiles:
            rule_files.append(RuleFiles(path))
    if rule_files:
        _rule_files(rule_files, chosen, found)
    return Looked(
        tuple(dict.fromkeys(found.files)),
        tuple(found.rules.values()),
        found.disabled,
        found.channels,
        tuple(found.suites),
        frozenset(found.broken),
        _in_order(found.errors),
        _in_order(found.warnings),
    )


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Each problem once, file by file as they were read, and from the top of each."""
    files = {problem.source: place for place, problem in reversed(list(enumerate(problems)))}
    return tuple(sorted(dict.fromkeys(problems), key=lambda each: (files[each.source], each.line, each.column)))


def _kind(path: Path, found: _Gathered) -> type | None:
    """What a file is, by the keys in it; None for one that cannot be read, which is told."""
    if path.is_dir():
        return RuleFiles
    try:
        content = read_document(path, only_regular=True, hint="name a file of rules or of tests, or a configuration").content
    except InvalidConfigError as error:
        found.files.append(str(path))
        found.errors += error.problems
        return None
    if not isinstance(content, dict) or content.keys() <= _RULE_KEYS:
        return RuleFiles
    if content.keys() == {ALERTS}:
        return _kind_of_section(content[ALERTS])
    if _TEST_KEYS.isdisjoint(content):
        # One key that a file of rules does not have is told as that, unless it is a configuration's.
        return RuleFiles if _CONFIGURATION_KEYS.isdisjoint(content) else Configuration
    return TrialFile


def _kind_of_section(section: Plain) -> type:
    """What a file is that has nothing but `alerts:`, by the keys below it."""
    keys = section.keys() if isinstance(section, dict) else set[str]()
    if keys and keys <= _RULE_KEYS:
        return RuleFiles
    return TrialFile if "rule_files" in keys else Configuration


def _configuration(path: Path | None, found: _Gathered) -> None:
    try:
        loaded = load_config(path)
    except InvalidConfigError as error:
        found.files += dict.fromkeys(problem.source for problem in error.problems)
        found.errors += error.problems
        found.errors += alert_errors(path)
        return
    book = read_rule_book(loaded, with_secrets=False)
    found.book(book)
    found.channels += len(loaded.alerts.channels)
    own = tuple(Section(document, (ALERTS,)) for document in loaded.alerts.documents)
    named, _lost = find_rule_files(rule_files_of(loaded.alerts))
    found.files += [*map(str, loaded.files), *(str(file.path) for file in named)]
    sections, _broken = read_rule_files(named)
    _tests((*own, *sections), book, found)


def _trial_file(path: Path, found: _Gathered) -> None:
    found.files.append(str(path))
    read = read_trial_file(path)
    found.errors += read.problems
    found.suite(read.trials, read.book)
    found.rules |= {rule.name: rule for rule in read.book.rules}


def _rule_files(files: list[RuleFiles], chosen: Path | None, found: _Gathered) -> None:
    """Files of rules beside the built-in ones, as a configuration would read them."""
    single, lost = find_rule_files(files)
    sections, broken = read_rule_files(single)
    found.files += [str(file.path) for file in single]
    found.errors += [problem for each in (*lost, *broken) for problem in each.problems]
    book = load_book(sections, builtin=BUILTIN_SETS, channels=_known_channels(chosen))
    found.book(book)
    _tests(sections, book, found)


def _known_channels(chosen: Path | None) -> frozenset[str]:
    """The channels of the configuration in force; what is wrong with that is told by whoever asks for it."""
    try:
        return frozenset(load_config(chosen).alerts.channels)
    except InvalidConfigError:
        return frozenset()


def _tests(sections: Sequence[Section], book: RuleBook, found: _Gathered) -> None:
    trials, problems = trials_of(sections, {rule.name: rule for rule in book.rules})
    found.errors += problems
    found.suite(trials, book)
