"""The grants that would mend what cannot be read."""

from __future__ import annotations

import re

from aishell_core.engines.oracle_errors import quoted

_VIEW = re.compile(r"\b(?:FROM|JOIN)\s+(g?v\$\w+|dba_\w+)", re.IGNORECASE)
_MOST = 3


def catalogue_grant(user: str) -> str:
    """The grant that lets a user read all that aishell asks for."""
    return f"GRANT SELECT_CATALOG_ROLE TO {quoted(user)};"


def grants_for(sql: str, user: str) -> str:
    """The grants of the very views that a statement reads, the least that it needs.

    The name v$… is a synonym: what is granted is the view V_$… of SYS. Many views are granted at once by a role.
    """
    views = list(dict.fromkeys(_underlying(name) for name in _VIEW.findall(sql)))
    if not views or len(views) > _MOST:
        return catalogue_grant(user)
    return " ".join(f"GRANT SELECT ON SYS.{view} TO {quoted(user)};" for view in views)


def _underlying(name: str) -> str:
    return re.sub(r"^(G?)V\$", r"\1V_$", name.upper())
