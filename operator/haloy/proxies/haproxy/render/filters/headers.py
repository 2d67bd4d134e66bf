"""RequestHeaderModifier and ResponseHeaderModifier."""

from haloy.model.filters import HeaderModifier
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.tokens import Token

REQUEST = tokens.keyword("http-request")
RESPONSE = tokens.keyword("http-after-response")
"""Also for answers that HAProxy makes itself: a header that a user sets for safety must not be missing from a 503."""


def header_lines(modifier: HeaderModifier, stage: Token, when: tuple[Token, ...]) -> tuple[Token, ...]:
    """Remove, set, add, in this order (Gateway API, HTTPHeaderFilter). `when`: the condition, if any."""
    lines = [
        tokens.join(stage, tokens.keyword("del-header"), tokens.http_token(name), *when) for name in modifier.remove
    ]
    for action, headers in ((tokens.keyword("set-header"), modifier.set), (tokens.keyword("add-header"), modifier.add)):
        lines += [
            tokens.join(stage, action, tokens.http_token(header.name), tokens.literal(header.value), *when)
            for header in headers
        ]
    return tuple(lines)
