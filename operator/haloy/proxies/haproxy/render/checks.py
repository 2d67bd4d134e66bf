"""Active checks, as far as they belong to a section: kind, request and expectation. The rhythm stands on each server."""

from collections.abc import Iterable
from string import punctuation
from typing import assert_never
from urllib.parse import quote

from haloy.model.cluster import Cluster
from haloy.model.health import GrpcCheck, HealthCheck, HttpCheck, TcpCheck
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block, at
from haloy.proxies.haproxy.render.tokens import Token

_VISIBLE = punctuation
"""Of a check's target only blanks and what is not ASCII are percent-encoded: they would end the request line early."""

_ADDRESS = "%[srv_name,regsub(" + tokens.argument("^(.*:.*):([0-9]+)$") + "," + tokens.argument("[\\1]:\\2") + ")]"
"""The server's address and port as a Host: its name, with brackets put back around an IPv6 address."""


def check_blocks(cluster: Cluster) -> list[Block]:
    """The lines for the cluster's HealthCheck; none without one."""
    check = cluster.health_check
    if check is None:
        return []
    source = at(cluster.source, "spec.healthPolicy") if check.source is None else at(check.source, "spec")
    timeout = tokens.join(tokens.keyword("timeout check"), tokens.milliseconds(check.timeout))
    blocks = [Block(source, (timeout,))]
    match check.kind:
        case TcpCheck() | GrpcCheck():
            return blocks
        case HttpCheck():
            return [*blocks, Block(at(source, "http"), tuple(_http(check, check.kind, cluster)))]
        case _:
            assert_never(check.kind)


def _http(check: HealthCheck, http: HttpCheck, cluster: Cluster) -> Iterable[Token]:
    """HTTP/1.1 with a Host, which many servers demand: the one given, that of the TLS connection, or the address."""
    given = {header.name.lower(): header for header in http.headers}
    host = http.host or (given["host"].value if "host" in given else None) or (cluster.tls and cluster.tls.server_name)
    yield tokens.keyword("option httpchk")
    parts = [tokens.keyword("http-check send meth"), tokens.http_token(http.method), tokens.keyword("uri")]
    parts += [tokens.word(quote(http.path, safe=_VISIBLE)), tokens.keyword("ver HTTP/1.1 hdr Host")]
    parts += [tokens.literal(host) if host else tokens.log_format(_ADDRESS)]
    for name, header in given.items():
        if name != "host":
            parts += [tokens.keyword("hdr"), tokens.http_token(header.name), tokens.literal(header.value)]
    yield tokens.join(*parts)
    ranges = ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in http.statuses)
    yield tokens.join(tokens.keyword("http-check expect status"), tokens.word(ranges))
    if http.expected_body:
        yield tokens.join(tokens.keyword("http-check expect string"), tokens.word(http.expected_body))
