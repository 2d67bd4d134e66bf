"""RequestRedirect, and the ports that clients see."""

from dataclasses import dataclass

from haloy.model.filters import RequestRedirect
from haloy.model.listener import Fleet
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.filters.paths import path_format
from haloy.proxies.haproxy.render.tokens import Token

_WELL_KNOWN = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class PublicPorts:
    """The ports of the first plain and the first TLS listener as clients see them."""

    http: int = 80
    https: int = 443

    @classmethod
    def of(cls, fleet: Fleet) -> "PublicPorts":
        http = next((listener.public_port for listener in fleet.listeners if not listener.tls), 80)
        https = next((listener.public_port for listener in fleet.listeners if listener.tls), 443)
        return cls(http, https)

    def suffix(self, scheme: str, port: int | None = None) -> str:
        """`:8443`, or nothing for the scheme's well-known port."""
        shown = port or (self.https if scheme == "https" else self.http)
        return "" if _WELL_KNOWN.get(scheme) == shown else f":{shown}"


def redirect_lines(redirect: RequestRedirect, prefix_length: int | None, ports: PublicPorts) -> tuple[Token, ...]:
    """Answer with the new location; the query stays.

    Without a scheme the client's own one is kept: X-Forwarded-Proto always says it here, from a trusted proxy or from
    haloy, and it decides the port as well.
    """
    lines = []
    if redirect.path is not None:
        path = tokens.log_format(path_format(redirect.path, prefix_length))
        lines.append(tokens.join(tokens.keyword("http-request set-path"), path))
    if redirect.scheme is not None:
        return (*lines, _redirect(redirect, redirect.scheme, ports))
    secure = tokens.keyword("if { req.fhdr(x-forwarded-proto) -m beg https }")
    return (*lines, tokens.join(_redirect(redirect, "https", ports), secure), _redirect(redirect, "http", ports))


def _redirect(redirect: RequestRedirect, scheme: str, ports: PublicPorts) -> Token:
    host = "%[var(txn.host)]" if redirect.hostname is None else tokens.log_text(redirect.hostname)
    location = f"{tokens.log_text(scheme)}://{host}{ports.suffix(scheme, redirect.port)}%[pathq]"
    return tokens.join(
        tokens.keyword("http-request redirect code"),
        tokens.number(redirect.code),
        tokens.keyword("location"),
        tokens.log_format(location),
    )
