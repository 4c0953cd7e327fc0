"""The place in a URL, which may be a list of servers."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

_PLACE = re.compile(r"[^/?#]*")
_SERVER = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.%\w]+)\]|(?P<name>[^:\[\]\s]*))(?::(?P<port>[0-9]*))?")
_HIGHEST_PORT = 65535

HostPort = tuple[str, int]
"""A host name, address or socket folder, and a port; 0 for the one that the environment or the engine says."""


def split_url(url: str) -> SplitResult:
    """The parts of a URL whose place may be a list of servers.

    The library's own newer versions raise ValueError for brackets that are not around the whole place, as in a:1,[::1]:2.
    """
    scheme, separator, rest = url.partition("://")
    place = _PLACE.match(rest)
    netloc = place[0] if separator and place is not None else ""
    return urlsplit(f"{scheme}{separator}{rest[len(netloc) :]}")._replace(netloc=netloc)


def server_of(text: str) -> HostPort:
    """One server of a URL's list; an address with colons stands in brackets. Raises ValueError."""
    found = _SERVER.fullmatch(text)
    if found is None or int(found["port"] or 0) > _HIGHEST_PORT:
        raise ValueError
    return unquote(found["address"] or found["name"]), int(found["port"] or 0)


def with_ports(servers: tuple[HostPort, ...], ports: list[str]) -> tuple[HostPort, ...]:
    """The servers with the ports of an option: one for all, or one for each. Raises ValueError."""
    numbers = [int(port or 0) for port in ports]
    if len(numbers) == 1:
        numbers *= max(1, len(servers))
    if any(not 0 <= number <= _HIGHEST_PORT for number in numbers):
        raise ValueError
    return tuple((host, port) for (host, _), port in zip(servers or (("", 0),), numbers, strict=True))
