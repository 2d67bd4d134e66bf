"""Reading back what HAProxy does, whole or in part, into a Running."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.apply.record import UNKNOWN_DIGEST
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.running import Maps, Running, ServerKey, is_free, sections
from haloy.proxies.haproxy.process.server_state import ServerState, parse
from haloy.proxies.haproxy.render.maps import TARGET_MAPS
from haloy.proxies.haproxy.runtime import certificates, maps_runtime, servers_runtime
from haloy.proxies.haproxy.runtime.certificates import Held
from haloy.proxies.haproxy.runtime.cli_commands import command
from haloy.proxies.haproxy.runtime.cli_parsers import CrtListEntry
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.proxies.haproxy.runtime.scope import EVERYTHING, Scope

_STRANGE = ("?",)
"""The options of a server that nobody remembers adding: equal to no configuration's."""


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
    maps, states = await _maps_and_servers(api, scope)
    return Live(
        scope,
        maps=await maps_runtime.read(api, None) if scope.maps is None else maps,
        servers=await servers_runtime.read(api, None) if scope.sections is None else states,
        pem=await certificates.read(api, scope.pem) if scope.pem is None or scope.pem else {},
        lines=await certificates.read_lines(api) if scope.lines else None,
    )


async def _maps_and_servers(api: RuntimeApi, scope: Scope) -> tuple[Maps, tuple[ServerState, ...]]:
    """What the scope names one by one, asked in one go."""
    names = sorted(scope.sections or ())
    whole = [name for name, keys in (scope.maps or {}).items() if keys is None]
    single = [(name, key) for name, keys in (scope.maps or {}).items() if keys is not None for key in sorted(keys)]
    answers = await api.run(
        [
            *(command("show", "servers", "state", name) for name in names),
            *(command("show", "map", name) for name in whole),
            *(maps_runtime.get_command(name, key) for name, key in single),
        ]
    )
    states = tuple(state for answer in answers[: len(names)] for state in parse(answer))
    rest = answers[len(names) :]
    maps = {name: maps_runtime.parse(answer) for name, answer in zip(whole, rest, strict=False)}
    for (name, key), answer in zip(single, rest[len(whole) :], strict=True):
        value = maps_runtime.found(answer, key)
        held = maps.setdefault(name, {})
        if value is not None:
            held[key] = value
    return maps, states


def assemble(known: Artifacts, live: Live, pem: Mapping[str, bytes], *, crt_list: bool = True) -> Running:
    """What runs: `known` (what the files say and the process was told), corrected by what `live` says of it.

    `known` holds nothing beyond the scope of `live` (`Scope.narrowed`). `pem`: content of its PEM files. `crt_list`: whether
    the crt-list is loaded, where `live` has not looked. Pure.
    """
    held, leaving, drift = _servers(known, live)
    lines = known.certificates
    if live.scope.lines:
        crt_list = live.lines is not None
        lines = certificates.match_lines(live.lines or (), known.certificates)
    fragments = tuple(
        replace(fragment, sections=tuple(held.get(section.name, section) for section in fragment.sections))
        for fragment in known.fragments
    )
    retired = {
        name: {key: value for key, value in content.items() if key not in known.maps.get(name, {})}
        for name, content in live.maps.items()
        if name in TARGET_MAPS
    }
    held_pem = certificates.digests(live.pem, pem, known.pem_files, UNKNOWN_DIGEST)
    artifacts = replace(
        known,
        fragments=fragments,
        maps={
            name: _without(content, retired.get(name, {}), known.maps.get(name)) for name, content in live.maps.items()
        },
        pem_files={path: digest for path, digest in held_pem.items() if path in known.pem_files},
        certificates=lines,
        layout=replace(
            known.layout,
            resting=frozenset(key[0] for key in leaving if key[0] in held and is_free(held[key[0]])),
        ),
    )
    return Running(
        artifacts,
        leaving,
        crt_list,
        drift,
        {name: gone for name, gone in retired.items() if gone},
        {path: digest for path, digest in held_pem.items() if path not in known.pem_files},
    )


def _without(
    content: Mapping[str, str], retired: Mapping[str, str], known: Mapping[str, str] | None
) -> Mapping[str, str]:
    """`content` but what is `retired`; `known` itself where that is the same, so that it need not be compared again."""
    rest = {key: value for key, value in content.items() if key not in retired} if retired else content
    return known if known is not None and rest == known else rest


def _servers(known: Artifacts, live: Live) -> tuple[dict[str, Section], dict[ServerKey, Server], tuple[str, ...]]:
    """Sections as they are live, servers on their way out, and sentences about what no command repairs."""
    wanted = sections(known)
    members: dict[str, list[Server]] = {name: [] for name in wanted}
    by_name = {name: {server.name: server for server in wanted[name].servers} for name in members}
    leaving: dict[ServerKey, Server] = {}
    drift = []
    for state in live.servers:
        if state.backend not in members:
            continue
        configured = by_name[state.backend].get(state.name)
        server = configured or _strange(state)
        if state.admin & servers_runtime.MAINTENANCE or is_free(wanted[state.backend]):
            leaving[state.backend, state.name] = server
            continue
        if configured is not None and not _same_place(configured, state):
            drift.append(
                f"server {state.backend}/{state.name} goes to {state.address}:{state.port} "
                f"instead of {configured.endpoint}"
            )
        draining = EndpointState.DRAINING if state.admin & servers_runtime.DRAIN else EndpointState.READY
        members[state.backend].append(replace(server, weight=state.weight, state=draining))
    held = {}
    for name, found in members.items():
        section = wanted[name]
        order = {server: place for place, server in enumerate(by_name[name])}
        ordered = tuple(sorted(found, key=lambda server: order.get(server.name, len(order))))
        held[name] = section if ordered == section.servers else replace(section, servers=ordered)
    return held, leaving, tuple(drift)


def _same_place(server: Server, state: ServerState) -> bool:
    return state.port == server.port and ip_address(state.address) == ip_address(server.address)


def _strange(state: ServerState) -> Server:
    endpoint = f"[{state.address}]:{state.port}" if ":" in state.address else f"{state.address}:{state.port}"
    return Server(state.name, state.address, state.port, state.id, state.weight, endpoint, _STRANGE)
