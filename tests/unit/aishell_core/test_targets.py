"""URLs of targets, and secrets that stay secret."""

from pathlib import Path

import pytest

from aishell_core.errors import ConfigError
from aishell_core.targets import ENGINES, Environment, Location, Secret, Target, default_name, parse_location
from aishell_core.values import TargetId


def test_a_server_url_is_taken_apart() -> None:
    found = parse_location("postgresql://ops%40eu:s3cret@db.example:6432/orders?sslmode=require")
    assert (found.engine, found.host, found.port, found.database, found.user) == ("postgres", "db.example", 6432, "orders", "ops@eu")
    assert found.option("sslmode") == "require"
    assert found.password is not None
    assert found.password.reveal() == "s3cret"


@pytest.mark.parametrize(
    ("url", "servers", "redacted", "name"),
    [
        ("postgresql://u:s3cret@a:1,b,[::1]:3/x", (("a", 1), ("b", 0), ("::1", 3)), "postgres://u@a:1,b,[::1]:3/x", "x@a:1,b,::1:3"),
        ("postgresql:///x?host=/run/pg&port=7&password=s3cret&user=u", (("/run/pg", 7),), "postgres://u@%2Frun%2Fpg:7/x", "x"),
        ("postgresql://%2Frun%2Fpg/x", (("/run/pg", 0),), "postgres://%2Frun%2Fpg/x", "x"),
        ("postgresql:///x", (), "postgres:///x", "x"),
        ("postgresql://", (), "postgres:///", "postgres"),
        ("postgresql:///?service=shop", (), "postgres:///?service=shop", "shop"),
        ("postgresql://a,b/?dbname=x&port=1,2", (("a", 1), ("b", 2)), "postgres://a:1,b:2/x", "x@a:1,b:2"),
        ("postgres://h:1/x?sslpassword=s3cret", (("h", 1),), "postgres://h:1/x", "x@h:1"),
    ],
)
def test_a_url_of_postgres_may_name_several_servers_a_socket_or_none(
    url: str, servers: tuple[tuple[str, int], ...], redacted: str, name: str
) -> None:
    location = parse_location(url)
    assert location.servers == servers
    assert location.redacted() == redacted
    assert default_name(location) == name
    assert "s3cret" not in repr(location) + redacted


def test_a_redacted_url_leads_to_the_same_place() -> None:
    for url in (
        "postgresql://u@a:1,b,[::1]:3/x",
        "postgresql:///x?host=/run/pg&port=7",
        "postgresql:///?service=shop",
        "postgresql://",
        "redis+unix:///run/redis.sock?db=2",
        "redis://h:6379/3",
    ):
        location = parse_location(url)
        assert parse_location(location.redacted()) == location


@pytest.mark.parametrize(
    "url", ["postgresql://a,b/x?port=1,2,3", "postgresql://h:99999/x", "postgresql://h/x?port=-1", "postgresql://a b/x"]
)
def test_a_server_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="malformed"):
        parse_location(url)


@pytest.mark.parametrize(("url", "port"), [("redis://h", 6379), ("mongodb://h", 27017), ("oracle://h/x", 1521)])
def test_each_engine_has_its_usual_port(url: str, port: int) -> None:
    assert parse_location(url).port == port


def test_an_absolute_sqlite_url_wins_over_the_relative_reading(tmp_path: Path) -> None:
    (tmp_path / "app.db").touch()
    assert parse_location(f"sqlite://{tmp_path}/app.db").path == tmp_path / "app.db"
    assert parse_location(f"sqlite:///{tmp_path}/app.db").path == tmp_path / "app.db"


def test_a_sqlite_url_may_be_relative_where_only_that_exists(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "app.db").touch()
    assert parse_location("sqlite:///data/app.db", tmp_path).path == tmp_path / "data" / "app.db"


def test_spaces_in_a_path_may_be_escaped(tmp_path: Path) -> None:
    (tmp_path / "my app.db").touch()
    assert parse_location(f"sqlite://{tmp_path}/my%20app.db").path == tmp_path / "my app.db"


def test_a_plain_file_is_a_database_too(tmp_path: Path) -> None:
    (tmp_path / "anything").touch()
    assert parse_location(str(tmp_path / "anything")).engine == "sqlite"
    assert parse_location("not-there-yet.db", tmp_path).path == tmp_path / "not-there-yet.db"


@pytest.mark.parametrize("name", ["loop.db", "a\0b.db", "x" * 300 + ".db", "file/app.db", "~nobody-of-this-name/app.db"])
def test_a_path_that_cannot_be_looked_at_is_a_location_all_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop.db").symlink_to("loop.db")
    (tmp_path / "file").touch()
    assert parse_location(name, tmp_path).path == tmp_path / name
    assert parse_location(f"sqlite://{tmp_path}/{name}").path == tmp_path / name


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("postgrsql://h/x", "unknown URL scheme 'postgrsql'", "did you mean postgresql://?"),
        ("sqlite://", "names no file", "sqlite:///path/to/app.db"),
        ("postgresql://h:port/x", "host or port is malformed", "scheme://host:port/name"),
        ("postgresql://[::1/x", "host or port is malformed", "scheme://host:port/name"),
        ("nothing", "neither a URL nor a database file", "sqlite:///path/to/app.db"),
    ],
)
def test_a_bad_url_says_what_is_wrong_and_what_to_write(url: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_location(url)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_password_shows_nowhere() -> None:
    location = parse_location("postgresql://u:s3cret@h/x")
    target = Target(TargetId("x"), location, Environment.PRODUCTION)
    for text in (repr(location), str(location), repr(target), location.redacted(), f"{location.password}", repr([location.password])):
        assert "s3cret" not in text
    assert location.redacted() == "postgres://u@h/x"


@pytest.mark.parametrize("url", ["foo://u:s3cret@h/x", "postgresql://u:s3cret@h:bad/x", "sqlite://u:s3cret@/x"])
def test_a_password_is_not_in_an_error_either(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_location(url)
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_names_are_made_from_the_place() -> None:
    assert default_name(parse_location("postgresql://h/orders")) == "orders@h"
    assert default_name(parse_location("redis://h")) == "h"
    assert default_name(parse_location("postgresql://a:5432,b/x?target_session_attrs=primary")) == "x@a,b"
    assert default_name(Location("sqlite", path=Path("/srv/app.db"))) == "app.db"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis:///0?host=/tmp/x/cache.sock", "cache.sock"),
        ("redis:///3?host=/tmp/x/cache.sock", "3@cache.sock"),
        ("redis+unix:///run/cache.sock?db=2", "2@cache.sock"),
        ("redis:///0", "localhost"),
        ("redis:///2", "2@localhost"),
        ("redis://", "redis"),
        ("mysql:///?socket=/run/shop.sock", "shop.sock"),
        ("mysql:///shop?socket=/run/other.sock", "shop"),
        ("mysql:///", "mysql"),
        ("mongodb://%2Ftmp%2Fmongodb-27017.sock/", "mongodb-27017.sock"),
        ("postgresql:///?host=/run/pg", "postgres"),
    ],
)
def test_a_server_behind_a_socket_has_a_name_that_says_something(url: str, name: str) -> None:
    assert default_name(parse_location(url)) == name


def test_no_scheme_belongs_to_two_engines() -> None:
    schemes = [scheme for engine in ENGINES for scheme in engine.schemes]
    assert len(schemes) == len(set(schemes))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://user:hunter2secret@/tmp/x.db",
        "sqlite://hunter2secret@/tmp/x.db",
        "sqlite://:hunter2secret@localhost/tmp/x.db",
        "sqlite://hunter2secret/tmp/x.db",
        "sqlite:user:hunter2secret@/tmp/x",
    ],
)
def test_a_file_has_neither_user_nor_host_and_what_stands_there_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_location(url)
    assert "hunter2secret" not in f"{refused.value.message} {refused.value.hint} {refused.value!r}"
    assert "sqlite:///path/to/app.db" in refused.value.hint


@pytest.mark.parametrize(
    ("url", "whose"), [("mysql://h/db%FF%E9", "database"), ("mysql://r%FF@h/shop", "user"), ("postgresql://h/?user=r%FF", "user")]
)
def test_a_name_that_is_not_utf8_is_refused_and_not_made_another(url: str, whose: str) -> None:
    with pytest.raises(ConfigError, match=f"the {whose}'s name in the URL is not UTF-8"):
        parse_location(url)


@pytest.mark.parametrize("url", ["postgresql://h/caf%E9", "postgresql://h/?dbname=caf%E9"])
def test_a_postgresql_database_is_meant_by_the_bytes_of_its_name(url: str) -> None:
    """A cluster without an encoding may have databases of any bytes; what is shown of one can be written again."""
    location = parse_location(url)
    assert location.database == "caf\udce9"
    assert location.redacted() == "postgres://h/caf%E9"
    assert default_name(location) == "caf%E9@h"
