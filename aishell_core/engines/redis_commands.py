"""Commands of Redis as text: reading what a person wrote, telling what a command does, hiding its values; all pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aishell_core.engines.redis_text import readable
from aishell_core.errors import TargetError
from aishell_core.safety.language.lists import listed_words
from aishell_core.values import FailureCode, Value

CONTAINERS = frozenset(
    {
        *("acl", "client", "cluster", "command", "config", "debug", "function", "latency", "memory", "module", "object", "pubsub"),
        *("script", "sentinel", "slowlog", "xgroup", "xinfo"),
    }
)
"""Commands whose second word says what they do."""
SUBSCRIBING = frozenset({"subscribe", "psubscribe", "ssubscribe"})
WAITING = frozenset(
    {
        *("blpop", "brpop", "blmove", "blmpop", "brpoplpush", "bzpopmin", "bzpopmax", "bzmpop", "xread", "xreadgroup", "wait", "waitaof"),
    }
)
"""Commands that wait for something to come, and hold up nobody but their own connection."""
_SCRIPTS = frozenset({"eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"})
_ENDLESS = {
    "monitor": "shows every command of every client and slows the server down",
    "sync": "is the language of replicas",
    "psync": "is the language of replicas",
    "hello": "changes the protocol of the connection",
    "client|reply": "would keep the answer back",
    "client|tracking": "needs a connection that stays open",
    "reset": "changes the protocol of the connection",
    **dict.fromkeys(("unsubscribe", "punsubscribe", "sunsubscribe"), "needs a connection that stays open"),
}
_READING = ("redis_reading.txt",)
_SHOWING = frozenset({"acl|dryrun", "acl|getuser", "acl|list", "acl|log", "acl|users", "config|get"})
"""What only shows something, though the risk of what it shows is not that of a read."""
_OF_THE_CONNECTION = frozenset({"wait", "waitaof", "readonly", "readwrite", "asking"})
"""What changes or holds nothing but its own connection."""
_ENDING = frozenset({"client|kill", "client|unblock"})
"""What ends what others do, and writes no key."""
_STORING = frozenset({"sort", "georadius", "georadiusbymember"})
_STORED = frozenset({"store", "storedist"})
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
_PLAIN_NAME = re.compile(r"[A-Za-z_.-]{1,32}")
_MORE = re.compile(r"\.\.\. \(\d+ more (arguments|bytes)\)")
_SHOWN_WORDS = 4


@dataclass(frozen=True, slots=True)
class Traits:
    """What the server says of a command: its flags and categories, and where its first key stands (0 for none)."""

    flags: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    first_key: int = 0
    parts: Mapping[str, Traits] = field(default_factory=dict)


def words_of(text: str) -> tuple[bytes, ...]:
    r"""The words of a command as a person writes it: split at white space, `"..."` with \n and \xff, `'...'` as it stands.

    Raises TargetError for a quote that is not closed or does not end a word.
    """
    words: list[bytes] = []
    place, end = 0, len(text)
    while place < end:
        if text[place].isspace() or text[place] == "\x00":
            place += 1
            continue
        word = bytearray()
        while place < end and not text[place].isspace():
            sign = text[place]
            if sign in "\"'":
                part, place = _quoted(text, place + 1, sign)
                word += part
                if place < end and not text[place].isspace():
                    raise TargetError(FailureCode.UNSUPPORTED, "a closing quote must end a word", "write a space after it")
            else:
                word += _bytes(sign)
                place += 1
        words.append(bytes(word))
    return tuple(words)


def _quoted(text: str, place: int, quote: str) -> tuple[bytes, int]:
    found = bytearray()
    while place < len(text):
        sign = text[place]
        following = text[place + 1 : place + 2]
        if sign == quote:
            return bytes(found), place + 1
        if quote == '"' and sign == "\\" and following == "x" and re.fullmatch("[0-9a-fA-F]{2}", text[place + 2 : place + 4]):
            found.append(int(text[place + 2 : place + 4], 16))
            place += 4
        elif sign == "\\" and following and (quote == '"' or following == "'"):
            found += _ESCAPES.get(following, _bytes(following)) if quote == '"' else b"'"
            place += 2
        else:
            found += _bytes(sign)
            place += 1
    raise TargetError(FailureCode.UNSUPPORTED, f"a quote {quote} is not closed", f"end the word with {quote}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if all(not 0xD800 <= ord(each) < 0xDC80 for each in text) else "replace")


def word_of(value: Value) -> bytes:
    """A parameter as a word; raises TargetError for what Redis has no word for."""
    match value:
        case bytes():
            return value
        case bool():
            return b"1" if value else b"0"
        case int() | float():
            return str(value).encode()
        case str():
            return _bytes(value)
        case _:
            raise TargetError(FailureCode.UNSUPPORTED, "a word of a command is a text, bytes or a number", "give lists as several words")


def name_of(words: Sequence[bytes | str]) -> str:
    """The name of a command in small letters, with its second word where that says what it does: `get`, `config|set`."""
    if not words:
        return ""
    first = readable(words[0]).lower()
    return f"{first}|{readable(words[1]).lower()}" if first in CONTAINERS and len(words) > 1 else first


def is_script(name: str) -> bool:
    """Whether a command runs a script or a function."""
    return name.partition(" ")[0].lower() in _SCRIPTS


def traits_of(reply: object) -> Traits | None:
    """What COMMAND INFO says of one command; None for one that the server does not know."""
    if not isinstance(reply, list | tuple) or len(reply) < 6:
        return None
    inner = reply[9] if len(reply) > 9 and isinstance(reply[9], list | tuple) else ()
    parts = {readable(each[0]).lower(): found for each in inner if isinstance(each, list | tuple) and (found := traits_of(each))}
    categories = frozenset(readable(each) for each in reply[6]) if len(reply) > 6 else frozenset()
    first = reply[3] if isinstance(reply[3], int) else 0
    return Traits(frozenset(readable(each).lower() for each in reply[2]), categories, first, parts)


def why_not_run(name: str) -> str:
    """Why a command cannot be run for a person; empty where it can."""
    return _ENDLESS.get(name) or _ENDLESS.get(name.partition("|")[0], "")


def stores_nothing(words: Sequence[bytes | str]) -> bool:
    """Whether this is one of the commands that write only where they are told where to, and are told nothing of it."""
    return name_of(words) in _STORING and not any(readable(word).lower() in _STORED for word in words[2:])


def why_not_read_only(name: str, traits: Traits, words: Sequence[bytes | str] = ()) -> str:
    """Why a command is refused where only reading is allowed; empty where it is allowed.

    By what the server says of it (COMMAND INFO): only what it marks as reading, and not as dangerous or for the
    administrator, and commands that are known to only read or to end what others do, though the server gives them no flag
    or that of his. No script is among them, whatever its name promises. `words` are all of the command: some write only
    with one of these.
    """
    if is_script(name):
        return "a script keeps the server from serving anybody else, and may do what its commands may not"
    own = traits.parts.get(name, traits)
    if stores_nothing(words):
        return ""
    if "write" in own.flags:
        return "it writes"
    if name in _SHOWING | _OF_THE_CONNECTION | _ENDING or name in listed_words(_READING):
        return ""
    if "admin" in own.flags:
        return "it is for the administrator"
    if "@dangerous" in own.categories:
        return "it reads all keys at once; SCAN does it in steps" if name == "keys" else "the server calls it dangerous"
    if name in SUBSCRIBING or "readonly" in own.flags:
        return ""
    return "it may write" if "may_replicate" in own.flags else "it is not known to read only"


def bounded_wait(words: tuple[bytes, ...], seconds: float) -> tuple[bytes, ...]:
    """A command that waits with a time of the server's own, no longer than so many seconds; any other as it is.

    So the server ends the waiting, and nothing is taken for somebody who has gone. https://redis.io/docs/latest/commands/blpop/
    """
    place, per_second = _place_of_time(words)
    if not 0 < place < len(words):
        return words
    try:
        asked = float(words[place])
    except ValueError:
        return words
    most = max(1, int(seconds * 1000))
    if not 0 <= asked <= 1e15 or 0 < asked * 1000 / per_second <= most:
        return words
    return (*words[:place], str(most if per_second > 1 else most / 1000).encode(), *words[place + 1 :])


def _place_of_time(words: Sequence[bytes]) -> tuple[int, int]:
    """Where the time of a waiting command stands, 0 for nowhere, and how many of its unit make a second."""
    name = name_of(words)
    if name in {"wait", "waitaof"}:
        return (2 if name == "wait" else 3), 1000
    if name in {"blmpop", "bzmpop"}:
        return 1, 1
    if name in {"xread", "xreadgroup"}:
        options = [readable(word).lower() for word in words]
        end = options.index("streams") if "streams" in options else len(options)
        return (options.index("block") + 1 if "block" in options[:end] else 0), 1000
    return (len(words) - 1, 1) if name in WAITING else (0, 1)


def shape_of(words: Sequence[bytes | str], traits: Traits | None) -> str:
    """A command without its values: its name, the prefix of its first key, and `?` for all else.

    Nothing of a key is shown but words of letters before a colon: the rest may name a person or be a secret.
    """
    name = name_of(words)
    head = name.replace("|", " ").upper()
    taken = 2 if "|" in name else 1
    rest = [readable(word) for word in words[taken:]]
    if rest and _MORE.fullmatch(rest[-1]):
        rest = [*rest[:-1], "?"] if len(rest) < _SHOWN_WORDS else rest[:-1]
    own = traits.parts.get(name, traits) if traits is not None else None
    key = own.first_key - taken if own is not None and own.first_key else -1
    shown = [key_shape(word) if place == key else "?" for place, word in enumerate(rest)]
    if name == "config|set" and rest and _PLAIN_NAME.fullmatch(rest[0]):
        shown[0] = rest[0].lower()
    if len(shown) > _SHOWN_WORDS:
        shown = [*shown[:_SHOWN_WORDS], "…"]
    return " ".join((_harmless(head), *shown))


def _harmless(head: str) -> str:
    """A command's name; what is none may be a value that was sent in its place."""
    return head if all(_PLAIN_NAME.fullmatch(word) for word in head.split(" ")) else "?"


def key_shape(key: str) -> str:
    """A key's sort: `user:?` for `user:4711`, `?` for a key without a name in front; a plain word is its own sort."""
    parts = key.split(":")
    if len(parts) == 1:
        return key if _PLAIN_NAME.fullmatch(key) else "?"
    return ":".join([part if _PLAIN_NAME.fullmatch(part) else "?" for part in parts[:-1]] + ["?"])
