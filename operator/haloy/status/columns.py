"""The ready-made strings that printer columns and tables show (a JSONPath over a list would print its first item only)."""

from collections.abc import Mapping
from functools import cached_property

from haloy.api.conditions import Report
from haloy.model.cluster import Algorithm
from haloy.model.health import EndpointHealth, GrpcCheck, Health, HealthCheck, HttpCheck, TcpCheck
from haloy.model.model import Certificate, Model
from haloy.model.refs import ObjectRef
from haloy.status.health import Count, HealthView
from haloy.status.values import EndpointStatus
from haloy.text import format_duration


class Columns:
    """The columns of every object of one Model; `proxies` ready, `live` as in Programming."""

    def __init__(self, model: Model, health: HealthView, proxies: int, live: Mapping[ObjectRef, int]) -> None:
        self._health = health
        self._proxies = proxies
        self._live = live
        self._clusters = health.clusters
        self._model = model

    @cached_property
    def _certificates(self) -> Mapping[str, Certificate]:
        return {certificate.name: certificate for certificate in self._model.certificates}

    def of(self, report: Report) -> dict[str, str]:
        match report.ref.kind:
            case "Route":
                return self._route(report)
            case "Backend":
                return self._backend(report)
            case _:
                return self._policy(report)

    def endpoints(self, report: Report) -> tuple[EndpointStatus, ...]:
        if report.ref.kind != "Backend":
            return ()
        found: list[EndpointStatus] = []
        for name in report.clusters:
            merged_by_key = self._health.endpoints(name)
            cluster = self._clusters.get(name)
            for endpoint in cluster.endpoints if cluster else ():
                merged = merged_by_key.get(endpoint.key)
                if merged is None:
                    continue
                health: EndpointHealth = merged.health
                found.append(
                    EndpointStatus(
                        endpoint.address,
                        endpoint.port,
                        health.health,
                        health.reason,
                        health.since,
                        merged.seen_by,
                        endpoint.hostname,
                    )
                )
        return tuple(found)

    def _route(self, report: Report) -> dict[str, str]:
        in_sync = self._proxies if self._live.get(report.ref) == report.generation else 0
        hosts = list(report.hosts)
        more = f" +{len(hosts) - 1}" if len(hosts) > 1 else ""
        count = Count.sum(self._health.count(cluster) for cluster in report.clusters)
        expiries = [self._certificates[name].not_after for name in report.certificates if name in self._certificates]
        return {
            "hosts": f"{hosts[0]}{more}" if hosts else "",
            "backends": f"{count.healthy}/{count.total}" if report.clusters else "-",
            "proxies": f"{in_sync}/{self._proxies}",
            "certificateExpires": min(expiries).strftime("%Y-%m-%d") if expiries else "",
        }

    def _backend(self, report: Report) -> dict[str, str]:
        cluster = next((self._clusters[name] for name in report.clusters if name in self._clusters), None)
        count = Count.sum(self._health.count(name) for name in report.clusters)
        return {
            "up": f"{count.healthy}/{count.total}",
            "algorithm": (cluster.balance.algorithm if cluster else Algorithm.ROUND_ROBIN).value,
            "health": self._overall(count).value,
            "check": describe_check(cluster.health_check) if cluster and cluster.health_check else "",
        }

    def _policy(self, report: Report) -> dict[str, str]:
        using = self._checks.get(report.ref, [])
        return {"targets": str(len(using)), "check": describe_check(using[0]) if using else ""}

    @cached_property
    def _checks(self) -> Mapping[ObjectRef, list[HealthCheck]]:
        """The checks that each HealthPolicy has become, one per cluster."""
        found: dict[ObjectRef, list[HealthCheck]] = {}
        for cluster in self._clusters.values():
            if cluster.health_check and cluster.health_check.source:
                found.setdefault(cluster.health_check.source, []).append(cluster.health_check)
        return found

    @staticmethod
    def _overall(count: Count) -> Health:
        if count.total == 0 or count.unknown == count.total:
            return Health.UNKNOWN
        if count.unhealthy == count.total:
            return Health.UNHEALTHY
        return Health.HEALTHY if count.healthy == count.total else Health.DEGRADED


def describe_check(check: HealthCheck) -> str:
    """`GET /healthz every 15s`."""
    every = f"every {format_duration(check.interval)}"
    match check.kind:
        case HttpCheck(path=path, method=method):
            return f"{method} {path} {every}"
        case TcpCheck():
            return f"tcp {every}"
        case GrpcCheck(service=service):
            return f"grpc {service or '(server)'} {every}"
