"""Active checks, as far as they belong to a profile: kind, request and expectation. The rhythm stands on each server; path
and host are looked up in maps by the section's name, so that they change at run time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from string import punctuation
from typing import assert_never
from urllib.parse import quote

from haloy.model.cluster import Cluster
from haloy.model.health import GrpcCheck, HttpCheck, TcpCheck
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.maps import CHECK_HOSTS, CHECK_PATHS
from haloy.proxies.haproxy.render.tokens import Token

ROOT = "/"
"""The path that is asked for where the map has none."""

_VISIBLE = punctuation
"""Of a check's target only blanks and what is not ASCII are percent-encoded: they would end the request line early."""

_ADDRESS = "%[srv_name,regsub(" + tokens.argument("^(.*:.*):([0-9]+)$") + "," + tokens.argument("[\\1]:\\2") + ")]"
"""The server's address and port as a Host: its name, with brackets put back around an IPv6 address."""

_HOST = f"%[be_name,map_str({CHECK_HOSTS})]"
_PATH = f"%[be_name,map_str({CHECK_PATHS},{ROOT})]"


@dataclass(frozen=True, slots=True)
class CheckShape:
    """What a profile says of a check. `timeout`: milliseconds; `http`: the request without path and host, None: there is
    no request. `hosted`: whether a host is given, else the server's address stands for it."""

    timeout: int
    http: HttpCheck | None = None
    hosted: bool = False


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """What a request asks for. `path`: percent-encoded; `host` None: the server's address."""

    path: str = ROOT
    host: str | None = None


def check_shape(cluster: Cluster) -> CheckShape | None:
    """None without a HealthCheck."""
    check = cluster.health_check
    if check is None:
        return None
    match check.kind:
        case TcpCheck() | GrpcCheck():
            return CheckShape(check.timeout)
        case HttpCheck() as http:
            headers = {header.name.lower(): header for header in http.headers if header.name.lower() != "host"}
            plain = replace(http, path=ROOT, host=None, headers=tuple(headers.values()))
            return CheckShape(check.timeout, plain, _host(cluster, http) is not None)
        case _:
            assert_never(check.kind)


def check_target(cluster: Cluster) -> CheckTarget:
    """The values for the maps; the default one where there is no request.

    Raises:
        UnsafeValueError: the host cannot be a value of a map.
    """
    check = cluster.health_check
    if check is None or not isinstance(check.kind, HttpCheck):
        return CheckTarget()
    host = _host(cluster, check.kind)
    if host is not None:
        tokens.word(host)
    return CheckTarget(quote(check.kind.path, safe=_VISIBLE) or ROOT, host)


def check_lines(shape: CheckShape) -> Iterable[Token]:
    """HTTP/1.1 with a Host, which many servers demand."""
    yield tokens.join(tokens.keyword("timeout check"), tokens.milliseconds(shape.timeout))
    http = shape.http
    if http is None:
        return
    yield tokens.keyword("option httpchk")
    parts = [tokens.keyword("http-check send meth"), tokens.http_token(http.method)]
    parts += [tokens.keyword("uri-lf"), tokens.log_format(_PATH), tokens.keyword("ver HTTP/1.1 hdr Host")]
    parts += [tokens.log_format(_HOST if shape.hosted else _ADDRESS)]
    for header in http.headers:
        parts += [tokens.keyword("hdr"), tokens.http_token(header.name), tokens.literal(header.value)]
    yield tokens.join(*parts)
    ranges = ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in http.statuses)
    yield tokens.join(tokens.keyword("http-check expect status"), tokens.word(ranges))
    if http.expected_body:
        yield tokens.join(tokens.keyword("http-check expect string"), tokens.word(http.expected_body))


def _host(cluster: Cluster, http: HttpCheck) -> str | None:
    """The one given, that of a Host header, that of the TLS connection. Blanks around it mean nothing (RFC 9110, section 5.5)."""
    given = {header.name.lower(): header.value for header in http.headers}
    host = http.host or given.get("host") or (cluster.tls and cluster.tls.server_name) or ""
    return host.strip() or None
