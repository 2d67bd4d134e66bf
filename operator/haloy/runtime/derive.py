"""Small things that the runtime derives from what it holds: names to resolve, targets of haloy's own checks, URLs."""

import ipaddress
from collections.abc import Mapping

from haloy.api.snapshot import Object, Snapshot
from haloy.api.v1alpha1 import Backend
from haloy.health.target import MonitorTarget
from haloy.model.health import EndpointKey, GrpcCheck
from haloy.model.listener import Fleet, Listener
from haloy.model.model import Delivery, Model
from haloy.model.refs import ObjectRef
from haloy.model.revised import differing
from haloy.model.routing import VirtualHost


class BackendNames:
    """The DNS names among the Backends' endpoint addresses; a Backend is looked at once, as long as it is the same object."""

    def __init__(self) -> None:
        self._objects: Mapping[ObjectRef, Object] = {}
        self._known: dict[ObjectRef, frozenset[str]] = {}
        """The Backends with names."""

    def of(self, snapshot: Snapshot) -> frozenset[str]:
        for ref in differing(self._objects, snapshot.objects):
            backend = snapshot.objects.get(ref)
            names = _names(backend) if isinstance(backend, Backend) else frozenset()
            if names:
                self._known[ref] = names
            else:
                self._known.pop(ref, None)
        self._objects = snapshot.objects
        return frozenset().union(*self._known.values())


def _names(backend: Backend) -> frozenset[str]:
    addresses = {endpoint.address for endpoint in backend.spec.endpoints or () if endpoint.address}
    return frozenset(address for address in addresses if not _is_ip(address))


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def grpc_targets(delivery: Delivery) -> list[MonitorTarget]:
    """The endpoints that HAProxy cannot check by itself: gRPC answers in trailers."""
    model = delivery.model
    digests = {bundle.name: bundle.digest for bundle in model.bundles}
    pairs = {certificate.name: certificate.digest for certificate in model.certificates}
    targets: list[MonitorTarget] = []
    for cluster in model.clusters:
        check, tls = cluster.health_check, cluster.tls
        if check is None or not isinstance(check.kind, GrpcCheck):
            continue
        ca = delivery.materials[digests[tls.ca]].pem if tls and tls.ca else None
        client = tls.client_certificate if tls else None
        targets += [
            MonitorTarget(
                EndpointKey(cluster.name, endpoint.key),
                endpoint.address,
                endpoint.port,
                check,
                tls=cluster.protocol.tls,
                server_name=(tls.server_name if tls else None) or endpoint.hostname,
                ca=ca,
                client_certificate=delivery.materials[pairs[client]].pem if client else None,
                proxy_protocol=cluster.connections.proxy_protocol,
            )
            for endpoint in cluster.endpoints
        ]
    return targets


def route_urls(model: Model) -> dict[str, str]:
    """A URL to try for each Route by `namespace/name`: its first exact host, else a made-up one under its wildcard."""
    listeners = {listener.tls: listener for listener in reversed(model.fleet.listeners)}
    urls: dict[str, str] = {}
    for vhost in sorted(model.virtual_hosts, key=lambda vhost: (vhost.host.startswith("*"), vhost.host)):
        url = _url(vhost, listeners, model.fleet)
        for ref in vhost.sources:
            urls.setdefault(ref.key, url)
    return urls


def _url(vhost: VirtualHost, listeners: dict[bool, Listener], fleet: Fleet) -> str:
    tls = vhost.tls is not None and True in listeners
    listener = listeners.get(tls) or fleet.listeners[0]
    host = vhost.redirect_host or vhost.host
    if host == "*":
        host = str(listener.binds[0]).rpartition(":")[0]
    elif host.startswith("*."):
        host = f"any{host[1:]}"
    default = 443 if tls else 80
    port = "" if listener.public_port == default else f":{listener.public_port}"
    return f"{'https' if tls else 'http'}://{host}{port}/"
