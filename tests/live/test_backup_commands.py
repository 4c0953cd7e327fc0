"""The commands of backups on a real database: made, listed, checked, restored, refused and recorded."""

from __future__ import annotations

import getpass
import io
import json
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from aishell_tui.cli.encode import Json
from tests.command_line import Ran, run_here

Capture = pytest.CaptureFixture[str]
ME = getpass.getuser()


class Shop:
    """A configured database, and the commands on it."""

    def __init__(self, folder: Path, home: Path, capsys: Capture) -> None:
        self.path, self.home, self.backups = folder / "shop.db", home, home / "backups"
        self._capsys = capsys
        self.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)", "INSERT INTO orders (note) VALUES ('first'), ('second')")
        self.configure()

    def configure(self, *, role: str = "admin", environment: str = "development", more: str = "") -> None:
        roles = f"roles: [{{role: {role}, users: [{ME}]}}]\n" if role else ""
        target = f"targets: [{{name: shop, url: '{self.path}', environment: {environment}}}]\n"
        (self.home / "config.yaml").write_text(f"{target}{roles}{more}")

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def notes(self, path: Path | None = None) -> list[str]:
        with closing(sqlite3.connect(path or self.path)) as connection:
            return [note for (note,) in connection.execute("SELECT note FROM orders ORDER BY id")]

    def backup(self, *arguments: str | Path) -> Ran:
        return run_here(self._capsys, "backup", *map(str, arguments))

    def create(self, *arguments: str | Path) -> dict[str, Json]:
        ran = self.backup("create", "shop", "--json", *arguments)
        assert ran.code == 0, ran.err
        return _last(ran.out)

    def ids(self, *arguments: str) -> list[str]:
        ran = self.backup("list", "--json", *arguments)
        assert ran.code == 0, ran.err
        rows = ran.json()["backups"]
        assert isinstance(rows, list)
        return [str(row["id"]) for row in rows if isinstance(row, dict)]

    def parts(self) -> list[Path]:
        return sorted(path for path in self.backups.rglob("parts/*"))

    def subjects(self) -> list[tuple[str, str, str]]:
        """What was attempted, the oldest first."""
        rows = run_here(self._capsys, "audit", "show", "--json").json()["attempts"]
        assert isinstance(rows, list)
        found = [row for row in rows if isinstance(row, dict)]
        return [(str(row["subject"]), str(row["decision"]), str(row["result"])) for row in found]


def _last(out: str) -> dict[str, Json]:
    lines = [json.loads(line) for line in out.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return dict(lines[-1])


def _row(made: dict[str, Json]) -> dict[str, Json]:
    row = made["backup"]
    assert isinstance(row, dict)
    return row


@pytest.fixture
def shop(tmp_path: Path, aishell_home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return Shop(tmp_path, aishell_home, capsys)


def test_a_backup_is_made_listed_told_checked_and_restored(shop: Shop) -> None:
    """Every command in the order of a person's day, and the database is as it was saved."""
    row = _row(shop.create("--proof", "full"))
    assert (row["state"], row["target"], row["database"], row["engine"], row["proof"]) == ("verified", "shop", "shop.db", "sqlite", "full")
    id_ = str(row["id"])
    assert shop.ids() == [id_]
    assert id_ in shop.backup("list").out
    info = shop.backup("info", id_, "--json").json()
    assert [(each["name"], each["rows"]) for each in _dicts(info["objects"])] == [("orders", 2)]
    assert shop.backup("verify", id_[:8], "--deep").code == 0

    shop.execute("DELETE FROM orders", "INSERT INTO orders (note) VALUES ('wrong')")
    refused = shop.backup("restore", "latest", "--yes")
    assert (refused.code, shop.notes()) == (77, ["wrong"])
    assert "--drop-existing" in refused.err
    done = shop.backup("restore", "latest", "--drop-existing", "--confirm", "shop")
    assert done.code == 0, done.err
    assert shop.notes() == ["first", "second"]
    assert "1 table compared with what was saved, 1 by their content: the same" in done.out


def _dicts(value: Json) -> Iterable[dict[str, Json]]:
    assert isinstance(value, list)
    return [each for each in value if isinstance(each, dict)]


def test_another_name_leaves_the_database_alone(shop: Shop) -> None:
    shop.create()
    shop.execute("DELETE FROM orders")
    assert shop.backup("restore", "latest", "--target", "before.db", "--yes").code == 0
    assert shop.notes(shop.path.with_name("before.db")) == ["first", "second"]
    assert shop.notes() == []


def test_a_dry_run_says_what_would_be_lost_and_does_nothing(shop: Shop) -> None:
    shop.create()
    before = shop.path.read_bytes()
    ran = shop.backup("restore", "latest", "--drop-existing", "--dry-run")
    assert ran.code == 0
    assert f"LOSES  {shop.path}" in ran.out
    plan = shop.backup("restore", "latest", "--dry-run", "--json")
    assert plan.code == 77
    assert _last_object(plan.out)["obstacles"] == [f"{shop.path} is there; --drop-existing replaces it"]
    assert shop.path.read_bytes() == before
    assert [subject for subject, _, _ in shop.subjects()] == [f"back up shop to {shop.backups}"]


def _last_object(out: str) -> dict[str, Json]:
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_a_flipped_byte_is_found_named_and_never_restored(shop: Shop) -> None:
    """fast does not read the bytes, deep does; afterwards the backup is corrupt and no restore begins from it."""
    shop.create()
    part = shop.parts()[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.chmod(0o600)
    part.write_bytes(content)
    restored = shop.backup("restore", "latest", "--target", "other.db", "--yes")
    assert (restored.code, shop.path.with_name("other.db").exists()) == (65, False)
    assert part.name in restored.err
    assert shop.backup("verify", "latest").code == 0
    deep = shop.backup("verify", "latest", "--deep")
    assert deep.code == 2
    assert part.name in deep.out
    assert _row(shop.backup("info", "latest", "--json").json())["state"] == "corrupt"
    again = shop.backup("restore", "latest", "--target", "other.db", "--yes")
    assert (again.code, "the backup is corrupt" in again.err) == (65, True)


def test_what_says_who_began_a_backup_is_named_when_it_was_changed(shop: Shop) -> None:
    shop.create()
    assert "mind" not in shop.backup("verify", "latest").out
    started = next(shop.backups.rglob("started.json"))
    started.chmod(0o600)
    started.write_bytes(started.read_bytes()[:-5])
    ran = shop.backup("verify", "latest", "--deep")
    assert (ran.code, "is whole in" in ran.out, "started.json is damaged or gone" in ran.out) == (0, True, True)


def test_a_missing_part_is_found_without_reading(shop: Shop) -> None:
    shop.create()
    shop.parts()[0].unlink()
    ran = shop.backup("verify", "latest")
    assert (ran.code, "is missing" in ran.out) == (2, True)


def test_a_manifest_that_was_changed_is_named_by_every_command(shop: Shop) -> None:
    id_ = str(_row(shop.create())["id"])
    manifest = next(shop.backups.rglob("manifest.json"))
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b'"sqlite"', b'"sqlitf"', 1))
    (shop.home / "config.yaml").write_text("targets: []\n")
    listed = shop.backup("list", "-d", "shop")
    assert (listed.code, id_ in listed.err) == (1, True)
    assert shop.backup("prune", "-d", "shop", "--dry-run").code == 0
    shop.configure()
    for command in ("info", "restore"):
        ran = shop.backup(command, id_)
        assert (ran.code, "manifest" in ran.err) == (65, True), ran.err
    looked = shop.backup("verify", id_, "--deep")
    assert (looked.code, "DAMAGED" in looked.out, "manifest.json has been changed" in looked.out) == (2, True, True)
    told = _last(shop.backup("verify", id_, "--json").out)
    assert (told["whole"], told["backup"], "manifest.json has been changed" in str(told["faults"])) == (False, None, True)


@pytest.mark.parametrize("held", [False, True])
def test_a_backup_whose_manifest_was_changed_can_be_deleted_unless_it_is_held(shop: Shop, held: bool) -> None:
    id_, other = (str(_row(shop.create())["id"]) for _ in range(2))
    if held:
        assert shop.backup("hold", id_).code == 0
    manifest = next(shop.backups.rglob(f"{id_}/manifest.json"))
    manifest.chmod(0o600)
    manifest.write_bytes(b"")
    for arguments in (("--dry-run",), ()):
        ran = shop.backup("delete", id_, *arguments)
        assert (ran.code, "manifest.json" in ran.err, manifest.exists()) == (77 if held else 0, not held, True)
        assert ("nobody can be asked" in ran.err) is not (held or arguments == ("--dry-run",))
    shop.configure(role="analyst")
    assert shop.backup("delete", id_, "--force").code == 77
    shop.configure(environment="production")
    assert shop.backup("delete", id_, "--force").code == 77
    assert shop.backup("delete", id_, "--force", "--confirm", "shop").code == (77 if held else 0)
    assert manifest.parent.exists() is held
    assert (other in shop.backup("list").out, held or shop.subjects()[-1][1:] == ("allowed", "done")) == (True, True)


@pytest.mark.parametrize("kind", ["verified", "damaged", "held"])
def test_a_damaged_note_is_named_and_its_backup_stays_usable(shop: Shop, tmp_path: Path, kind: str) -> None:
    """What a note says against the backup, or to keep it, counts by its name; what it says for it does not."""
    id_ = str(_row(shop.create())["id"])
    if kind == "held":
        assert shop.backup("hold", id_).code == 0
    if kind == "damaged":
        part = shop.parts()[0]
        whole = part.read_bytes()
        part.chmod(0o600)
        part.write_bytes(whole[:-1] + b"?")
        assert shop.backup("verify", id_, "--deep").code == 2
        part.write_bytes(whole)
    note = next(shop.backups.rglob(f"*-{kind}.json"))
    changed = note.with_name("changed")
    changed.write_bytes(note.read_bytes().replace(b'"kind"', b'"kinc"'))
    changed.replace(note)

    for _ in range(2):  # read from the storage, and then out of the catalogue
        listed = shop.backup("list", "--json")
        assert (listed.code, [row["id"] for row in _dicts(listed.json()["backups"])]) == (1, [id_])
        assert note.name in str(listed.json()["faults"])
    assert note.name in str(shop.backup("info", id_, "--json").json()["unread"])
    assert note.name in shop.backup("info", id_).out
    assert "1 record unread" in shop.backup("list").out
    row = _row(shop.backup("info", id_, "--json").json())
    assert (row["state"], row["held"]) == {"verified": ("committed", False), "damaged": ("corrupt", False), "held": ("verified", True)}[
        kind
    ]
    if kind == "damaged":
        assert shop.backup("restore", id_, "--target", "other.db", "--yes").code == 65
        assert shop.backup("export", id_, tmp_path / "x.tar").code == 0
    looked = shop.backup("verify", id_, "--deep")
    assert (looked.code, note.name in looked.out) == (0, True)
    for arguments in (("test", id_), ("restore", id_, "--target", "o.db", "--yes"), ("pin", id_)):
        assert shop.backup(*arguments).code == 0
    carried, far = tmp_path / "y.tar", tmp_path / "far"
    assert shop.backup("export", id_, carried, "--include-metadata").code == 0
    assert shop.backup("import", carried, "--output", far).code == 0
    there = shop.backup("list", "--storage", far)
    assert (there.code, id_ in there.out, note.name in there.err) == (1, True, True)
    deleting = ("delete", id_, "--force", "--confirm", "shop")
    if kind == "held":
        assert shop.backup(*deleting).code == 77
        assert shop.backup("release", id_).code == 0
    assert shop.backup(*deleting).code == 0
    assert list(shop.backups.rglob("manifest.json")) == []


@pytest.mark.parametrize("role", ["", "analyst", "operator"])
def test_whoever_may_only_read_saves_and_does_not_restore(shop: Shop, role: str) -> None:
    shop.configure(role=role)
    shop.create()
    ran = shop.backup("restore", "latest", "--target", "other.db", "--yes")
    assert (ran.code, shop.path.with_name("other.db").exists()) == (77, False)
    assert "roles:" in ran.err
    assert [decision for _, decision, _ in shop.subjects()] == ["allowed", "refused"]


def test_a_read_only_target_is_saved_and_not_restored(shop: Shop) -> None:
    assert shop.backup("create", "shop", "--read-only").code == 0
    ran = shop.backup("restore", "latest", "--target", "other.db", "--yes", "--read-only")
    assert (ran.code, "read-only" in ran.err) == (77, True)


def test_production_wants_its_name_and_not_yes(shop: Shop) -> None:
    shop.configure(environment="production")
    shop.create()
    asked = shop.backup("restore", "latest", "--target", "other.db", "--yes")
    assert (asked.code, "--confirm shop" in asked.err) == (77, True)
    wrong = shop.backup("restore", "latest", "--target", "other.db", "--confirm", "shops")
    assert (wrong.code, "is not the name of the target" in wrong.err) == (64, True)
    assert shop.backup("restore", "latest", "--target", "other.db", "--confirm", "shop").code == 0
    assert [decision for _, decision, _ in shop.subjects()] == ["allowed", "declined", "declined", "allowed"]


def test_what_is_encrypted_opens_with_its_key_alone(shop: Shop, tmp_path: Path) -> None:
    """No plain byte lies in the storage; a recipient alone can save, and is told what could not be looked at."""
    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    shop.configure(more=f"backup:\n  encryption: {{recipients: [{key.to_public()}]}}\n")
    made = shop.backup("create", "shop", "--encrypt", "--compression", "none")
    assert made.code == 0, made.err
    assert "no secret key is at hand" in made.out
    assert all(b"first" not in part.read_bytes() for part in shop.parts())
    for name, identity in (("right", key), ("wrong", other)):
        (tmp_path / name).write_text(f"{identity}\n")
    for arguments, words in (((), "no secret key is at hand"), (("--identity", tmp_path / "wrong"), "to none of the keys at hand")):
        preview = shop.backup("restore", "latest", "--target", "other.db", "--dry-run", *arguments)
        assert (preview.code, "NOT POSSIBLE: it is encrypted" in preview.out, words in preview.out) == (77, True, True)
        ran = shop.backup("restore", "latest", "--target", "other.db", "--yes", *arguments)
        assert (ran.code, words in ran.err, shop.path.with_name("other.db").exists()) == (77, True, False)
    looked = shop.backup("verify", "latest", "--deep")
    assert (looked.code, "has all its bytes and was not opened in" in looked.out, "its content was not looked at" in looked.out) == (
        78,
        True,
        True,
    )
    wrong = shop.backup("verify", "latest", "--deep", "--identity", tmp_path / "wrong")
    assert (wrong.code, "other keys than those at hand" in wrong.err) == (78, True)
    assert "is whole in" in shop.backup("verify", "latest", "--deep", "--identity", tmp_path / "right").out
    ran = shop.backup("restore", "latest", "--target", "other.db", "--yes", "--identity", tmp_path / "right")
    assert ran.code == 0, ran.err
    assert shop.notes(shop.path.with_name("other.db")) == ["first", "second"]


def test_a_passphrase_comes_from_the_configuration(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.configure(more="backup:\n  encrypt: true\n  encryption: {passphrase: {env: PHRASE}}\n")
    without = shop.backup("create", "shop")
    assert (without.code, "PHRASE is not set" in without.err) == (78, True)
    monkeypatch.setenv("PHRASE", "correct horse battery")
    row = _row(shop.create())
    assert (row["encrypted"], row["state"]) == (True, "verified")
    monkeypatch.setenv("PHRASE", "another")
    ran = shop.backup("restore", "latest", "--target", "other.db", "--yes")
    assert (ran.code, "does not open this backup" in ran.err) == (78, True)
    monkeypatch.setenv("PHRASE", "correct horse battery")
    assert shop.backup("restore", "latest", "--target", "other.db", "--yes").code == 0


def test_encryption_to_nobody_is_refused_before_anything_is_read(shop: Shop) -> None:
    ran = shop.backup("create", "shop", "--encrypt")
    assert (ran.code, "recipients" in ran.err, shop.backups.exists()) == (78, True, False)


def test_a_copy_goes_to_the_second_storage_and_lives_without_the_first(shop: Shop, tmp_path: Path) -> None:
    shop.configure(more=f"backup: {{cloud: {tmp_path / 'far'}}}\n")
    made = shop.create("--output", tmp_path / "near", "--cloud")
    assert made["copies"] == [str(tmp_path / "far")]
    id_ = str(_row(made)["id"])
    assert shop.ids("--storage", str(tmp_path / "near"), "--storage", str(tmp_path / "far")) == [id_]
    for path in sorted((tmp_path / "near").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert shop.backup("restore", id_, "--target", "other.db", "--yes").code == 0


def test_a_copy_that_fails_is_told_and_the_backup_stays(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "far").write_text("no folder")
    shop.configure(more=f"backup: {{cloud: {tmp_path / 'far'}}}\n")
    ran = shop.backup("create", "shop", "--output", tmp_path / "near", "--cloud")
    assert (ran.code, "far" in ran.err) == (1, True)
    assert len(shop.ids("--storage", str(tmp_path / "near"))) == 1


def test_old_backups_go_by_the_rules_and_never_unverified(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "2")
    first, second = (str(_row(shop.create())["id"]) for _ in range(2))
    third = shop.create()
    assert third["removed"] == [first]
    assert shop.ids() == [str(_row(third)["id"]), second]
    unverified = shop.create("--no-verify")
    assert unverified["removed"] == [second]
    assert str(_row(third)["id"]) in shop.ids()


@pytest.mark.parametrize("variable", ["AI_SHELL_MAX_BACKUPS", "AI_SHELL_RETENTION_DAYS"])
def test_a_variable_that_is_no_number_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "many")
    ran = shop.backup("create", "shop")
    assert (ran.code, variable in ran.err, shop.backups.exists()) == (78, True, False)


@pytest.mark.parametrize("is_mount_point", [False, True])
def test_a_folder_that_is_gone_is_a_fault_and_its_backups_are_not_forgotten(shop: Shop, *, is_mount_point: bool) -> None:
    id_ = str(_row(shop.create())["id"])
    assert shop.ids() == [id_]
    away = shop.backups.rename(shop.backups.with_name("away"))
    if is_mount_point:
        shop.backups.mkdir()
    for _ in range(2):
        ran = shop.backup("list")
        assert (ran.code, "is gone or empty, and 1 backup" in " ".join(ran.err.split())) == (1, True)
    assert shop.backup("verify", "latest").code == 74
    refused = shop.backup("create", "shop")
    assert (refused.code, "--new-storage" in refused.err) == (74, True), refused.err
    planned = shop.backup("create", "shop", "--dry-run")
    assert (planned.code, planned.out, planned.err) == (74, "", refused.err)
    assert shop.backup("create", "shop", "--dry-run", "--new-storage").code == 0
    assert shop.backup("prune").code == 74
    assert list(shop.backups.glob("*")) == []
    assert shop.backups.exists() is is_mount_point
    if is_mount_point:
        shop.backups.rmdir()
    away.rename(shop.backups)
    assert shop.ids("verified") == [id_]


def test_a_new_storage_is_made_by_an_explicit_act_alone(shop: Shop) -> None:
    shop.create()
    shop.backups.rename(shop.backups.with_name("away"))
    assert shop.backup("create", "shop").code == 74
    made = shop.backup("create", "shop", "--new-storage")
    assert (made.code, "what was known there is forgotten, 1 backup" in made.err) == (0, True), made.err
    assert len(shop.ids("verified")) == 1
    again = shop.backup("create", "shop", "--new-storage")
    assert (again.code, "forgotten" in again.err, len(shop.ids("verified"))) == (0, False, 2)


def test_a_dry_run_says_that_a_copy_would_not_be_made(shop: Shop, tmp_path: Path) -> None:
    config, far = shop.home / "config.yaml", tmp_path / "far"
    config.write_text(f"{config.read_text()}backup: {{cloud: {far}}}\n")
    both = ("create", "shop", "--output", shop.backups, "--cloud")
    assert shop.backup(*both).code == 0
    far.rename(tmp_path / "away")
    planned = shop.backup(*both, "--dry-run")
    assert (planned.code, "mind: no copy would be made: the folder" in planned.out) == (0, True), planned.out
    made = shop.backup(*both)
    assert (made.code, f"the folder {far} is gone or empty" in made.err, far.exists()) == (1, True, False), made.err


def test_a_storage_that_nobody_knows_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.create()
    ran = shop.backup("list", "--storage", str(tmp_path / "mistyped"))
    assert (ran.code, "there is no folder" in ran.err, str(shop.backups) in ran.err) == (64, True, True), ran.err
    (tmp_path / "bare").mkdir()
    ran = shop.backup("list", "--storage", str(tmp_path / "bare"), "--json")
    assert (ran.code, json.loads(ran.out)["backups"], "bare holds no backup" in ran.err) == (0, [], True), ran.err
    assert "holds no backup" not in shop.backup("list", "--storage", str(shop.backups)).err


def test_what_is_imported_into_a_folder_that_is_gone_needs_the_same_act(shop: Shop, tmp_path: Path) -> None:
    shop.create()
    assert shop.backup("export", "latest", str(tmp_path / "one.tar")).code == 0
    shop.backups.rename(shop.backups.with_name("away"))
    refused = shop.backup("import", str(tmp_path / "one.tar"))
    assert (refused.code, "aishell backup import --new-storage" in " ".join(refused.err.split())) == (74, True), refused.err
    assert not shop.backups.exists()
    taken = shop.backup("import", str(tmp_path / "one.tar"), "--new-storage")
    assert (taken.code, "what was known there is forgotten, 1 backup" in taken.err) == (0, True), taken.err
    assert len(shop.ids()) == 1


def test_a_storage_is_not_begun_anew_by_what_writes_nothing_there(shop: Shop, tmp_path: Path) -> None:
    shop.create()
    shop.backups.rename(shop.backups.with_name("away"))
    assert shop.backup("import", str(tmp_path / "mistyped.tar"), "--new-storage").code == 64
    shop.path.rename(tmp_path / "gone.db")
    assert shop.backup("create", "shop", "--new-storage").code == 69
    (tmp_path / "gone.db").rename(shop.path)
    refused = shop.backup("create", "shop")
    assert (refused.code, "1 backup was known in it" in refused.err, shop.backups.exists()) == (74, True, False), refused.err
    assert shop.backup("create", "shop", "--new-storage").code == 0
    assert (len(shop.ids("verified")), shop.backup("create", "shop").code) == (1, 0)


def test_a_database_that_cannot_be_read_is_no_backup_by_its_code_and_no_next_try_is_promised(shop: Shop) -> None:
    config = shop.home / "config.yaml"
    config.write_text(config.read_text().replace("targets: [", "targets: [{name: far, url: 'postgresql://keeper@127.0.0.1:1/far'}, "))
    ran = shop.backup("create", "far")
    assert (ran.code, "next try" in ran.err, "no backup was made" in ran.err) == (69, False, True), ran.err
    both = shop.backup("create", "far", "shop")
    assert (both.code, "next try" in both.err, len(shop.ids("--storage", str(shop.backups), "shop"))) == (69, False, 1), both.err


def test_a_sudden_shrinking_keeps_what_is_old(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "1")
    shop.execute("INSERT INTO orders (note) VALUES (hex(randomblob(100000)))")
    shop.create()
    shop.execute("DELETE FROM orders")
    shop.execute("VACUUM")
    made = shop.create()
    assert made["removed"] == []
    assert "nothing is removed before somebody has looked" in str(made["kept_because"])


def test_the_stop_after_a_shrinking_lasts_until_it_is_accepted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "2")
    shop.execute("INSERT INTO orders (note) VALUES (hex(randomblob(100000)))")
    large = [str(_row(shop.create())["id"]) for _ in range(2)]
    shop.execute("DELETE FROM orders")
    shop.execute("VACUUM")
    small = str(_row(shop.create())["id"])
    for options in (("--no-verify",), (), ()):
        made = shop.create(*options)
        assert (made["removed"], f"aishell backup accept {small}" in str(made["kept_because"])) == ([], True)
    assert {*large, small} < set(shop.ids())
    listed, told = shop.backup("list"), json.loads(shop.backup("list", "--json").out)
    assert (listed.code, f"aishell backup accept {small}" in " ".join(listed.err.split())) == (0, True)
    assert [small in words for words in told["stopped"]] == [True]
    assert "nothing is removed" in json.loads(shop.backup("info", small, "--json").out)["stopped"]
    assert f"aishell backup accept {small}" in " ".join(shop.backup("status", small).out.split())

    accepted = shop.backup("accept", small, "--note", "archived on purpose")
    assert (accepted.code, accepted.out) == (0, f"{small} is accepted\n")
    assert json.loads(shop.backup("list", "--json").out)["stopped"] == []
    assert shop.subjects()[-1] == (f"accepted backup {small}", "allowed", "done")
    removed = shop.create()["removed"]
    assert isinstance(removed, list)
    assert all(id_ in removed for id_ in large)


def test_a_job_of_the_configuration_says_how(shop: Shop, tmp_path: Path) -> None:
    job = f"backups:\n  - {{name: nightly, databases: [shop], compression: gzip, storage: {tmp_path / 'night'}, retention: {{last: 1}}}}\n"
    shop.configure(more=job)
    first = shop.backup("create", "--name", "nightly")
    assert first.code == 0, first.err
    second = _last(shop.backup("create", "--name", "nightly", "--json").out)
    row = _row(second)
    assert (row["job"], row["compression"]) == ("nightly", "gzip")
    assert len(list(second["removed"] if isinstance(second["removed"], list) else ())) == 1
    assert shop.ids() == [row["id"]]


def test_a_job_that_wants_increments_is_refused_and_makes_no_full_backup(shop: Shop) -> None:
    shop.configure(more="backups:\n  - {name: hourly, databases: [shop], incremental: true}\n")
    for arguments in (("create", "--name", "hourly"), ("create", "shop", "--name", "hourly", "--dry-run")):
        ran = shop.backup(*arguments)
        assert (ran.code, "incremental backups cannot be made" in ran.err) == (64, True)
    assert shop.backup("list").out == ""
    assert shop.backup("prune", "--dry-run").code == 0


def test_a_checkout_does_not_say_where_all_data_goes(shop: Shop, tmp_path: Path) -> None:
    """backup: is refused in a file of the working folder, and a job of the same name does not take the place of one's own."""
    shop.configure(more=f"backups: [{{name: nightly, storage: {tmp_path / 'mine'}}}]\n")
    (tmp_path / ".ai-shell").mkdir()
    theirs = tmp_path / ".ai-shell" / "backup.yml"
    theirs.write_text(f"backup: {{storage: {tmp_path / 'theirs'}}}\n")
    ran = shop.backup("create", "shop")
    assert (ran.code, "may not say how all backups are made" in ran.err) == (78, True)
    theirs.write_text(f"backups: [{{name: nightly, storage: {tmp_path / 'theirs'}}}]\n")
    assert shop.backup("create", "shop", "--name", "nightly").code == 0
    assert (tmp_path / "mine").exists()
    assert not (tmp_path / "theirs").exists()


def test_a_storage_that_cannot_be_read_hides_no_other(shop: Shop, tmp_path: Path) -> None:
    id_ = str(_row(shop.create())["id"])
    (tmp_path / "broken").write_text("no folder")
    ran = shop.backup("list", "--json", "--storage", shop.backups, "--storage", tmp_path / "broken")
    assert ran.code == 1
    report = ran.json()
    assert [each["id"] for each in _dicts(report["backups"])] == [id_]
    assert "broken" in str(report["faults"])


def test_lists_are_filtered_sorted_limited_and_printed_as_csv(shop: Shop, tmp_path: Path) -> None:
    first = str(_row(shop.create("--name", "one"))["id"])
    second = str(_row(shop.create("--name", "two", "--compression", "none"))["id"])
    assert shop.ids("one") == [first]
    assert shop.ids("--order", "asc") == [first, second]
    assert shop.ids("--sort", "stored", "--limit", "1") == [second]
    assert shop.ids("-d", "shop") == [second, first]
    assert shop.ids("--before", "1h") == shop.ids("--after", "2999-01-01") == []
    assert shop.ids("--last", "1h") == shop.ids("--after", "today") == [second, first]
    lines = shop.backup("list", "--output", "csv").out.splitlines()
    assert lines[0].startswith("id,target,database,engine,kind,format,state,started_at,finished_at,size_bytes,stored_bytes,sha256")
    assert [line.partition(",")[0] for line in lines[1:]] == [second, first]
    assert ["false" in line.split(",") and "False" not in line for line in lines[1:]] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "shop", "--compression", "zsdt"), "did you mean zstd?"),
        (("create", "shop", "--format", "xml"), "valid: native, sql, json, csv"),
        (("create", "shopp"), "did you mean shop?"),
        (("create", "shop", "--incremental"), "incremental backups cannot be made"),
        (("list", "--sort", "colour"), "valid: time"),
        (("list", "--after", "someday"), "is no moment"),
        (("list", "--storage", "s4://bucket"), "did you mean s3://?"),
        (("list", "-d", "shpo"), "did you mean shop?"),
        (("list", "-d", "shop.db"), "a database of that name is saved of shop"),
        (("prune", "-d", "shpo"), "did you mean shop?"),
        (("prune", "-d", "shop.db", "--dry-run"), "a database of that name is saved of shop"),
        (("info", "20991231"), "there is no backup 20991231"),
        (("restore", "latest", "--time", "2026-11-21"), "keeps no logs"),
        (("restore", "latest", "--database", "shopp"), "did you mean shop?"),
    ],
)
def test_wrong_words_are_named_with_the_nearest_right_one(shop: Shop, arguments: tuple[str, ...], words: str) -> None:
    shop.create()
    ran = shop.backup(*arguments)
    assert ran.code == 64, ran.err
    assert words in ran.err


def test_steps_are_lines_of_json(shop: Shop) -> None:
    lines = [json.loads(line) for line in shop.backup("create", "shop", "--json").out.splitlines()]
    assert [line["stage"] for line in lines[:-1]][:3] == ["planning", "saving", "proving"]
    assert set(lines[0]) == {"stage", "part", "size_bytes", "stored_bytes", "expected_bytes", "elapsed_seconds"}


def test_every_act_on_a_backup_is_in_the_audit_log(shop: Shop) -> None:
    id_ = str(_row(shop.create())["id"])
    shop.backup("verify", id_)
    shop.backup("restore", id_, "--target", "other.db", "--yes")
    assert shop.subjects() == [
        (f"back up shop to {shop.backups}", "allowed", "done"),
        (f"verify backup {id_}", "allowed", "done"),
        (f"restore backup {id_} into {shop.path.with_name('other.db')}", "allowed", "done"),
    ]


def test_a_script_is_told_what_would_be_deleted_and_force_deletes(shop: Shop) -> None:
    """Nobody can be asked here, so nothing is done before --force; what is held is never deleted."""
    id_ = str(_row(shop.create())["id"])
    told = shop.backup("delete", id_)
    assert (told.code, shop.ids()) == (0, [id_])
    assert "the only backup of this database that can be restored" in told.err
    shown = shop.backup("delete", id_, "--dry-run", "--json").json()
    assert (shown["ids"], shown["dry_run"], shop.ids()) == ([id_], True, [id_])
    assert shop.backup("hold", id_, "--note", "case 4711").code == 0
    held = shop.backup("delete", id_, "--force")
    assert (held.code, "it is held" in held.err, shop.ids()) == (77, True, [id_])
    assert shop.backup("release", id_).code == 0
    assert shop.backup("delete", id_, "--force", "--json").json()["ids"] == [id_]
    assert shop.ids() == []
    assert not [path for path in shop.backups.rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_production_is_not_deleted_by_force_alone(shop: Shop) -> None:
    shop.configure(environment="production")
    id_ = str(_row(shop.create())["id"])
    assert shop.backup("delete", id_, "--force").code == 77
    assert shop.ids() == [id_]
    assert shop.backup("delete", id_, "--force", "--confirm", "shop").code == 0
    assert shop.ids() == []


def test_whoever_only_reads_deletes_nothing_and_prunes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (str(_row(shop.create())["id"]) for _ in range(2))
    shop.configure(role="operator")
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "1")
    assert shop.backup("delete", first, "--force").code == 77
    assert shop.backup("prune").code == 77
    assert shop.backup("unpin", first).code == 77
    assert shop.backup("pin", first).code == 0
    assert shop.ids() == [second, first]


def test_a_copy_in_a_cloud_stays_unless_it_is_meant(shop: Shop, tmp_path: Path) -> None:
    """Here a folder stands for the second storage, and is no cloud: both copies of a backup go."""
    shop.configure(more=f"backup: {{cloud: {tmp_path / 'far'}}}\n")
    id_ = str(_row(shop.create("--output", tmp_path / "near", "--cloud"))["id"])
    both = ("--storage", tmp_path / "near", "--storage", tmp_path / "far")
    deleted = shop.backup("delete", id_, "--force", "--json", *both).json()
    assert deleted["dry_run"] is False
    assert deleted["storages"] == [str(tmp_path / "near"), str(tmp_path / "far")]


def test_prune_says_of_each_why_it_stays_and_does_what_it_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (str(_row(shop.create())["id"]) for _ in range(3))
    assert shop.backup("pin", first, "--for", "90d").code == 0
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "1")
    planned = shop.backup("prune", "--dry-run", "--json").json()
    rows = {str(row["id"]): row for row in _dicts(planned["backups"])}
    assert [id_ for id_, row in rows.items() if row["goes"]] == [second]
    assert "pinned" in str(rows[first]["reasons"])
    assert "the last good one" in str(rows[third]["reasons"])
    assert shop.ids() == [third, second, first]
    assert shop.backup("prune").code == 0
    assert shop.ids() == [third, first]


def test_a_backup_whose_bytes_are_wrong_is_not_good_again_by_its_sizes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = (str(_row(shop.create())["id"]) for _ in range(2))
    (part,) = [path for path in shop.parts() if bad in str(path)]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.chmod(0o600)
    part.write_bytes(content)
    assert shop.backup("verify", bad, "--deep").code == 2
    fast = shop.backup("verify", bad)
    assert (fast.code, "is DAMAGED" in fast.out, "known from a deeper look" in fast.out) == (2, True, True), fast.out
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "1")
    assert shop.backup("prune").code == 0
    assert shop.ids() == [good]


def test_a_name_is_that_of_a_target_and_never_of_another_ones_database(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two targets whose databases are called the same; one of them has the other's database as its name."""
    other = tmp_path / "elsewhere" / "shop.db"
    other.parent.mkdir()
    other.write_bytes(shop.path.read_bytes())
    targets = f"targets: [{{name: shop.db, url: '{shop.path}'}}, {{name: far, url: '{other}'}}, {{name: new, url: '{tmp_path}/new.db'}}]\n"
    (shop.home / "config.yaml").write_text(f"{targets}roles: [{{role: admin, users: [{ME}]}}]\n")
    ids = {name: [str(_row(_last(shop.backup("create", name, "--json").out))["id"]) for _ in range(2)] for name in ("shop.db", "far")}
    assert sorted(shop.ids("-d", "shop.db")) == sorted(ids["shop.db"])
    assert shop.ids("-d", "new") == []
    monkeypatch.setenv("AI_SHELL_MAX_BACKUPS", "1")
    assert shop.backup("prune", "-d", "shop.db").code == 0
    assert sorted(shop.ids()) == sorted([ids["shop.db"][1], *ids["far"]])


def test_a_pin_ends_by_itself_and_by_hand(shop: Shop) -> None:
    id_ = str(_row(shop.create())["id"])
    pinned = shop.backup("pin", id_, "--for", "90d", "--json").json()
    assert _row(pinned)["pinned"] is True
    assert _row(shop.backup("unpin", id_, "--json").json())["pinned"] is False


def test_a_test_restore_proves_it_and_leaves_nothing(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is restored into a place of its own, compared, and the time is kept; the place is gone afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    id_ = str(_row(shop.create("--proof", "full"))["id"])
    shop.execute("DELETE FROM orders")
    tested = _last(shop.backup("test", id_, "--validate-data", "--json").out)
    assert (tested["compared"], tested["hashed"]) == (1, 1)
    row = _row(tested)
    assert row["state"] == "tested"
    assert isinstance(row["restore_seconds"], float)
    assert list(scratch.iterdir()) == []
    assert shop.notes() == []
    assert "takes about" in shop.backup("restore", id_, "--target", "other.db", "--dry-run").out


def test_a_verification_tests_too_where_that_is_wanted(shop: Shop) -> None:
    id_ = str(_row(shop.create())["id"])
    ran = shop.backup("verify", id_, "--deep", "--test", "--json")
    checked, tested = (json.loads(line) for line in ran.out.splitlines() if '"stage"' not in line)
    assert (ran.code, checked["whole"], checked["depth"], tested["compared"]) == (0, True, "deep", 1)
    assert _row(shop.backup("info", id_, "--json").json())["state"] == "tested"
    shop.parts()[0].unlink()
    ran = shop.backup("verify", id_, "--test")
    assert (ran.code, "is missing" in ran.out, "restores" in ran.out) == (2, True, False)


def test_a_test_restore_of_a_damaged_backup_makes_it_corrupt(shop: Shop) -> None:
    shop.create()
    part = shop.parts()[0]
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.chmod(0o600)
    part.write_bytes(content)
    ran = shop.backup("test", "latest")
    assert (ran.code, part.name in ran.err) == (65, True)
    assert _row(shop.backup("info", "latest", "--json").json())["state"] == "corrupt"


def test_a_test_that_lacks_its_key_says_nothing_about_the_backup(shop: Shop) -> None:
    key = pyrage.x25519.Identity.generate()
    shop.configure(more=f"backup:\n  encryption: {{recipients: [{key.to_public()}]}}\n")
    assert shop.backup("create", "shop", "--encrypt").code == 0
    assert shop.backup("test", "latest").code == 78
    report = shop.backup("info", "latest", "--json").json()
    assert _row(report)["state"] == "verified"
    assert [each["kind"] for each in _dicts(report["events"])] == ["verified"]


def test_nothing_to_compare_is_no_validation(shop: Shop) -> None:
    shop.create("--proof", "none")
    assert "nothing could be compared" in shop.backup("test", "latest").out
    assert shop.backup("test", "latest", "--validate-data").code == 64


@pytest.mark.parametrize("options", [(), ("--compress",), ("--encrypt",), ("--compress", "--encrypt", "--include-metadata")])
def test_a_backup_is_carried_elsewhere_and_restored_there(shop: Shop, tmp_path: Path, options: tuple[str, ...]) -> None:
    """As one file; in another storage, as a backup of another target, it is checked and restored."""
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"{key}\n")
    keys = f"backup:\n  encryption: {{recipients: [{key.to_public()}], identities: [{{file: {tmp_path / 'key.txt'}}}]}}\n"
    shop.configure(more=keys)
    id_ = str(_row(shop.create("--proof", "full"))["id"])
    exported = _last(shop.backup("export", id_, tmp_path, "--json", *options).out)
    file = Path(str(exported["path"]))
    assert file.stat().st_mode & 0o777 == 0o600
    assert (b"sqlite" in file.read_bytes()) == (not options)
    assert not list(tmp_path.glob(".*.new"))

    far = tmp_path / "far"
    taken = shop.backup("import", file, "--output", far, "-d", "shop2", "--verify")
    assert taken.code == 0, taken.err
    rows = _dicts(shop.backup("list", "--json", "--storage", far).json()["backups"])
    assert [(row["id"], row["target"], row["state"]) for row in rows] == [(id_, "shop2", "verified")]
    restored = shop.backup("restore", id_, "--storage", far, "-d", "shop", "--target", "other.db", "--yes")
    assert restored.code == 0, restored.err
    assert shop.notes(shop.path.with_name("other.db")) == ["first", "second"]
    again = shop.backup("import", file, "--output", far, "-d", "shop2")
    assert (again.code, "already" in again.err) == (70, True)


def test_the_usual_tar_opens_what_was_exported(shop: Shop, tmp_path: Path) -> None:
    id_ = str(_row(shop.create())["id"])
    assert shop.backup("export", id_, tmp_path / "app.tar").code == 0
    done = subprocess.run(["tar", "-xf", tmp_path / "app.tar", "-C", tmp_path], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "To restore it without aishell" in (tmp_path / id_ / "RECOVERY.txt").read_text()
    taken = shop.backup("import", tmp_path / id_, "--output", tmp_path / "far", "--verify")
    assert taken.code == 0, taken.err


def test_what_was_damaged_on_its_way_is_not_taken_in(shop: Shop, tmp_path: Path) -> None:
    """A flipped byte anywhere: in the manifest, in a part or in the archive's own words; nothing of it is kept."""
    id_ = str(_row(shop.create("--compression", "none"))["id"])
    file = tmp_path / "app.tar"
    assert shop.backup("export", id_, file).code == 0
    whole = file.read_bytes()
    for place in (10, 600, len(whole) // 2, len(whole) - 3000):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        taken = shop.backup("import", file, "--output", tmp_path / "far")
        assert taken.code in {64, 65}, (place, taken.out, taken.err)
        assert not [path for path in (tmp_path / "far").rglob("*") if path.is_file() and not path.name.startswith(".")]
    file.write_bytes(whole[: len(whole) // 2])
    assert shop.backup("import", file, "--output", tmp_path / "far").code in {64, 65}


def test_what_is_no_backup_is_not_taken_in(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        about = tarfile.TarInfo("x/../../../etc/cron.d/evil")
        about.size = 4
        archive.addfile(about, io.BytesIO(b"evil"))
    for name in ("text", "evil.tar", "nothing"):
        ran = shop.backup("import", tmp_path / name)
        assert ran.code in {64, 65}, ran.err
    assert not shop.backups.exists() or shop.ids() == []


def test_an_export_never_takes_the_place_of_a_file(shop: Shop, tmp_path: Path) -> None:
    shop.create()
    (tmp_path / "mine").write_text("mine")
    ran = shop.backup("export", "latest", tmp_path / "mine")
    assert (ran.code, (tmp_path / "mine").read_text()) == (64, "mine")
