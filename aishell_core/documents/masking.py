"""Keeping secrets out of what is printed: excerpts of files, URLs, messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import lru_cache

from aishell_core.targets import ENGINES

MASK = "***"

# Every pattern here takes time in proportion to the text, whatever that is: what is masked comes out of files of others.
# The password of a URL ends at its last @, because people forget to escape the others, and blanks and quotes as well.
_URL_USER = re.compile(r"://[^:/@]*+:")
# The same without a scheme, or behind a misspelt one, as in app:secret@host; and the way of Oracle, as in app/secret@host.
_BARE_USER = re.compile(r":(?!//)(?=[^\s:])")
_ORACLE_USER = re.compile(r"(?<![^\s'\"])[\w$#]++/(?=[^/@])")
# A file has neither user nor host, so what stands there may be anything, a password among it.
_FILE_HOST = re.compile(r"(sqlite://)[^/$]+", re.IGNORECASE)
# Where another URL begins on the same line.
_NEXT_URL = re.compile(r"(?<=[\s'\"\[({,])[a-z][a-z0-9.+-]{0,30}://(?=[^\s@]{0,200}@|[^\s@:]{0,100}:)", re.IGNORECASE)
_QUOTE = re.compile(r"(['\"])(?:[a-z][a-z0-9.+-]{0,30}:?//|\w{1,40}\s?=)", re.IGNORECASE)
# In the URL of a service that carries messages every part behind the scheme, or behind the host, may be a token.
_SERVICE_URL = re.compile(r"([a-z][a-z0-9.+-]{0,30})(://)([^\s'\"/]*+)(/?)", re.IGNORECASE)
_WEB = re.compile(r"(?:\w+\+)?https?", re.IGNORECASE)
_DATABASES = frozenset(scheme for engine in ENGINES for scheme in engine.schemes)
_SECRET_WORD = r"(?:pass\w*|pas?sw\w*|pwd|secret\w*|token\w*|credential\w*|api_?key\w*|private_?key\w*)"  # noqa: S105
_SECRET_ENDING = re.compile(rf"{_SECRET_WORD}\Z", re.IGNORECASE)
_SECRET_PLACES = frozenset({"passfile"})
"""Options that end like a secret and hold the path of a file (libpq's password file)."""
_OPTION = re.compile(r"[?&;](\w++)=")
_NEXT_OPTION = re.compile(r"[&;]\w++=")
_WORD_VALUE = re.compile(r"(?:^|(?<=[\s'\"]))(\w++)\s*+=\s*+(?=\S)")
_NEXT_WORD = re.compile(r"\s++\w++\s*+=")
_QUOTED_END = re.compile(r"(?<=')(?=\s++\w++\s*+=|\s*+\Z)")
_KEY = re.compile(r"(?:^|(?<=[\s{,\"']))(?P<name>\w++)[\"']?+\s*+:\s*+(?=\S)")
_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_WHOLLY_VARIABLE = re.compile(r"\$\{[^{}]*+\}(?=[\s'\",}\]]|\Z)")
_REFERENCE = re.compile(r"\{?\s*(?:env|file|command)\s*:.*", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a key or option of this name is likely to hold a secret, also when it is misspelt."""
    return name.lower() == "key" or re.search(_SECRET_WORD, name, re.IGNORECASE) is not None


def mask_url(text: str) -> str:
    """A URL, or a list of words such as host=db password=x, with *** as its password and as each secret option; or a text about one."""
    limit = _closing(text)
    return _mask_password(_mask_values(text[:limit]) + text[limit:])


def mask_service(text: str) -> str:
    """The same of a text that may be the URL of a service, of which nothing but the scheme and a web page's host is shown."""
    return _mask_service(mask_url(text))


def _closing(text: str) -> int:
    """Where the last quote stands of the kind that opens a URL in a text; the end of the text where none does."""
    opening = _QUOTE.search(text)
    closing = text.rfind(opening[1]) if opening is not None else -1
    return closing if opening is not None and closing > opening.start() else len(text)


def _mask_password(text: str) -> str:
    """A text with *** between what opens a password and the last @, whatever stands there."""
    end = text.rfind("@")
    if (user := _URL_USER.search(text)) is not None and user.end() < end:
        text = f"{text[: user.end()]}{MASK}{text[end:]}"
    text = _FILE_HOST.sub(rf"\1{MASK}", text)
    for opening in (_BARE_USER, _ORACLE_USER):
        end = text.rfind("@")
        user = opening.search(text)
        if user is not None and user.end() < end:
            text = f"{text[: user.end()]}{MASK}{text[end:]}"
    return text


def _mask_values(text: str) -> str:
    """The text with *** as the value of each option, and of each word with an equals sign, whose name is that of a secret."""
    text = _mask_named(text, _WORD_VALUE, lambda at: _QUOTED_END.search(text, at + 2) if text[at] == "'" else _NEXT_WORD.search(text, at))
    return _mask_named(text, _OPTION, lambda at: _NEXT_OPTION.search(text, at))


def _mask_named(text: str, named: re.Pattern[str], ending: Callable[[int], re.Match[str] | None]) -> str:
    """The text with *** behind each name of a secret, up to what `ending` finds for the place where its value begins."""
    parts: list[str] = []
    done = at = 0
    while (name := named.search(text, at)) is not None:
        at = name.end()
        if _SECRET_ENDING.search(name[1]) and name[1].lower() not in _SECRET_PLACES and at < len(text):
            found = ending(at)
            end = len(text) if found is None else found.start()
            if end > at:
                parts += text[done:at], MASK
                done = at = end
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
    return "".join(mask_service(piece) for piece in _pieces(line))


def _pieces(line: str) -> Iterator[str]:
    """A line in pieces with one URL each. What stands before the first @ is never cut: it may be a password."""
    begin, first = 0, line.find("@")
    for found in _NEXT_URL.finditer(line):
        if 0 <= first < found.start():
            yield line[begin : found.start()]
            begin, first = found.start(), line.find("@", found.end())
    yield line[begin:]


def _mask_service(text: str) -> str:
    """The text with *** for what follows the first scheme, or host of the web, that is not that of a database."""
    for found in _SERVICE_URL.finditer(text):
        scheme, _separator, host, _slash = found.groups()
        # A database whose scheme is misspelt stays readable, because that is what its excerpt is to show.
        if _is_nearly_database(scheme.lower()) or f":{MASK}@" in host or _WHOLLY_VARIABLE.match(text, found.end(2)):
            continue
        begin = max(0, found.start() - 1)
        end = begin + _closing(text[begin:])
        if not _WEB.fullmatch(scheme):
            return f"{text[: found.end(2)]}{MASK}{text[end:]}"
        if text[found.end() : end].strip():
            return f"{text[: found.end()]}{MASK}{text[end:]}"
    return text


@lru_cache(maxsize=256)
def _is_nearly_database(scheme: str) -> bool:
    return bool(get_close_matches(scheme, _DATABASES, n=1, cutoff=0.8))


def _opens_secret(line: str) -> bool:
    """Whether the value of a secret's key begins on the next line."""
    key, colon, rest = line.partition(":")
    return bool(colon) and is_secret_name(key) and rest.strip() in {"", "|", ">", "|-", ">-", "|+", ">+"}
