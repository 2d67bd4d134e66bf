"""Endpoints as servers. All options stand on the server itself, because `add server` ignores default-server."""

from typing import assert_never

from haloy.model.cluster import Algorithm, Cluster, Endpoint, EndpointState, Protocol, UpstreamTls
from haloy.model.health import GrpcCheck, HealthCheck, OnError
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.names import (
    agent_token,
    bundle_file,
    certificate_file,
    cookie_value,
    digest,
    server_name,
)
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.tokens import Token

_IDS = 100_003
"""Server ids: HAProxy's consistent hashing multiplies them by 2^14 in 32 bits."""

AGENT_INTERVAL = 2_000
"""Milliseconds: haloy's own checker keeps the policy's interval, HAProxy asks it for the level at least this often."""


def cluster_servers(cluster: Cluster, options: HaproxyOptions, ca_digest: str = "") -> tuple[Server, ...]:
    """One server per endpoint, in the order of the endpoints. `ca_digest`: of the content of the Cluster's own CA bundle.

    An endpoint that drains has weight 0: no new sessions except by affinity, in the file and at run time alike.
    """
    servers = []
    check = cluster.health_check
    grpc = check is not None and isinstance(check.kind, GrpcCheck) and options.agent is not None
    for endpoint, number in zip(cluster.endpoints, _ids(cluster), strict=True):
        servers.append(
            Server(
                name=tokens.name(server_name(endpoint)).text,
                address=endpoint.address,
                port=endpoint.port,
                id=number,
                weight=0 if endpoint.state is EndpointState.DRAINING else endpoint.weight,
                endpoint=endpoint.key,
                options=tuple(token.text for token in _options(cluster, endpoint, options, ca_digest)),
                state=endpoint.state,
                checked=check is not None and not grpc,
                start_down=check is not None and check.start_unhealthy,
                agent=grpc,
            )
        )
    return tuple(servers)


def _ids(cluster: Cluster) -> list[int]:
    """Stable whatever else is in the cluster (except for rare collisions); FIRST fills servers by ascending id."""
    if cluster.balance.algorithm is Algorithm.FIRST:
        return [endpoint.position + 1 for endpoint in cluster.endpoints]
    used: set[int] = set()
    ids = []
    for endpoint in cluster.endpoints:
        number = int(digest("id", server_name(endpoint)), 16) % _IDS
        while number in used:
            number = (number + 1) % _IDS
        used.add(number)
        ids.append(number + 1)
    return ids


def _options(cluster: Cluster, endpoint: Endpoint, options: HaproxyOptions, ca_digest: str) -> list[Token]:
    found = [tokens.keyword("backup")] if endpoint.backup else []
    if cluster.affinity is not None:
        value = cookie_value(cluster.name, server_name(endpoint))
        found += [tokens.keyword("cookie"), tokens.name(value)]
    limit = cluster.connections.max_per_endpoint
    found += [] if limit is None else [tokens.keyword("maxconn"), tokens.number(limit)]
    found += _transport(cluster, endpoint, options, ca_digest)
    if cluster.health_check is not None:
        found += _check(cluster.health_check, cluster, endpoint, options)
    return [
        Token(word) for token in found for word in (token.text.split(" ") if "'" not in token.text else [token.text])
    ]


def _transport(cluster: Cluster, endpoint: Endpoint, options: HaproxyOptions, ca_digest: str) -> list[Token]:
    match cluster.protocol:
        case Protocol.HTTP1:
            found = []
        case Protocol.H2C:
            found = [tokens.keyword("proto h2")]
        case Protocol.H2:
            found = [*_tls(cluster.tls or UpstreamTls(), endpoint, options, ca_digest), tokens.keyword("alpn h2")]
        case Protocol.HTTPS:
            found = [*_tls(cluster.tls or UpstreamTls(), endpoint, options, ca_digest), tokens.keyword("alpn http/1.1")]
        case _:
            assert_never(cluster.protocol)
    match cluster.connections.proxy_protocol:
        case None:
            pass
        case "v1":
            found.append(tokens.keyword("send-proxy"))
        case "v2":
            found.append(tokens.keyword("send-proxy-v2"))
        case other:
            raise tokens.UnsafeValueError(f"{other!r} is no version of the PROXY protocol")
    return found


def _tls(tls: UpstreamTls, endpoint: Endpoint, options: HaproxyOptions, ca_digest: str) -> list[Token]:
    """The certificate is always verified, by name too. Without any name the address stands for it, which no certificate's
    DNS name equals: refused rather than half verified."""
    ca = options.system_ca if tls.ca is None else bundle_file(tls.ca, ca_digest)
    found = [tokens.keyword("ssl verify required ca-file"), tokens.word(ca)]
    verified = endpoint.hostname if tls.server_name is None else tls.server_name
    host = tokens.name(endpoint.address if verified is None else verified)
    found += [tokens.keyword("verifyhost"), host]
    if verified is not None:
        found += [tokens.keyword("sni"), Token(f"str({host})"), tokens.keyword("check-sni"), host]
    if tls.client_certificate is not None:
        found += [tokens.keyword("crt"), tokens.file(certificate_file(tls.client_certificate))]
    return found


def _check(check: HealthCheck, cluster: Cluster, endpoint: Endpoint, options: HaproxyOptions) -> list[Token]:
    interval = tokens.milliseconds(check.interval)
    found: list[Token] = []
    if isinstance(check.kind, GrpcCheck) and options.agent is not None:
        address, port = options.agent
        found += [tokens.keyword("agent-check agent-addr"), tokens.name(address)]
        asked = tokens.milliseconds(min(check.interval, AGENT_INTERVAL))
        found += [tokens.keyword("agent-port"), tokens.number(port), tokens.keyword("agent-inter"), asked]
        found += [tokens.keyword("agent-send"), tokens.name(agent_token(cluster.name, endpoint.key))]
    else:
        found += [tokens.keyword("check"), *_check_transport(cluster), tokens.keyword("inter"), interval]
        found += [tokens.keyword("fall"), tokens.number(check.fall), tokens.keyword("rise"), tokens.number(check.rise)]
        if check.passive is not None:
            action = "mark-down" if check.passive.on_error is OnError.MARK_DOWN else "fastinter"
            found += [tokens.keyword("observe layer7 error-limit"), tokens.number(check.passive.consecutive_errors)]
            found += [tokens.keyword("on-error"), tokens.name(action)]
    if check.slow_start is not None:
        found += [tokens.keyword("slowstart"), tokens.milliseconds(check.slow_start)]
    return found


def _check_transport(cluster: Cluster) -> list[Token]:
    """Checks speak as requests do. A server in a file does so by itself, one that `add server` makes only if it is told: its checks
    would pass whatever its certificate is."""
    found = []
    if cluster.protocol in (Protocol.H2, Protocol.HTTPS):
        found.append(tokens.keyword("check-ssl"))
    if cluster.connections.proxy_protocol is not None:
        found.append(tokens.keyword("check-send-proxy"))
    return found
