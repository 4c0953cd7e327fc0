"""How people name a storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.errors import ConfigError
from aishell_ops.backups.storage.address import StorageAddress, StorageKind, parse_storage


def test_a_path_is_a_folder(tmp_path: Path) -> None:
    assert parse_storage("backups", tmp_path).path == tmp_path / "backups"
    assert parse_storage("file:///var/some%20backups").path == Path("/var/some backups")
    assert parse_storage("~/backups").path == Path.home() / "backups"


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("s3://bucket/a/b/", StorageKind.S3, "s3://bucket/a/b"),
        ("gcs://bucket", StorageKind.GCS, "gs://bucket"),
        ("azure://container/x%20y", StorageKind.AZURE, "az://container/x%20y"),
    ],
)
def test_a_url_is_a_bucket(text: str, kind: StorageKind, shown: str) -> None:
    address = parse_storage(text)
    assert (address.kind, str(address)) == (kind, shown)
    assert parse_storage(str(address)) == address


def test_options_stand_behind_the_question_mark() -> None:
    address = parse_storage("s3://bucket/a?region=eu-central-1&endpoint=https://minio:9000")
    assert address == StorageAddress(
        StorageKind.S3, bucket="bucket", prefix="a", options=(("region", "eu-central-1"), ("endpoint", "https://minio:9000"))
    )
    assert "minio" not in str(address)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("s4://bucket", "s4:// is no storage", "did you mean s3"),
        ("ftp://host/x", "ftp:// is no storage", "s3://, az://, gs://"),
        ("s3://", "wants the name of a bucket", "s3://BUCKET/FOLDER"),
        ("s3://bucket?regin=x", "regin is no option of s3://", "did you mean region?"),
        ("s3://bucket?secret_access_key=hunter2", "secret_access_key is a secret", "by reference"),
        ("s3://key:hunter2@bucket/x", "and no user", "s3://BUCKET"),
        ("", "the folder for backups is empty", "name a folder"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_near_and_without_a_secret(text: str, words: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_storage(text)
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint
