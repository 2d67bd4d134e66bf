"""What becomes of a Backend or a HealthPolicy, and where each value came from."""

from typing import assert_never

from pydantic import BaseModel

from haloy.api.v1alpha1 import Backend, HealthPolicy
from haloy.model.cluster import Cluster, Endpoint
from haloy.model.health import EndpointKey, GrpcCheck, HealthCheck, HttpCheck, TcpCheck
from haloy.text import format_duration
from haloy.translate.lines import Line

DEFAULT = "built-in default"


def origin(part: BaseModel | None, attribute: str, path: str) -> str:
    """Was `attribute` of `part` written by the user, in the field `path`?"""
    return path if part is not None and attribute in part.model_fields_set else DEFAULT


def cluster_lines(backend: Backend, cluster: Cluster | None) -> tuple[Line, ...]:
    """How `backend` is spoken to, and its endpoints."""
    if cluster is None:
        return (Line("not served, see findings"),)
    return (*_settings(backend, cluster), *_check(backend, cluster), *_endpoints(cluster))


def check_lines(policy: HealthPolicy, check: HealthCheck) -> tuple[Line, ...]:
    """The check in words, each value with the field it is from. `check` is what `policy` was translated to."""
    spec = policy.spec
    lines = [
        Line(_check_words(check)),
        Line(f"every {format_duration(check.interval)}", origin(spec, "interval", "spec.interval")),
        Line(f"time-out {format_duration(check.timeout)}", origin(spec, "timeout", "spec.timeout")),
        Line(
            f"unhealthy after {check.fall} failures",
            origin(spec, "unhealthy_threshold", "spec.unhealthyThreshold"),
        ),
        Line(f"healthy after {check.rise} passes", origin(spec, "healthy_threshold", "spec.healthyThreshold")),
    ]
    if check.slow_start is not None:
        lines.append(Line(f"slow start over {format_duration(check.slow_start)}", "spec.slowStart"))
    if check.start_unhealthy:
        lines.append(Line("no traffic before the first passes", "spec.startUnhealthy"))
    if check.passive is not None:
        words = f"{check.passive.consecutive_errors} errors in live traffic: {check.passive.on_error.value}"
        lines.append(Line(words, "spec.passive"))
    return tuple(lines)


def _settings(backend: Backend, cluster: Cluster) -> list[Line]:
    spec = backend.spec
    balancing, connections, retry = spec.load_balancing, spec.connections, spec.retry
    balance = cluster.balance
    hashed = f" of {balance.header}" if balance.header is not None else ""
    lines = [
        Line(f"protocol {cluster.protocol.value}", origin(spec, "protocol", "spec.protocol")),
        Line(
            f"balance {balance.algorithm.value}{hashed}",
            origin(balancing, "algorithm", "spec.loadBalancing.algorithm"),
        ),
        Line(
            f"connect time-out {format_duration(cluster.connections.connect_timeout)}",
            origin(connections, "connect_timeout", "spec.connections.connectTimeout"),
        ),
        Line(
            f"queue time-out {format_duration(cluster.connections.queue_timeout)}",
            origin(connections, "queue_timeout", "spec.connections.queueTimeout"),
        ),
        Line(f"retries {cluster.retry.attempts}", origin(retry, "attempts", "spec.retry.attempts")),
        Line(
            f"retried: {', '.join(item.value for item in cluster.retry.on) or 'nothing'}",
            origin(retry, "on", "spec.retry.on"),
        ),
    ]
    if cluster.affinity is not None:
        lines.append(Line(f"affinity by cookie {cluster.affinity.name}", "spec.sessionAffinity.cookie"))
    if cluster.connections.max_per_endpoint is not None:
        words = f"at most {cluster.connections.max_per_endpoint} connections an endpoint"
        lines.append(Line(words, "spec.connections.maxPerEndpoint"))
    if cluster.connections.proxy_protocol is not None:
        words = f"PROXY protocol {cluster.connections.proxy_protocol}"
        lines.append(Line(words, "spec.connections.sendProxyProtocol"))
    if cluster.tls is not None:
        ca = f"the CA certificates in Secret {cluster.tls.ca}" if cluster.tls.ca is not None else "the system's CAs"
        name = cluster.tls.server_name or "its own DNS name"
        lines.append(Line(f"each endpoint proves by {ca} to be {name}", origin(spec, "tls", "spec.tls")))
        if cluster.tls.client_certificate is not None:
            words = f"client certificate {cluster.tls.client_certificate}"
            lines.append(Line(words, "spec.tls.clientCertificateSecretName"))
    return lines


def _check(backend: Backend, cluster: Cluster) -> list[Line]:
    check = cluster.health_check
    if check is None:
        return [Line("not checked")]
    came_from = f"HealthPolicy {check.source.key}" if check.source is not None else DEFAULT
    words = (
        f"{_check_words(check)} every {format_duration(check.interval)}, time-out {format_duration(check.timeout)}, "
        f"unhealthy after {check.fall} failures, healthy after {check.rise} passes"
    )
    return [Line(words, came_from)]


def _check_words(check: HealthCheck) -> str:
    kind = check.kind
    match kind:
        case HttpCheck():
            statuses = ", ".join(f"{low}-{high}" if low != high else str(low) for low, high in kind.statuses)
            return f"check by {kind.method} {kind.path}, passing on {statuses}"
        case TcpCheck():
            return "check by a TCP connection"
        case GrpcCheck():
            return f"check by gRPC of {kind.service or 'the server as a whole'}"
        case _:
            assert_never(kind)


def _endpoints(cluster: Cluster) -> list[Line]:
    if not cluster.endpoints:
        return [Line("no endpoint: requests answer 503")]
    listed = sorted(cluster.endpoints, key=lambda endpoint: endpoint.position)
    lines = tuple(
        Line(
            _endpoint_words(endpoint),
            f"spec.endpoints[{endpoint.position}]",
            EndpointKey(cluster.name, endpoint.key),
        )
        for endpoint in listed
    )
    return [Line("endpoints", children=lines)]


def _endpoint_words(endpoint: Endpoint) -> str:
    parts = [endpoint.key]
    parts += [f"from {endpoint.hostname}"] if endpoint.hostname is not None else []
    parts += [f"weight {endpoint.weight}"]
    parts += ["backup"] if endpoint.backup else []
    return ", ".join(parts)
