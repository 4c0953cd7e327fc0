"""Whether what was restored is what was saved; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_ops.backups.models import ObjectProof


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that is not as it was saved, in words."""

    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.name} {self.words}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and what differs. `counted` and `hashed` are numbers of objects."""

    counted: int = 0
    hashed: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def is_proof(self) -> bool:
        """Whether anything was compared and nothing differs."""
        return self.counted > 0 and not self.differences


def compare(saved: Iterable[ObjectProof], restored: Iterable[ObjectProof], tables: tuple[str, ...] = ()) -> Comparison:
    """Compare by name, of some tables alone where they are named. What the manifest does not know is no difference in a part."""
    expected = {proof.name: proof for proof in saved if not tables or proof.name in tables}
    found = {proof.name: proof for proof in restored if not tables or proof.name in tables}
    differences: list[Difference] = []
    counted = hashed = 0
    for name, proof in expected.items():
        other = found.get(name)
        if other is None:
            differences.append(Difference(name, "is missing"))
            continue
        counted += proof.rows is not None
        hashed += proof.content_hash is not None
        if words := _words(proof, other):
            differences.append(Difference(name, words))
    if expected:
        differences += [Difference(name, "was not in the backup") for name in found if name not in expected]
    return Comparison(counted, hashed, tuple(differences))


def _words(saved: ObjectProof, restored: ObjectProof) -> str:
    """How they differ; "" where they do not, as far as both are known. What was saved and cannot be told of the restored differs."""
    if saved.rows is not None and saved.rows != restored.rows:
        return f"has {'an unknown number of' if restored.rows is None else restored.rows} rows, and {saved.rows} were saved"
    if saved.content_hash is not None and saved.content_hash != restored.content_hash:
        return "has as many rows as were saved, and not the same content"
    if saved.definition_hash is not None and restored.definition_hash is not None and saved.definition_hash != restored.definition_hash:
        return "has the content that was saved, and another definition"
    return ""
