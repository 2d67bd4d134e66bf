"""URLRewrite."""

from haloy.model.filters import UrlRewrite
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.filters.paths import path_format
from haloy.proxies.haproxy.render.tokens import Token


def rewrite_lines(rewrite: UrlRewrite, prefix_length: int | None, when: tuple[Token, ...]) -> tuple[Token, ...]:
    """Replace host and path; the query stays. X-Forwarded-Host keeps what the client sent."""
    lines = []
    if rewrite.path is not None:
        path = tokens.log_format(path_format(rewrite.path, prefix_length))
        lines.append(tokens.join(tokens.keyword("http-request set-path"), path, *when))
    if rewrite.hostname is not None:
        host = tokens.literal(rewrite.hostname)
        lines.append(tokens.join(tokens.keyword("http-request set-header Host"), host, *when))
    return tuple(lines)
