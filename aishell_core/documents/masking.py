"""Keeping secrets out of what is printed: excerpts of files, URLs, messages."""

from __future__ import annotations

import re
from difflib import get_close_matches

from aishell_core.targets import ENGINES

MASK = "***"

# The password of a URL ends at its last @, because people forget to escape the others.
_URL_PASSWORD = re.compile(r"(://[^:/\s'\"@]*:)[^\s'\"]+(@)")
# The same without a scheme, as in app:secret@host.
_BARE_PASSWORD = re.compile(r"((?:^|[\s'\"])[^\s:'\"/]+:)[^\s'\":/][^\s'\"]*(@)")
# A file has neither user nor host, so what stands there may be anything, a password among it.
_FILE_HOST = re.compile(r"(sqlite://)[^/\s'\"$]+", re.IGNORECASE)
# In the URL of a service that carries messages every part behind the scheme, or behind the host, may be a token.
_SERVICE_URL = re.compile(r"([a-z][a-z0-9.+-]*)(://)([^\s'\"/]*)(/?)([^\s'\"]*)", re.IGNORECASE)
_WEB = re.compile(r"(?:\w+\+)?https?", re.IGNORECASE)
_DATABASES = frozenset(scheme for engine in ENGINES for scheme in engine.schemes)
_SECRET_WORD = r"(?:pass\w*|pas?sw\w*|pwd|secret\w*|token\w*|credential\w*|api_?key\w*|private_?key\w*)"  # noqa: S105
_OPTION = re.compile(rf"([?&;]\w*{_SECRET_WORD}=)[^&;\s'\"]+", re.IGNORECASE)
_KEY = re.compile(rf"((?:^|[\s{{,\"'])(?:\w*{_SECRET_WORD}|key)[\"']?\s*:)\s*(?P<value>\S.*)$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_REFERENCE = re.compile(r"\{?\s*(?:env|file|command)\s*:.*", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a key or option of this name is likely to hold a secret, also when it is misspelt."""
    return name.lower() == "key" or re.search(_SECRET_WORD, name, re.IGNORECASE) is not None


def mask_url(text: str) -> str:
    """A text in which the password of every URL, and every secret option of one, is ***."""
    text = _URL_PASSWORD.sub(rf"\1{MASK}\2", text)
    text = _FILE_HOST.sub(rf"\1{MASK}", text)
    text = _BARE_PASSWORD.sub(rf"\1{MASK}\2", text)
    return _OPTION.sub(rf"\1{MASK}", text)


def has_written_secret(url: str) -> bool:
    """Whether a URL holds a secret itself, and not only a ${NAME} in its place."""
    bare = _VARIABLE.sub("", url)
    return mask_url(bare) != bare


def mask_line(line: str, line_before: str = "") -> str:
    """A line of a configuration file without the secrets that it holds; a reference to a secret stays readable."""
    if _opens_secret(line_before) and line.strip() and not _REFERENCE.fullmatch(line.strip().lstrip("- ")):
        return line[: len(line) - len(line.lstrip())] + MASK
    found = _KEY.search(line)
    if found and not _REFERENCE.fullmatch(found["value"]):
        line = f"{line[: found.start('value')]}{MASK}"
    return _SERVICE_URL.sub(_mask_service, mask_url(line))


def _mask_service(found: re.Match[str]) -> str:
    scheme, _separator, host, slash, rest = found.groups()
    # A database whose scheme is misspelt stays readable, because that is what its excerpt is to show.
    if get_close_matches(scheme.lower(), _DATABASES, n=1, cutoff=0.8) or f":{MASK}@" in host or _VARIABLE.fullmatch(host + slash + rest):
        return found[0]
    if _WEB.fullmatch(scheme):
        return f"{scheme}://{host}{slash}{MASK if rest else ''}"
    return f"{scheme}://{MASK}"


def _opens_secret(line: str) -> bool:
    """Whether the value of a secret's key begins on the next line."""
    key, colon, rest = line.partition(":")
    return bool(colon) and is_secret_name(key) and rest.strip() in {"", "|", ">", "|-", ">-", "|+", ">+"}
