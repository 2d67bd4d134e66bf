"""Paths in requests and locations."""

from urllib.parse import quote

from haloy.model.filters import PathModifier, PathModifierKind
from haloy.proxies.haproxy.render import tokens

_SAFE = "/%:@!$&'()*+,;=~-._"
"""What RFC 3986 allows in a path. Anything else is sent percent-encoded: a blank or `?` would change the request line."""


def path_format(modifier: PathModifier, prefix_length: int | None) -> str:
    """The log-format text of the new path. `prefix_length`: bytes of the matched prefix (without a trailing slash).

    Edge cases as in the Gateway API (HTTPPathModifier.replacePrefixMatch): /foo replaced by / gives / for /foo, /foo/ for
    none. What is left of the path after a prefix is empty or begins with a slash, so only an empty replacement is special.
    """
    value = "/" + quote(modifier.value.lstrip("/"), safe=_SAFE)
    if modifier.kind is PathModifierKind.FULL:
        return tokens.log_text(value)
    length = prefix_length or 0
    replacement = value.rstrip("/")
    if not replacement:
        return f"/%[path,bytes({length + 1})]"
    return f"{tokens.log_text(replacement)}%[path,bytes({length})]"
