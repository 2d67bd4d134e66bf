"""The slots as sections in files, and the maps that lead to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from haloy.proxies.haproxy.artifacts import Fragment, Section
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.checks import ROOT
from haloy.proxies.haproxy.render.clusters import ClusterNeeds
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.slots.layout import Layout, Placement, profile_of, slot_name

SLOTS_PER_FILE = 32
"""So few that a file stays below 64 kB at ordinary sizes: it is what one change writes."""

Compiled = Mapping[str, tuple[Block, ...]]
"""By Cluster the lines that its rules need in its section. Empty with Lua."""

_File = tuple[str, int]
"""A profile, and which of its files."""


@dataclass(frozen=True, slots=True)
class SlotSections:
    """`clusters`: Cluster -> slot. `paths`, `hosts`: slot -> what the check asks for, where it is not the default.

    `sections`: every slot's by name; `files` are made of them. The rest is what they were made from.
    """

    clusters: Mapping[str, str]
    paths: Mapping[str, str]
    hosts: Mapping[str, str]
    files: Mapping[_File, Fragment]
    sections: Mapping[str, Section]
    layout: Layout
    needs: Mapping[str, ClusterNeeds]
    compiled: Compiled

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """In the order of the profiles, then of the numbers."""
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
    files = {(profile, number): None for profile in layout.slots for number in range(_files_of(layout.slots[profile]))}
    fragments = {file: _fragment(file, layout, sections) for file in files}
    return SlotSections(*_maps(layout, needs), fragments, sections, layout, needs, compiled)


def _changed(layout: Layout, needs: Mapping[str, ClusterNeeds], compiled: Compiled, last: SlotSections) -> SlotSections:
    if layout.placements is last.layout.placements and needs is last.needs and compiled == last.compiled:
        return last
    now, before = layout.placements, last.layout.placements
    moved = {*_differing(before, now), *_differing(last.needs, needs)}
    moved.update(
        name for name in compiled.keys() | last.compiled.keys() if compiled.get(name) != last.compiled.get(name)
    )
    slots = {_slot(placements, name) for name in moved for placements in (now, before)} - {""}
    cluster_of = {placement.slot: name for name, placement in now.items()}
    sections = dict(last.sections)
    files: dict[_File, None] = {}
    for slot in sorted(slots):
        made = _section(slot, cluster_of.get(slot), layout, needs, compiled)
        if made != last.sections[slot]:
            sections[slot] = made
            files[profile_of(slot) or "", int(slot.rpartition(".")[2]) // SLOTS_PER_FILE] = None
    fragments = {**last.files, **{file: _fragment(file, layout, sections) for file in files}}
    maps = zip(_maps(layout, needs), (last.clusters, last.paths, last.hosts), strict=True)
    clusters, paths, hosts = (old if made == old else made for made, old in maps)
    return SlotSections(clusters, paths, hosts, fragments, sections, layout, needs, compiled)


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> Iterable[str]:
    """The keys whose values are not the same objects."""
    if before is now:
        return []
    if len(before) == len(now) and list(before) == list(now):
        return [key for key, old, new in zip(now, before.values(), now.values(), strict=True) if old is not new]
    return [*(key for key, value in now.items() if before.get(key) is not value), *(before.keys() - now.keys())]


def _slot(placements: Mapping[str, Placement], cluster: str) -> str:
    placement = placements.get(cluster)
    return "" if placement is None else placement.slot


def _files_of(count: int) -> int:
    return -(-count // SLOTS_PER_FILE)


def _fragment(file: _File, layout: Layout, sections: Mapping[str, Section]) -> Fragment:
    profile, number = file
    first = number * SLOTS_PER_FILE
    numbers = range(first, min(first + SLOTS_PER_FILE, layout.slots[profile]))
    return Fragment(
        f"30-slots-{profile}-{number:02d}.cfg", tuple(sections[slot_name(profile, number)] for number in numbers)
    )


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


def _maps(layout: Layout, needs: Mapping[str, ClusterNeeds]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    clusters, paths, hosts = {}, {}, {}
    for name, placement in layout.placements.items():
        clusters[name] = placement.slot
        check = needs[name].check
        if check.path != ROOT:
            paths[placement.slot] = check.path
        if check.host is not None:
            hosts[placement.slot] = check.host
    return clusters, paths, hosts
