"""Reading back what HAProxy does, whole or in part, into a Running."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.apply.record import UNKNOWN_DIGEST
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.running import Running, ServerKey, sections
from haloy.proxies.haproxy.plan.steps import (
    AddCertificateLine,
    AddServer,
    DeleteMapEntries,
    DrainServer,
    DropCertificate,
    NewCertificate,
    RemoveCertificateLine,
    RemoveServer,
    ReplaceCertificate,
    RestoreServer,
    RuntimeStep,
    SetMapEntries,
    SetState,
    SetWeight,
    SwapMap,
)
from haloy.proxies.haproxy.process.server_state import ServerState
from haloy.proxies.haproxy.runtime import certificates, maps_runtime, servers_runtime
from haloy.proxies.haproxy.runtime.certificates import Held
from haloy.proxies.haproxy.runtime.cli_parsers import CrtListEntry
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

_STRANGE = ("?",)
"""The options of a server that nobody remembers adding: equal to no configuration's."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is read: names of maps, sections, PEM files (None: all), and whether the crt-list is."""

    maps: frozenset[str] | None = None
    sections: frozenset[str] | None = None
    pem: frozenset[str] | None = None
    lines: bool = True


EVERYTHING = Scope()


def touched(steps: Iterable[RuntimeStep]) -> Scope:
    """What `steps` change."""
    maps, names, pem, lines = set(), set(), set(), False
    for step in steps:
        match step:
            case SetMapEntries() | DeleteMapEntries() | SwapMap():
                maps.add(step.map)
            case AddServer() | RestoreServer() | SetWeight() | SetState() | DrainServer() | RemoveServer():
                names.add(step.section)
            case NewCertificate() | ReplaceCertificate() | DropCertificate():
                pem.add(step.path)
            case AddCertificateLine() | RemoveCertificateLine():
                lines = True
    return Scope(frozenset(maps), frozenset(names), frozenset(pem), lines)


@dataclass(frozen=True, slots=True)
class Live:
    """What HAProxy said within `scope`. `lines` None: the crt-list is not loaded (or not in the scope)."""

    scope: Scope
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    servers: tuple[ServerState, ...] = ()
    pem: Mapping[str, Held] = field(default_factory=dict)
    lines: tuple[CrtListEntry, ...] | None = None


async def read_live(api: RuntimeApi, scope: Scope = EVERYTHING) -> Live:
    """Raises what `RuntimeApi.run` raises, and ValueError if an answer has an unknown shape."""
    return Live(
        scope,
        maps=await maps_runtime.read(api, scope.maps) if scope.maps is None or scope.maps else {},
        servers=await servers_runtime.read(api, scope.sections) if scope.sections is None or scope.sections else (),
        pem=await certificates.read(api, scope.pem) if scope.pem is None or scope.pem else {},
        lines=await certificates.read_lines(api) if scope.lines else None,
    )


def assemble(known: Artifacts, live: Live, pem: Mapping[str, bytes], *, crt_list: bool = True) -> Running:
    """What runs: `known` (what the files say and the process was told), corrected by what `live` says of it.

    `pem`: content of the PEM files that `known` means. `crt_list`: whether the crt-list is loaded, where `live` has not
    looked. Pure.
    """
    held, leaving, drift = _servers(known, live)
    pem_files = dict(known.pem_files)
    read_pem = certificates.digests(live.pem, pem, known.pem_files, UNKNOWN_DIGEST)
    pem_files = {
        path: digest for path, digest in pem_files.items() if live.scope.pem is not None and path not in live.scope.pem
    } | read_pem
    maps = {
        name: content
        for name, content in known.maps.items()
        if live.scope.maps is not None and name not in live.scope.maps
    } | dict(live.maps)
    lines = known.certificates
    if live.scope.lines:
        crt_list = live.lines is not None
        lines = certificates.match_lines(live.lines or (), known.certificates)
    fragments = tuple(
        replace(fragment, sections=tuple(held.get(section.name, section) for section in fragment.sections))
        for fragment in known.fragments
    )
    artifacts = replace(known, fragments=fragments, maps=maps, pem_files=pem_files, certificates=lines)
    return Running(artifacts, leaving, crt_list, drift)


def _servers(known: Artifacts, live: Live) -> tuple[dict[str, Section], dict[ServerKey, Server], tuple[str, ...]]:
    """Sections as they are live, servers on their way out, and sentences about what no command repairs."""
    wanted = sections(known)
    members: dict[str, list[Server]] = {
        name: [] for name in wanted if live.scope.sections is None or name in live.scope.sections
    }
    by_name = {name: {server.name: server for server in wanted[name].servers} for name in members}
    leaving: dict[ServerKey, Server] = {}
    drift = []
    for state in live.servers:
        if state.backend not in members:
            continue
        configured = by_name[state.backend].get(state.name)
        server = configured or _strange(state)
        if state.admin & servers_runtime.MAINTENANCE:
            leaving[state.backend, state.name] = server
            continue
        if configured is not None and not _same_place(configured, state):
            drift.append(
                f"server {state.backend}/{state.name} goes to {state.address}:{state.port} "
                f"instead of {configured.endpoint}"
            )
        draining = EndpointState.DRAINING if state.admin & servers_runtime.DRAIN else EndpointState.READY
        members[state.backend].append(replace(server, weight=state.weight, state=draining))
    order = {name: {server: place for place, server in enumerate(held)} for name, held in by_name.items()}
    held = {
        name: replace(
            wanted[name],
            servers=tuple(sorted(found, key=lambda server: order[name].get(server.name, len(order[name])))),
        )
        for name, found in members.items()
    }
    return held, leaving, tuple(drift)


def _same_place(server: Server, state: ServerState) -> bool:
    return state.port == server.port and ip_address(state.address) == ip_address(server.address)


def _strange(state: ServerState) -> Server:
    endpoint = f"[{state.address}]:{state.port}" if ":" in state.address else f"{state.address}:{state.port}"
    return Server(state.name, state.address, state.port, state.id, state.weight, endpoint, _STRANGE)
