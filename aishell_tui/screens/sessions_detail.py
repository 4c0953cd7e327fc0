"""One session in sentences: who it is, since when it does what, what it waits for, and what its end would change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aishell_core.lock_holders import PREPARED, candidates_of, candidates_text
from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_core.values import LockWait, Session
from aishell_tui.lock_tree import Freed, freed_by, waiting_behind, waiting_for
from aishell_tui.lock_words import short_mode
from aishell_tui.session_list import is_active, is_background, is_idle_in_transaction
from aishell_tui.text import moment_text
from widgets.format import cell_width, clean, wrap
from widgets.lines import Span, Spans

_NAMED_HOLDERS = 2
_TEXT_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else was read with a session: all others by id, the lock waits, and when (epoch seconds)."""

    sessions: Mapping[str, Session]
    lock_waits: tuple[LockWait, ...]
    at: float
    now: float

    def since(self, seconds: float | None) -> str:
        """The moment so many seconds before the reading, for people."""
        return "" if seconds is None else moment_text(self.at - seconds, self.now)


def detail_lines(session: Session, around: Surroundings, width: int, rows: int, *, gone: bool = False) -> tuple[Spans, ...]:
    """The session in `rows` lines of `width` cells: sentences first, then as much of the statement as there is room for."""
    lines: list[Spans] = [identity_line(session, around, width, gone=gone)]
    for text in (*state_sentences(session, around), *lock_sentences(session, around)):
        lines += [((f" {line}", "text"),) for line in wrap(text, width - 2)]
    text = session.text or (f"last statement: {why}" if (why := dict(session.details).get("last statement")) else "")
    return (*lines, *statement_lines(text, width, rows - len(lines)))[:rows]


def identity_line(session: Session, around: Surroundings, width: int, *, gone: bool) -> Spans:
    """Who it is, as far as whole words go into `width` cells."""
    spans: list[Span] = [(f" {session.id}", "bold"), (f"  {session.user or 'unknown user'}@{session.client or 'local'}", "text")]
    if gone:
        spans.insert(1, (" has ended", "warning"))
    named = (
        ("", session.database),
        ("app ", session.application),
        ("", session.kind),
        ("works for ", session.leader),
        ("connected since ", "" if session.started_at is None else moment_text(session.started_at, around.now)),
        ("cpu ", "" if session.cpu_ratio is None else f"{session.cpu_ratio * 100:.0f}%"),
        ("mem ", "" if session.memory_bytes is None else format_bytes(session.memory_bytes)),
    )
    used = sum(cell_width(clean(text)) for text, _ in spans)
    for label, text in named:
        words = f"  {label}{text}"
        used += cell_width(clean(words)) if text else 0
        if text and used <= width:
            spans.append((words, "label"))
    return tuple(spans)


def state_sentences(session: Session, around: Surroundings) -> tuple[str, ...]:
    """Since when it is in a transaction and in its state."""
    parts = []
    if session.transaction_seconds is not None:
        parts.append(f"in transaction since {_span(session.transaction_seconds, around)}")
    if is_active(session) and session.statement_seconds is not None:
        parts.append(f"statement since {_span(session.statement_seconds, around)}")
    elif session.state_seconds is not None:
        word = "idle" if is_idle_in_transaction(session) else session.state or "so"
        parts.append(f"{word} since {_span(session.state_seconds, around)}")
    elif session.state:
        parts.append(session.state)
    if session.state == "idle in transaction (aborted)":
        parts.append("a statement failed, so it can only roll back")
    return (", ".join(parts),) if parts else ()


def lock_sentences(session: Session, around: Surroundings) -> tuple[str, ...]:
    """What it waits for and behind whom, and what ending it would change."""
    sentences = []
    waits = waiting_for(around.lock_waits, session.id)
    if waits:
        sentences.append(wait_sentence(waits, around))
    elif session.wait and is_active(session):
        sentences.append(f"waits for {session.wait_class}:{session.wait}" if session.wait_class else f"waits for {session.wait}")
    effect = end_sentence(session, around)
    return (*sentences, effect) if effect else tuple(sentences)


def wait_sentence(waits: Sequence[LockWait], around: Surroundings) -> str:
    """For which lock it has waited how long, and behind whom."""
    owning = [wait for wait in waits if wait.held_mode] or list(waits)
    first = owning[0]
    longest = max((wait.wait_seconds for wait in waits if wait.wait_seconds is not None), default=None)
    waited = "" if longest is None else f" {format_duration(longest)}"
    holders = list(dict.fromkeys(wait.holder for wait in owning))
    candidates = candidates_of(owning, around.sessions)
    named = ", ".join(holder_words(holder, around.sessions, candidates) for holder in holders[:_NAMED_HOLDERS])
    more = f" and {len(holders) - _NAMED_HOLDERS} more" if len(holders) > _NAMED_HOLDERS else ""
    return f"waits{waited} for {first.object} {short_mode(first.mode)}".rstrip() + f", behind {named}{more}"


def holder_words(holder: str, sessions: Mapping[str, Session], candidates: Sequence[Session] = ()) -> str:
    """A holder by its id and what is known of it, or those who could be one that is not named."""
    if holder == PREPARED:
        return "a prepared transaction"
    if not holder:
        return ", ".join(filter(None, ("a holder that is not named", candidates_text(candidates))))
    session = sessions.get(holder)
    if session is None:
        return f"{holder} (no longer among the sessions)"
    return f"{holder} ({', '.join(word for word in (session.user, session.state) if word)})"


def end_sentence(session: Session, around: Surroundings) -> str:
    """What its end would change; empty where nobody waits behind it and nothing is lost."""
    freed = freed_by(around.lock_waits, session.id)
    if not freed.sessions and not freed.still_waiting:
        return ""
    if not freed.sessions:
        parts = ["Ending it alone frees nobody"]
    else:
        inferred = all(wait.inferred for wait in waiting_behind(around.lock_waits, session.id))
        parts = [f"Ending it {'perhaps ' if inferred else ''}frees {format_counted(freed.sessions, 'session')}"]
    if freed.still_waiting:
        parts.append(f"{_more(freed)} behind it {'waits' if freed.still_waiting == 1 else 'wait'} for others too")
    if session.transaction_seconds is not None and not is_background(session):
        parts.append(f"its own work since {around.since(session.transaction_seconds)} is rolled back")
    return "; ".join(parts) + "."


def statement_lines(text: str, width: int, rows: int) -> tuple[Spans, ...]:
    """The statement in at most so many lines; the last one says when there is more."""
    if rows <= 0 or not text.strip():
        return ()
    lines = wrap(clean(" ".join(text[:_TEXT_CHARACTERS].split())), max(4, width - 5))
    if len(lines) > rows:
        lines = [*lines[: rows - 1], f"{lines[rows - 1]}…"]
    return tuple((("   ", "text"), (line, "text")) for line in lines)


def session_fields(session: Session, around: Surroundings) -> tuple[tuple[str, str], ...]:
    """Everything that is known of a session, as names and words; what is not known is left out."""
    rate = ("read_bytes_per_second", "write_bytes_per_second")
    fields: list[tuple[str, str]] = [
        ("id", session.id),
        ("user", session.user),
        ("client", session.client or "local"),
        ("application", session.application),
        ("database", session.database),
        ("kind", session.kind),
        ("works for", session.leader),
        ("state", session.state),
        ("waits for", ":".join(filter(None, (session.wait_class, session.wait)))),
        ("connected since", "" if session.started_at is None else moment_text(session.started_at, around.now)),
        ("transaction since", _span(session.transaction_seconds, around)),
        ("statement since", _span(session.statement_seconds, around)),
        ("state since", _span(session.state_seconds, around)),
        ("digest", session.digest),
        ("cpu", "" if session.cpu_ratio is None else f"{session.cpu_ratio * 100:.1f}% of a core"),
        ("memory", "" if session.memory_bytes is None else format_bytes(session.memory_bytes)),
    ]
    for name in rate:
        value = getattr(session, name)
        fields.append((name.split("_", 1)[0] + "s", "" if value is None else f"{format_bytes(value)}/s"))
    return tuple(each for each in (*fields, *session.details) if each[1])


def lock_lines(waits: Iterable[LockWait], around: Surroundings, *, holders: bool) -> tuple[Spans, ...]:
    """One line for each edge of the lock graph: the other session, the lock, for how long."""
    lines: list[Spans] = []
    for wait in waits:
        other = wait.holder if holders else wait.waiter
        session = around.sessions.get(other)
        waited = "" if wait.wait_seconds is None else f"  {format_duration(wait.wait_seconds)}"
        mode = short_mode(wait.mode) + (f", held {short_mode(wait.held_mode)}" if wait.held_mode else "")
        text = " ".join(session.text[:200].split()) if session is not None else ""
        words: Spans = (
            (f" {holder_words(other, around.sessions, candidates_of((wait,), around.sessions))}", "bold"),
            (waited, "warning"),
            (f"  {wait.object} {mode}", "text"),
            (f"  {text}", "dim"),
        )
        lines.append(words)
    return tuple(lines)


def _span(seconds: float | None, around: Surroundings) -> str:
    return "" if seconds is None else f"{around.since(seconds)} ({format_duration(max(0.0, seconds))})"


def _more(freed: Freed) -> str:
    return f"{freed.still_waiting} more" if freed.sessions else f"the {freed.still_waiting}"
