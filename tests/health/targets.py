"""Targets for checks."""

from dataclasses import replace

from haloy.health.target import MonitorTarget
from haloy.model.health import EndpointKey, GrpcCheck, HealthCheck, HttpCheck, TcpCheck

GRPC = HealthCheck(GrpcCheck(), interval=1_000, timeout=2_000)


def target(port: int, kind: HttpCheck | TcpCheck | GrpcCheck, **rest: object) -> MonitorTarget:
    """One on loopback; `rest` are fields of MonitorTarget or of HealthCheck."""
    check = HealthCheck(kind, timeout=5_000)
    own = {name: rest.pop(name) for name in tuple(rest) if name in MonitorTarget.__slots__}
    return replace(MonitorTarget(key(port), "127.0.0.1", port, replace(check, **rest)), **own)


def key(port: int) -> EndpointKey:
    return EndpointKey("default/shop", f"127.0.0.1:{port}")
