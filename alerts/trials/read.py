"""From files to tests of rules that can be run, or to everything that is wrong with them at its place.

Others call `read_trial_file` for a file that holds tests or rules with tests, and `trials_of` for documents already read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from aishell_core.documents.document import Document, KeyPath, Plain, read_document
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import InvalidConfigError, Problem, nearest
from aishell_core.documents.spec import KeysAt, keys_by_pattern, keys_of, problems_of
from alerts.rule import Rule
from alerts.rules.book import RuleBook
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.files import RuleFiles, find_rule_files, read_rule_files
from alerts.rules.load import load_book
from alerts.rules.sections import ALERTS, RULES, Section
from alerts.trials.build import build_trial
from alerts.trials.models import Trial
from alerts.trials.spec import AlertSpec, CheckSpec, TargetSpec, TrialFileSpec, TrialSpec

TESTS = "tests"
_MODELS = (
    ((), TrialSpec),
    (("targets", "*"), TargetSpec),
    (("checks", "*"), CheckSpec),
    (("checks", "*", "alerts", "*"), AlertSpec),
)
_HINTS: Mapping[str | int, str] = {
    TESTS: "write - series: and checks: below it",
    "checks": "write - {at: 5m, alerts: critical}",
    "series": 'write {pool.usage: "50%x5 95%x20"}',
    "alerts": "write critical, none, or a list of {target: NAME, level: critical}",
}


@dataclass(frozen=True, slots=True)
class TrialFile:
    """A file with tests: the rules that they are of, the tests that can be run, and all that is wrong."""

    source: str
    book: RuleBook = field(default_factory=RuleBook)
    trials: tuple[Trial, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_trial_file(path: Path) -> TrialFile:
    """The tests in a file, and the rules that it holds or names; it raises nothing. Blocking."""
    try:
        document = read_document(path, only_regular=True, hint=_HINTS[TESTS])
    except InvalidConfigError as error:
        return TrialFile(str(path), problems=error.problems)
    content, at = _section(document)
    if not isinstance(content, dict):
        problem = document.problem(at, f"a file of tests has keys, but {kind_of(content)} was found", "write tests: in the first line")
        return TrialFile(str(path), problems=(problem,))
    spec, problems = _file_spec(document, at, content)
    if spec is None:
        return TrialFile(str(path), problems=problems)
    return trial_file(document, at, _named(document, at, spec, path), spec.builtin)


def _section(document: Document) -> tuple[Plain, KeyPath]:
    content = document.content
    if isinstance(content, dict) and isinstance(inner := content.get(ALERTS), dict):
        return inner, (ALERTS,)
    return content, ()


def _file_spec(document: Document, at: KeyPath, content: Mapping[str, Plain]) -> tuple[TrialFileSpec | None, tuple[Problem, ...]]:
    # Below `alerts:` of a configuration there are many keys more, which are checked as such.
    known = {key: content[key] for key in keys_of(TrialFileSpec) if key in content} if at else dict(content)
    if at:
        known.pop("builtin", None)
    try:
        return TrialFileSpec.model_validate(known), ()
    except ValidationError as error:
        details = error.errors(include_url=False)
        valid = keys_of(TrialFileSpec)
        keys_at: KeysAt = lambda path: () if path else valid  # noqa: E731 - handed on at once
        return None, tuple(problem for each in details for problem in problems_of(document, each, keys_at, {}, (*at, *each["loc"])))


def _named(document: Document, at: KeyPath, spec: TrialFileSpec, path: Path) -> tuple[RuleFiles, ...]:
    span = document.span((*at, "rule_files"))
    return tuple(RuleFiles(path.parent / name, document.source, span.line if span else 0) for name in spec.rule_files)


def trial_file(document: Document, at: KeyPath = (), rule_files: Iterable[RuleFiles] = (), builtin: Sequence[str] = ()) -> TrialFile:
    """The tests of a document whose keys stand at a path, with the rules of other files and built-in sets. Blocking."""
    problems = [
        document.problem((*at, "builtin"), f"there is no set of built-in rules {name!r}", nearest(name, BUILTIN_SETS))
        for name in builtin
        if name not in BUILTIN_SETS
    ]
    found, lost = find_rule_files(rule_files)
    sections, broken = read_rule_files(found)
    book = load_book([*sections, Section(document, at)], builtin=builtin)
    problems += [problem for each in (*lost, *broken, *book.broken) for problem in each.problems]
    trials, wrong = trials_of([Section(document, at)], {rule.name: rule for rule in book.rules})
    return TrialFile(document.source, book, trials, (*problems, *wrong))


def trials_of(sections: Iterable[Section], rules: Mapping[str, Rule]) -> tuple[tuple[Trial, ...], tuple[Problem, ...]]:
    """All tests of these sections, those inside of rules included, and everything that is wrong with tests."""
    trials: list[Trial] = []
    problems: list[Problem] = []
    for section in sections:
        for path, content, owner in _entries(section):
            read = _read_trial(section.document, path, content, owner, rules)
            if isinstance(read, Trial):
                trials.append(read)
            else:
                problems += read
    return tuple(trials), tuple(problems)


def _entries(section: Section) -> Iterator[tuple[KeyPath, Plain, str]]:
    """Each test with its path, and the name of the rule that it stands in."""
    yield from _listed((*section.path, TESTS), section.part(TESTS), "")
    rules = section.part(RULES)
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            name = rule.get("name")
            yield from _listed((*section.path, RULES, number, TESTS), rule.get(TESTS), name if isinstance(name, str) else "")


def _listed(path: KeyPath, tests: Plain, owner: str) -> Iterator[tuple[KeyPath, Plain, str]]:
    if isinstance(tests, list):
        yield from (((*path, number), content, owner) for number, content in enumerate(tests))
    elif tests is not None:
        yield path, tests, owner


def _read_trial(document: Document, path: KeyPath, content: Plain, owner: str, rules: Mapping[str, Rule]) -> Trial | tuple[Problem, ...]:
    if not isinstance(content, dict):
        what = f"a test is a set of keys, but {kind_of(content)} was found"
        return (document.problem(path, what, _HINTS[TESTS]),)
    try:
        spec = TrialSpec.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return tuple(problem for each in details for problem in _problems(document, path, tuple(each["loc"]), each))
    if owner and owner not in rules:
        return ()  # the rule is broken or switched off; the former is told already
    return build_trial(document, path, spec, owner, rules)


def _problems(document: Document, path: KeyPath, inside: KeyPath, detail: ErrorDetails) -> tuple[Problem, ...]:
    return problems_of(document, detail, _keys_at, _HINTS, (*path, *_written(document, path, inside)))


def _keys_at(path: KeyPath) -> tuple[str, ...]:
    return keys_by_pattern(path, _MODELS)


def _written(document: Document, above: KeyPath, inside: KeyPath) -> KeyPath:
    """The path as it stands in the file, where a word may stand instead of a list of one."""
    path: KeyPath = ()
    for step in inside:
        if step == 0 and (*above, *path, 0) not in document.values:
            continue
        path = (*path, step)
    return path
