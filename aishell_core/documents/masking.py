"""Keeping secrets out of what is printed: excerpts of files, URLs, messages."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

from aishell_core.targets import ENGINES

MASK = "***"

# Every pattern here takes time in proportion to the text, whatever that is: what is masked comes out of files of others.
_WORD = re.compile(r"[^\s'\"]+")
# The password of a URL ends at its last @, because people forget to escape the others.
_URL_USER = re.compile(r"://[^:/@]*+:")
# The same without a scheme, as in app:secret@host.
_BARE_USER = re.compile(r"[^:/]++:(?=[^:/])")
# A file has neither user nor host, so what stands there may be anything, a password among it.
_FILE_HOST = re.compile(r"(sqlite://)[^/\s'\"$]+", re.IGNORECASE)
# In the URL of a service that carries messages every part behind the scheme, or behind the host, may be a token.
_SERVICE_URL = re.compile(r"([a-z][a-z0-9.+-]{0,30})(://)([^\s'\"/]*)(/?)([^\s'\"]*)", re.IGNORECASE)
_WEB = re.compile(r"(?:\w+\+)?https?", re.IGNORECASE)
_DATABASES = frozenset(scheme for engine in ENGINES for scheme in engine.schemes)
_SECRET_WORD = r"(?:pass\w*|pas?sw\w*|pwd|secret\w*|token\w*|credential\w*|api_?key\w*|private_?key\w*)"  # noqa: S105
_SECRET_ENDING = re.compile(rf"{_SECRET_WORD}\Z", re.IGNORECASE)
_OPTION = re.compile(r"[?&;](\w++)=")
_OPTION_VALUE = re.compile(r"[^&;\s'\"]+")
_KEY = re.compile(r"(?:^|(?<=[\s{,\"']))(?P<name>\w++)[\"']?+\s*+:\s*+(?=\S)")
_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_REFERENCE = re.compile(r"\{?\s*(?:env|file|command)\s*:.*", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a key or option of this name is likely to hold a secret, also when it is misspelt."""
    return name.lower() == "key" or re.search(_SECRET_WORD, name, re.IGNORECASE) is not None


def mask_url(text: str) -> str:
    """A text in which the password of every URL, and every secret option of one, is ***."""
    return _mask_options(_WORD.sub(_mask_password, text))


def _mask_password(found: re.Match[str]) -> str:
    """A word, as quotes and blanks part them, with *** between what opens a password and the last @."""
    word = found[0]
    end = word.rfind("@")
    if (user := _URL_USER.search(word)) is not None and user.end() < end:
        word = f"{word[: user.end()]}{MASK}{word[end:]}"
    word = _FILE_HOST.sub(rf"\1{MASK}", word)
    end = word.rfind("@")
    if (user := _BARE_USER.match(word)) is not None and user.end() < end:
        word = f"{word[: user.end()]}{MASK}{word[end:]}"
    return word


def _mask_options(text: str) -> str:
    """The text with *** as the value of each option whose name is that of a secret."""
    parts: list[str] = []
    done = at = 0
    while (option := _OPTION.search(text, at)) is not None:
        at = option.end()
        if _SECRET_ENDING.search(option[1]) and (value := _OPTION_VALUE.match(text, at)) is not None:
            parts += text[done:at], MASK
            done = at = value.end()
    return "".join((*parts, text[done:]))


def has_written_secret(url: str) -> bool:
    """Whether a URL holds a secret itself, and not only a ${NAME} in its place."""
    bare = _VARIABLE.sub("", url)
    return mask_url(bare) != bare


def mask_line(line: str, line_before: str = "") -> str:
    """A line of a configuration file without the secrets that it holds; a reference to a secret stays readable."""
    if _opens_secret(line_before) and line.strip() and not _REFERENCE.fullmatch(line.strip().lstrip("- ")):
        return line[: len(line) - len(line.lstrip())] + MASK
    for found in _KEY.finditer(line):
        is_secret = found["name"].lower() == "key" or _SECRET_ENDING.search(found["name"])
        if is_secret and not _REFERENCE.match(line, found.end()):
            line = f"{line[: found.end()]}{MASK}"
            break
    return _SERVICE_URL.sub(_mask_service, mask_url(line))


def _mask_service(found: re.Match[str]) -> str:
    scheme, _separator, host, slash, rest = found.groups()
    # A database whose scheme is misspelt stays readable, because that is what its excerpt is to show.
    if _is_nearly_database(scheme.lower()) or f":{MASK}@" in host or _VARIABLE.fullmatch(host + slash + rest):
        return found[0]
    if _WEB.fullmatch(scheme):
        return f"{scheme}://{host}{slash}{MASK if rest else ''}"
    return f"{scheme}://{MASK}"


@lru_cache(maxsize=256)
def _is_nearly_database(scheme: str) -> bool:
    return bool(get_close_matches(scheme, _DATABASES, n=1, cutoff=0.8))


def _opens_secret(line: str) -> bool:
    """Whether the value of a secret's key begins on the next line."""
    key, colon, rest = line.partition(":")
    return bool(colon) and is_secret_name(key) and rest.strip() in {"", "|", ">", "|-", ">-", "|+", ">+"}
