"""The commands, the configuration and the code of the README and of every page of the guide work as they stand there."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aishell_core.engines.statement_log import default_log, flush_statements, logged_connect
from aishell_tui.cli.pages import command_tree, examples_of
from tests.alert_pages import furnish
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.mongodb_subject import fill
from tests.servers.mysql import VERSIONS as MYSQL_VERSIONS
from tests.servers.mysql import MysqlServer, mysql
from tests.servers.pgbouncer import Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import clients
from tests.servers.receivers import Receiver, http_receiver
from tests.servers.redis import RedisServer, redis_server
from tests.terminal import AISHELL, opened, surroundings

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
MAKE_TARGETS = {"run", "test", "lint", "check", "bench", "soak", "clean", "format", "help"}
# Installing from a clone is shown by the tests of the wheel; these programs need not be here.
INSTALLERS = {"pipx", "uv", "git", "cd"}
DASHBOARD = {"demo", "monitor"}
SERVER_PAGE = ROOT / "docs" / "postgresql.md"
SERVER_URL = re.compile(r"\b(postgresql|pgbouncer)://")
HOME_FILE = re.compile(r"# ~/(?P<name>\S+)\n(?P<body>.*)", re.DOTALL)
POOLER_ADDRESS = "localhost:6432"
MYSQL_PAGE = ROOT / "docs" / "mysql.md"
MYSQL_ADDRESS = "localhost:3306"
REDIS_PAGE = ROOT / "docs" / "redis.md"
REDIS_ADDRESS = "localhost:6379"
DOCUMENTS_ADDRESS = "localhost:27017"
ALERTS = "aishell alerts"
BACKUPS = "aishell backup"
SEVERAL_JOBS, OF_DOCUMENTS, ELSEWHERE = "create app --jobs", "create shop", "--database reports"
"""What shows that the blocks about backups speak of PostgreSQL, of MongoDB, and of another engine to restore into."""
UNKNOWN = 3
STATES = {0, 1, 2, UNKNOWN}
"""What `aishell alerts list` ends with: it says how things stand, and here an alert fires and nobody evaluates."""
# The reader's role has a password, and the pages say where it is found.
ACCESS = """
local all all trust
host all aishell all scram-sha-256
host all all all trust
"""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: Path
    number: int
    kind: str
    body: str

    def __str__(self) -> str:
        return f"{self.page.name}-{self.number}-{self.kind}"


def blocks(*kinds: str) -> list[Block]:
    """The blocks of these kinds on all pages."""
    return [
        Block(page, number, match["kind"], match["body"])
        for page in PAGES
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1)
        if match["kind"] in kinds
    ]


def commands(block: Block) -> list[str]:
    """The commands of a block: the lines after a prompt in `console`, every line in `sh`; a backslash continues one."""
    lines = block.body.replace("\\\n", " ").splitlines()
    if block.kind == "console":
        return [line.removeprefix("$ ").strip() for line in lines if line.startswith("$ ")]
    return [line.strip() for line in lines if line.strip()]


def statements_of(page: Path) -> list[str]:
    """The SQL of a page, statement by statement."""
    return [each for block in blocks("sql") if block.page == page for each in block.body.split(";") if each.strip()]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A working folder with the database that the pages speak of, by its short and by its long name, with a statement log."""
    (tmp_path / "srv" / "app").mkdir(parents=True)
    (tmp_path / "srv" / "postgres").mkdir()
    for path in (tmp_path / "app.db", tmp_path / "srv" / "app" / "app.db"):
        with closing(logged_connect(path)) as connection:
            connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);")
        assert flush_statements(default_log(path))
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


@dataclass(frozen=True, slots=True)
class Shop:
    """The server and the pooler that the pages speak of, and the files in the reader's home folder that lead to them."""

    server: PostgresServer
    pooler: Pgbouncer
    files: dict[str, str] = field(default_factory=dict)

    def furnish(self, home: Path) -> None:
        """Write the files as the pages say, closed to others."""
        home.mkdir(exist_ok=True)
        for name, body in self.files.items():
            (home / name).write_text(body)
            (home / name).chmod(0o600)


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A server on which the page's SQL has been run, with a pooler that is configured as the page says."""
    page = [block for block in blocks("text") if block.page == SERVER_PAGE]
    files = {match["name"]: match["body"] for block in page if (match := HOME_FILE.match(block.body))}
    password = files[".pgpass"].strip().rpartition(":")[2]
    stats_users = next(match[1] for block in page if (match := re.search(r"^stats_users = (\w+)$", block.body, re.MULTILINE)))
    with postgres(hba=ACCESS) as server:
        server.execute("CREATE DATABASE shop")
        server.execute(*statements_of(SERVER_PAGE), database="shop")
        server.execute(f"ALTER ROLE aishell PASSWORD '{password}'")
        users, settings = {"aishell": password}, {"stats_users": stats_users}
        with pgbouncer(server, auth="scram-sha-256", settings=settings, users=users) as pooler:
            yield Shop(server, pooler, files)


@pytest.fixture
def cache() -> Iterator[RedisServer]:
    """A server with the user that the page speaks of."""
    rules = [line for block in blocks("text") if block.page == REDIS_PAGE for line in block.body.splitlines() if line.startswith("ACL ")]
    with redis_server() as server:
        for rule in rules:
            server.execute(*rule.split(" "))
        yield server


@pytest.fixture
def orders() -> Iterator[MysqlServer]:
    """A server on which the page's SQL has been run, and that counts statements as the page wants it."""
    with mysql(performance_schema=True) as server:
        server.execute("CREATE DATABASE shop", *statements_for(server))
        yield server


@pytest.fixture
def documents() -> Iterator[FerretServer]:
    """A server with the collection that the page speaks of."""
    with ferretdb() as server:
        fill(server)
        yield server


@pytest.fixture
def channel() -> Iterator[Receiver]:
    """What stands behind the channel that the pages speak of."""
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def queue() -> Iterator[PostgresServer]:
    """A server on which one session waits for another."""
    with postgres() as server:
        server.execute("CREATE TABLE stock (id int)", "INSERT INTO stock VALUES (1)")
        with clients(server, 2) as (head, waiter):
            head.run("BEGIN", "DELETE FROM stock")
            waiter.wait_for("DELETE FROM stock")
            yield server


def configure(workplace: Path, url: str = "", more: Mapping[str, str] | None = None) -> None:
    """The configuration that the pages speak of: a database called app, and a reader who may do everything with it."""
    roles = f"roles:\n  - role: admin\n    users: [{getpass.getuser()}]\n"
    urls = {"app": url or f"sqlite://{workplace}/app.db", **(more or {})}
    text = "targets:\n" + "".join(f"  - name: {name}\n    url: {each}\n" for name, each in urls.items()) + roles
    (workplace / "home").mkdir(exist_ok=True)
    for path in (workplace / "home" / "config.yaml", workplace / "aishell.yaml"):
        path.write_text(text)
        path.chmod(0o600)


def environment(workplace: Path, **changes: str) -> dict[str, str]:
    """The commands of this environment come first on the path, as after an installation."""
    return surroundings(workplace / "home", PATH=f"{AISHELL.parent}:{os.environ['PATH']}", EDITOR="true", **changes)


@pytest.mark.parametrize("block", blocks("console", "sh"), ids=str)
def test_the_commands_of_a_block_run_one_after_the_other(block: Block, workplace: Path, request: pytest.FixtureRequest) -> None:
    """A block that makes a configuration starts without one, every other with the one that the pages speak of."""
    assert commands(block), "a block without a command"
    shop: Shop | None = request.getfixturevalue("shop") if SERVER_URL.search(block.body) else None
    redis: RedisServer | None = request.getfixturevalue("cache") if REDIS_ADDRESS in block.body else None
    mongo: FerretServer | None = request.getfixturevalue("documents") if DOCUMENTS_ADDRESS in block.body else None
    blocked: PostgresServer | None = request.getfixturevalue("queue") if "--head-blocker" in block.body else None
    tables: MysqlServer | None = request.getfixturevalue("orders") if MYSQL_ADDRESS in block.body else None
    if not re.search(r"--save|config init", block.body):
        configure(workplace, blocked.url() if blocked is not None else "")
    if ALERTS in block.body:
        receiver: Receiver = request.getfixturevalue("channel")
        furnish(workplace, workplace / "home", receiver.address)
    if BACKUPS in block.body:
        configure_backups(block, workplace, request)
        furnish_backups(block, workplace)
    for command in commands(block):
        if redis is not None:
            run(command.replace(REDIS_ADDRESS, f"localhost:{redis.port}"), workplace)
        elif tables is not None:
            run(command.replace(MYSQL_ADDRESS, f"localhost:{tables.port}"), workplace)
        elif mongo is not None:
            run(command.replace(DOCUMENTS_ADDRESS, f"localhost:{mongo.port}"), workplace)
        elif shop is None:
            run(command.replace(" /srv/", f" {workplace}/srv/"), workplace)
        else:
            # The servers of this test have other ports than those of the pages.
            shop.furnish(workplace / "home")
            run(command.replace(POOLER_ADDRESS, f"localhost:{shop.pooler.port}"), workplace, PGPORT=str(shop.server.port))


def configure_backups(block: Block, workplace: Path, request: pytest.FixtureRequest) -> None:
    """The targets that some blocks about backups speak of besides the file called app, or instead of it."""
    if SEVERAL_JOBS in block.body:
        server: PostgresServer = request.getfixturevalue("queue")
        server.execute("CREATE DATABASE app")
        server.execute("CREATE TABLE users AS SELECT 1 AS id", database="app")
        configure(workplace, server.url("app"))
    more: dict[str, str] = {}
    if OF_DOCUMENTS in block.body:
        documents: FerretServer = request.getfixturevalue("documents")
        more["shop"] = f"mongodb://localhost:{documents.port}/shop"
    if ELSEWHERE in block.body:
        other: PostgresServer = request.getfixturevalue("queue")
        more["reports"] = other.url("reports")
    if more:
        configure(workplace, more=more)


def furnish_backups(block: Block, workplace: Path) -> None:
    """What a block about backups takes for granted: one is there, and what it removes or takes in has been made."""
    first = commands(block)[0]
    run(f"{BACKUPS} create app", workplace)
    if first.startswith(f"{BACKUPS} unschedule"):
        run(f'{BACKUPS} schedule "0 2 * * *" --name nightly -d app', workplace)
    if first.startswith(f"{BACKUPS} import"):
        run(f"{BACKUPS} export latest app.tar", workplace)


def expected_of(command: str) -> set[int]:
    """The exit codes that a command of the pages may have: those that tell how things are, where it asks for that.

    FerretDB tells nothing that it could be judged by, which is the exit code for unknown.
    """
    if command.startswith(f"{ALERTS} list"):
        return STATES
    return {UNKNOWN} if command.startswith("aishell status --target mongodb:") else {0}


def run(command: str, workplace: Path, **around: str) -> None:
    words = shlex.split(command, comments=True)
    variables = dict(word.split("=", 1) for word in words if re.fullmatch(r"[A-Z_]+=.*", word))
    words = words[len(variables) :]
    if words[0] == "make":
        assert words[1] in MAKE_TARGETS, command
    elif words[0] in INSTALLERS:
        return
    elif opens_dashboard(words):
        look_at(words, workplace, around | variables)
    else:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=workplace,
            env=environment(workplace, **around),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode in expected_of(command), f"{command}\n{done.stdout}{done.stderr}"


def opens_dashboard(words: list[str]) -> bool:
    """Whether a command draws on a terminal instead of printing."""
    if words[0] not in {"aishell", "ai-shell"} or {"--help", "--version"} & set(words):
        return False
    return len(words) == 1 or words[1].startswith("-") or words[1] in DASHBOARD


def look_at(words: list[str], workplace: Path, variables: dict[str, str]) -> None:
    with opened(words, environment(workplace, **variables), columns=120, rows=35, cwd=workplace) as terminal:
        terminal.wait_for(re.compile(r"\bapp(\.db)?\b|\bshop\b|\bpgbouncer [0-9]|\bredis [0-9]"))
        terminal.send("q")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("page", sorted({block.page for block in blocks("sql")} - {MYSQL_PAGE}), ids=lambda page: page.name)
def test_the_sql_of_a_page_runs_one_after_the_other(page: Path) -> None:
    with postgres() as server:
        server.execute("CREATE DATABASE shop")
        server.execute(*statements_of(page), database="shop")


def statements_for(server: MysqlServer) -> list[str]:
    """The SQL of the page about MySQL and MariaDB without the rights that the other family, or a managed server, alone has."""
    others = ("SET_USER_ID", "CONNECTION_ADMIN") if server.mariadb else ("SLAVE MONITOR", "mysql.proc", "SET USER", "CONNECTION ADMIN")
    return [each for each in statements_of(MYSQL_PAGE) if not any(word in each for word in (*others, "mysql.rds_kill"))]


@pytest.mark.parametrize("version", MYSQL_VERSIONS)
def test_the_sql_for_mysql_and_mariadb_runs_one_after_the_other(version: str) -> None:
    """Rights that one family alone has stand in a block of their own."""
    with mysql(version) as server:
        statements = statements_for(server)
        assert len(statements) > 5
        server.execute(*statements)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_a_configuration_is_valid_as_it_stands(block: Block, workplace: Path) -> None:
    """The files with secrets that a page names are those of its reader: here they are made."""
    written = workplace / "dashboard.yml"
    secret = workplace / "secret"
    secret.write_text("postgresql://db.example/shop")
    written.write_text(re.sub(r"/run/secrets/[\w-]+", str(secret), block.body))
    done = subprocess.run(
        [AISHELL, "--config", written, "config", "validate"], cwd=workplace, env=environment(workplace), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_an_example_in_python_runs(block: Block, workplace: Path) -> None:
    done = subprocess.run([sys.executable, "-c", block.body], cwd=workplace, env=environment(workplace), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_block_says_what_it_is() -> None:
    """A block of an unknown kind would be run by nobody."""
    for page in PAGES:
        fences = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(fences[0::2]) <= {"console", "sh", "yaml", "python", "text", "json", "sql", "toml"}, page.name


def test_every_example_of_a_commands_help_is_among_the_commands_that_are_run() -> None:
    """The pages have them all, and what stands on a page is run above."""
    run_above = {" ".join(command.split()) for block in blocks("console", "sh") for command in commands(block)}
    examples = [" ".join(example.replace("\\\n", " ").split()) for _, command in command_tree() for example in examples_of(command)]
    assert len(examples) > 50
    assert [example for example in examples if example not in run_above or example.split()[0] in INSTALLERS] == []


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in (*PAGES, ROOT / "ARCHITECTURE.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_names_the_test_command_that_the_check_script_runs() -> None:
    assert "$ make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make test", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
