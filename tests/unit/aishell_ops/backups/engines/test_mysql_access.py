"""How the programs of MySQL and MariaDB are told where to go: by an option file that no list of processes shows."""

from __future__ import annotations

import subprocess

import pytest

from aishell_core.engines.mysql_held import ClientAccess
from aishell_core.engines.mysql_place import SslMode, Tls
from aishell_core.targets import Secret
from aishell_ops.backups.engines.mysql_dump import dump_program, load_program
from aishell_ops.backups.engines.mysql_tools import Client
from tests.servers.required import require_server


def _access(mode: SslMode = SslMode.PREFERRED, *, encrypted: bool = False, socket: str = "", password: str = "s3cret") -> ClientAccess:
    return ClientAccess(socket, "db.example", 3307, "keeper", Tls(mode, issuers="/ca.pem"), encrypted, Secret(password))


def _lines(access: ClientAccess, *, mariadb: bool) -> set[str]:
    return set(access.option_file(mariadb=mariadb).reveal().splitlines())


@pytest.mark.parametrize(
    ("mode", "encrypted", "wanted"),
    [
        (SslMode.DISABLED, False, {"skip-ssl"}),
        (SslMode.PREFERRED, False, {"skip-ssl"}),
        (SslMode.PREFERRED, True, {"ssl", "skip-ssl-verify-server-cert"}),
        (SslMode.REQUIRED, True, {"ssl", "skip-ssl-verify-server-cert"}),
        (SslMode.VERIFY_CA, True, {"ssl", "ssl-verify-server-cert", 'ssl-ca="/ca.pem"'}),
        (SslMode.VERIFY_IDENTITY, True, {"ssl", "ssl-verify-server-cert", 'ssl-ca="/ca.pem"'}),
    ],
)
def test_tls_is_asked_for_as_our_own_connection_has_it(mode: SslMode, encrypted: bool, wanted: set[str]) -> None:
    assert wanted <= _lines(_access(mode, encrypted=encrypted), mariadb=True)
    assert f"ssl-mode={mode.value.upper()}" in _lines(_access(mode, encrypted=encrypted), mariadb=False)


def test_a_socket_is_named_as_one_and_needs_no_tls() -> None:
    lines = _lines(_access(socket="/run/my s.sock"), mariadb=True)
    assert {'protocol="socket"', 'socket="/run/my s.sock"'} <= lines
    assert not any("ssl" in line or "host" in line for line in lines)


@pytest.mark.parametrize("password", ['a"b', "a\\b", "a#b", " a ", "a\nb", "a'b", "é€", "a;b", "[client]"])
def test_the_programs_read_back_any_password(password: str) -> None:
    reader = require_server("my_print_defaults", "my_print_defaults")
    text = _access(password=password).option_file(mariadb=True).reveal()
    done = subprocess.run([reader, "--defaults-file=/dev/stdin", "client"], input=text.encode(), capture_output=True, check=True)
    assert f"--password={password}\n" in done.stdout.decode()


def test_nothing_secret_stands_in_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(path=require_server("mariadb", "mariadb"), mariadb=True, release=(10, 11), version="10.11.19")
    programs = (dump_program(client, _access(), ("--quick",), "shop", ("--all-databases",)), load_program(client, _access(), "shop"))
    print(programs, _access())
    assert "s3cret" not in capsys.readouterr().out
    assert programs[0].arguments[-3:] == ("--", "shop", "--all-databases")
    assert not any(name.startswith("MYSQL") for name in programs[1].surroundings)
