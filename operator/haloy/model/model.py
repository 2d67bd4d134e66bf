"""The Model as a whole."""

from dataclasses import dataclass, field
from datetime import datetime

from haloy.model.cluster import Cluster
from haloy.model.listener import Fleet
from haloy.model.refs import ObjectRef
from haloy.model.routing import VirtualHost
from haloy.model.secret import SecretBytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in use. `name` is `namespace/secret-name`; `digest` (sha256, hex) refers to its Material."""

    name: str
    digest: str
    fingerprint: str
    """SHA-256 of the leaf's DER, hex, lower-case."""
    not_after: datetime
    source: ObjectRef


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle of CA certificates, by which upstreams are verified. `name` is `namespace/secret-name`."""

    name: str
    digest: str
    source: ObjectRef


@dataclass(frozen=True, slots=True)
class Material:
    """PEM by digest: for a Certificate its chain followed by its key, for a Bundle the CA certificates."""

    digest: str
    pem: SecretBytes


@dataclass(frozen=True, slots=True)
class Model:
    """Everything a proxy is told, proxy-neutral. Tuples are sorted by name (virtual_hosts by host)."""

    fleet: Fleet
    virtual_hosts: tuple[VirtualHost, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    bundles: tuple[Bundle, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A Model together with the secret bytes it refers to by digest; what a proxy applies."""

    model: Model
    materials: dict[str, Material] = field(default_factory=dict)
