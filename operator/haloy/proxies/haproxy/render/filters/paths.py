"""Paths in requests and locations.

Edge cases as in the Gateway API (HTTPPathModifier.replacePrefixMatch): /foo replaced by / gives / for /foo, /foo/ for
none. What is left of the path after a prefix is empty or begins with a slash, so only an empty replacement is special.
"""

from urllib.parse import quote

from haloy.model.filters import PathModifier, PathModifierKind
from haloy.proxies.haproxy.render import tokens

_SAFE = "/%:@!$&'()*+,;=~-._"
"""What RFC 3986 allows in a path. Anything else is sent percent-encoded: a blank or `?` would change the request line."""


def full_path(modifier: PathModifier) -> str:
    """The replacement as a path."""
    return "/" + quote(modifier.value.lstrip("/"), safe=_SAFE)


def prefix_path(modifier: PathModifier) -> str:
    """What stands in front of the kept part of the path."""
    return full_path(modifier).rstrip("/") or "/"


def kept_from(modifier: PathModifier, length: int) -> int:
    """How many bytes of the path go. `length`: of the matched prefix, without a trailing slash."""
    return length if full_path(modifier).rstrip("/") else length + 1


def path_format(modifier: PathModifier, prefix_length: int | None) -> str:
    """The log-format text of the new path."""
    if modifier.kind is PathModifierKind.FULL:
        return tokens.log_text(full_path(modifier))
    return f"{tokens.log_text(prefix_path(modifier))}%[path,bytes({kept_from(modifier, prefix_length or 0)})]"
