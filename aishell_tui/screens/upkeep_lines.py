"""The server's own upkeep in sentences: operations, horizon, ids, checkpoints, archiver, settings. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.catalogue import CATALOGUE
from aishell_core.units import format_bytes, format_count, format_counted, format_duration, format_value
from aishell_core.values import Ability, Failure, HorizonHolder, Part, Progress, Setting, Severity
from aishell_tui.charts import combined_value
from aishell_tui.frame import TargetView
from aishell_tui.progress import Pace, ProgressHistory, share_done
from widgets.format import bar, truncate, wrap
from widgets.glyphs import Glyphs
from widgets.lines import Span, Spans
from widgets.palette import Role, severity_role

_BY_A_WORKER = ("autovacuum", "autoanalyze")
_BAR_CELLS = 20
_MOST_HOLDERS = 8
_MOST_SETTINGS = 12
_LABEL_CELLS = 14
_MANY_FORCED = 5
_WAITING = ("waits for a restart", "wait for a restart")


def _value(view: TargetView, metric: str) -> float | None:
    return combined_value(view.snapshot, metric, "max")


def _raw(view: TargetView, metric: str) -> float | None:
    """The counter itself, since the server began to count."""
    return next((raw for key in view.snapshot.find(metric) if (raw := view.snapshot.raw(key)) is not None), None)


def _figure(view: TargetView, metric: str, text: str = "{}") -> Span:
    value = _value(view, metric)
    severity = view.limits(CATALOGUE[metric]).judge(value) if value is not None else Severity.OK
    role: Role = "bold" if severity is Severity.OK else severity_role(severity)
    return text.format(format_value(value, CATALOGUE[metric].unit)), role


def _line(label: str, *spans: Span) -> Spans:
    return ((f"  {label:<{_LABEL_CELLS}}", "label"), *spans)


def _amount(value: float, unit: str) -> str:
    return format_bytes(value) if unit == "bytes" else format_count(value)


def progress_words(progress: Progress, found: Pace) -> str:
    """How far a phase is, when it ends, and how fast it gets on, as far as each is known."""
    words = []
    if found.eta_seconds is not None:
        words.append(f"phase ends in {format_duration(round(found.eta_seconds))}")
    if progress.done is not None and progress.unit != "%":
        unit = "" if progress.unit == "bytes" else f" {progress.unit}".rstrip()
        of = f" of {_amount(progress.total, progress.unit)}" if progress.total else ""
        words.append(f"{_amount(progress.done, progress.unit)}{of}{unit}")
    if found.per_second is not None:
        per_second = f"{found.per_second:.1f} %" if progress.unit == "%" else _amount(found.per_second, progress.unit)
        words.append(f"{per_second}/s")
    return "   ".join(words)


def operation_lines(progress: Progress, found: Pace, width: int, glyphs: Glyphs) -> tuple[Spans, ...]:
    """One operation: what it is, its bar, and what else is known of it."""
    where = "   ".join(filter(None, (progress.database, f"session {progress.session}")))
    lines: list[Spans] = [(("  ", "text"), (f"{progress.operation} ", "bold"), (progress.object, "text"), (f"   {where}", "dim"))]
    share = share_done(progress)
    spans: list[Span] = [(f"    {progress.phase}  ", "label")]
    if share is not None:
        cells = min(_BAR_CELLS, max(5, width - 60))
        filled = bar(share, cells, glyphs).rstrip()
        spans += [(filled, "bar"), (glyphs.track * (cells - len(filled)), "track"), (f" {share * 100:.0f}%  ", "bold")]
    words = progress_words(progress, found)
    if sum(len(text) for text, _ in spans) + len(words) <= width:
        lines.append((*spans, (words, "text")))
    else:
        # When it ends must not be what is cut off.
        lines += [tuple(spans), ((f"    {words}", "text"),)]
    if progress.details:
        told = "   ".join(f"{name} {value}" for name, value in progress.details)
        lines.append(((f"    {told}", "dim"),))
    return tuple(lines)


def running_lines(view: TargetView, history: ProgressHistory, width: int, glyphs: Glyphs) -> tuple[Spans, ...]:
    """The operations that run now, or why none is shown."""
    if view.progress is None:
        return _why(view, Part.PROGRESS, width)
    found = tuple(line for each in view.progress for line in operation_lines(each, history.pace(each), width, glyphs))
    hidden = _why(view, Part.PROGRESS, width) if view.failure_of(Part.PROGRESS) is not None else ()
    return (*found, *hidden) or ((("  nothing long runs now", "dim"),),)


def _why(view: TargetView, part: Part, width: int) -> tuple[Spans, ...]:
    """Why something is not shown; what would mend it has lines of its own, so that it can be copied as it stands."""
    failure = view.failure_of(part) or view.target_failure
    if failure is None:
        return ((("  reading …", "dim"),),)
    lines = [line for text in (f"n/a: {failure.message}", failure.hint) if text for line in wrap(text, max(20, width - 4))]
    return tuple((("  ", "text"), (line, "unknown")) for line in lines)


def holder_line(holder: HorizonHolder, width: int) -> Spans:
    """One holder of the horizon: what and who it is, how many transactions and how long."""
    age = format_counted(holder.transactions, "transaction")
    since = "" if holder.seconds is None else f", {format_duration(round(holder.seconds))}"
    where = f"   {holder.database}" if holder.database else ""
    text = truncate(" ".join(holder.text.split()), max(10, width - 50))
    return ((f"  {holder.kind} ", "label"), (holder.name, "bold"), (f"   {age}{since}{where}   ", "text"), (text, "dim"))


def horizon_lines(view: TargetView, width: int) -> tuple[Spans, ...]:
    """Who keeps dead rows from being removed, the oldest first."""
    if view.horizon is None:
        return _why(view, Part.HORIZON, width)
    if not view.horizon:
        return ((("  nobody holds the horizon back", "dim"),),)
    shown = sorted(view.horizon, key=lambda each: -each.transactions)
    lines = [holder_line(each, width) for each in shown[:_MOST_HOLDERS]]
    if len(shown) > _MOST_HOLDERS:
        lines.append(((f"  … and {len(shown) - _MOST_HOLDERS} more", "dim"),))
    if view.failure_of(Part.HORIZON) is not None:
        lines += _why(view, Part.HORIZON, width)
    return tuple(lines)


def ids_left(view: TargetView) -> float | None:
    """The transactions that can still begin before the server refuses to write; None where that is not known."""
    usage, age = _value(view, "postgres.wraparound.usage"), _value(view, "postgres.xid.age")
    return None if not usage or age is None else max(0.0, age / usage - age)


def id_lines(view: TargetView, width: int) -> tuple[Spans, ...]:
    """How much of the transaction ids is used, dead rows, and who removes them."""
    lines: list[Spans] = []
    if _value(view, "postgres.wraparound.usage") is not None:
        left = ids_left(view)
        rest = "" if left is None else f"   {format_counted(left, 'transaction is', 'transactions are')} left"
        lines.append(_line("transactions", _figure(view, "postgres.wraparound.usage", "{} of the ids used"), (rest, "text")))
    if _value(view, "postgres.wraparound.multixact.usage") is not None:
        lines.append(_line("multixacts", _figure(view, "postgres.wraparound.multixact.usage", "{} of the ids used")))
    if _value(view, "postgres.dead_rows") is not None:
        workers = _value(view, "postgres.vacuum.workers")
        # Operations are read more often than workers are counted: one that is seen runs.
        seen = len({each.session for each in view.progress or () if each.operation.startswith(_BY_A_WORKER)})
        if workers is not None or seen:
            workers = max(workers or 0.0, float(seen))
        now = "" if workers is None else f"   {format_counted(workers, 'autovacuum worker runs', 'autovacuum workers run')}"
        lines.append(_line("dead rows", _figure(view, "postgres.dead_rows"), (now, "text")))
    else:
        lines += _unknown_line("dead rows", view.failure_of("dead_rows"), width)
    prepared = _value(view, "postgres.prepared_transactions")
    if prepared:
        lines.append(_line("prepared", (format_counted(prepared, "prepared transaction"), "warning"), (" that nobody has ended", "text")))
    return tuple(lines)


def checkpoint_lines(view: TargetView) -> tuple[Spans, ...]:
    """How many checkpoints there were and why, the age of the last, and what writing them takes."""
    timed, forced = _raw(view, "postgres.checkpoints.timed.rate"), _raw(view, "postgres.checkpoints.requested.rate")
    spans: list[Span] = []
    if timed is not None and forced is not None:
        share = f" ({forced / (timed + forced):.0%})" if timed + forced > 0 else ""
        role: Role = "warning" if forced > timed and forced >= _MANY_FORCED else "text"
        spans += [(f"{format_count(timed)} by time, ", "text"), (f"{format_count(forced)} forced{share}", role)]
    if _value(view, "postgres.checkpoint.age") is not None:
        spans += [("   last ", "text"), _figure(view, "postgres.checkpoint.age", "{} ago")]
    if _value(view, "postgres.checkpoint.write.time") is not None:
        spans += [("   wrote for ", "text"), _figure(view, "postgres.checkpoint.write.time")]
    return (_line("checkpoints", *spans),) if spans else ()


def history_lines(view: TargetView) -> tuple[Spans, ...]:
    """Old row versions that wait to be purged, numbers that run out, and the binary logs that are kept."""
    lines: list[Spans] = []
    if _value(view, "mysql.innodb.history") is not None:
        one = _value(view, "mysql.innodb.history") == 1
        words = " transaction waits to be purged" if one else " transactions wait to be purged"
        lines.append(_line("history", _figure(view, "mysql.innodb.history"), (words, "text")))
    if _value(view, "mysql.auto_increment.usage") is not None:
        fullest = _figure(view, "mysql.auto_increment.usage", "{} used")
        lines.append(_line("numbers", fullest, (" of the fullest AUTO_INCREMENT column", "text")))
    files, size = _value(view, "mysql.binlog.files"), _value(view, "mysql.binlog.size")
    if files is not None and size is not None:
        kept = _value(view, "mysql.binlog.retention")
        for_time = "kept for ever" if kept is None else f"kept for {format_duration(kept)}"
        lines.append(_line("binary logs", (f"{format_counted(files, 'file')}, {format_bytes(size)}, {for_time}", "text")))
    return tuple(lines)


def archiver_lines(view: TargetView) -> tuple[Spans, ...]:
    """Whether the log is archived, how old the last success is, what waits and what failed."""
    age, backlog, failing = (_value(view, f"postgres.archive.{name}") for name in ("age", "backlog", "failing"))
    if age is None and backlog is None and failing is None:
        off = next((each for each in view.settings or () if each.name == "archive_mode"), None)
        if off is None and _value(view, "postgres.xid.age") is None:
            return ()  # an engine without an archiver
        return (_line("archiver", (f"off (archive_mode = {off.value})" if off is not None else "does not archive", "dim")),)
    spans: list[Span] = []
    if failing:
        # First, because a narrow terminal cuts off the end.
        words = "the last try failed   " if age is not None else "no try has succeeded   "
        spans.append((words, severity_role(view.limits(CATALOGUE["postgres.archive.failing"]).judge(failing))))
    if age is not None:
        spans += [("last success ", "text"), _figure(view, "postgres.archive.age", "{} ago   ")]
    if backlog is not None:
        spans += [("waiting ", "text"), _figure(view, "postgres.archive.backlog", "{} files   ")]
    total = _raw(view, "postgres.archive.failed.rate")
    if total:
        spans.append((f"{format_counted(total, 'failure')} since the statistics began", "warning" if failing else "dim"))
    return (_line("archiver", *spans),)


def setting_lines(view: TargetView, width: int) -> tuple[Spans, ...]:
    """The settings that wait for a restart, by name; that none does is said only where all of them are seen."""
    failure = view.failure_of(Part.SETTINGS)
    hidden = _unknown_line("settings", failure, width)
    if view.settings is None:
        count = None if hidden else _value(view, "postgres.settings.pending_restart")
        return (_line("settings", (format_counted(count, *_WAITING), "warning")),) if count else hidden or _why(view, Part.SETTINGS, width)
    waiting = [each for each in view.settings if each.pending_restart]
    if not waiting:
        return hidden or (_line("settings", ("none waits for a restart", "dim")),)
    names = ", ".join(_waiting_name(each) for each in waiting[:_MOST_SETTINGS])
    more = f" and {len(waiting) - _MOST_SETTINGS} more" if len(waiting) > _MOST_SETTINGS else ""
    counted = format_counted(len(waiting), *_WAITING)
    # Of what a role may see, the count is a lower bound.
    count_words = f"at least {counted}: " if hidden else f"{counted}: "
    return (_line("settings", (count_words, "warning"), (names + more, "text")), *_unknown_line("", failure, width))


def _unknown_line(label: str, failure: Failure | None, width: int) -> tuple[Spans, ...]:
    """Why a figure of the page is not known, beside its label; what would mend it has lines of its own. Nothing without a failure."""
    if failure is None:
        return ()
    room = max(20, width - _LABEL_CELLS - 3)
    texts = [line for text in (f"n/a: {failure.message}", failure.hint) if text for line in wrap(text, room)]
    return tuple(_line("" if place else label, (text, "unknown")) for place, text in enumerate(texts))


def deadlock_lines(view: TargetView, width: int) -> tuple[Spans, ...]:
    """The last deadlock that the server broke, with the shapes of its statements; nothing where it tells of none."""
    text = dict(view.facts.details).get("last deadlock", "") if view.facts is not None else ""
    return tuple((("  ", "text"), (line, "text")) for line in wrap(text, max(20, width - 4))) if text else ()


def _waiting_name(setting: Setting) -> str:
    """A setting of the server's command line stays as it is there, however often the server is started so."""
    return f"{setting.name} (set on the command line)" if setting.source == "command line" else setting.name


def _section(title: str, lines: Sequence[Spans]) -> tuple[Spans, ...]:
    return (((f" {title}", "title"),), *lines, ()) if lines else ()


def upkeep_lines(view: TargetView, history: ProgressHistory, width: int, glyphs: Glyphs) -> tuple[Spans, ...]:
    """The whole page, section by section."""
    kept = (*id_lines(view, width), *checkpoint_lines(view), *history_lines(view), *archiver_lines(view), *setting_lines(view, width))
    deadlock = deadlock_lines(view, width)
    holders = horizon_lines(view, width) if Ability.HORIZON in view.abilities or view.horizon is not None else ()
    return (
        *_section("running", running_lines(view, history, width, glyphs)),
        *_section("what keeps old row versions from being removed", holders),
        *_section("the last deadlock", deadlock),
        *_section("the server", kept),
    )
