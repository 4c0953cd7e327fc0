"""The frozen values that cross a room's border."""

from __future__ import annotations

from aishell_core.values.activity import *
from aishell_core.values.data import *
from aishell_core.values.metrics import *
from aishell_core.values.reading import *
from aishell_core.values.storage import *
