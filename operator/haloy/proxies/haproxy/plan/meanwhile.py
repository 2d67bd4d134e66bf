"""What of a change that needs a reload can be live before it: everything that leads to nothing which is not there yet. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Section, Server
from haloy.proxies.haproxy.plan.held_back import maps_meanwhile
from haloy.proxies.haproxy.plan.plan import WORDS
from haloy.proxies.haproxy.plan.reasons import same_code
from haloy.proxies.haproxy.plan.running import Running, differences
from haloy.proxies.haproxy.slots.layout import Layout, Placement


def meanwhile(
    present: Artifacts, running: Running, wanted: Artifacts, pem_sizes: Mapping[str, int], limit: int | None
) -> Artifacts:
    """`present` with the parts of `wanted` that need nothing that is not compiled.

    Clusters that find a slot, servers of those that keep theirs, rules and paths that lead to what is there, certificates that
    fit into a command. Deleted are entries that requests ask for; whatever those led to stays until the reload. `present` is
    what the files say, `running` what HAProxy does. For `pem_sizes` and `limit` see `plan`.
    """
    pem, lines = _certificates(present, running, wanted, pem_sizes, limit)
    changed = _sections(present, running, wanted, set(pem))
    fragments = tuple(
        replace(fragment, sections=tuple(changed.get(section.name, section) for section in fragment.sections))
        if any(section.name in changed for section in fragment.sections)
        else fragment
        for fragment in present.fragments
    )
    layout = _layout(present.layout, wanted.layout, changed)
    return replace(
        present,
        revision=sha256(f"{present.revision} and parts of {wanted.revision}".encode()).hexdigest()[:16],
        fragments=fragments,
        maps=maps_meanwhile(present.maps, wanted.maps, layout, wanted.layout, limit),
        pem_files=pem,
        certificates=lines,
        layout=layout,
    )


def _sections(present: Artifacts, running: Running, wanted: Artifacts, loaded: set[str]) -> dict[str, Section]:
    """By name, the sections of `present` that become others."""
    pairs = [(old, new) for old, new in differences(present, wanted) if old is not None and new is not None]
    changed = {old.name: new for old, new in pairs if same_code(old, new) and new.cluster is not None and new.dynamic}
    placed = {section.cluster for section in changed.values()}
    homes = wanted.layout.placements
    servers = {
        old.cluster: homes[old.cluster].servers for old, _ in pairs if old.cluster is not None and old.cluster in homes
    }
    for old, new in pairs:
        if old.name in changed and old.cluster in (None, new.cluster):
            if old.cluster is not None:
                members = tuple(_servers(old, new.servers, running, wanted, loaded))
                changed[old.name] = replace(new, servers=members)
        elif old.cluster is not None and old.cluster in placed:
            changed[old.name] = replace(old, cluster=None, source=None, servers=())
        elif old.cluster is not None and old.cluster in servers:
            members = tuple(_servers(old, servers[old.cluster], running, wanted, loaded))
            changed[old.name] = replace(old, servers=members)
        elif old.cluster is None and new.cluster is None and old.servers != new.servers:
            changed[old.name] = replace(old, servers=tuple(_servers(old, new.servers, running, wanted, loaded)))
    return changed


def _layout(present: Layout, wanted: Layout, changed: Mapping[str, Section]) -> Layout:
    """The structure that there is, with the Clusters that find a place in it, and those that keep theirs."""
    placements: dict[str, Placement] = {}
    for name, placement in wanted.placements.items():
        held = present.placements.get(name)
        section = changed.get(placement.slot)
        if section is not None and section.cluster == name:
            placements[name] = Placement(placement.slot, section.servers)
        elif held is not None:
            section = changed.get(held.slot)
            placements[name] = held if section is None else Placement(held.slot, section.servers)
    for name, placement in present.placements.items():
        placements.setdefault(name, placement)
    taken = {placement.slot for placement in placements.values()}
    left = {placement.slot for placement in present.placements.values()} - taken
    return replace(present, placements=placements, resting=present.resting | left)


def _servers(
    old: Section, wished: tuple[Server, ...], running: Running, wanted: Artifacts, loaded: set[str]
) -> Iterator[Server]:
    """As wanted, but a server stays as it is in what only a reload changes, and none comes that needs a file to come."""
    before = {server.name: server for server in old.servers}
    if not old.dynamic:
        states = {server.name: server.state for server in wished}
        yield from (replace(server, state=states.get(server.name, server.state)) for server in old.servers)
        return
    ids = {server.id: server.name for server in old.servers}
    for server in wished:
        present = before.get(server.name)
        leaving = running.leaving.get((old.name, server.name))
        if present is not None and present.fixed != server.fixed:
            yield replace(present, weight=server.weight, state=server.state)
            continue
        new_id = ids.get(server.id, server.name) == server.name
        if present is not None or (new_id and not _must_wait(server, leaving, wanted, loaded)):
            yield server


def _must_wait(server: Server, leaving: Server | None, wanted: Artifacts, loaded: set[str]) -> bool:
    """A new server that is still there with another configuration, or that names a file HAProxy cannot be given."""
    if leaving is not None and leaving.fixed != server.fixed:
        return True
    words = {word for option in server.options for word in option.split()}
    return any(path in words for path in wanted.pem_files if path not in loaded)


def _certificates(
    present: Artifacts, running: Running, wanted: Artifacts, pem_sizes: Mapping[str, int], limit: int | None
) -> tuple[Mapping[str, str], tuple[CertificateLine, ...]]:
    """Those that fit into a command; of the others what is there. None goes before the reload but those of no name."""
    room = None if limit is None else limit - WORDS
    held = present.pem_files
    fitting = {
        path: digest
        for path, digest in wanted.pem_files.items()
        if held.get(path) == digest or room is None or pem_sizes.get(digest, 0) <= room
    }
    files = {**held, **fitting}
    if not running.crt_list:
        return files, present.certificates
    lines = tuple(
        line
        for line in wanted.certificates
        if line.path in fitting and (room is None or sum(len(name) + 1 for name in line.filters) <= room)
    )
    late = {line.path for line in wanted.certificates} - {line.path for line in lines}
    return files, (*lines, *(line for line in present.certificates if line.path in late and line not in set(lines)))
