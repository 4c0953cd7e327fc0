"""Which alerts are a program's to judge, where several programs judge on one state. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Share = tuple[str, str]
"""A target and a rule that somebody judges there although the target is another one's, who does not go by that rule."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The targets of a program, its `shares` in targets of others, and what others judge of its own targets (`apart`)."""

    targets: frozenset[str] = frozenset()
    shares: frozenset[Share] = frozenset()
    apart: frozenset[Share] = frozenset()

    def has(self, target: str, rule: str) -> bool:
        """Whether what a rule says of a target is this program's to judge."""
        if target in self.targets:
            return not self.apart or (target, rule) not in self.apart
        return bool(self.shares) and (target, rule) in self.shares

    def has_gained(self, before: Holding) -> bool:
        """Whether anything is this program's now that was not before."""
        handed_back = {(target, rule) for target, rule in before.apart - self.apart if target in self.targets}
        return bool(self.targets - before.targets or self.shares - before.shares or handed_back)
