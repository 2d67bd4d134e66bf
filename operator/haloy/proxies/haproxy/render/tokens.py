"""The only way into configuration text: every value passes one of these functions and becomes a Token.

HAProxy reads a line in layers: words (manual 2.2, quoting and environment), then, depending on the keyword, a
log-format string (8.2.4) or a sample expression (2.5, quoting inside arguments). Each layer has a function here, so no
caller escapes anything by hand. A user's string is always data: quoted, never a keyword, and never inside `{ }`, whose
end is a lone `}` even when quoted.
"""

import re
from dataclasses import dataclass
from typing import LiteralString

_BARE = re.compile(r"[A-Za-z0-9_.,:/@+=^|*?<>()-]+\Z")
_NAME = re.compile(r"[A-Za-z0-9_.:-]+\Z")
_PLAIN_ARGUMENT = re.compile(r"[A-Za-z0-9_.-]+\Z")
_RULE_ID = re.compile(r"[A-Za-z0-9_./:~?%@*<>-]+\Z")
_HTTP_TOKEN = re.compile(r"[A-Za-z0-9!#$&'*+.^_`|~%-]+\Z")
_FILE = re.compile(r"(?!.*\.\.)[A-Za-z0-9_./-]+\Z")
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]-]*\Z")
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z|\*\Z|\[[0-9A-Fa-f:.]+\]\Z")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f]|[\ud800-\udfff]")


class UnsafeValueError(ValueError):
    """A value that no quoting makes safe (control characters, wrong alphabet). Validation should have refused it before."""


@dataclass(frozen=True, slots=True)
class Token:
    """Finished configuration text: one word, or several that belong together."""

    text: str

    def __str__(self) -> str:
        return self.text


def keyword(text: LiteralString) -> Token:
    """Text that haloy's own source spells out. Never computed."""
    return Token(text)


def join(*parts: Token) -> Token:
    """Several tokens on one line."""
    return Token(" ".join(part.text for part in parts))


def word(value: str) -> Token:
    """Any string as exactly one word, for keywords that take it as it is (no log-format)."""
    return Token(_quoted(_checked(value)))


def literal(value: str) -> Token:
    """Any string as one word, for keywords that read a log-format string: it comes out as it went in.

    `%` is doubled. An empty word counts as a missing one there, so nothing is said by a sample that is empty.
    """
    if not value:
        return Token("%[str()]")
    return Token(_quoted(log_text(value)))


def log_format(text: str) -> Token:
    """A log-format string put together from `log_text` and haloy's own samples, as one word."""
    return Token(_quoted(_checked(text)))


def log_text(value: str) -> str:
    """The part of a log-format string that prints `value`."""
    return _checked(value).replace("%", "%%")


def argument(value: str) -> str:
    """Any string as one argument of a sample expression, `url_param(HERE)`: still to be quoted as a word with the rest."""
    return value if _PLAIN_ARGUMENT.match(value) else "'" + _checked(value).replace("'", "'\\''") + "'"


def http_token_argument(value: str) -> str:
    """`argument` for a header's name. `http_token` is a word already: within an expression its quotes would be eaten with the
    word's, and a `'` of the name would open others."""
    return argument(_matched(_HTTP_TOKEN, value, "a token of HTTP"))


def name(value: str) -> Token:
    """The name of a section, a server or an ACL."""
    return Token(_matched(_NAME, value, "a name"))


def rule_id(value: str) -> Token:
    """An identifier that haloy built from DNS-1123 names and its own marks."""
    return Token(_matched(_RULE_ID, value, "an identifier"))


def http_token(value: str) -> Token:
    """A header's name or a method (RFC 9110, section 5.6.2)."""
    return Token(_quoted(_matched(_HTTP_TOKEN, value, "a token of HTTP")))


def file(value: str) -> Token:
    """A file name below the configuration directory."""
    return Token(_matched(_FILE, value, "a file name"))


def field_path(value: str) -> Token:
    """The place of a field in a manifest, for comments only."""
    return Token(_matched(_FIELD, value, "a field"))


def host(value: str) -> Token:
    """A host of a Route: a DNS name, perhaps with a wildcard in front, `*`, or an address in brackets."""
    return Token(_matched(_HOST, value, "a host"))


def number(value: int) -> Token:
    """A whole number, in decimal."""
    return Token(str(int(value)))


def milliseconds(value: int) -> Token:
    """A time with its unit: without one HAProxy would take some times for seconds."""
    return Token(f"{int(value)}ms")


def _matched(pattern: re.Pattern[str], value: str, what: str) -> str:
    if pattern.match(value) is None:
        raise UnsafeValueError(f"{value!r} is not {what}")
    return value


def _checked(value: str) -> str:
    found = _FORBIDDEN.search(value)
    if found is not None:
        raise UnsafeValueError(f"{value!r} holds {found[0]!r}, which no configuration line can hold")
    return value


def _quoted(value: str) -> str:
    """Within single quotes only the single quote itself is special (manual 2.2)."""
    return value if _BARE.match(value) else "'" + value.replace("'", "'\\''") + "'"
