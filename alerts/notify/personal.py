"""What leaves the house as text: personal data, secrets and literals masked, nothing that a service would take for markup. Pure.

The texts of evidence have lost their literals before they get here; this is the second lock on the door.
"""

from __future__ import annotations

import re
from functools import lru_cache

from alerts.notify.literals import without_literals

_LONGEST = 400
_MARKUP = re.compile(r"<(?=[!@#])|@(?=(?:everyone|here|channel|all|room)\b)", re.IGNORECASE)
"""What Slack, Discord, Matrix and others would call people by."""
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*(?:\"|\Z)|'(?:[^'\\]|\\.|'')*(?:'|\Z)|\S+)"
_HIDDEN = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|credentials?|connection_?string"
    r"|(?:api|access|private|secret|account|shared|signing|encryption)[-_.]?key|(?<![a-z])(?:pass|pw|sig|jwt))"
)
"""How the name of a secret ends, whatever stands before it, as in `aws_secret_access_key`."""
_HIDDEN_NAME = rf"[\w.-]*{_HIDDEN}(?:[-_](?:hash|value|text|id|\d+))?"
_PORT = r"\d{1,5}(?:[/?#\s,;.)'\"]|\Z)"
_TO_LAST_AT = r"[^@]*(?:@(?:(?!\s[a-z][a-z0-9+.-]{0,30}://)[^@])*)*(?=@[\w\[])"
"""A password goes to the last @, over blanks and quotes too, unless another URL begins behind its first one."""
_MASKS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (("-----begin",), re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), "[key]"),
    (("://",), re.compile(rf"(?<=://)[^\s/@:?#]*:(?!{_PORT}){_TO_LAST_AT}", re.IGNORECASE), "***"),
    # Of a web page a number behind the host is its port; of anything else it may begin a password.
    (("://",), re.compile(rf"(?<!http://)(?<!https://)(?<=://)[^\s/@:?#]*:(?={_PORT}){_TO_LAST_AT}", re.IGNORECASE), "***"),
    (("://",), re.compile(r"(?<=://)[^\s/@:?#]+(?=@)"), "***"),
    (("@",), re.compile(r"(?<![\w/:.@-])(?!mailto:)[\w.-]+:(?!//)\S+(?=@(?:\w|\[))"), "***"),
    (("@",), re.compile(r"(?<![\w/:.@-])([\w$#]+/)[^\s@][^@\s]*(?:@[^@\s]*)*(?=@[\w/\[])"), r"\1***"),
    (("=",), re.compile(rf"([?&;][\w.-]*{_HIDDEN}=)[^&;\"'#]*", re.IGNORECASE), r"\1***"),
    (("/",), re.compile(r"(?<=hooks\.slack\.com/)\S+|(?<=/api/webhooks/)\S+|(?<=api\.telegram\.org/)bot[^\s/]+"), "***"),
    (
        ("authorization",),
        re.compile(
            r"\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|digest|negotiate|ntlm|token|apikey)\s+)?[^\s\"']+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (("bearer",), re.compile(r"\b(bearer\s+)(?=\S*[\d=+/_.~-]|\S{20})[\w+/.~=-]{8,}", re.IGNORECASE), r"\1***"),
    (("basic",), re.compile(r"\b(basic\s+)(?=\S*[\d=]|\S{20})[A-Za-z0-9+/]{8,}={0,2}", re.IGNORECASE), r"\1***"),
    (("cookie",), re.compile(r"\b((?:set-)?cookie\s*:\s*)[^\s;]+(?:;\s*[^\s;]+)*", re.IGNORECASE), r"\1***"),
    (("=", ":"), re.compile(rf"(?<![\w.-])({_HIDDEN_NAME}[\"']?\s*(?:=>|:=|[=:])\s*)(?!\*\*\*[&;]){_VALUE}", re.IGNORECASE), r"\1***"),
    (("-",), re.compile(rf"(?<![\w-])(--?[\w-]*{_HIDDEN}(?:\s+|=))(?!-){_VALUE}", re.IGNORECASE), r"\1***"),
    ((" -p",), re.compile(r"\b((?:mysql|mariadb|mongo|sshpass)[\w-]*\s(?:.{0,200}?\s)?-p\s?)(?![\s-])\S+"), r"\1***"),
    ((" -",), re.compile(r"\b(redis-cli\s(?:.{0,200}?\s)?-a\s+|curl\s(?:.{0,200}?\s)?(?:-u|--user)\s*)\S+"), r"\1***"),
    (
        ("requirepass", "masterauth", "identified"),
        re.compile(rf"\b((?:requirepass|masterauth|identified\s+by|identified\s+with\s+\S+\s+(?:by|as))\s+){_VALUE}", re.IGNORECASE),
        r"\1***",
    ),
    (("password",), re.compile(r"\b(password\s+)(?:'[^']*'?|\"[^\"]*\"?)", re.IGNORECASE), r"\1***"),
    (
        (" is ", " was ", " to "),
        re.compile(rf"\b({_HIDDEN_NAME}\s+(?:is|was|to)\s+(?:now\s+)?)(?:\"[^\"]*\"?|'[^']*'?|(?=\S*[\d$%&#@!])\S+)", re.IGNORECASE),
        r"\1***",
    ),
    (("eyj",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "[token]"),
    (
        ("-", "_", "akia", "asia", "aiza", "hvs."),
        re.compile(r"\b(?:xox[abeprs]-|gh[pousr]_|github_pat_|glpat-|sk-|[sr]k_(?:live|test)_|AKIA|ASIA|AIza|hvs\.|npm_|dop_v1_)[\w-]{8,}"),
        "[token]",
    ),
    # What a server says of a row that it refuses.
    (("=(",), re.compile(r"(?<=\)=)\(.*?\)(?=[\s.,;]|\Z)"), "(?)"),
    (("failing row",), re.compile(r"\b(failing row contains )\(.*\)?", re.IGNORECASE), r"\1(?)"),
    (("duplicate entry",), re.compile(r"\b(duplicate entry )'.*?'(?= for\b|\Z)", re.IGNORECASE), r"\1?"),
    (("dup key",), re.compile(r"\b(dup key: )\{.*?(?:\}|\Z)"), r"\1{?}"),
    (("invalid",), re.compile(r"\b(invalid (?:input )?(?:syntax|value) for [\w ]+: )\".*?(?:\"|\Z)", re.IGNORECASE), r"\1?"),
    (('"@',), re.compile(r"\"[^\"]*\"@[\w-]+(?:\.[\w-]+)+\b"), "[e-mail]"),
    (("@",), re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "[e-mail]"),
    (("",), re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), "[iban]"),
    (("+",), re.compile(r"(?<![\w+])\+\d[\d ()/-]{7,}\d"), "[phone]"),
    (("-",), re.compile(r"(?<![\w-])(?:\(\d{3}\) ?|\d{3}[ -])\d{3}-\d{4}(?![\w-])"), "[phone]"),
    # As written within a country: an area code with its 0, in brackets or parted from the rest.
    (("(0",), re.compile(r"(?<![\w)])\(0\d{1,5}\)(?=(?:[ /-]?\d){4})(?:[ /-]?\d+){1,6}(?!\w)"), "[phone]"),
    (("0",), re.compile(r"(?<![\w.,:/+-])0\d{2,5}(?=[ /-])(?=(?:[ /-]?\d){5})(?:[ /-]\d+){1,6}(?![\w:]|\.\d)"), "[phone]"),
    (("-",), re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), "[number]"),
)
"""What is looked for, behind texts of which one has to be there: to look for those is quick, and most texts have none."""
_CARD = re.compile(r"(?P<backup>(?<![\w.-])20\d{6}-[0-2]\d[0-5]\d[0-6]\d-[0-9a-z]{4}(?![\w-]))|(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
"""The number of a card, or else the id of a backup, which is a moment and four random letters or digits."""


@lru_cache(maxsize=4096)
def harmless(text: str, *, keeps_literals: bool = False) -> str:
    """A text on one line that may be sent: masked, cut, without control characters and without what calls people by name.

    `keeps_literals` is for statements that ship with aishell, which are to be run as they stand.
    """
    line = " ".join("".join(character if character.isprintable() else " " for character in text[: 4 * _LONGEST]).split())
    line = _MARKUP.sub(lambda match: f"{match[0]} ", masked(line, keeps_literals=keeps_literals))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def masked(text: str, *, keeps_literals: bool = False) -> str:
    """A text without e-mail addresses, phone, card and account numbers, passwords, tokens, and the literals of SQL in it.

    What cannot be told from a secret is taken for one: too much is hidden rather than too little.
    """
    lowered = text.lower()
    for needles, pattern, mask in _MASKS:
        if any(needle in lowered for needle in needles):
            text = pattern.sub(mask, text)
    text = _CARD.sub(lambda match: "[card]" if match["backup"] is None and _is_card(match[0]) else match[0], text)
    return text if keeps_literals else without_literals(text)


def _is_card(text: str) -> bool:
    """Whether digits are the number of a card (Luhn's check of ISO/IEC 7812)."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0
