"""The Model put together from its units, and the secrets that it refers to."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from haloy.model.cluster import Cluster
from haloy.model.listener import Fleet
from haloy.model.model import Bundle, Certificate, Delivery, Material, Model
from haloy.model.refs import ObjectRef
from haloy.model.routing import VirtualHost
from haloy.translate.memo import Memo
from haloy.translate.table import keeping

Key = TypeVar("Key", str, ObjectRef)
Value = TypeVar("Value")


class Parts:
    """What became another in this cycle, beside what was delivered `before`. `secrets`: perhaps other certificates are in use.

    After `deliver`, `in_use` are the names of the certificates delivered, and `others_in_use` the Secrets that came into use or
    out of it.
    """

    def __init__(self, before: Delivery | None) -> None:
        self.before = before
        self.hosts: dict[str, VirtualHost | None] = {}
        self.clusters: dict[ObjectRef, Cluster | None] = {}
        self.secrets = before is None
        self.in_use: frozenset[str] = frozenset()
        self.others_in_use: frozenset[ObjectRef] = frozenset()


def deliver(parts: Parts, fleet: Fleet, memo: Memo) -> Delivery:
    """The Delivery, and `parts` completed. The very one of before if nothing became another."""
    before = parts.before if parts.before is not None else Delivery(Model(fleet))
    old = before.model
    virtual_hosts = merged(old.virtual_hosts, parts.hosts, lambda vhost: vhost.host)
    clusters = merged(old.clusters, parts.clusters, lambda cluster: cluster.source)
    certificates, bundles, materials = old.certificates, old.bundles, before.materials
    if parts.secrets:
        certificates, bundles, materials = _secrets(virtual_hosts, clusters, memo, before)
    in_use = {certificate.name: certificate.source for certificate in certificates}
    was_in_use = {certificate.name: certificate.source for certificate in old.certificates}
    parts.in_use = frozenset(in_use)
    parts.others_in_use = frozenset(in_use.values()) ^ frozenset(was_in_use.values())
    same = (
        virtual_hosts is old.virtual_hosts
        and clusters is old.clusters
        and certificates is old.certificates
        and bundles is old.bundles
        and materials is before.materials
        and fleet == old.fleet
    )
    if same:
        return before
    return Delivery(Model(fleet, virtual_hosts, clusters, certificates, bundles), materials)


def _secrets(
    virtual_hosts: tuple[VirtualHost, ...], clusters: tuple[Cluster, ...], memo: Memo, before: Delivery
) -> tuple[tuple[Certificate, ...], tuple[Bundle, ...], dict[str, Material]]:
    """Of the secrets those that the Model refers to; what is equal to `before` is the same object."""
    upstream = [cluster.tls for cluster in clusters if cluster.tls is not None]
    names = {vhost.tls.certificate for vhost in virtual_hosts if vhost.tls is not None}
    names |= {tls.client_certificate for tls in upstream}
    authorities = {tls.ca for tls in upstream}
    materials: dict[str, Material] = {}
    certificates: list[Certificate] = []
    for choice in _named(names, memo.choices):
        if choice.certificate is not None and choice.material is not None:
            certificates.append(choice.certificate)
            materials[choice.material.digest] = choice.material
    bundles: list[Bundle] = []
    for bundle in _named(authorities, memo.bundles):
        if bundle.bundle is not None and bundle.material is not None:
            bundles.append(bundle.bundle)
            materials[bundle.material.digest] = bundle.material
    old = before.model
    return (
        keeping(old.certificates, tuple(certificates)),
        keeping(old.bundles, tuple(bundles)),
        keeping(before.materials, dict(sorted(materials.items()))),
    )


def _named(names: set[str | None], table: Any) -> list[Any]:
    """The units of the Secrets with these names (`namespace/secret-name`), sorted by name."""
    refs = [ObjectRef("Secret", *name.split("/", 1)) for name in sorted(filter(None, names))]
    return [unit for ref in refs if (unit := table.get(ref)) is not None]


def merged(
    old: tuple[Value, ...], changed: Mapping[Key, Value | None], key: Callable[[Value], Key]
) -> tuple[Value, ...]:
    """`old`, sorted by `key`, with some values replaced, added or (None) taken out; the same tuple if that changes nothing."""
    if not changed:
        return old
    if len(changed) > 16 + len(old) // 16:
        found = [value for value in old if key(value) not in changed]
        found += [value for value in changed.values() if value is not None]
        return tuple(sorted(found, key=key))
    found = list(old)
    for name, value in changed.items():
        place = bisect_left(found, name, key=key)
        there = place < len(found) and key(found[place]) == name
        found[place : place + there] = [value] if value is not None else []
    return tuple(found)
