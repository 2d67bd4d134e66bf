"""Backend → Cluster."""

from dataclasses import dataclass

from haloy.api.conditions import Report
from haloy.api.v1alpha1 import Backend
from haloy.model.cluster import (
    Algorithm,
    Balance,
    Cluster,
    Connections,
    CookieAffinity,
    Protocol,
    Retry,
    RetryOn,
)
from haloy.model.health import HealthCheck
from haloy.translate.endpoints import endpoints_of
from haloy.translate.health import check_of
from haloy.translate.reads import Reads
from haloy.translate.refused import refused_findings
from haloy.translate.upstream import upstream_tls


@dataclass(frozen=True, slots=True)
class ClusterUnit:
    """One Backend, translated. `cluster` None: it cannot be used, `unusable` says why as the end of a sentence."""

    cluster: Cluster | None
    report: Report
    unusable: str | None = None


def translate_backend(backend: Backend, reads: Reads, default: HealthCheck) -> ClusterUnit:
    """The Cluster of `backend`; all of it, whether a Route uses it or not, so that its health is known beforehand."""
    refused = reads.refused(backend.ref)
    if refused:
        report = Report(backend.ref, backend.generation, refused_findings(refused))
        return ClusterUnit(None, report, "is refused by the proxy, see its status")
    endpoints, endpoint_findings = endpoints_of(backend, reads)
    check, check_findings = check_of(backend, reads, default)
    tls, tls_findings, usable = upstream_tls(backend, reads)
    findings = (*endpoint_findings, *check_findings, *tls_findings)
    if not usable:
        report = Report(backend.ref, backend.generation, findings)
        return ClusterUnit(None, report, "lacks a certificate that it needs, see its status")
    spec = backend.spec
    affinity = spec.session_affinity
    connections = spec.connections
    cluster = Cluster(
        name=backend.ref.key,
        source=backend.ref,
        protocol=Protocol(spec.protocol),
        balance=Balance(Algorithm(spec.load_balancing.algorithm), spec.load_balancing.header),
        affinity=CookieAffinity(affinity.cookie.name, affinity.cookie.max_age) if affinity is not None else None,
        endpoints=endpoints,
        health_check=check,
        connections=Connections(
            max_per_endpoint=connections.max_per_endpoint,
            queue_timeout=connections.queue_timeout,
            connect_timeout=connections.connect_timeout,
            proxy_protocol=connections.send_proxy_protocol,
        ),
        retry=Retry(spec.retry.attempts, tuple(sorted((RetryOn(item) for item in spec.retry.on), key=_position))),
        tls=tls,
    )
    shown = tls.client_certificate if tls is not None else None
    report = Report(
        backend.ref,
        backend.generation,
        findings,
        clusters=(cluster.name,),
        certificates=(shown,) if shown is not None else (),
    )
    return ClusterUnit(cluster, report)


def _position(condition: RetryOn) -> int:
    return list(RetryOn).index(condition)
