"""The slots as sections in files, and the maps that lead to them."""

from collections.abc import Mapping
from dataclasses import dataclass

from haloy.model.revised import Revised, differing
from haloy.proxies.haproxy.artifacts import Fragment, Section
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.checks import ROOT
from haloy.proxies.haproxy.render.clusters import ClusterNeeds
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.slot_files import SlotFiles
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.slots.layout import Layout, Placement, profile_of, slot_name

Compiled = Mapping[str, tuple[Block, ...]]
"""By Cluster the lines that its rules need in its section. Empty with Lua."""


@dataclass(frozen=True, slots=True)
class SlotSections:
    """`clusters`: Cluster -> slot. `paths`, `hosts`: slot -> what the check asks for, where it is not the default.

    `sections`: every slot's by name; `files`, by name, are made of them as `filed` says. The rest is what they were made from.
    """

    clusters: Revised[str, str]
    paths: Revised[str, str]
    hosts: Revised[str, str]
    files: Mapping[str, Fragment]
    sections: Mapping[str, Section]
    filed: SlotFiles
    layout: Layout
    needs: Mapping[str, ClusterNeeds]
    compiled: Compiled

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """Those of profiles that have files of their own, in their order, then the shared ones."""
        return tuple(self.files.values())


def slot_sections(
    layout: Layout, needs: Mapping[str, ClusterNeeds], compiled: Compiled, memo: RenderMemo
) -> SlotSections:
    """Everything about slots. What changed in them since the last cycle is made anew, the rest are the same objects."""

    def make(last: SlotSections | None) -> SlotSections:
        if last is None or (last.layout.profiles, last.layout.slots) != (layout.profiles, layout.slots):
            return _from_scratch(layout, needs, compiled, last)
        return _changed(layout, needs, compiled, last)

    return memo.follow("slots", make)


def _from_scratch(
    layout: Layout, needs: Mapping[str, ClusterNeeds], compiled: Compiled, last: SlotSections | None
) -> SlotSections:
    """All slots: they are laid out anew. Texts and sections that stay are taken over."""
    old: Mapping[str, Section] = {} if last is None else last.sections
    cluster_of = {placement.slot: name for name, placement in layout.placements.items()}
    sections: dict[str, Section] = {}
    for profile, count in layout.slots.items():
        for number in range(count):
            slot = slot_name(profile, number)
            made = _section(slot, cluster_of.get(slot), layout, needs, compiled)
            known = old.get(slot)
            sections[slot] = known if known is not None and known == made else made
    filed = SlotFiles.of(layout)
    fragments = {file: _fragment(file, filed, sections) for file in filed.slots}
    maps = _maps(layout.placements, needs)
    if last is not None:
        clusters, paths, hosts = (
            _over(old, made) for old, made in zip((last.clusters, last.paths, last.hosts), maps, strict=True)
        )
    else:
        clusters, paths, hosts = map(Revised, maps)
    return SlotSections(clusters, paths, hosts, fragments, sections, filed, layout, needs, compiled)


def _over(old: Revised[str, str], made: Mapping[str, str]) -> Revised[str, str]:
    """`made`, as what `old` has become."""
    return old.revised(made, old.keys() - made.keys())


def _changed(layout: Layout, needs: Mapping[str, ClusterNeeds], compiled: Compiled, last: SlotSections) -> SlotSections:
    if layout.placements is last.layout.placements and needs is last.needs and compiled == last.compiled:
        return last
    now, before = layout.placements, last.layout.placements
    moved = differing(before, now) | differing(last.needs, needs) | differing(last.compiled, compiled)
    slots = {_slot(placements, name) for name in moved for placements in (now, before)} - {""}
    cluster_of = {_slot(now, name): name for name in moved}
    sections = dict(last.sections)
    files: dict[str, None] = {}
    for slot in sorted(slots):
        made = _section(slot, cluster_of.get(slot), layout, needs, compiled)
        if made != last.sections[slot]:
            sections[slot] = made
            files[last.filed.file[slot]] = None
    fragments = {**last.files, **{file: _fragment(file, last.filed, sections) for file in files}}
    clusters = last.clusters.revised(
        {name: now[name].slot for name in moved if name in now}, [name for name in moved if name not in now]
    )
    _, *checks = _maps({name: now[name] for name in moved if name in now}, needs)
    paths, hosts = (
        old.revised(made, slots - made.keys()) for old, made in zip((last.paths, last.hosts), checks, strict=True)
    )
    return SlotSections(clusters, paths, hosts, fragments, sections, last.filed, layout, needs, compiled)


def _slot(placements: Mapping[str, Placement], cluster: str) -> str:
    placement = placements.get(cluster)
    return "" if placement is None else placement.slot


def _fragment(file: str, filed: SlotFiles, sections: Mapping[str, Section]) -> Fragment:
    return Fragment(file, tuple(sections[slot] for slot in filed.slots[file]))


def _section(
    slot: str, cluster: str | None, layout: Layout, needs: Mapping[str, ClusterNeeds], compiled: Compiled
) -> Section:
    profile = layout.profiles[profile_of(slot) or ""]
    text = f"backend {tokens.name(slot)}\n{profile.text}"
    if cluster is None:
        return Section(slot, text)
    blocks = [block for block in compiled.get(cluster, ()) if block.lines]
    text += print_template("blocks.cfg.j2", blocks=blocks) if blocks else ""
    servers = layout.placements[cluster].servers
    return Section(slot, text, needs[cluster].cluster.source, servers, dynamic=True, cluster=cluster)


def _maps(
    placements: Mapping[str, Placement], needs: Mapping[str, ClusterNeeds]
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    clusters, paths, hosts = {}, {}, {}
    for name, placement in placements.items():
        clusters[name] = placement.slot
        check = needs[name].check
        if check.path != ROOT:
            paths[placement.slot] = check.path
        if check.host is not None:
            hosts[placement.slot] = check.host
    return clusters, paths, hosts
