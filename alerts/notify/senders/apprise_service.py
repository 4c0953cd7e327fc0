"""The one module that imports Apprise: reading a channel's URL, and sending one message through one fresh service object."""

from __future__ import annotations

import logging
from functools import cache

import apprise

# Apprise tells of bad URLs by logging alone, and with no handler Python prints that on the terminal that a dashboard draws on.
logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").propagate = False


def _asset(timeout_seconds: float = 10.0) -> apprise.AppriseAsset:
    """Nothing kept on disk, no redirects, no tries but ours, times written in UTC."""
    return apprise.AppriseAsset(
        app_id="aishell",
        app_desc="aishell",
        app_url="",
        storage_mode="memory",
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        interpret_emojis=False,
        timezone="UTC",
        language="en",
        service_timeout=timeout_seconds,
        allow_templates=False,
    )


@cache
def known_schemes() -> frozenset[str]:
    """The schemes of all services that can be used here."""
    found: set[str] = set()
    for service in apprise.Apprise().details()["schemas"]:
        found.update(service["protocols"] or (), service["secure_protocols"] or ())
    return frozenset(found)


def is_readable(url: str) -> bool:
    """Whether a service takes the URL; nothing is sent."""
    return apprise.Apprise.instantiate(url.strip(), asset=_asset(), suppress_exceptions=True) is not None
