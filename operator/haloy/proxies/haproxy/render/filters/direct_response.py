"""DirectResponse."""

from haloy.model.filters import DirectResponse
from haloy.proxies.haproxy.names import digest
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.tokens import Token


def response_lines(response: DirectResponse) -> tuple[tuple[Token, ...], tuple[tuple[str, bytes], ...]]:
    """The line, and the file with the body: what a file holds is data, newlines included."""
    status = tokens.join(tokens.keyword("http-request return status"), tokens.number(response.status))
    body = response.body.encode()
    if not body:
        return (status,), ()
    name = f"files/{digest(response.body, size=12)}.body"
    line = tokens.join(
        status,
        tokens.keyword("content-type"),
        tokens.word(response.content_type),
        tokens.keyword("file"),
        tokens.file(name),
    )
    return (line,), ((name, body),)
