"""The parts of Artifacts as JSON and back: what the record and its journal have in common.

A checksum or a digest has proven to the readers that a writer here wrote it, so they check no types; each raises ValueError,
KeyError or TypeError all the same where something does not fit.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from haloy.model.cluster import EndpointState
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.artifacts import CertificateLine, Section, Server
from haloy.proxies.haproxy.slots.layout import Change, ChangeKind, Expression, Layout, Placement, Profile

_DIGEST = 16
_STATES = {state.value: state for state in EndpointState}


def sealed(value: object) -> bytes:
    """One line: a checksum, a blank, JSON, the end of the line."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%s %s\n" % (_checksum(text), text)


def opened(line: bytes) -> Any:
    """What was `sealed`. Raises ValueError where it is not whole."""
    checksum, _, text = line.partition(b" ")
    if not text.endswith(b"\n") or checksum != _checksum(text[:-1]):
        raise ValueError("the checksum is wrong")
    return json.loads(text)


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2s(text, digest_size=_DIGEST // 2).hexdigest().encode()


def section_to_json(section: Section) -> list[object]:
    source = section.source
    return [
        section.name,
        section.text,
        None if source is None else [source.kind, source.namespace, source.name],
        servers_to_json(section.servers),
        section.dynamic,
        section.cluster,
    ]


def section_from_json(data: Any) -> Section:
    name, text, source, servers, dynamic, cluster = data
    ref = None if source is None else ObjectRef(*source)
    return Section(name, text, ref, servers_from_json(servers), dynamic, cluster)


def sections_from_json(data: Any) -> tuple[Section, ...]:
    return tuple(map(section_from_json, data))


def servers_to_json(servers: tuple[Server, ...]) -> list[object]:
    return [
        [
            server.name, server.address, server.port, server.id, server.weight, server.endpoint, list(server.options),
            server.state.value, server.checked, server.start_down, server.agent,
        ]
        for server in servers
    ]  # fmt: skip


def servers_from_json(data: Any) -> tuple[Server, ...]:
    return tuple(
        Server(
            name, address, port, number, weight, endpoint, tuple(options), _STATES[state], checked, start_down, agent
        )
        for name, address, port, number, weight, endpoint, options, state, checked, start_down, agent in data
    )


def line_to_json(line: CertificateLine) -> list[object]:
    return [line.path, list(line.options), list(line.filters)]


def line_from_json(data: Any) -> CertificateLine:
    path, options, filters = data
    return CertificateLine(str(path), tuple(map(str, options)), tuple(map(str, filters)))


def placement_to_json(placement: Placement, servers: tuple[Server, ...] | None) -> list[object]:
    """Without the servers where they are `servers`, those of the section that is the slot (None: there is none)."""
    if servers is not None and (servers is placement.servers or servers == placement.servers):
        return [placement.slot]
    return [placement.slot, servers_to_json(placement.servers)]


def placement_from_json(data: Any, sections: Mapping[str, Section]) -> Placement:
    """`sections`: by name, for a placement that has the servers of its section."""
    slot, *rest = data
    return Placement(str(slot), servers_from_json(rest[0]) if rest else sections[slot].servers)


def structure_to_json(layout: Layout) -> dict[str, object]:
    """What of a Layout only a reload changes."""
    return {
        "profiles": {name: [profile.id, profile.text] for name, profile in layout.profiles.items()},
        "slots": dict(layout.slots),
        "expressions": [[one.id, one.virtual_host, one.sample, one.pattern] for one in layout.expressions],
        "headers": list(layout.headers),
        "cookies": list(layout.cookies),
        "changes": [[one.kind.value, one.name] for one in layout.changes],
    }


def structure_from_json(data: Any) -> Layout:
    """A Layout in which nobody has a place."""
    return Layout(
        profiles={str(name): Profile(*map(str, profile)) for name, profile in data["profiles"].items()},
        slots={str(name): int(count) for name, count in data["slots"].items()},
        expressions=tuple(Expression(*map(str, one)) for one in data["expressions"]),
        headers=tuple(map(str, data["headers"])),
        cookies=tuple(map(str, data["cookies"])),
        changes=tuple(Change(ChangeKind(kind), str(name)) for kind, name in data["changes"]),
    )
