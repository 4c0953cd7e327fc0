"""Who holds what others wait for, in words, also where no server names him. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aishell_core.values import LockWait, Session

PREPARED = "0"
"""The id that stands for a transaction that was prepared and belongs to no session any more."""
_NAMED_CANDIDATES = 3


def candidates_of(waits: Iterable[LockWait], known: Mapping[str, Session]) -> tuple[Session, ...]:
    """The sessions that could hold what is waited for where no holder is told, the likeliest first."""
    named = dict.fromkeys(name for wait in waits for name in wait.candidates)
    return tuple(known[name] for name in named if name in known)


def holder_text(holder: str, candidates: Sequence[Session] = ()) -> str:
    """An id within a sentence, or who stands behind one that names no session, with those who could be it."""
    unnamed = ", ".join(filter(None, ("a holder that the server does not name", candidates_text(candidates))))
    return {PREPARED: "a prepared transaction", "": unnamed}.get(holder, holder)


def missing_text(holder: str, candidates: Sequence[Session] = ()) -> str:
    """Who stands behind an id that is not among the sessions."""
    if holder == PREPARED:
        return "a prepared transaction, which no session owns"
    if holder:
        return "no longer among the sessions"
    # What is known stands in front: a narrow column cuts off the rest.
    return f"{candidates_text(candidates)}; the server does not tell" if candidates else holder_text(holder)


def candidates_text(candidates: Sequence[Session]) -> str:
    """Who could be a holder that is not named: `probably 7, else 9` where the first has a transaction open; empty for nobody."""
    if not candidates:
        return ""
    names = [one.id for one in candidates[:_NAMED_CANDIDATES]]
    if more := len(candidates) - len(names):
        names.append(f"{more} more")
    if candidates[0].transaction_seconds is None:
        return f"perhaps {_one_of(names)}"
    return f"probably {names[0]}" + (f", else {_one_of(names[1:])}" if names[1:] else "")


def _one_of(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
