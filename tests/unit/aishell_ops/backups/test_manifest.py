"""Manifests and records: what is written comes back, and nothing else passes for it."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.manifest import SCHEMA, decode, encode, seal_of
from aishell_ops.backups.models import (
    BackupId,
    BackupKind,
    Compression,
    Encryption,
    Format,
    Holder,
    Manifest,
    ObjectProof,
    Part,
    ProofLevel,
    Record,
    RecordKind,
    Source,
    Tool,
)

MANIFEST = Manifest(
    id=BackupId("20261121-020000-k3f9"),
    job="daily",
    source=Source("orders-eu", "postgres", "orders", "postgresql://db1:5432/orders", "16.4", "7312345678901234567"),
    kind=BackupKind.FULL,
    method="pg_dump",
    format=Format.NATIVE,
    started_at=1795226400.25,
    finished_at=1795226460.0,
    compression=Compression.ZSTD,
    parts=(Part("data.dump.zst.age", 1000, 300, "a" * 64, "b" * 64),),
    proof=ProofLevel.FULL,
    objects=(ObjectProof("public.orders", 12, "c0ffee"), ObjectProof('public."Größe"', 0)),
    skipped=(("public.cache", "unlogged"),),
    encryption=Encryption(recipients=("age1xyz",)),
    tools=(Tool("pg_dump", "15.18", ("pg_dump", "-Fc")),),
    start=(("lsn", "0/3000028"), ("timeline", "1")),
)

_names = st.text(max_size=20)
_proofs = st.builds(ObjectProof, _names, st.none() | st.integers(0, 2**63), st.none() | _names)
_manifests = st.builds(
    Manifest,
    id=st.just(BackupId("20261121-020000-k3f9")),
    job=_names,
    source=st.builds(Source, _names, _names, _names, _names, _names, _names),
    kind=st.sampled_from(BackupKind),
    method=_names,
    format=st.sampled_from(Format),
    started_at=st.floats(0, 1e11),
    finished_at=st.floats(0, 1e11),
    compression=st.sampled_from(Compression),
    parts=st.lists(st.builds(Part, _names, st.integers(0), st.integers(0), _names, _names), max_size=3).map(tuple),
    proof=st.sampled_from(ProofLevel),
    objects=st.lists(_proofs, max_size=3).map(tuple),
    annotations=st.lists(st.tuples(_names, _names), max_size=3).map(tuple),
    server_time=st.none() | st.floats(0, 1e11),
)


@given(_manifests)
def test_a_manifest_comes_back_as_it_was(manifest: Manifest) -> None:
    assert decode(Manifest, encode(manifest), "manifest.json") == manifest


def test_records_and_holders_come_back_too() -> None:
    record = Record(RecordKind.VERIFIED, 1.5, "ops", level="deep", seconds=2.0)
    holder = Holder("db1", "b00t", 17, 1795226400.0, "ops")
    assert decode(Record, encode(record), "it") == record
    assert decode(Holder, encode(holder), "it") == holder


def _read(content: bytes) -> Manifest | BackupError:
    try:
        return decode(Manifest, content, "orders/manifest.json")
    except BackupError as error:
        return error


def test_every_flipped_bit_is_found_or_changes_nothing() -> None:
    whole = encode(MANIFEST)
    for place in range(0, len(whole) * 8, 5):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        read = _read(bytes(damaged))
        if isinstance(read, BackupError):
            assert "orders/manifest.json" in read.message
        else:
            assert read == MANIFEST, "white space alone may differ"


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_damage_and_nothing_else(content: bytes) -> None:
    with pytest.raises(DamagedError):
        decode(Manifest, content, "manifest.json")


@given(st.integers(0, 100))
def test_a_cut_manifest_is_damaged(cut: int) -> None:
    with pytest.raises(DamagedError):
        decode(Manifest, encode(MANIFEST)[: -2 - cut], "manifest.json")


def test_a_sealed_document_of_another_kind_is_told_apart() -> None:
    with pytest.raises(DamagedError, match="not a manifest"):
        decode(Manifest, encode(Record(RecordKind.PINNED, 1.0)), "manifest.json")


def test_a_newer_version_is_refused_with_what_to_do() -> None:
    body = json.loads(encode(MANIFEST))
    body["schema"] = SCHEMA + 1
    with pytest.raises(BackupError, match=f"version {SCHEMA + 1}") as caught:
        decode(Manifest, json.dumps(body).encode(), "manifest.json")
    assert not isinstance(caught.value, DamagedError)
    assert "newer" in caught.value.hint


def test_the_seal_is_that_of_the_content() -> None:
    first, second = encode(MANIFEST), encode(dataclasses.replace(MANIFEST, job="weekly"))
    assert seal_of(first) != seal_of(second)
    assert seal_of(first) == seal_of(encode(MANIFEST))
