"""Every metric, declared once: the help, the docs, the colours and the checks are made from this table.

The engines' modules are taken over by star, so that a metric's name stands where it is declared and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from aishell_core.catalogue.backups import *
from aishell_core.catalogue.common import *
from aishell_core.catalogue.declare import *
from aishell_core.catalogue.declare import DECLARED
from aishell_core.catalogue.host import *
from aishell_core.catalogue.mongodb import *
from aishell_core.catalogue.mysql import *
from aishell_core.catalogue.mysql_upkeep import *
from aishell_core.catalogue.oracle import *
from aishell_core.catalogue.pooler import *
from aishell_core.catalogue.postgres import *
from aishell_core.catalogue.redis import *
from aishell_core.catalogue.sqlite import *
from aishell_core.errors import UsageError
from aishell_core.values import Metric

CATALOGUE: Mapping[str, Metric] = MappingProxyType(DECLARED)


def find_metric(name: str) -> Metric:
    """The metric of this name; raises UsageError with the nearest names."""
    metric = CATALOGUE.get(name)
    if metric is None:
        near = get_close_matches(name, CATALOGUE, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "aishell metrics --catalogue lists all of them"
        raise UsageError(f"there is no metric {name!r}", hint)
    return metric
