"""The objects that a trace of operations is about, in the Store of a running loop."""

from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from haloy.api.load import load_object
from haloy.model.cluster import Cluster, EndpointState
from haloy.model.health import EndpointKey, Health, Observation
from haloy.model.model import Delivery
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Measurements, Outcome, Proxy
from haloy.sources.store import Store
from tests.features.certificates import Authority, Pair
from tests.proof.trace.operations import (
    CHECK_PATHS,
    SECRETS,
    VERSIONS,
    Check,
    DeleteBackend,
    DeleteRoute,
    DeleteSecret,
    Drain,
    Operation,
    PutBackend,
    PutRoute,
    PutSecret,
)

PROFILES: tuple[dict[str, Any], ...] = (
    {},
    {"loadBalancing": {"algorithm": "LeastConnections"}},
    {"loadBalancing": {"algorithm": "Random"}, "connections": {"connectTimeout": "3s"}, "retry": {"attempts": 1}},
    {"loadBalancing": {"algorithm": "URI"}},
    {"sessionAffinity": {"cookie": {"name": "SRV"}}},
)
"""What makes five profiles, together with their HealthPolicies: TCP for the first, a Host of its own for the fourth."""


class Draining:
    """Implements Proxy: before the real one, it marks endpoints as draining, as those of EndpointSlices will be."""

    def __init__(self, proxy: Proxy) -> None:
        self.draining: set[EndpointKey] = set()
        self.delivery: Delivery | None = None
        self._proxy = proxy

    async def start(self) -> None:
        await self._proxy.start()

    async def apply(self, delivery: Delivery) -> Outcome:
        model = delivery.model
        self.delivery = replace(delivery, model=replace(model, clusters=tuple(map(self._marked, model.clusters))))
        return await self._proxy.apply(self.delivery)

    async def observe(self) -> Observation:
        return await self._proxy.observe()

    async def observe_changes(self) -> Observation:
        return await self._proxy.observe_changes()

    async def health_changed(self) -> None:
        await self._proxy.health_changed()

    async def measure(self) -> Measurements:
        return await self._proxy.measure()

    async def stop(self, drain: float) -> None:
        await self._proxy.stop(drain)

    def _marked(self, cluster: Cluster) -> Cluster:
        """Itself, if none of its endpoints drains."""
        here = {one.endpoint for one in self.draining if one.cluster == cluster.name}
        if not here & {one.key for one in cluster.endpoints}:
            return cluster
        endpoints = tuple(
            replace(one, state=EndpointState.DRAINING) if one.key in here else one for one in cluster.endpoints
        )
        return replace(cluster, endpoints=endpoints)


@dataclass(slots=True)
class World:
    """`ports` of the endpoints by position; those from `alive` on refuse connections."""

    store: Store
    proxy: Draining
    ports: list[int]
    alive: int
    backends: dict[int, PutBackend] = field(default_factory=dict)
    checks: dict[tuple[int, int], Check] = field(default_factory=dict)
    certificates: dict[tuple[int, int], Pair] = field(default_factory=dict)

    def begin(self) -> None:
        """What is there before the trace and never goes: a Backend of each profile, and both Routes that need the cookie's name
        to be known."""
        authority = Authority()
        for secret in range(SECRETS):
            for version in range(VERSIONS):
                self.certificates[secret, version] = authority.issue("h0.test", "h1.test", f"c{secret}.test")
        for profile in range(len(PROFILES)):
            for policy in (0, 1):
                self.apply(Check(profile, policy, CHECK_PATHS[0], "a.test"))
            self._put_backend(
                f"anchor{profile}", PutBackend(-1, profile, 0, ({"position": 0, "weight": 1, "backup": False},), {})
            )
        refs = [{"name": "anchor4"}, {"name": "anchor0"}]
        self._put("Route", "anchor", {"hosts": ["anchor.test"], "rules": [{"backendRefs": refs}]})

    def apply(self, operation: Operation) -> None:
        """Write it to the Store. Nothing is live before the next cycle."""
        match operation:
            case PutRoute():
                self._put("Route", f"r{operation.number}", operation.spec)
            case DeleteRoute():
                self._remove("Route", f"r{operation.number}")
            case PutBackend():
                self.backends[operation.number] = operation
                self._put_backend(f"b{operation.number}", operation)
            case DeleteBackend():
                self.backends.pop(operation.number, None)
                self._remove("Backend", f"b{operation.number}")
            case Drain():
                self._drain(operation)
            case Check():
                self.checks[operation.profile, operation.policy] = operation
                self._put("HealthPolicy", f"p{operation.profile}-{operation.policy}", _policy(operation))
            case PutSecret():
                pair = self.certificates[operation.number, operation.version]
                document = {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": f"c{operation.number}"},
                    "type": "kubernetes.io/tls",
                    "stringData": {"tls.crt": pair.certificate.decode(), "tls.key": pair.key.decode()},
                }
                self.store.upsert("test", load_object(document))
            case DeleteSecret():
                self._remove("Secret", f"c{operation.number}")
            case _:
                assert_never(operation)

    def health(self) -> dict[str, Health]:
        """By endpoint of the numbered Backends, `b3 127.0.0.1:8080`: what is true of it."""
        found = {}
        for number, backend in self.backends.items():
            check = self.checks[backend.profile, backend.policy]
            answers_well = backend.profile == 0 or "ill" not in check.path
            for one in backend.endpoints:
                well = one["position"] < self.alive and answers_well
                key = f"default/b{number} 127.0.0.1:{self.ports[one['position']]}"
                found[key] = Health.HEALTHY if well else Health.UNHEALTHY
        return found

    def _drain(self, operation: Drain) -> None:
        backend = self.backends.get(operation.number)
        if backend is None or operation.endpoint >= len(backend.endpoints):
            return
        port = self.ports[backend.endpoints[operation.endpoint]["position"]]
        self.proxy.draining ^= {EndpointKey(f"default/b{operation.number}", f"127.0.0.1:{port}")}

    def _put_backend(self, name: str, backend: PutBackend) -> None:
        spec = PROFILES[backend.profile]
        endpoints = [
            {
                "address": "127.0.0.1",
                "port": self.ports[one["position"]],
                "weight": one["weight"],
                "backup": one["backup"],
            }
            for one in backend.endpoints
        ]
        more = {
            "connections": {**spec.get("connections", {}), **backend.connections},
            "healthPolicy": f"p{backend.profile}-{backend.policy}",
        }
        self._put("Backend", name, {**spec, **more, "endpoints": endpoints})

    def _put(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        head = {"apiVersion": "haloy.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
        self.store.upsert("test", load_object({**head, "spec": spec}))

    def _remove(self, kind: str, name: str) -> None:
        self.store.remove("test", ObjectRef(kind, "default", name))


def _policy(check: Check) -> dict[str, Any]:
    times = {"interval": "500ms", "timeout": "500ms", "unhealthyThreshold": 1, "healthyThreshold": 1}
    if check.profile == 0:
        return {"tcp": {}, **times}
    http = {"path": check.path}
    return {"http": {**http, "host": check.host} if check.profile == 3 else http, **times}
