"""render: a Model becomes everything that one HAProxy needs. Pure: equal inputs, equal Artifacts."""

from collections.abc import Iterable
from hashlib import sha256
from itertools import groupby

from haloy.model.model import Model
from haloy.model.routing import HostKind
from haloy.proxies.haproxy import maps
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section
from haloy.proxies.haproxy.blocks import Block
from haloy.proxies.haproxy.builtin import defaults_section, fixed_files, global_sections, own_sections
from haloy.proxies.haproxy.certificate_list import certificate_lines, list_text
from haloy.proxies.haproxy.clusters import cluster_section_of, cluster_text
from haloy.proxies.haproxy.conditions import chain_block
from haloy.proxies.haproxy.filters import answers
from haloy.proxies.haproxy.filters.redirect import PublicPorts
from haloy.proxies.haproxy.frontends import CRT_LIST, TRUSTED, Routing, frontend_text
from haloy.proxies.haproxy.maps import HostEntries
from haloy.proxies.haproxy.memo import RenderMemo
from haloy.proxies.haproxy.names import bundle_file, certificate_file, digest, listener_section
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.rules import Answer, RuleUse, answer, destinations, rule_uses, uses_by_cluster

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
        memo.get("host", f"{vhost.kind.value} {vhost.host}", (vhost,), lambda vhost=vhost: maps.host_entries(vhost))
        for vhost in model.virtual_hosts
    ]
    uses = rule_uses(hosts)
    found = destinations(uses, {cluster.name: cluster for cluster in model.clusters})
    answering = [_answer(use, variant, ports, memo) for use in uses if answers(use[0]) for variant in use[1]]
    clusters = _clusters(model, uses, ports, options, memo)
    routing = _routing(model, hosts, found, options)
    frontends = [
        Section(
            listener_section(listener.name), frontend_text(listener, model.fleet, routing, options), dynamic=False
        )
        for listener in model.fleet.listeners
    ]
    all_maps = {
        **maps.host_maps(model.virtual_hosts, ports),
        maps.PATHS: maps.fixed_paths() | {key: value for entries in hosts for key, value in entries.paths},
        maps.RULES: maps.fixed_rules() | {variant: item.value for variant, item in found.items()},
        maps.NAMES: {section.name: cluster.name for section, cluster in zip(clusters, model.clusters, strict=True)},
        maps.WEIGHTS: {key: value for item in found.values() for key, value in item.entries},
    }
    return _with_revision(
        Artifacts(
            revision="",
            fragments=(
                Fragment("00-global.cfg", global_sections(model.fleet, options)),
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
        )
    )


def config_files(artifacts: Artifacts) -> dict[str, bytes]:
    """The final text of every file but the PEM files, by name below the configuration directory."""
    files = {fragment.filename: fragment_text(fragment).encode() for fragment in artifacts.fragments}
    files |= {name: maps.map_text(entries) for name, entries in artifacts.maps.items()}
    files |= artifacts.files
    files[CRT_LIST] = list_text(artifacts.certificates)
    return files


def fragment_text(fragment: Fragment) -> str:
    """One configuration file: sections with their servers in place, a blank line between two sections."""
    return "\n".join(
        section.text + "".join(f"    {server.line}\n" for server in section.servers) for section in fragment.sections
    )


def _answer(use: RuleUse, variant: str, ports: PublicPorts, memo: RenderMemo) -> Answer:
    inputs = (use[0], ports.http, ports.https)
    return memo.get("answer", variant, inputs, lambda: answer(use[0], variant, ports))


def _clusters(
    model: Model, uses: list[RuleUse], ports: PublicPorts, options: HaproxyOptions, memo: RenderMemo
) -> list[Section]:
    traces = uses_by_cluster(uses)
    sections = []
    for cluster in model.clusters:
        used = traces.get(cluster.name, ())
        inputs = (cluster, ports.http, ports.https, *(part for rule, variants in used for part in (rule, *variants)))

        def make(cluster=cluster, used=used) -> str:
            return cluster_text(cluster, used, ports)

        text = memo.get("text", cluster.name, inputs, make)
        sections.append(
            memo.get(
                "cluster",
                cluster.name,
                (cluster, text, options),
                lambda cluster=cluster, text=text: cluster_section_of(cluster, text, options),
            )
        )
    return sections
