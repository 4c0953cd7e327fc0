"""What PgBouncer's refusals mean: it gives nearly all of them the same SQLSTATE, so that they are told apart by their words."""

from __future__ import annotations

import re
from collections.abc import Mapping

SAME_FOR_ALL = "08P01"
"""The SQLSTATE of nearly everything that PgBouncer says itself, and of what it passes on of a server's refusal to let it in."""

_PASSWORD = "28P01"  # noqa: S105 - a code of the server's
_UNKNOWN_USER = "pooler user"
_SERVER_LOGIN = "pooler login"
_FULL = "pooler full"
_MEANINGS: Mapping[str, str] = {
    # Where the pooler trusts everybody, only a user that it does not know is refused.
    r'^"(trust|any)" authentication failed|^no such user': _UNKNOWN_USER,
    r"^server login has been failing|^server login failed|^pgbouncer cannot connect to server|^cannot connect to server": _SERVER_LOGIN,
    r"^(sasl|password|auth\w*|login) .*(failed|rejected)|^auth failed|^empty password|^login rejected|authentication failed": _PASSWORD,
    r"^no more connections allowed|^client_login_timeout|^query_wait_timeout": _FULL,
    r"^no such database|^database .* does not exist": "3D000",
    r"^role .* (does not exist|is not permitted to log in)|^no pg_hba.conf entry|^pg_hba.conf rejects": "28000",
    r"^permission denied for database": "42501",
    r"^too many connections for|^sorry, too many clients|^remaining connection slots": "53300",
    r"^the database system is": "57P03",
}


def meaning_of(sqlstate: str, message: str) -> str:
    """The SQLSTATE that a server would have given, or one of the pooler's own kinds; the same SQLSTATE for any other message."""
    if sqlstate != SAME_FOR_ALL:
        return sqlstate
    words = re.sub(r"^(FATAL|ERROR):\s*", "", message.strip()).lower()
    return next((meaning for pattern, meaning in _MEANINGS.items() if re.search(pattern, words)), sqlstate)
