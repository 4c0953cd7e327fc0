"""The last deadlock, from the text of SHOW ENGINE INNODB STATUS. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aishell_core.engines.statement_text import Dialect, normalise, readable

_SECTION = re.compile(r"^LATEST DETECTED DEADLOCK\n-+\n(?P<body>.*?)(?:^-{4,}$|\Z)", re.MULTILINE | re.DOTALL)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_PARTY = re.compile(
    r"^\*\*\* \((\d+)\) TRANSACTION:\n(?P<body>.*?)(?=^\*\*\* \(\d+\) TRANSACTION:|^\*\*\* WE ROLL BACK|\Z)", re.MULTILINE | re.DOTALL
)
_THREAD = re.compile(r"^(?:MySQL|MariaDB) thread id (\d+)[^\n]*\n(?P<text>.*?)(?=^\*\*\* |\Z)", re.MULTILINE | re.DOTALL)
_WANTED = re.compile(
    r"WAITING FOR THIS LOCK TO BE GRANTED:\n(?:RECORD LOCKS [^\n]*? index (?P<index>\S+)|TABLE LOCK) (?:of )?table (?P<table>`.+?`\.`.+?`)"
)
_CLIENT = re.compile(r"query id \d+ (?P<words>[^\n]*)")
_ADDRESS = re.compile(r"[0-9a-fA-F:.%]*[:.][0-9a-fA-F:.%]+$")
_VICTIM = re.compile(r"^\*\*\* WE ROLL BACK TRANSACTION \((\d+)\)", re.MULTILINE)
_MOST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Party:
    """One transaction of a deadlock: its session and user, the shape of its statement, and what it waited for."""

    session: str
    statement: str
    wanted: str
    rolled_back: bool
    user: str = ""
    table: str = ""

    @property
    def who(self) -> str:
        """The session with its user."""
        return f"session {self.session or 'unknown'}" + (f" ({self.user})" if self.user else "")


@dataclass(frozen=True, slots=True)
class Deadlock:
    """A deadlock that the server broke; `moment` is in the server's own time, as it writes it."""

    moment: str
    parties: tuple[Party, ...]

    @property
    def summary(self) -> str:
        """Who waited for whom about which tables, on one line without statements."""
        who = " and ".join(each.who for each in self.parties)
        tables = ", ".join(dict.fromkeys(each.table for each in self.parties if each.table))
        victim = next((f"; session {each.session} was rolled back" for each in self.parties if each.rolled_back), "")
        return f"{self.moment}: {who}" + (f" about {tables}" if tables else "") + victim

    @property
    def text(self) -> str:
        """The deadlock on one line, with the shapes of the statements."""
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
    table = place = wanted["table"].replace("`", "") if wanted else ""
    if wanted and wanted["index"] not in {None, "PRIMARY"}:
        place += f" by {wanted['index']}"
    statement = normalise(readable(thread["text"].strip()), Dialect.MYSQL) if thread else ""
    return Party(thread[1] if thread else "", statement[:_MOST_TEXT], place, number == victim, _user(body), table)


def _user(body: str) -> str:
    """The user behind "query id 7": there stand the client's name, its address or both, the user and the state of its thread."""
    client = _CLIENT.search(body)
    words = readable(client["words"]).split() if client else []
    if len(words) > 1 and _ADDRESS.match(words[1]) and not _ADDRESS.match(words[0]):
        words.pop(0)
    return words[1] if len(words) > 1 else ""


def _told(party: Party) -> str:
    waited = f" waited for {party.wanted}" if party.wanted else ""
    ended = ", was rolled back" if party.rolled_back else ""
    return f"session {party.session or 'unknown'}{waited}{ended}: {party.statement or 'statement unknown'}"
