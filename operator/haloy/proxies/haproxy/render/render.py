"""render: a Model becomes everything that one HAProxy needs. Pure: equal inputs, equal Artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from haloy.model.model import Model
from haloy.model.revised import Revised, differing
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Line, Section
from haloy.proxies.haproxy.names import bundle_file, certificate_file
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.blocks import at, comment
from haloy.proxies.haproxy.render.builtin import defaults_section, fixed_files, global_sections, own_sections
from haloy.proxies.haproxy.render.certificate_list import certificate_lines, list_text
from haloy.proxies.haproxy.render.clusters import all_needs
from haloy.proxies.haproxy.render.direct import known as known_shapes
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.frontends import CRT_LIST, TRUSTED
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.routing import RoutingData, default_certificate, frontend_sections, routing_data
from haloy.proxies.haproxy.render.slot_sections import SlotSections, slot_sections
from haloy.proxies.haproxy.render.source_map import source_map
from haloy.proxies.haproxy.render.sums import EntriesDigest
from haloy.proxies.haproxy.slots.lay_out import NOBODY_LEAVES, lay_out
from haloy.proxies.haproxy.slots.layout import EMPTY, Change, Demand, Layout, Leaving
from haloy.proxies.haproxy.slots.places import Places


@dataclass(frozen=True, slots=True)
class _Clusters:
    """The map of Clusters: haloy's `own` sections and the Clusters' `slots`."""

    own: Mapping[str, str]
    slots: Mapping[str, str]
    entries: Revised[str, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """maps/known.map, and what it was made from."""

    shapes: Mapping[str, str]
    changes: tuple[Change, ...]
    entries: Mapping[str, str]


def render(
    model: Model,
    options: HaproxyOptions,
    memo: RenderMemo | None = None,
    before: Layout = EMPTY,
    leaving: Leaving = NOBODY_LEAVES,
    *,
    fresh: bool = False,
) -> Artifacts:
    """Everything for one HAProxy. `memo` saves the work for units that are the same objects as in its last cycle.

    `before`: what is laid out now, with the slots that have not come to rest; `leaving`: servers that are still to go;
    `fresh`: make the structure anew, which is a reload (`lay_out`).

    Raises:
        UnsafeValueError: a value that validation should have refused cannot be written safely.
    """
    memo = RenderMemo() if memo is None else memo
    memo.cycle()
    data = routing_data(model, PublicPorts.of(model.fleet), options, memo)
    needs = all_needs(model, options, memo)
    demand = Demand(needs.demand, data.expressions, data.headers, data.cookies, data.changes)
    known = memo.follow("places", _places)
    layout = lay_out(before, demand, options.pools, leaving, fresh=fresh, known=known)
    slots = slot_sections(layout, needs.clusters, data.compiled, memo)
    return with_revision(
        Artifacts(
            revision="",
            fragments=(
                Fragment("00-global.cfg", global_sections(model.fleet, options, data.largest_answer)),
                Fragment("10-defaults.cfg", (defaults_section(model.fleet),)),
                Fragment("20-frontends.cfg", frontend_sections(model, options, layout, data)),
                Fragment("25-rules.cfg", (*own_sections(model.fleet, options), *data.sections)),
                *slots.fragments,
            ),
            maps=_maps(data, slots, layout, memo),
            files=_files(model, data.files),
            pem_files={
                **default_certificate(model),
                **{certificate_file(item.name): item.digest for item in model.certificates},
                **{bundle_file(item.name, item.digest): item.digest for item in model.bundles},
            },
            certificates=_certificates(model, options, memo),
            layout=layout,
        ),
        memo,
    )


def _places(last: Places | None) -> Places:
    return Places() if last is None else last


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
    """One configuration file: sections with their servers in place, a blank line between two sections.

    A slot is headed by the object whose Cluster it holds: that is not part of its text, which never changes.
    """
    return "\n".join(_section_text(section) for section in fragment.sections)


def _section_text(section: Section) -> str:
    servers = "".join(f"    {server.line}\n" for server in section.servers)
    if section.cluster is None or section.source is None:
        return section.text + servers
    endpoints = comment(at(section.source, "spec.endpoints"))
    return f"{comment(section.source)}\n{section.text}    {endpoints}\n{servers}"


def _maps(data: RoutingData, slots: SlotSections, layout: Layout, memo: RenderMemo) -> dict[str, Mapping[str, str]]:
    def clusters(last: _Clusters | None) -> _Clusters:
        own = {**maps.fixed_clusters(), **{section.name: section.name for section in data.sections}}
        if last is None or last.own != own:
            return _Clusters(own, slots.clusters, Revised({**own, **slots.clusters}))
        others = differing(last.slots, slots.clusters)
        there = {name: slots.clusters[name] for name in others if name in slots.clusters}
        return _Clusters(own, slots.clusters, last.entries.revised(there, others - there.keys()))

    found = {
        **data.maps,
        maps.CHECK_PATHS: slots.paths,
        maps.CHECK_HOSTS: slots.hosts,
        maps.CLUSTERS: memo.follow("map of clusters", clusters).entries,
    }
    if maps.PROGRAMS in found:
        covered = partial(_known, data.shapes, layout.changes)
        found[maps.KNOWN] = memo.follow("known shapes", covered).entries
    return {name: found[name] for name in maps.MAP_ORDER if name in found}


def _known(shapes: Mapping[str, str], changes: tuple[Change, ...], last: _Known | None) -> _Known:
    if last is not None and last.shapes is shapes and last.changes == changes:
        return last
    return _Known(shapes, changes, known_shapes(shapes, changes))


def _certificates(model: Model, options: HaproxyOptions, memo: RenderMemo) -> tuple[CertificateLine, ...]:
    """The very same lines as in the last cycle if they are equal."""
    lines = certificate_lines(model.virtual_hosts, model.certificates, options.fallback_certificate)

    def make(last: tuple[CertificateLine, ...] | None) -> tuple[CertificateLine, ...]:
        return last if last is not None and last == lines else lines

    return memo.follow("certificates", make)


def _files(model: Model, given: Mapping[str, bytes]) -> dict[str, bytes]:
    files = {**fixed_files(), **given}
    if model.fleet.trusted_proxies:
        files[TRUSTED] = "".join(f"{network}\n" for network in model.fleet.trusted_proxies).encode()
    return dict(sorted(files.items()))


def with_revision(artifacts: Artifacts, memo: RenderMemo) -> Artifacts:
    """`artifacts` with the digest of all the rest as its revision. Slots that rest are no part of it: what is wanted is the
    same when they have come to rest."""
    state = sha256()
    for fragment in artifacts.fragments:
        state.update(memo.get("fragment", fragment.filename, (fragment,), partial(_fragment_digest, fragment)))
    for name, entries in artifacts.maps.items():
        found = memo.follow(f"digest of {name}", partial(EntriesDigest.of, entries))
        state.update(f"{name}\0".encode() + found.bytes)
    for name, content in artifacts.files.items():
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    state.update(repr(sorted(artifacts.pem_files.items())).encode())
    lines = artifacts.certificates
    state.update(memo.get("certificates digest", "", (lines,), lambda: sha256(repr(lines).encode()).digest()))
    layout = artifacts.layout
    state.update(repr((layout.expressions, layout.headers, layout.cookies, layout.changes)).encode())
    return replace(artifacts, revision=state.hexdigest()[:16])


def _fragment_digest(fragment: Fragment) -> bytes:
    state = sha256(f"{fragment.filename}\0".encode())
    for section in fragment.sections:
        told = [
            f"{server.line} {server.endpoint} {server.state} {server.checked} {server.start_down} {server.agent}\n"
            for server in section.servers
        ]
        state.update(f"{section.name}\0{section.text}\0{section.cluster}\0{section.source}\0{''.join(told)}".encode())
    return state.digest()
