"""Artifacts of any size, as render might make them: Clusters in slots, maps with an entry for each."""

from collections.abc import Mapping
from dataclasses import replace

from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Section, Server
from haloy.proxies.haproxy.slots.layout import Layout, Placement, Profile
from tests.haproxy.driver.values import server

MAPS = ("hosts.http", "paths", "rules", "clusters")
PROFILE = "3f9a01bc"
TEXT = "    mode http\n    balance roundrobin\n    option httpchk\n    timeout connect 5s\n    timeout server 30s\n"


def large(clusters: int, *, certificates: int = 0, fragments: int = 64) -> Artifacts:
    slots = [
        Section(
            f"slot.{PROFILE}.{number}", f"backend slot.{PROFILE}.{number}\n{TEXT}",
            ObjectRef("Backend", "web", f"b{number}"), (server(number % 250), server(250)), cluster=f"web/b{number}",
        )
        for number in range(clusters)
    ]  # fmt: skip
    paths = [f"certs/c{number}.pem" for number in range(certificates)]
    return Artifacts(
        "r1",
        tuple(Fragment(f"30-clusters-{one:02x}.cfg", tuple(slots[one::fragments])) for one in range(fragments)),
        {f"maps/{name}.map": {f"{name}.example.{one}/": f"web/r{one}:0" for one in range(clusters)} for name in MAPS},
        {},
        {path: f"digest of {path}" for path in paths},
        tuple(CertificateLine(path, (), (f"{path}.example",)) for path in paths),
        Layout(
            {PROFILE: Profile(PROFILE, TEXT)},
            {PROFILE: clusters},
            {one.cluster: Placement(one.name, one.servers) for one in slots if one.cluster is not None},
        ),
    )


def changed(before: Artifacts, cluster: int, *servers: Server, revision: str) -> Artifacts:
    """One Cluster has other servers, and every map an entry more, as a new Route and its Backend would have it."""
    name = f"slot.{PROFILE}.{cluster}"
    fragments = tuple(
        replace(
            fragment,
            sections=tuple(replace(one, servers=servers) if one.name == name else one for one in fragment.sections),
        )
        for fragment in before.fragments
    )
    layout = replace(
        before.layout, placements={**before.layout.placements, f"web/b{cluster}": Placement(name, servers)}
    )
    maps = {name: {**entries, f"new.example.{revision}/": "web/new:0"} for name, entries in before.maps.items()}
    return replace(before, revision=revision, fragments=fragments, maps=maps, layout=layout)


def target(artifacts: Artifacts, materials: Mapping[str, bytes] | None = None) -> Target:
    """With PEM for those that `materials` (by digest) does not have."""
    made = {digest: digest.encode() for digest in artifacts.pem_files.values()}
    return Target(artifacts, made | dict(materials or {}), lambda alerts: ())
