"""The last deadlock, from the text of SHOW ENGINE INNODB STATUS. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aishell_core.engines.statement_text import normalise, readable

_SECTION = re.compile(r"^LATEST DETECTED DEADLOCK\n-+\n(?P<body>.*?)(?:^-{4,}$|\Z)", re.MULTILINE | re.DOTALL)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_PARTY = re.compile(
    r"^\*\*\* \((\d+)\) TRANSACTION:\n(?P<body>.*?)(?=^\*\*\* \(\d+\) TRANSACTION:|^\*\*\* WE ROLL BACK|\Z)", re.MULTILINE | re.DOTALL
)
_THREAD = re.compile(r"^(?:MySQL|MariaDB) thread id (\d+)[^\n]*\n(?P<text>.*?)(?=^\*\*\* |\Z)", re.MULTILINE | re.DOTALL)
_WANTED = re.compile(
    r"WAITING FOR THIS LOCK TO BE GRANTED:\n(?:RECORD LOCKS [^\n]*? index (?P<index>\S+)|TABLE LOCK) (?:of )?table (?P<table>`.+?`\.`.+?`)"
)
_VICTIM = re.compile(r"^\*\*\* WE ROLL BACK TRANSACTION \((\d+)\)", re.MULTILINE)
_MOST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Party:
    """One transaction of a deadlock: its session, the shape of its statement, and what it waited for."""

    session: str
    statement: str
    wanted: str
    rolled_back: bool


@dataclass(frozen=True, slots=True)
class Deadlock:
    """A deadlock that the server broke; `moment` is in the server's own time, as it writes it."""

    moment: str
    parties: tuple[Party, ...]

    @property
    def text(self) -> str:
        """The deadlock on one line."""
        return f"{self.moment}: " + "; ".join(_told(party) for party in self.parties)


def last_deadlock(status: str) -> Deadlock | None:
    """The deadlock that the status tells of; None where there is none or it is cut off before its first transaction."""
    section = _SECTION.search(status)
    if section is None:
        return None
    body = section["body"]
    moment, victim = _MOMENT.search(body), _VICTIM.search(body)
    parties = tuple(_party(found[1], found["body"], victim[1] if victim else "") for found in _PARTY.finditer(body))
    return Deadlock(moment[1] if moment else "", parties) if parties else None


def _party(number: str, body: str, victim: str) -> Party:
    thread, wanted = _THREAD.search(body), _WANTED.search(body)
    place = wanted["table"].replace("`", "") if wanted else ""
    if wanted and wanted["index"] not in {None, "PRIMARY"}:
        place += f" by {wanted['index']}"
    statement = normalise(readable(thread["text"].strip())) if thread else ""
    return Party(thread[1] if thread else "", statement[:_MOST_TEXT], place, number == victim)


def _told(party: Party) -> str:
    waited = f" waited for {party.wanted}" if party.wanted else ""
    ended = ", was rolled back" if party.rolled_back else ""
    return f"session {party.session or 'unknown'}{waited}{ended}: {party.statement or 'statement unknown'}"
