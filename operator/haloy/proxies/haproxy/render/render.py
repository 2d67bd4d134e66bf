"""render: a Model becomes everything that one HAProxy needs. Pure: equal inputs, equal Artifacts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256

from haloy.model.model import Model
from haloy.model.routing import HostKind
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Line, Section
from haloy.proxies.haproxy.names import bundle_file, certificate_file, digest, listener_section
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.builtin import defaults_section, fixed_files, global_sections, own_sections
from haloy.proxies.haproxy.render.certificate_list import certificate_lines, list_text
from haloy.proxies.haproxy.render.clusters import RuleUse, cluster_section
from haloy.proxies.haproxy.render.conditions import chain_block
from haloy.proxies.haproxy.render.filters import answers
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.frontends import CRT_LIST, TRUSTED, Routing, frontend_text
from haloy.proxies.haproxy.render.maps import HostEntries
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.rules import Answer, answer, destinations, rule_uses, uses_by_cluster
from haloy.proxies.haproxy.render.source_map import source_map
from haloy.proxies.haproxy.render.weights import Destination

BUCKETS = 64
"""Configuration files for clusters: a cluster stays in its file whatever else comes and goes."""


def render(model: Model, options: HaproxyOptions, memo: RenderMemo | None = None) -> Artifacts:
    """Everything for one HAProxy. `memo` saves the work for units that are the same objects as in its last cycle.

    Raises:
        UnsafeValueError: a value that validation should have refused cannot be written safely.
    """
    memo = memo or RenderMemo()
    memo.cycle()
    ports = PublicPorts.of(model.fleet)
    hosts = [
        memo.get("host", f"{vhost.kind.value} {vhost.host}", (vhost,), partial(maps.host_entries, vhost))
        for vhost in model.virtual_hosts
    ]
    uses = rule_uses(hosts)
    found = destinations(uses, {cluster.name: cluster for cluster in model.clusters})
    answering = [_answer(use, variant, ports, memo) for use in uses if answers(use[0]) for variant in use[1]]
    clusters = _clusters(model, uses, ports, options, memo)
    routing = _routing(model, hosts, found, options)
    frontends = [
        Section(listener_section(listener.name), frontend_text(listener, model.fleet, routing, options), dynamic=False)
        for listener in model.fleet.listeners
    ]
    largest = max((len(body) for item in answering for _, body in item.files), default=0)
    all_maps = {
        **maps.host_maps(model.virtual_hosts, ports),
        maps.PATHS: maps.fixed_paths() | {key: value for entries in hosts for key, value in entries.paths},
        maps.RULES: maps.fixed_rules() | {variant: item.value for variant, item in found.items()},
        maps.NAMES: {section.name: cluster.name for section, cluster in zip(clusters, model.clusters, strict=True)},
        maps.WEIGHTS: {key: value for item in found.values() for key, value in item.entries},
    }
    return with_revision(
        Artifacts(
            revision="",
            fragments=(
                Fragment("00-global.cfg", global_sections(model.fleet, options, largest)),
                Fragment("10-defaults.cfg", (defaults_section(model.fleet),)),
                Fragment("20-frontends.cfg", tuple(frontends)),
                Fragment("25-rules.cfg", (*own_sections(model.fleet, options), *(item.section for item in answering))),
                *_buckets(clusters),
            ),
            maps={name: dict(all_maps[name]) for name in maps.MAP_ORDER if name in all_maps},
            files=_files(model, answering),
            pem_files={
                **{certificate_file(item.name): item.digest for item in model.certificates},
                **{bundle_file(item.name): item.digest for item in model.bundles},
            },
            certificates=certificate_lines(model.virtual_hosts, model.certificates, options.fallback_certificate),
        ),
        memo,
    )


def config_files(artifacts: Artifacts) -> dict[str, bytes]:
    """The final text of every file but the PEM files, by name below the configuration directory."""
    files = {fragment.filename: fragment_text(fragment).encode() for fragment in artifacts.fragments}
    files |= {name: maps.map_text(entries) for name, entries in artifacts.maps.items()}
    files |= artifacts.files
    files[CRT_LIST] = list_text(artifacts.certificates)
    return files


def trace(artifacts: Artifacts) -> tuple[Line, ...]:
    """Where each configuration line comes from, as far as an object is responsible for it."""
    return source_map({fragment.filename: fragment_text(fragment).encode() for fragment in artifacts.fragments})


def fragment_text(fragment: Fragment) -> str:
    """One configuration file: sections with their servers in place, a blank line between two sections."""
    return "\n".join(
        section.text + "".join(f"    {server.line}\n" for server in section.servers) for section in fragment.sections
    )


def _answer(use: RuleUse, variant: str, ports: PublicPorts, memo: RenderMemo) -> Answer:
    inputs = (use[0], ports.http, ports.https)
    return memo.get("answer", variant, inputs, partial(answer, use[0], variant, ports))


def _clusters(
    model: Model, uses: list[RuleUse], ports: PublicPorts, options: HaproxyOptions, memo: RenderMemo
) -> list[Section]:
    traces = uses_by_cluster(uses)
    sections = []
    for cluster in model.clusters:
        used = traces.get(cluster.name, ())
        parts = [part for rule, variants in used for part in (rule, *variants)]
        inputs = (cluster, options, ports.http, ports.https, *parts)
        make = partial(cluster_section, cluster, used, ports, options)
        sections.append(memo.get("cluster", cluster.name, inputs, make))
    return sections


def _routing(
    model: Model, hosts: Iterable[HostEntries], found: Mapping[str, Destination], options: HaproxyOptions
) -> Routing:
    many = HostKind.MANY_LABELS
    anywhere = next((vhost for vhost in model.virtual_hosts if vhost.kind is HostKind.ANY), None)
    certificate = anywhere.tls.certificate if anywhere is not None and anywhere.tls is not None else None
    held = {item.name for item in model.certificates}
    return Routing(
        conditions=tuple(_conditions(hosts)),
        cookies=tuple(sorted({cookie for item in found.values() for cookie in item.cookies})),
        suffixes=tuple(
            sorted({vhost.host.count(".") for vhost in model.virtual_hosts if vhost.kind is many}, reverse=True)
        ),
        hsts=any(vhost.tls is not None and vhost.tls.hsts is not None for vhost in model.virtual_hosts),
        certificate=certificate_file(certificate)
        if certificate in held and certificate
        else options.fallback_certificate,
        anywhere=anywhere,
    )


def _conditions(hosts: Iterable[HostEntries]) -> Iterable[Block]:
    """Every chain once, each ACL where it is first needed."""
    chains = {chain.id: chain for entries in hosts for chain in entries.chains}
    known: set[str] = set()
    for name in sorted(chains):
        for step in chains[name].steps:
            yield chain_block(chains[name], step, known)


def _buckets(sections: Iterable[Section]) -> tuple[Fragment, ...]:
    """Clusters by hash of the name, so that one change touches one small file."""
    buckets: dict[int, list[Section]] = {}
    for section in sections:
        buckets.setdefault(int(digest("bucket", section.name), 16) % BUCKETS, []).append(section)
    return tuple(Fragment(f"30-clusters-{number:02x}.cfg", tuple(buckets[number])) for number in sorted(buckets))


def _files(model: Model, answering: Iterable[Answer]) -> dict[str, bytes]:
    files = fixed_files() | {name: body for item in answering for name, body in item.files}
    if model.fleet.trusted_proxies:
        files[TRUSTED] = "".join(f"{network}\n" for network in model.fleet.trusted_proxies).encode()
    return dict(sorted(files.items()))


def with_revision(artifacts: Artifacts, memo: RenderMemo) -> Artifacts:
    """`artifacts` with the digest of all the rest as its revision."""
    state = sha256()
    for fragment in artifacts.fragments:
        state.update(f"{fragment.filename}\0".encode())
        for section in fragment.sections:
            state.update(memo.get("digest", section.name, (section,), partial(_section_digest, section)))
    for name, entries in artifacts.maps.items():
        state.update(f"{name}\0".encode())
        state.update("".join(f"{key} {value}\n" for key, value in entries.items()).encode())
    for name, content in artifacts.files.items():
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    state.update(repr((sorted(artifacts.pem_files.items()), artifacts.certificates)).encode())
    return replace(artifacts, revision=state.hexdigest()[:16])


def _section_digest(section: Section) -> bytes:
    return sha256(f"{section.name}\0{section.text}\0{section.servers!r}".encode()).digest()
