"""A channel's URL: which kind of channel it names, and what is wrong with it. Others call `problems_of` and `kind_of`."""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import parse_qsl, urlsplit

from alerts.notify.models import ChannelKind

_OWN = {
    "webhook+http": ChannelKind.WEBHOOK,
    "webhook+https": ChannelKind.WEBHOOK,
    "alertmanager+http": ChannelKind.ALERTMANAGER,
    "alertmanager+https": ChannelKind.ALERTMANAGER,
}
_LOCAL_SCHEMES = {
    "blink1", "custom", "dbus", "exec", "file", "glib", "gnome", "gnotify", "kde", "macosx", "memory", "qt", "shell", "syslog", "windows",
}  # fmt: skip
"""Schemes that run a program, read a file or stay on this machine, in this version of Apprise or another."""
LOCAL_OPTIONS = (
    *("attach", "include", "template", "tmpl", "album"),
    *("keyfile", "subfile", "pgppub", "pgpprv", "pgpkey"),
)
"""Options by which a service would read a file: to send it, to find a key in it, or to read further configuration."""
_TEMPLATE = "template"
_NAMED_TEMPLATES = frozenset({"gupshup", "kaleyra", "klr", "msg91", "notifyre", "onesignal", "sendgrid", "sendpulse", "whatsapp"})
"""Services whose option `template` is the name of one that they keep themselves; elsewhere it is a file."""
_MOST_CHARACTERS = 4096
INCIDENT_KEYS = {
    **dict.fromkeys(
        ("pagerduty", "squadcast", "ilert", "signl4", "incidentio", "goalert", "goalerts", "firehydrant", "pagertree"), "dedup"
    ),
    **dict.fromkeys(("splunk", "victorops"), "entity_id"),
}
"""Services that open and close incidents, by scheme, each with the option of its URL that names the incident.

Opsgenie and Jira are not among them: Apprise ends an alert there by the number of its request, which lives in Apprise's own files.
"""
LEFT_OPEN = frozenset({"opsgenie", "jira"})
"""Services that keep one alert for each group, by its alias, and where Apprise cannot close it."""


def kind_of(url: str) -> ChannelKind:
    """Who carries the messages of a URL: our own schemes `webhook+https:` and `alertmanager+https:` (or http), or else Apprise."""
    return _OWN.get(scheme_of(url), ChannelKind.APPRISE)


def keeps_incidents(url: str) -> bool:
    """Whether a receiver opens and closes an incident for each group, so that groups must not be put together in one message."""
    return scheme_of(url) in INCIDENT_KEYS


def leaves_open(url: str) -> bool:
    """Whether the end of what is told there closes nothing, as long as the URL does not say itself what is done."""
    return scheme_of(url) in LEFT_OPEN and "action=" not in url.lower()


def http_url(url: str) -> str:
    """The plain http(s) URL within one of our own schemes."""
    return url.strip().partition("+")[2]


def problems_of(url: str) -> str:
    """What is wrong with a channel's URL, in a sentence that holds nothing of its secrets; "" when it can be used.

    For a URL of Apprise this imports Apprise and reads the URL as it will be read for sending; nothing is sent.
    """
    scheme = scheme_of(url)
    if not scheme:
        return "it is no URL: it has no scheme, such as slack: or mailtos:"
    if len(url) > _MOST_CHARACTERS:
        return f"it is longer than {_MOST_CHARACTERS} characters"
    if any(character <= " " or character == "\x7f" for character in url.strip()):
        return "it holds a blank or a control character; write %20 for a blank"
    if scheme in _LOCAL_SCHEMES:
        return f"{scheme}: stays on this machine, runs a program or reads a file, and is refused; name a service that people are reached by"
    if scheme in {"http", "https"}:
        return f"{scheme}: alone does not say what is spoken there: write webhook+{scheme}: or alertmanager+{scheme}:"
    if scheme in _OWN:
        return _problem_of_http(http_url(url))
    return _problem_of_options(url, scheme) or _problem_of_service(url, scheme)


def scheme_of(url: str) -> str:
    """The scheme in small letters, "" of a text that has none."""
    scheme, separator, _rest = url.strip().partition("://")
    plain = scheme.replace("+", "").replace(".", "").replace("-", "").replace("_", "")
    return scheme.lower() if separator and plain.isalnum() and plain.isascii() else ""


def _problem_of_http(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its host or port cannot be read"
    if not parts.hostname:
        return "it names no host"
    if port == 0:
        return "port 0 is no port"
    return "a webhook's URL has no fragment (#…)" if parts.fragment else ""


def _problem_of_options(url: str, scheme: str) -> str:
    query = url.partition("?")[2]
    named = {name.strip().lower() for name, _value in parse_qsl(query, keep_blank_values=True)}
    for option in LOCAL_OPTIONS:
        if option in named and not (option == _TEMPLATE and scheme in _NAMED_TEMPLATES):
            return f"its option {option} would read a file, and is refused"
    return ""


def _problem_of_service(url: str, scheme: str) -> str:
    # Imported here: a configuration without channels of Apprise must not pay for it.
    from alerts.notify.senders import apprise_service

    schemes = apprise_service.known_schemes()
    if scheme not in schemes:
        near = get_close_matches(scheme, [*schemes, *_OWN], n=1, cutoff=0.5)
        nearest = f"; the nearest is {near[0]}:" if near else ""
        return f"no service is known for {scheme}:{nearest}"
    return "" if apprise_service.is_readable(url) else f"the service of {scheme}: cannot read it: a part is missing or malformed"
