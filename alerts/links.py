"""Whom targets replicate from: known while they say it, and kept while they cannot, because their primary is down. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aishell_core.state.codec import storable
from aishell_core.values import TargetId
from alerts.models import Traits


class Links:
    """What is known of who follows whom."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._changed: dict[str, str | None] = {}

    def changes(self) -> Mapping[str, str | None]:
        """What has changed since this was last asked, None for a link that is gone; names as they are stored."""
        found, self._changed = self._changed, {}
        return found

    def recall(self, kept: Mapping[str, str]) -> None:
        """What was known before this program began; what it knows itself stands above that."""
        self._known = {**kept, **self._known}

    def fill(self, traits: Mapping[TargetId, Traits]) -> dict[TargetId, Traits]:
        """The traits with what was known last of those who cannot tell whom they follow."""
        names = {storable(target): target for target in traits}
        return {target: self._filled(own, names) for target, own in traits.items()}

    def _filled(self, own: Traits, names: Mapping[str, TargetId]) -> Traits:
        name = storable(own.target)
        if own.upstream is None and not own.is_upstream_known:
            upstream = names.get(self._known.get(name, ""))
            return own if upstream is None or upstream == own.target else replace(own, upstream=upstream)
        told = None if own.upstream is None else storable(own.upstream)
        if self._known.get(name) != told:
            self._changed[name] = told
            if told is None:
                del self._known[name]
            else:
                self._known[name] = told
        return own
