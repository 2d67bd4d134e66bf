"""What `render` makes of a Model for one HAProxy: text, maps, files and servers, all of it plain values.

The configuration directory that these values stand for (all names relative to it; HAProxy reads it with `-f DIR` and
`default-path config`, so the same relative names are the Runtime API's names of maps and certificates):

    00-global.cfg 10-defaults.cfg 20-frontends.cfg 25-rules.cfg 30-slots-*.cfg
    maps/*.map      data for lookups, changed at run time
    files/*         bodies and lists
    certs/*.pem     chain and key, certs/list.crt-list names them by SNI
    ca/*.pem        CA bundles
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from haloy.model.cluster import EndpointState
from haloy.model.refs import FieldRef, ObjectRef
from haloy.proxies.haproxy.slots.layout import EMPTY, Layout


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a backend: what `server` lines and `add server` have in common.

    `options` are finished configuration tokens that are valid in both and cannot be changed at run time (check, inter,
    ssl, cookie, ...): when they differ the server must be removed and added. `weight`, `state` and (for new servers) everything can be set
    live. `id` is HAProxy's puid, unique within the backend. `endpoint` is the Endpoint's key.
    """

    name: str
    address: str
    port: int
    id: int
    weight: int
    endpoint: str
    options: tuple[str, ...] = ()
    state: EndpointState = EndpointState.READY
    checked: bool = False
    start_down: bool = False
    agent: bool = False

    @property
    def fixed(self) -> tuple[str, int, int, tuple[str, ...]]:
        """What no run-time command changes on a server that exists."""
        return self.address, self.port, self.id, self.options

    @property
    def line(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return " ".join(
            ["server", self.name, f"{address}:{self.port}", f"id {self.id}", f"weight {self.weight}", *self.options]
        )


@dataclass(frozen=True, slots=True)
class Section:
    """One HAProxy section. `text` is everything but the server lines: when it differs, a reload is due.

    `dynamic`: servers may be added and removed at run time. `source`: the object it was made from, None: haloy itself.
    `cluster`: the Cluster that a slot holds now, None: it is free, or no slot at all.
    """

    name: str
    text: str
    source: ObjectRef | None = None
    servers: tuple[Server, ...] = ()
    dynamic: bool = True
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """One configuration file."""

    filename: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """One line of the crt-list: the certificate's file, its options, and the SNI filters it answers to."""

    path: str
    options: tuple[str, ...]
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Where a configuration line comes from: 1-based `number` in `filename`."""

    filename: str
    number: int
    source: FieldRef


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Everything HAProxy needs. `revision` is a digest of all the rest (secrets by digest).

    `maps`: file name -> key -> value. `pem_files`: file name -> Material digest; `certificates` is the crt-list in order.
    `files`: file name -> content. `layout`: the slots and what else is compiled, with the Clusters' places.
    """

    revision: str
    fragments: tuple[Fragment, ...]
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    pem_files: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[CertificateLine, ...] = ()
    layout: Layout = EMPTY


def leads_somewhere(artifacts: Artifacts) -> bool:
    """Whether anything in it was made from an object of somebody's: a path of a host, or a section."""
    if any(section.source is not None for fragment in artifacts.fragments for section in fragment.sections):
        return True
    return any("/" in key for key in artifacts.maps.get("maps/paths.map", {}))


def clusters_by_section(artifacts: Artifacts) -> dict[str, str]:
    """Slot -> Cluster: whose a section is. Free slots, resting ones and haloy's own sections are not in it."""
    return {placement.slot: cluster for cluster, placement in artifacts.layout.placements.items()}
