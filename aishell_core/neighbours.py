"""Whether two targets lead to the same server, as far as their locations tell; pure but for links in the paths of files."""

from __future__ import annotations

import os
from pathlib import Path

from aishell_core.targets import Location
from aishell_core.url_places import HostPort

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})


def is_same_server(one: Location, other: Location) -> bool:
    """Whether it is certain: the same file, or the same hosts, ports and options, written in the same way."""
    if one.engine != other.engine:
        return False
    if one.path is not None or other.path is not None:
        return _same_file(one.path, other.path)
    return _written(one) == _written(other) and one.options == other.options


def may_be_same_server(one: Location, other: Location) -> bool:
    """Whether it is likely enough to be careful: the same file, or a host and port that fit; on this machine a socket fits any port."""
    if one.engine != other.engine:
        return False
    if one.path is not None or other.path is not None:
        return _same_file(one.path, other.path)
    return any(_fit(left, right) for left in _servers(one) for right in _servers(other))


def _same_file(one: Path | None, other: Path | None) -> bool:
    return one is not None and other is not None and os.path.realpath(one) == os.path.realpath(other)


def _written(location: Location) -> frozenset[HostPort]:
    return frozenset((_folded(host), port) for host, port in _servers(location))


def _servers(location: Location) -> tuple[HostPort, ...]:
    return location.servers or (("", location.port),)


def _fit(one: HostPort, other: HostPort) -> bool:
    (host, port), (other_host, other_port) = one, other
    host, other_host = _folded(host), _folded(other_host)
    on_socket = any(each.startswith("/") for each in (host, other_host))
    same_host = host == other_host or (_is_local(host) and _is_local(other_host))
    return same_host and (on_socket or port == other_port or 0 in {port, other_port})


def _folded(host: str) -> str:
    return host if host.startswith("/") else host.lower().removesuffix(".")


def _is_local(host: str) -> bool:
    return host in _LOCAL or host.startswith("/")
