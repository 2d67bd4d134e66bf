"""Small Models made by hand, and Haproxy on top of a directory."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from haloy.clock import Clock
from haloy.model.cluster import Cluster, Endpoint
from haloy.model.health import HealthCheck
from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.model import Certificate, Delivery, Material, Model
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, HostKind, HostTls, Match, PathKind, PathMatch, Rule, Target, VirtualHost
from haloy.model.secret import SecretBytes
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Event
from haloy.proxies.haproxy.settings import HaproxySettings
from tests.support.binary import chosen
from tests.support.small_haproxy import eventually


def fleet(http: int, https: int | None = None) -> Fleet:
    listeners = [Listener("http", (Bind("127.0.0.1", http),), tls=False, public_port=http)]
    if https is not None:
        listeners.append(Listener("https", (Bind("127.0.0.1", https),), tls=True, public_port=https))
    return Fleet(tuple(listeners))


def cluster(name: str, endpoints: Iterable[Endpoint], check: HealthCheck | None = None) -> Cluster:
    members = tuple(sorted(endpoints, key=lambda endpoint: (endpoint.address, endpoint.port)))
    return Cluster(f"web/{name}", ObjectRef("Backend", "web", name), endpoints=members, health_check=check)


def novel(one: Cluster, number: int = 1) -> Cluster:
    """The same with a combination of settings that no slot has, another one for each `number`: a reload is needed."""
    return replace(one, connections=replace(one.connections, connect_timeout=one.connections.connect_timeout + number))


def local(port: int, **changes: object) -> Endpoint:
    return Endpoint("127.0.0.1", port, **changes)  # type: ignore[arg-type]


def host(name: str, paths: Mapping[str, tuple[Target, ...]], certificate: str | None = None) -> VirtualHost:
    """A virtual host of one Route; `paths`: prefix -> targets."""
    route = ObjectRef("Route", "web", name.replace(".", "-"))
    candidates = tuple(
        Candidate(
            Match(PathMatch(PathKind.PREFIX, path)),
            Rule(f"{route.key}:{number}", FieldRef(route, f"spec.rules[{number}]"), targets=targets),
            FieldRef(route, f"spec.rules[{number}].matches[0]"),
        )
        for number, (path, targets) in enumerate(sorted(paths.items(), key=lambda item: (-len(item[0]), item[0])))
    )
    tls = None if certificate is None else HostTls(f"web/{certificate}")
    return VirtualHost(name, HostKind.EXACT, candidates, tls, sources=(route,))


def delivery(
    fleet: Fleet,
    hosts: Iterable[VirtualHost] = (),
    clusters: Iterable[Cluster] = (),
    certificates: Mapping[str, bytes] | None = None,
) -> Delivery:
    """`certificates`: name -> PEM."""
    digests = {name: hashlib.sha256(pem).hexdigest() for name, pem in sorted((certificates or {}).items())}
    made = tuple(
        Certificate(f"web/{name}", digest, "", datetime(2030, 1, 1, tzinfo=UTC), ObjectRef("Secret", "web", name))
        for name, digest in digests.items()
    )
    model = Model(
        fleet,
        tuple(sorted(hosts, key=lambda one: one.host)),
        tuple(sorted(clusters, key=lambda one: one.name)),
        made,
    )
    materials = {digest: Material(digest, SecretBytes((certificates or {})[name])) for name, digest in digests.items()}
    return Delivery(model, materials)


async def settled(proxy: Haproxy) -> None:
    """Wait until nothing is left to do of what was applied."""

    async def done() -> bool:
        return proxy.settled()

    await eventually(done, "nothing is left to delete, to come to rest or to refill")


@asynccontextmanager
async def haproxy(
    directory: Path, fleet: Fleet, events: list[Event] | None = None, clock: Clock | None = None, **changes: float
) -> AsyncIterator[Haproxy]:
    """A started Haproxy, stopped in the end."""
    settings = HaproxySettings(
        state=directory,
        fleet=fleet,
        binary=chosen(),
        min_reload_interval=changes.get("min_reload_interval", 0.0),
        server_drain=changes.get("server_drain", 1.0),
        access_log=Path("/dev/null"),
        max_connections=500,
        spare_slots=int(changes.get("spare_slots", 16)),
        max_spare_slots=int(changes.get("max_spare_slots", 64)),
        lua=bool(changes.get("lua", 1)),
    )
    made = Haproxy(settings, clock=clock, on_event=(events if events is not None else []).append)
    try:
        await made.start()
        yield made
    finally:
        await made.stop(0)
